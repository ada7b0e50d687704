"""Plots of queries: one attribute against another, and histograms."""

import numpy as np

from awe.base.errors import AweTypeError, AweValueError
from awe.store import expressions as ex
from awe.view import inspect_screen
from awe.view.dates import set_dates
from awe.view.plot_values import Values, read, rows_of, time_of
from awe.view.points import Points, Window

__all__ = ["Colours", "hist", "optional_values", "plot", "show_plot", "title_of"]

_SIZE = (9.0, 6.0)
_GREY = "0.6"
# More different values than this are told by a colour bar, or as "others".
_MOST_COLOURS = 12
_SHADES = 32
_MOST_TICKS = 30
_MOST_BARS = 40
_MOST_BINS = 120


class Colours:
    """Which point has which colour.

    Parameters
    ----------
    by : Values or None
        The attribute that decides, for the points that are drawn; by default all are alike.

    Attributes
    ----------
    codes : numpy.ndarray of int
        For each point which of the colours.
    colours : list
        As matplotlib takes them.
    words : list of str
        What each colour stands for; empty where a colour bar tells.
    """

    def __init__(self, by, count):
        self.by = by
        self.codes = np.zeros(count, np.int64)
        self.colours, self.words, self.norm = ["C0"], [], None
        if by is None:
            return
        there = ~by.is_missing()
        different = np.unique(by.values[there])
        few = len(different) <= min(_MOST_COLOURS, max(there.sum() // 2, 2))
        if by.kind == "category" or (by.kind == "number" and few):
            self._set_categories(there, different)
        else:
            self._set_shades(there)

    def _set_categories(self, there, different):
        from matplotlib import colormaps

        by = self.by
        names = [by.words[int(v)] if by.words else f"{v:g}" for v in different]
        place = np.searchsorted(different, by.values[there])
        if len(different) > _MOST_COLOURS:
            counts = np.bincount(place)
            kept = np.sort(np.argsort(-counts, kind="stable")[: _MOST_COLOURS - 1])
            new = np.full(len(different), len(kept))
            new[kept] = np.arange(len(kept))
            place = new[place]
            names = [*(names[k] for k in kept), f"{len(different) - len(kept)} others"]
        self.codes = np.full(len(there), len(names))
        self.codes[there] = place
        palette = colormaps["tab10" if len(names) <= 10 else "tab20"].colors
        self.colours = [palette[k % len(palette)] for k in range(len(names))]
        if not there.all():
            self.colours.append(_GREY)
            names.append(f"no {by.name}")
        self.words = names

    def _set_shades(self, there):
        from matplotlib import colormaps
        from matplotlib.colors import Normalize

        values = self.by.values
        low, high = np.percentile(values[there], [1, 99]) if there.any() else (0.0, 1.0)
        self.norm = Normalize(low, high if high > low else low + 1)
        part = np.where(there, (values - low) / (self.norm.vmax - low), 0)
        self.codes = np.where(there, np.clip(part * _SHADES, 0, _SHADES - 1), _SHADES).astype(int)
        self.colours = [*colormaps["viridis"](np.linspace(0, 1, _SHADES)), _GREY]

    def explain(self, figure, axes):
        """Draw the legend or the colour bar.

        Parameters
        ----------
        figure : matplotlib.figure.Figure
            The figure.
        axes : matplotlib.axes.Axes
            The plot.
        """
        from matplotlib.cm import ScalarMappable

        if self.norm is not None:
            bar = figure.colorbar(ScalarMappable(self.norm, "viridis"), ax=axes, extend="both")
            grey = f"   (grey: no {self.by.name})" if self.by.is_missing().any() else ""
            bar.set_label(self.by.label + grey, parse_math=False)
            if self.by.kind == "time":
                set_dates(bar.ax.yaxis)
        elif self.words:
            _legend(figure, self.handles(marker="o", ls=""), self.by.label)

    def handles(self, **look):
        """Give a line of a legend for each colour, with the number of its points.

        Parameters
        ----------
        **look
            How matplotlib's lines look.

        Returns
        -------
        list of matplotlib.lines.Line2D
            Empty where a colour bar tells, or all points are alike.
        """
        from matplotlib.lines import Line2D

        counts = np.bincount(self.codes, minlength=len(self.words))
        shown = zip(self.colours, self.words, counts, strict=False)
        return [Line2D([], [], color=colour, label=f"{word}  ({number:,})", **look)
                for colour, word, number in shown]  # fmt: skip


def _legend(figure, handles, title):
    legend = figure.legend(handles=handles, loc="outside right upper", fontsize=8, title=title)
    for text in (*legend.get_texts(), legend.get_title()):
        text.set_parse_math(False)


def plot(query, x, y=None, *, by=None, save=None, block=None):
    """Draw one attribute of the objects of a query against another.

    Parameters
    ----------
    query : Query
        The query.
    x, y : str
        Attributes; of one alone the objects are drawn in the order of time.
    by : str, optional
        The attribute that decides the colour. By default all are alike.
    save : str or os.PathLike, optional
        Write the picture to this file instead of opening a window.
    block : bool, optional
        Whether to wait until the window is closed. By default in scripts, not at the prompt.

    Returns
    -------
    pathlib.Path or None
        The picture, where one was written.

    Raises
    ------
    AweValueError
        The query is empty, or no object has a value in both.
    """
    rows = rows_of(query)
    x, y = _both(query, x, y)
    hue = None if by is None else optional_values(query, by)
    there = ~(x.is_missing() | y.is_missing())
    if not there.any():
        msg = f"No {query._cls.__name__} has both {x.name} and {y.name}."
        raise AweValueError(msg)
    if hue is not None:
        hue = Values(hue.name, hue.unit, hue.kind, hue.values[there], hue.words)
    where = inspect_screen.place_for(save)
    stem = f"{query._cls.__name__}_plot"
    figure = inspect_screen.new_figure(where, _SIZE, f"{y.name} against {x.name}")
    figure.set_layout_engine("constrained")
    axes = figure.add_subplot()
    colours = Colours(hue, int(there.sum()))
    points = Points(axes, x.values[there], y.values[there], rows[there], colours.codes,
                    colours.colours)  # fmt: skip
    for axis, values, limits in ((axes.xaxis, x, axes.set_xlim), (axes.yaxis, y, axes.set_ylim)):
        _set_axis(axis, values)
        limits(_limits(values.kind, values.values[there]))
    axes.grid(color="0.92", lw=0.6)
    axes.set_axisbelow(True)
    colours.explain(figure, axes)
    figure.suptitle(title_of(query, (x, y), there), fontsize=9, parse_math=False)
    return show_plot(figure, points, where, stem, save, block)


def _both(query, x, y):
    """Read both attributes; where one is named, the other is the time or the place in the query."""
    if y is not None:
        return read(query, x), read(query, y)
    if time_of(query._cls) is not None:
        return read(query, time_of(query._cls)), read(query, x)
    y = read(query, x)
    return Values("place in the query", "", "number", np.arange(float(len(y.values)))), y


def optional_values(query, by):
    """Read an attribute of which no object need have a value.

    Parameters
    ----------
    query : Query
        The query.
    by : str
        The attribute.

    Returns
    -------
    Values
        One for each object.
    """
    try:
        return read(query, by)
    except AweValueError:
        return Values(by, "", "category", np.full(len(rows_of(query)), np.nan))


def title_of(query, axes, there):
    """Give the title: what is drawn, and how many objects are left out for which reason.

    Parameters
    ----------
    query : Query
        The query.
    axes : sequence of Values
        What an object needs to be drawn.
    there : numpy.ndarray of bool
        Which objects are.

    Returns
    -------
    str
        One line or two.
    """
    condition = query._condition
    text = "" if isinstance(condition, ex.Everything) else f", {condition}"
    lines = [f"{query._cls.__name__}{text}"]
    if len(lines[0]) > 110:
        lines[0] = lines[0][:107] + "..."
    count = f"{int(there.sum()):,} of {len(there):,} objects"
    lost = [f"{int(v.is_missing().sum()):,} without {v.name}" for v in axes if v.is_missing().any()]
    lines.append(f"{count}; left out: {', '.join(lost)}" if lost else f"{len(there):,} objects")
    return "\n".join(lines)


def show_plot(figure, points, where, stem, save, block):
    """Open the window of a plot, or write its picture and say where.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        The figure.
    points : Points or None
        What can be pointed at.
    where : str
        As `awe.view.inspect_screen.screen` says.
    stem : str
        Name of the picture without its ending.
    save : str, os.PathLike or None
        The file that the user named.
    block : bool or None
        Whether to wait until the window is closed.

    Returns
    -------
    pathlib.Path or None
        The picture, where one was written.
    """
    window = Window(figure, points, stem)
    if points is not None:
        # The layout decides how many points there is room for.
        figure.draw_without_rendering()
        points.update()
    if where != "notebook":
        window.connect()
    if where != "file":
        inspect_screen.show(figure, where, block)
        return None
    path = inspect_screen.write_picture(figure, save if save is not None else f"{stem}.png")
    print(f"Picture: {path}")
    return path


# --- axes ---


def _set_axis(axis, values):
    """Give an axis its label and its ticks."""
    axis.set_label_text(values.label, parse_math=False)
    if values.kind == "time":
        set_dates(axis)
    elif values.kind == "category":
        _set_words(axis, values.words)


def _set_words(axis, words):
    from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator

    short = [w if len(w) <= 24 else f"{w[:21]}..." for w in words]
    if len(words) <= _MOST_TICKS:
        axis.set_major_locator(FixedLocator(range(len(words))))
    else:
        axis.set_major_locator(MaxNLocator(20, integer=True))
    axis.set_major_formatter(FuncFormatter(lambda value, _at: _word(short, value)))
    for label in axis.get_ticklabels():
        label.set_parse_math(False)
    if axis.axis_name == "x" and sum(map(len, short[:_MOST_TICKS])) > 70:
        axis.set_tick_params(labelrotation=45)
        for label in axis.get_ticklabels():
            label.set_horizontalalignment("right")


def _word(words, value):
    place = round(value)
    return words[place] if abs(value - place) < 1e-6 and 0 <= place < len(words) else ""


def _limits(kind, values):
    """Give the limits of an axis: the values and a little more."""
    low, high = float(values.min()), float(values.max())
    alone = {"time": 0.5, "category": 0.5}.get(kind, abs(low) * 0.05 or 1.0)
    margin = 0.5 if kind == "category" else (high - low) * 0.04 or alone
    return low - margin, high + margin


# --- histograms ---


def hist(query, name, *, bins=None, by=None, log=None, save=None, block=None):
    """Draw how often the values of an attribute occur.

    Parameters
    ----------
    query : Query
        The query.
    name : str
        The attribute: a number or time in bins, of anything else a bar for each value.
    bins : int, optional
        Number of bins. By default as many as the values need.
    by : str, optional
        The attribute that decides the colour. By default all are alike.
    log : bool, optional
        Whether the values are on a logarithmic axis. By default where all are positive and they
        span more than a factor of 300.
    save, block : optional
        As for `plot`.

    Returns
    -------
    pathlib.Path or None
        The picture, where one was written.

    Raises
    ------
    AweTypeError
        The number of bins is no positive whole number.
    AweValueError
        The query is empty, no object has a value, or a logarithm is asked of values <= 0.
    """
    if bins is not None and (isinstance(bins, bool) or not isinstance(bins, int) or bins < 1):
        msg = f"hist: bins is a number of bins such as 50, not {bins!r}."
        raise AweTypeError(msg)
    values = read(query, name)
    hue = None if by is None else optional_values(query, by)
    there = ~values.is_missing()
    shown = values.values[there]
    if hue is not None:
        hue = Values(hue.name, hue.unit, hue.kind, hue.values[there], hue.words)
    colours = Colours(hue, len(shown))
    if colours.norm is not None:
        msg = f"hist: {hue.name} has too many different values for colours of their own."
        raise AweValueError(msg, remedy="query.plot(x, y, by=...) shows them with a colour bar.")
    use_log = _is_log(values, shown, log)
    where = inspect_screen.place_for(save)
    figure = inspect_screen.new_figure(where, _SIZE, f"histogram of {values.name}")
    figure.set_layout_engine("constrained")
    axes = figure.add_subplot()
    if values.kind == "category":
        tallest = _bars(axes, values, shown, colours)
    else:
        tallest = _bins(axes, values, shown, colours, bins, use_log)
    # One bin that has nearly all of them would hide the others.
    if tallest[0] > 200 * max(tallest[1], 1):
        (axes.set_xscale if values.kind == "category" else axes.set_yscale)("log")
    _count_legend(figure, values, there, colours)
    figure.suptitle(title_of(query, (values,), there), fontsize=9, parse_math=False)
    stem = f"{query._cls.__name__}_hist"
    return show_plot(figure, None, where, stem, save, block)


def _is_log(values, shown, log):
    if values.kind != "number" or log is False:
        return False
    low, high = shown.min(), shown.max()
    if log and low <= 0:
        msg = f"hist: {values.name} has values down to {low:g}, which have no logarithm."
        raise AweValueError(msg, remedy=f"Leave them out: query & (Class.{values.name} > 0)")
    return bool(log) or bool(low > 0 and high > 300 * low)


def _bins(axes, values, shown, colours, bins, use_log):
    """Draw the bins of numbers or times; give the largest and the median count."""
    scaled = np.log10(shown) if use_log else shown
    edges = _edges(scaled, bins, whole=values.kind == "number" and not use_log)
    edges = 10**edges if use_log else edges
    counts = np.histogram(shown, edges)[0]
    for code, colour in enumerate(colours.colours):
        mine = counts if not colours.words else np.histogram(shown[colours.codes == code], edges)[0]
        filled = not colours.words
        axes.stairs(mine, edges, fill=filled, color=colour, lw=1.5, alpha=0.85)
    if use_log:
        axes.set_xscale("log")
    _set_axis(axes.xaxis, values)
    axes.set_ylabel("objects")
    return counts.max(), np.median(counts[counts > 0])


def _edges(values, bins, whole):
    """Give the edges of the bins."""
    low, high = values.min(), values.max()
    if bins is None and whole and (values == np.round(values)).all() and high - low < 60:
        # A bin for each whole number.
        return np.arange(low - 0.5, high + 1)
    if bins is None:
        # The width of Freedman and Diaconis, within reason.
        quartiles = np.subtract(*np.percentile(values, [75, 25]))
        width = 2 * quartiles / len(values) ** (1 / 3)
        bins = (high - low) / width if width > 0 else 0
        bins = int(np.clip(bins, min(20, len(values)), _MOST_BINS))
    return np.linspace(low, high, bins + 1) if high > low else np.array([low - 0.5, low + 0.5])


def _bars(axes, values, shown, colours):
    """Draw a bar for each value; give the largest and the median count."""
    counts = np.bincount(shown.astype(int), minlength=len(values.words))
    kept = np.arange(len(counts))
    if len(counts) > _MOST_BARS:
        kept = np.sort(np.argsort(-counts, kind="stable")[: _MOST_BARS - 1])
    place = np.full(len(counts), len(kept))
    place[kept] = np.arange(len(kept))
    words = [values.words[k] for k in kept]
    if len(kept) < len(counts):
        words.append(f"{len(counts) - len(kept)} others")
    bottom = np.zeros(len(words))
    for code, colour in enumerate(colours.colours):
        mine = np.bincount(place[shown[colours.codes == code].astype(int)], minlength=len(words))
        axes.barh(np.arange(len(words)), mine, left=bottom, color=colour, height=0.8)
        bottom = bottom + mine
    _set_words(axes.yaxis, words)
    axes.set_ylim(len(words) - 0.4, -0.6)
    axes.set_ylabel(values.label, parse_math=False)
    axes.set_xlabel("objects")
    return bottom.max(), np.median(bottom)


def _count_legend(figure, values, there, colours):
    """Say which colour is what and how many objects have no value, where there is more to say."""
    from matplotlib.lines import Line2D

    lost = int((~there).sum())
    handles = colours.handles(lw=6)
    if lost and not handles:
        handles = [Line2D([], [], lw=6, color=colours.colours[0],
                          label=f"{int(there.sum()):,} objects")]  # fmt: skip
    if lost:
        handles.append(Line2D([], [], ls="", label=f"{lost:,} without a value (None or NaN)"))
    if handles:
        _legend(figure, handles, colours.by.label if colours.by is not None else None)
