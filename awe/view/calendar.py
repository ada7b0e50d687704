"""The calendar of calibrations: when each is valid, and when another one eclipses it."""

import datetime

from awe.base.errors import AweLookupError, AweTypeError, AweValueError
from awe.base.utc import to_utc
from awe.process.choice import hint_of_privileges, is_forever
from awe.process.serving import competing, serves_at_all, serving_intervals
from awe.view.dates import set_dates

__all__ = ["calendar", "draw_calendar", "nights_of", "window_of"]

_DAY = datetime.timedelta(days=1)
_MOST_PANELS = 8
_MOST_ROWS = 120
_SERVING, _ECLIPSED, _BAD = "tab:blue", "0.8", "tab:red"


def calendar(cls, *, instrument=None, chip=None, filter=None, start=None, end=None, save=None,
             block=None):  # fmt: skip
    """Draw when calibrations are valid and which of them is chosen when.

    Time runs to the right, the date of creation downwards. A bar is the interval of validity,
    coloured where the calibration is the one that is chosen, grey where another one eclipses
    it, and only an outline where it is bad, by is_valid or its flags. A line marks the night of
    its frames.

    Parameters
    ----------
    cls : type
        A class of calibrations, such as BiasFrame.
    instrument, chip, filter : str, optional
        Names; * and ? are wildcards. By default all.
    start, end : str or datetime.datetime, optional
        The time to be shown, UTC. By default that of all finite intervals.
    save : str or os.PathLike, optional
        Write the picture to this file instead of opening a window. By default only without a
        display, to ``<class>_calendar.png`` in the working directory.
    block : bool, optional
        Whether to wait until the window is closed. By default in scripts, not at the prompt.

    Returns
    -------
    pathlib.Path or None
        The picture that ``save`` names. Where it was written because there is no display its
        path is printed.

    Raises
    ------
    AweTypeError
        The class has no intervals of validity.
    AweLookupError
        There is no such calibration.
    AweValueError
        There are too many for a figure, or the end is not after the start.
    """
    groups = competing(_selected(cls, instrument=instrument, chip=chip, filter=filter))
    rows = sum(map(len, groups.values()))
    if len(groups) > _MOST_PANELS or rows > _MOST_ROWS:
        kinds = sorted({_name(dict(key).get("chip")) for key in groups})
        msg = (
            f"A calendar of {rows} {cls.__name__} of {len(groups)} kinds is too large to be read; "
            f"{_MOST_ROWS} of {_MOST_PANELS} fit."
        )
        raise AweValueError(msg, remedy=f"Give chip= (one of {', '.join(kinds)}) or filter=.")
    window = window_of([c for group in groups.values() for c in group], start, end)
    from awe.view import inspect_screen

    where = inspect_screen.place_for(save)
    height = min(14.0, 1.4 + 0.9 * len(groups) + 0.24 * rows)
    figure = inspect_screen.new_figure(where, (10.0, max(3.0, height)), f"calendar {cls.__name__}")
    figure.set_layout_engine("constrained")
    draw_calendar(figure, cls.__name__, groups, window)
    if where != "file":
        inspect_screen.show(figure, where, block)
        return None
    picture = inspect_screen.write_picture(figure, save or f"{cls.__name__}_calendar.png")
    print(f"Picture: {picture}")
    return None if save is None else picture


def _selected(cls, **names):
    """Give the calibrations of a class that have some names, the earliest creation first."""
    known = getattr(cls, "_attributes", ())
    if not isinstance(cls, type) or "timestamp_start" not in known or cls.abstract:
        given = cls.__name__ if isinstance(cls, type) else repr(cls)
        msg = f"{given} has no intervals of validity; a calendar is of a class such as BiasFrame."
        raise AweTypeError(msg)
    from awe.store.selection import select

    given = {n: getattr(v, "name", v) for n, v in names.items() if v is not None}
    query = select(cls, given)
    found = sorted(query, key=lambda c: (c.creation_date, c.object_id))
    if not found:
        words = " with " + ", ".join(f"{n} {v}" for n, v in given.items()) if given else ""
        msg = f"There is no {cls.__name__}{words}{hint_of_privileges(query)}."
        raise AweLookupError(msg, remedy=_what_exists(select(cls, {}), given))
    return found


def _what_exists(query, given):
    """Give the names that calibrations of the class have, or None."""
    names = {n: set(query.table(f"{n}.name")[f"{n}.name"]) for n in given} if len(query) else {}
    words = [f"{n} {', '.join(sorted(map(str, found)))}" for n, found in names.items()]
    return f"There is: {'; '.join(words)}." if words else None


