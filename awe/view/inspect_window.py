"""The window of `inspect()`: the pointer, and which key does what."""

from awe.base.errors import AweError, AweValueError
from awe.base.keys import KEYS
from awe.view.inspect_parts import PANEL_BEGINS, Parts
from awe.view.snapshot import snapshot

__all__ = ["Spot", "Window"]


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


class Window(Parts):
    """A figure that listens to the keys and the pointer.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        It keeps the window alive.
    page : callable, optional
        Draws what the panel shows by itself. By default the panel is hidden then.
    """

    def __init__(self, figure, page=None):
        super().__init__(figure, page)
        figure.awe_window = self
        self.together = False
        self.entry = None
        self.blinked = None
        self.beside = None
        self.closed = False
        self._held = None

    def add(self, view, bar=True):
        """Take a picture in, and read out what lies under the pointer.

        Parameters
        ----------
        view : View
            The picture.
        bar : bool, optional
            Whether it has a colour bar of its own. The default is True.
        """
        super().add(view, bar)
        axes = view.axes
        axes.format_coord = lambda x, y: self._words_at(axes, x, y)

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
        beyond = event.x is not None and event.x > PANEL_BEGINS * self.figure.bbox.width
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
