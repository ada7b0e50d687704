"""The window of `inspect()`: its parts, the pointer, and which key does what."""

import textwrap

from awe.base.errors import AweError, AweValueError
from awe.base.keys import KEYS, key_lines
from awe.view.inspect_pages import plain_page
from awe.view.inspect_pixels import statistics_text
from awe.view.inspect_plots import fix_labels
from awe.view.inspect_still import keep_still
from awe.view.snapshot import snapshot

__all__ = ["Spot", "Window"]

# Parts of the figure: left, bottom, width, height.
_WHOLE = (0.09, 0.085, 0.78, 0.79)
_LEFT = (0.065, 0.085, 0.45, 0.79)
_PANEL = (0.645, 0.1, 0.335, 0.74)
_PANEL_BEGINS = 0.575
_LABELS = 0.7
_BETWEEN = 1.1


class Spot:
    """Where the pointer is: the picture and the pixel.

    Parameters
    ----------
    view : View
        The picture.
    x, y : float
        Pixels from 0.
    at : tuple of float
        Coordinates of the axes.
    """

    def __init__(self, view, x, y, at):
        self.view = view
        self.x = x
        self.y = y
        self.at = at


class Window:
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
        figure.awe_window = self
        self.views = []
        self.together = False
        self.measured = None
        self.entry = None
        self.blinked = None
        self.beside = None
        self.closed = False
        self._page = page
        self._title = None
        self._part = None
        self._panel = []
        self._on_page = False
        self._grid = (1, 1)
        self._list = None
        self._held = None
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
        axes.format_coord = lambda x, y: self._words_at(axes, x, y)
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
        """Lay the axes out: in a grid, beside the panel where it is open.

        Parameters
        ----------
        rows, columns : int, optional
            The grid; by default one picture.
        """
        self._grid = (rows, columns)
        left, bottom, width, height = _LEFT if self._panel else _WHOLE
        across = self.figure.get_figwidth()
        # Room in inches for the labels on the left, and for a colour bar between two pictures.
        edge = max(left, _LABELS / across)
        left, width = edge, width - (edge - left)
        wide, high = width / columns, height / rows
        gap = 0.0 if columns * rows == 1 else min(max(0.16, _BETWEEN / (wide * across)), 0.5)
        seen = dict.fromkeys(view.axes for view in self.views)
        for number, axes in enumerate(seen):
            row, column = divmod(number, columns)
            axes.set_position((left + column * wide, bottom + (rows - 1 - row) * high,
                               wide * (1 - gap), high * 0.84 if gap else high))  # fmt: skip
            # Where the panel is open, the picture stands next to it, whatever its shape.
            axes.set_anchor("C")

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
        wide = 1 - _PANEL_BEGINS
        halves = self.figure.add_gridspec(1, 2, width_ratios=(_PANEL_BEGINS, wide))
        # First of all, so that nothing else is among its pixels when they are kept.
        part = self._part = self.figure.add_subfigure(halves[0, 1], zorder=-2)
        keep_still(part)
        left, bottom, width, height = _PANEL
        left, width = (left - _PANEL_BEGINS) / wide, width / wide
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
        """Show a text in the panel.

        Parameters
        ----------
        text : str
            Lines of some 80 letters; what does not fit is left out, and said so.
        title : str, optional
            Above it.
        """
        (axes,) = self.panel()
        axes.set_axis_off()
        size = 6.6
        most = int(self.figure.get_figheight() * 0.74 * 72 / (1.25 * size))
        lines = [part for line in text.splitlines() for part in textwrap.wrap(
            line, 82, drop_whitespace=False) or [""]]  # fmt: skip
        if len(lines) > most:
            lines = [*lines[: most - 1], f"... {len(lines) - most + 1} more lines at the prompt"]
        axes.text(-0.14, 1.0, "\n".join(lines), family="monospace", fontsize=size, va="top",
                  transform=axes.transAxes, linespacing=1.15, parse_math=False)  # fmt: skip
        axes.set_title(title, fontsize=9)

    def show_again(self, view):
        """Say anew what a picture shows, when it shows another frame than before."""
        if len(self.views) > 1:
            return
        self.set_title(f"{view.source.head}\n{statistics_text(view.data)}")
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
            view.show_box(None)

    @property
    def has_screen(self):
        """Whether this is a window, beside which another can be opened."""
        return type(self.figure.canvas).required_interactive_framework is not None

    def open_beside(self, draw):
        """Open a window for a drawing that needs its own; the one before goes.

        Parameters
        ----------
        draw : callable
            Opens the window and gives its figure.
        """
        from matplotlib import pyplot as plt

        if self.beside is not None:
            plt.close(self.beside)
        self.beside = draw()

    def close_at(self, event):
        """Close the plot under the pointer; elsewhere, or where it is the first, the window."""
        beyond = event.x is not None and event.x > _PANEL_BEGINS * self.figure.bbox.width
        if beyond and self._panel and not self._on_page:
            self.open_page()
            return
        if hasattr(self.figure, "awe_manager"):
            # A widget of a notebook is known to no pyplot.
            self.closed = True
            self.figure.canvas.close()
            return
        from matplotlib import pyplot as plt

        plt.close(self.figure)

    # --- the pointer ---

    def spot(self, event):
        """Give where the pointer is.

        Parameters
        ----------
        event : matplotlib.backend_bases.LocationEvent
            The event.

        Returns
        -------
        Spot
            The picture and the pixel.

        Raises
        ------
        AweValueError
            The pointer is not on a picture.
        """
        found = self._spot(event)
        if found is None:
            msg = "Put the pointer on the picture, then type the key."
            raise AweValueError(msg)
        return found

    def chosen(self, event):
        """Give the picture under the pointer, else all; those of a mosaic stay together."""
        found = None if self.together else self._spot(event)
        return self.views if found is None else [found.view]

    def view(self, event):
        """Give the picture under the pointer, else the only one."""
        if len(self.views) == 1:
            return self.views[0]
        return self.spot(event).view

    def _spot(self, event):
        if event.inaxes is None or event.xdata is None:
            return None
        return self._at(event.inaxes, event.xdata, event.ydata)

    def _at(self, axes, x, y):
        for view in self.views:
            pixel = view.pixel_at(x, y) if view.axes is axes else None
            if pixel is not None:
                return Spot(view, *pixel, (x, y))
        return None

    def _words_at(self, axes, x, y):
        found = self._at(axes, x, y)
        return "" if found is None else found.view.words_at(x, y)

    # --- events ---

    def connect(self):
        """Listen to the keys and the pointer; matplotlib's own keys are off in this window."""
        canvas = self.figure.canvas
        for name in ("key_press_handler_id", "scroll_handler_id"):
            handler = getattr(canvas.manager, name, None)
            if handler is not None:
                canvas.mpl_disconnect(handler)
        for name, handler in (
            ("key_press_event", self.on_key), ("scroll_event", self.on_scroll),
            ("button_press_event", self.on_press), ("motion_notify_event", self.on_motion),
            ("button_release_event", self.on_release), ("close_event", self.on_close),
        ):  # fmt: skip
            canvas.mpl_connect(name, handler)

    def on_key(self, event):
        """Do what a key says."""
        from awe.view.inspect_actions import ACTIONS

        if event.key is None or self.closed:
            return
        with snapshot():
            if self.entry is not None:
                self.entry.type(event.key)
            else:
                known = {each.key: each.action for each in KEYS}
                action = known.get(event.key) or known.get(event.key.lower())
                if action is None:
                    return
                self._hide_list(but=action == "keys")
                self.message("")
                try:
                    ACTIONS[action](self, event)
                except AweError as err:
                    self.message(" ".join(str(err).split()))
        if not self.closed:
            self.figure.canvas.draw_idle()

    def on_scroll(self, event):
        """Zoom with the wheel."""
        if self._spot(event) is not None:
            self.zoom(event, 1.25 if event.button == "up" else 0.8)
            self.figure.canvas.draw_idle()

    def on_press(self, event):
        """Take hold of the picture, unless the tool bar has taken the pointer."""
        bar = getattr(self.figure.canvas, "toolbar", None)
        if event.button == 1 and self._spot(event) is not None and not getattr(bar, "mode", ""):
            self._held = (event.inaxes, event.x, event.y)

    def on_motion(self, event):
        """Move the picture that is held."""
        if self._held is None or event.x is None:
            return
        axes, x, y = self._held
        before = axes.transData.inverted().transform((x, y))
        now = axes.transData.inverted().transform((event.x, event.y))
        shift = before - now
        axes.set_xlim(axes.get_xlim() + shift[0])
        axes.set_ylim(axes.get_ylim() + shift[1])
        self._held = (axes, event.x, event.y)
        self.figure.canvas.draw_idle()

    def on_release(self, event):
        """Let go of the picture."""
        self._held = None

    def on_close(self, event):
        """Take no keys any longer: some may still be waiting."""
        self.closed = True

    def zoom(self, event, factor):
        """Zoom the picture; what lies under the pointer stays there.

        Parameters
        ----------
        event : matplotlib.backend_bases.LocationEvent
            Where the pointer is.
        factor : float
            Above 1 nearer, below 1 away, not further than the whole picture.
        """
        spot = self.spot(event)
        axes = spot.view.axes
        mine = [view for view in self.views if view.axes is axes]
        edges = (min(v.edges[0] for v in mine), max(v.edges[1] for v in mine),
                 min(v.edges[2] for v in mine), max(v.edges[3] for v in mine))  # fmt: skip
        bounds = []
        for (low, high), at in ((axes.get_xlim(), spot.at[0]), (axes.get_ylim(), spot.at[1])):
            bounds += [at - (at - low) / factor, at + (high - at) / factor]
        whole = bounds[1] - bounds[0] >= edges[1] - edges[0]
        if whole and bounds[3] - bounds[2] >= edges[3] - edges[2]:
            bounds = edges
        if abs(bounds[1] - bounds[0]) < 2 * abs(spot.view.place.step_x):
            return
        axes.set_xlim(bounds[0], bounds[1])
        axes.set_ylim(bounds[2], bounds[3])

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