def window_of(calibrations, start=None, end=None):
    """Find the time that a calendar shows.

    Parameters
    ----------
    calibrations : sequence of Calibration
        What it shows.
    start, end : str or datetime.datetime, optional
        As the user wants it, UTC.

    Returns
    -------
    tuple of (datetime.datetime, datetime.datetime)
        By default all finite intervals, and a little more; where there are only forever ones a
        month around their nights.

    Raises
    ------
    AweValueError
        The end is not after the start.
    """
    finite = [c for c in calibrations if not is_forever(c)]
    first = min([c.timestamp_start for c in finite] or [c.night - 30 * _DAY for c in calibrations])
    last = max([c.timestamp_end for c in finite] or [c.night + 30 * _DAY for c in calibrations])
    margin = max(_DAY, (last - first) / 30)
    first = first - margin if start is None else to_utc(start)
    last = last + margin if end is None else to_utc(end)
    if not first < last:
        msg = f"calendar: the end {last} is not after the start {first}."
        raise AweValueError(msg)
    return first, last


def nights_of(window, longitude):
    """Give the nights of a span of time.

    Parameters
    ----------
    window : tuple of (datetime.datetime, datetime.datetime)
        Its start and end.
    longitude : float
        Of the site in degrees, east positive.

    Yields
    ------
    tuple of datetime.datetime
        Date, begin and end of each night that lies in it or overlaps with it.
    """
    from awe.instruments import night_interval, night_of

    night = to_utc(night_of(window[0], longitude))
    while True:
        begin, end = night_interval(night, longitude)
        if begin >= window[1]:
            return
        yield night, begin, end
        night += _DAY


def draw_calendar(figure, title, groups, window):
    """Draw the bars of groups of calibrations, a panel for each group.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        Where to draw.
    title : str
        Of what it is.
    groups : dict of tuple to list of Calibration
        As `awe.process.serving.competing` gives them.
    window : tuple of (datetime.datetime, datetime.datetime)
        The time to be shown.
    """
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    heights = [len(group) + 1 for group in groups.values()]
    panels = figure.subplots(len(groups), 1, sharex=True, squeeze=False, height_ratios=heights)
    for axes, (key, group) in zip(panels[:, 0], groups.items(), strict=True):
        _draw_group(axes, group, window)
        axes.set_title(", ".join(_words(key)), fontsize=9, loc="left")
    last = panels[-1, 0]
    last.set_xlim(*window)
    last.set_xlabel("Time (UTC)")
    set_dates(last.xaxis, maxticks=9)
    figure.suptitle(f"{title}: validity, by date of creation downwards", fontsize=11)
    figure.legend(
        handles=[Patch(color=_SERVING, label="chosen"), Patch(color=_ECLIPSED, label="eclipsed"),
                 Patch(facecolor="none", edgecolor=_BAD, label="bad, never chosen"),
                 Line2D([], [], color="black", lw=1, label="night of its frames")],
        loc="outside lower center", ncols=4, fontsize=8,
    )  # fmt: skip


def _draw_group(axes, group, window):
    longitude = group[0].instrument.longitude or 0.0
    serving = serving_intervals(group, nights_of(window, longitude))
    for row, calibration in enumerate(group):
        whole = max(calibration.timestamp_start, window[0]), min(calibration.timestamp_end,
                                                                 window[1])  # fmt: skip
        good = serves_at_all(calibration)
        if whole[0] < whole[1]:
            look = {"facecolor": _ECLIPSED} if good else {"facecolor": "none", "edgecolor": _BAD}
            axes.broken_barh([_bar(whole)], (row - 0.35, 0.7), **look)
        parts = [(max(a, window[0]), min(b, window[1])) for a, b in serving[calibration.object_id]]
        bars = [_bar(part) for part in parts if part[0] < part[1]]
        axes.broken_barh(bars, (row - 0.35, 0.7), facecolor=_SERVING)
        if window[0] <= calibration.night + _DAY <= window[1]:
            # The midnight of the night that began on that date.
            axes.plot([calibration.night + _DAY] * 2, [row - 0.35, row + 0.35], color="black", lw=1)
    labels = [_label(c) for c in group]
    axes.set_yticks(range(len(group)), labels, fontsize=7, family="monospace")
    axes.set_ylim(len(group) - 0.4, -0.6)
    axes.grid(axis="x", color="0.9", lw=0.5)
    axes.set_axisbelow(True)


def _bar(interval):
    return interval[0], interval[1] - interval[0]


def _label(calibration):
    return f"{calibration.object_id[-8:]}  {calibration.creation_date:%Y-%m-%d %H:%M}"


def _words(key):
    """Give what a group has in common, in words."""
    return [
        f"{name} {value}" if isinstance(value, (int, float)) else _name(value)
        for name, value in key if value is not None
    ]  # fmt: skip


def _name(value):
    return str(getattr(value, "name", getattr(value, "mode", value)))
