"""The parts of a window's figure: pictures in a grid, title, legend, panel, list of the keys."""

import textwrap

from awe.base.keys import key_lines
from awe.view.inspect_pages import plain_page
from awe.view.inspect_plots import fix_labels
from awe.view.inspect_still import keep_still

__all__ = ["PANEL_BEGINS", "Parts"]

PANEL_BEGINS = 0.575
"""Where the panel begins, in parts of the width of the figure."""

# Of a single picture, without and with the panel: left, bottom, width, height.
_WHOLE = (0.09, 0.085, 0.78, 0.79)
_LEFT = (0.065, 0.085, 0.45, 0.79)
_PANEL = (0.645, 0.1, 0.335, 0.74)
_LABELS = 0.7
# Inches round each of several pictures: for labels, colour bar, each line of its title.
_BESIDE, _BAR, _BENEATH, _LINE = 0.5, 0.56, 0.3, 0.14
# A picture with its colour bar is so many times as wide as without.
_WITH_BAR = 1.05
# Inches for the title of the figure and for its last line.
_HEAD, _FOOT = 0.45, 0.3
# A letter of the panel is so many times its size wide, and a line so many times its size high.
_WIDE, _HIGH = 0.61, 1.25
_LETTERS = 82


class Parts:
    """A figure with one or several pictures and a panel for plots.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        It keeps the window alive.
    page : callable, optional
        Draws what the panel shows by itself. By default the panel is hidden then.
    """

    def __init__(self, figure, page=None):
        self.figure = figure
        self.views = []
        self.measured = None
        self._page = page
        self._title = None
        self._part = None
        self._panel = []
        self._on_page = False
        self._grid = (1, 1)
        self._list = None
        self._message = figure.text(0.01, 0.012, "", fontsize=9, va="bottom", color="#b3261e")

    # --- pictures ---

    def add(self, view, bar=True):
        """Take a picture in.

        Parameters
        ----------
        view : View
            The picture.
        bar : bool, optional
            Whether it has a colour bar of its own. The default is True.
        """
        self.views.append(view)
        axes = view.axes
        axes.set_aspect("equal", adjustable="box")
        axes.tick_params(labelsize=8)
        # Where these are known, a redraw need not measure all the ticks.
        axes.set_title("", y=1.0)
        fix_labels(axes)
        axes.locator_params(nbins=6)
        if bar:
            beside = axes.inset_axes([1.02, 0.0, 0.03, 1.0])
            view.bar = self.figure.colorbar(view.layer, cax=beside)
            beside.tick_params(labelsize=8)
            beside.set_title(view.source.unit, fontsize=8, y=1.0)
            view.bar.formatter.set_useOffset(False)
            beside.set_navigate(False)
            keep_still(beside, lambda: _bar_state(view))

    def arrange(self, rows=1, columns=1):
        """Lay the axes out, in a grid; beside the panel where it is open.

        Parameters
        ----------
        rows, columns : int, optional
            The grid; by default one picture.
        """
        self._grid = (rows, columns)
        seen = list(dict.fromkeys(view.axes for view in self.views))
        if len(seen) > 1:
            self._arrange_grid(seen)
            return
        left, bottom, width, height = _LEFT if self._panel else _WHOLE
        # Room in inches for the labels on the left.
        edge = max(left, _LABELS / self.figure.get_figwidth())
        seen[0].set_position((edge, bottom, width - (edge - left), height))

    def _arrange_grid(self, seen):
        """Lay several pictures out, each with room for its title, labels and colour bar."""
        rows, columns = self._grid
        across, high = self.figure.get_size_inches()
        wide = (PANEL_BEGINS if self._panel else 1.0) * across / columns
        tall = (high - _HEAD - _FOOT) / rows
        above = max(axes.get_title().count("\n") + 1 for axes in seen) * _LINE + 0.1
        for number, axes in enumerate(seen):
            row, column = divmod(number, columns)
            left, bottom = column * wide + _BESIDE, _FOOT + (rows - 1 - row) * tall + _BENEATH
            width = max((wide - _BESIDE - _BAR) / _WITH_BAR, 0.3)
            height = max(tall - _BENEATH - above, 0.3)
            axes.set_position((left / across, bottom / high, width / across, height / high))

    def set_title(self, text):
        """Write the title, wrapped to the width of the figure."""
        # At this size of letters an inch holds some 13 of them.
        width = int(13 * self.figure.get_figwidth())
        lines = [part for line in text.splitlines() for part in textwrap.wrap(line, width)]
        words = "\n".join(lines)
        if self._title is None:
            self._title = self.figure.suptitle(words, fontsize=9, y=0.985, zorder=-1)
            keep_still(self._title)
        self._title.set_text(words)

    def message(self, text):
        """Say something in the last line.

        Parameters
        ----------
        text : str
            What; it stays until the next key.
        """
        self._message.set_text("\n".join(textwrap.wrap(text, int(13 * self.figure.get_figwidth()))))

    @property
    def said(self):
        """What the last line says."""
        return self._message.get_text()

    def mark(self, views, wanted):
        """Mark the bad pixels of pictures by colour, with a legend, or no longer.

        Parameters
        ----------
        views : list of View
            The pictures.
        wanted : bool
            Whether they are marked.

        Returns
        -------
        dict
            Number of pixels for each (cause, colour).
        """
        counts = {}
        for view in views:
            for name, colour, number in view.mark_mask(wanted):
                counts[name, colour] = counts.get((name, colour), 0) + number
        self.legend(counts)
        return counts

    def legend(self, counts):
        """Say which colour marks what.

        Parameters
        ----------
        counts : dict
            Number of pixels for each (cause, colour); empty to take the legend away.
        """
        from matplotlib.patches import Patch

        for old in list(self.figure.legends):
            old.remove()
        if counts:
            handles = [Patch(fc=colour, label=f"{name.replace('_', ' ')}: {number}")
                       for (name, colour), number in counts.items()]  # fmt: skip
            self.figure.legend(handles=handles, loc="lower left", bbox_to_anchor=(0.005, 0.03),
                               fontsize=7.5, ncols=len(handles), framealpha=0.9)  # fmt: skip

    @property
    def legend_words(self):
        """What the legend says."""
        return [t.get_text() for each in self.figure.legends for t in each.get_texts()]

    # --- the panel ---

    def say_now(self, text):
        """Say something before work that takes its time.

        Parameters
        ----------
        text : str
            What.
        """
        self.message(text)
        self.figure.canvas.draw()
        self.figure.canvas.flush_events()

    def panel(self, rows=1, columns=1, projection=None, space=0.45):
        """Open the panel, empty.

        Parameters
        ----------
        rows, columns : int, optional
            How many plots. By default one.
        projection : str, optional
            Such as '3d'. By default plain axes.
        space : float, optional
            Between two rows, in heights of a row. The default is 0.45.

        Returns
        -------
        list of matplotlib.axes.Axes
            The plots, row by row.
        """
        self._clear()
        wide = 1 - PANEL_BEGINS
        halves = self.figure.add_gridspec(1, 2, width_ratios=(PANEL_BEGINS, wide))
        # First of all, so that nothing else is among its pixels when they are kept.
        part = self._part = self.figure.add_subfigure(halves[0, 1], zorder=-2)
        keep_still(part)
        left, bottom, width, height = _PANEL
        left, width = (left - PANEL_BEGINS) / wide, width / wide
        grid = part.add_gridspec(
            rows, columns, left=left, bottom=bottom, right=left + width, top=bottom + height,
            hspace=space, wspace=0.35,
        )  # fmt: skip
        self._panel = [part.add_subplot(grid[i, j], projection=projection)
                       for i in range(rows) for j in range(columns)]  # fmt: skip
        for axes in self._panel:
            axes.tick_params(labelsize=8)
        self._on_page = False
        self.arrange(*self._grid)
        return self._panel

    def text_panel(self, text, title=""):
        """Show a text in the panel, in letters as large as it allows.

        Parameters
        ----------
        text : str
            Lines of some 80 letters; what does not fit is left out, and said so.
        title : str, optional
            Above it.
        """
        (axes,) = self.panel()
        axes.set_axis_off()
        lines = [part for line in text.splitlines() for part in textwrap.wrap(
            line, _LETTERS, drop_whitespace=False) or [""]]  # fmt: skip
        across, high = 72 * self.figure.get_size_inches() * (1 - PANEL_BEGINS, _PANEL[3])
        smallest = across / (_WIDE * _LETTERS)
        most = int(high / (_HIGH * smallest))
        if len(lines) > most:
            lines = [*lines[: most - 1], f"... {len(lines) - most + 1} more lines at the prompt"]
        longest = max((len(line) for line in lines), default=1)
        size = min(9.0, across / (_WIDE * max(longest, 1)), high / (_HIGH * len(lines)))
        # From the edge of the panel's half, since no axis stands beside it.
        begins = (PANEL_BEGINS + 0.01 - _PANEL[0]) / _PANEL[2]
        axes.text(begins, 1.0, "\n".join(lines), family="monospace", fontsize=size, va="top",
                  transform=axes.transAxes, linespacing=1.15, parse_math=False)  # fmt: skip
        axes.set_title(title, fontsize=9)

    def show_again(self, view):
        """Say anew what a picture shows, when it shows another frame than before."""
        if len(self.views) > 1:
            return
        self.set_title(view.source.title)
        if view.bar is not None:
            view.bar.ax.title.set_text(view.source.unit)
        if self._on_page and self._page is plain_page:
            self.open_page()

    def open_page(self):
        """Show in the panel what belongs to the object, or hide the panel."""
        self._clear()
        if self._page is not None:
            self._page(self)
            self._on_page = True
        self.arrange(*self._grid)

    @property
    def panel_axes(self):
        """The plots in the panel."""
        return list(self._panel)

    def _clear(self):
        if self._part is not None:
            # With its colour bars.
            self._part.clear()
            self._part.remove()
            self._part = None
        self._panel = []
        for view in self.views:
            view.forget_measured()

    # --- the list of keys ---

    def toggle_list(self):
        """Show the list of keys over the picture, or hide it."""
        if self._list is not None:
            self._hide_list()
            return
        self._list = self.figure.text(
            0.5, 0.5, "\n".join(key_lines()), family="monospace", fontsize=10, ha="center",
            va="center", zorder=10, linespacing=1.35, parse_math=False, ma="left",
            bbox={"boxstyle": "round,pad=1", "fc": "#fffef5", "ec": "#555", "alpha": 0.97},
        )  # fmt: skip

    @property
    def listed(self):
        """The text of the list of keys, or None where it is hidden."""
        return None if self._list is None else self._list.get_text()

    def _hide_list(self, but=False):
        if self._list is not None and not but:
            self._list.remove()
            self._list = None


def _bar_state(view):
    """Give what the colour bar of a picture shows, and where."""
    axes = view.bar.ax
    # Its place follows from that of the picture, which has found its own before.
    axes.apply_aspect(axes.get_axes_locator()(axes, None))
    return (view.low, view.high, view.stretch, axes.get_title(), axes.bbox.bounds)
