"""Points in a figure: as many as the screen can show, each of them an object."""

import numpy as np

from awe.base.errors import AweError, AweTypeError
from awe.store import current
from awe.view.snapshot import snapshot

__all__ = ["Points", "Window"]

# From how many points on they are small, and only one in each cell of the screen is drawn: were
# all drawn, those of the last colour would cover the others.
_MANY = 20_000
_CELL = 2.0
_NEAR = 12
_KEYS = (
    ("click", "print the object under the pointer"),
    ("i", "inspect it, or print what is known of it"),
    ("wheel", "zoom"),
    ("p", "save the picture as a PNG"),
    ("q", "close the window"),
    ("?", "this list"),
)


class Points:
    """Points of which each stands for an object; what the screen cannot show is not drawn.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        Where they are.
    x, y : numpy.ndarray of float
        Finite.
    numbers : numpy.ndarray of int64
        The objects.
    codes : numpy.ndarray of int
        Which of the colours each has.
    colours : sequence
        As matplotlib takes them.
    """

    def __init__(self, axes, x, y, numbers, codes, colours):
        self.axes = axes
        self.x = x
        self.y = y
        self.numbers = numbers
        self.codes = codes
        self.drawn = 0
        many = len(x) > _MANY
        look = (
            {"marker": "s", "ms": 1.6}
            if many
            else {"marker": "o", "alpha": 0.8, "ms": 6.0 if len(x) < 1000 else 4.0}
        )
        self._lines = [
            axes.plot([], [], ls="", mew=0, color=colour, rasterized=many, **look)[0]
            for colour in colours
        ]
        for name in ("xlim_changed", "ylim_changed"):
            axes.callbacks.connect(name, lambda _axes: self.update())

    def update(self):
        """Choose the points that can be seen at the present limits."""
        rows = self._seen()
        self.drawn = len(rows)
        codes = self.codes[rows]
        for code, line in enumerate(self._lines):
            mine = rows[codes == code]
            line.set_data(self.x[mine], self.y[mine])

    def _seen(self):
        (x0, x1), (y0, y1) = sorted(self.axes.get_xlim()), sorted(self.axes.get_ylim())
        inside = (self.x >= x0) & (self.x <= x1) & (self.y >= y0) & (self.y <= y1)
        rows = np.flatnonzero(inside)
        if len(rows) <= _MANY:
            return rows
        # Of all points of a cell the last one is drawn.
        wide, high = (max(int(size / _CELL), 1) for size in self.axes.bbox.size)
        at = self.axes.transAxes.inverted().transform(
            self.axes.transData.transform(np.column_stack([self.x[rows], self.y[rows]]))
        )
        column = np.clip((at[:, 0] * wide).astype(np.int64), 0, wide - 1)
        row = np.clip((at[:, 1] * high).astype(np.int64), 0, high - 1)
        last = np.full(wide * high, -1)
        last[row * wide + column] = rows
        return last[last >= 0]

    def nearest(self, x, y):
        """Find the point at a place of the window.

        Parameters
        ----------
        x, y : float
            Pixels of the window.

        Returns
        -------
        int or None
            Its place in the arrays; None where there is none within a few pixels.
        """
        at = self.axes.transData.transform(np.column_stack([self.x, self.y]))
        away = np.hypot(at[:, 0] - x, at[:, 1] - y)
        near = int(np.argmin(away))
        return near if away[near] <= _NEAR else None


class Window:
    """What the pointer and the keys do in the figure of a plot.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        It keeps the window alive.
    points : Points or None
        What can be pointed at.
    stem : str
        Name of the picture that ``p`` saves, without its ending.
    """

    def __init__(self, figure, points, stem):
        figure.awe_window = self
        self.figure = figure
        self.points = points
        self.stem = stem
        self.chosen = None
        self._ring = None
        self._list = None
        self._message = figure.text(0.005, 0.005, "", fontsize=8, va="bottom", color="#b3261e",
                                    parse_math=False)  # fmt: skip
        self._message.set_in_layout(False)

    @property
    def said(self):
        """What the last line says."""
        return self._message.get_text()

    @property
    def listed(self):
        """The text of the list of keys, or None where it is hidden."""
        return None if self._list is None else self._list.get_text()

    def connect(self):
        """Listen to the keys and the pointer; matplotlib's own keys are off in this window."""
        canvas = self.figure.canvas
        handler = getattr(canvas.manager, "key_press_handler_id", None)
        if handler is not None:
            canvas.mpl_disconnect(handler)
        for name, handler in (
            ("button_press_event", self.on_press), ("key_press_event", self.on_key),
            ("scroll_event", self.on_scroll), ("resize_event", self.on_resize),
        ):  # fmt: skip
            canvas.mpl_connect(name, handler)

    def on_press(self, event):
        """Print the object under the pointer, unless the tool bar has taken the pointer."""
        bar = getattr(self.figure.canvas, "toolbar", None)
        if event.button != 1 or getattr(bar, "mode", ""):
            return
        with snapshot():
            obj = self._choose(event)
            if obj is not None:
                print(repr(obj), flush=True)
        self.figure.canvas.draw_idle()

    def on_key(self, event):
        """Do what a key says."""
        actions = {"i": self._inspect, "p": self._save, "q": self._close, "?": self._toggle_list}
        action = actions.get(event.key)
        if action is None:
            return
        if event.key != "?" and self._list is not None:
            self._toggle_list(event)
        with snapshot():
            try:
                action(event)
            except AweError as err:
                self._message.set_text(" ".join(str(err).split()))
        self.figure.canvas.draw_idle()

    def on_scroll(self, event):
        """Zoom with the wheel; what lies under the pointer stays there."""
        axes = event.inaxes
        if axes is None or self.points is None or axes is not self.points.axes:
            return
        factor = 0.8 if event.button == "up" else 1.25
        corners = axes.transAxes.transform([(0, 0), (1, 1)])
        spot = np.array([event.x, event.y])
        # In pixels, so that it is right on logarithmic axes as well.
        (x0, y0), (x1, y1) = axes.transData.inverted().transform(spot + (corners - spot) * factor)
        axes.set_xlim(x0, x1)
        axes.set_ylim(y0, y1)
        self.figure.canvas.draw_idle()

    def on_resize(self, event):
        """Choose the points for the new size."""
        if self.points is not None:
            self.points.update()

    def _choose(self, event):
        """Mark the point under the pointer and give its object, or None."""
        near = None
        if self.points is not None and event.inaxes is self.points.axes:
            near = self.points.nearest(event.x, event.y)
        if near is None:
            self._message.set_text("There is no point here.")
            return None
        points = self.points
        if self._ring is None:
            self._ring = points.axes.plot([], [], "o", ms=11, mfc="none", mec="black", mew=1.4,
                                          zorder=9)[0]  # fmt: skip
        self._ring.set_data([points.x[near]], [points.y[near]])
        self.chosen = current.session().get(int(points.numbers[near]))
        self._message.set_text(f"{self.chosen!r}   (i: inspect)")
        return self.chosen

    def _inspect(self, event):
        obj = self._choose(event) or self.chosen
        if obj is None:
            return
        from awe.view.frames import inspect

        try:
            inspect(obj, block=False)
        except AweTypeError:
            # It has no picture.
            obj.info()

    def _save(self, event):
        from awe.view.inspect_screen import write_picture

        path = write_picture(self.figure, f"{self.stem}.png")
        self._message.set_text(f"Picture: {path}")
        print(f"Picture: {path}", flush=True)

    def _close(self, event):
        from matplotlib import pyplot as plt

        plt.close(self.figure)

    def _toggle_list(self, event):
        if self._list is not None:
            self._list.remove()
            self._list = None
            return
        words = "\n".join(f"{key:<6} {text}" for key, text in _KEYS)
        self._list = self.figure.text(
            0.5, 0.5, words, family="monospace", ha="center", va="center", zorder=10,
            linespacing=1.35, bbox={"boxstyle": "round,pad=1", "fc": "#fffef5", "ec": "#555"},
        )  # fmt: skip
        self._list.set_in_layout(False)
