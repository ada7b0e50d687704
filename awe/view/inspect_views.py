"""A picture in a window: drawn at the resolution of the screen, with its mask and marks."""

from typing import NamedTuple

import numpy as np
from matplotlib import colormaps
from matplotlib.image import AxesImage

from awe.view.inspect_pixels import Pyramid

__all__ = ["STRETCHES", "Cut", "Place", "View", "norm_of"]

STRETCHES = ("linear", "square root", "logarithm", "asinh")
"""The stretches, in the order in which the key goes through them."""

MASK_COLOURS = {
    "cosmic_ray": "#ff3b30",
    "saturated": "#ffcc00",
    "satellite": "#ff2dff",
    "hot": "#ff8c1a",
    "cold": "#2f7bff",
    "no_data": "#2ee6a8",
    "bad": "#00c8ff",
}
"""Colours of the bits of a mask; where a pixel has several, the first counts."""

_CONTRAST = 1.25


class Place(NamedTuple):
    """Where the pixels of a frame lie in the coordinates of the axes.

    Parameters
    ----------
    x, y : float
        Where the pixel (0, 0) lies.
    step_x, step_y : float
        From a pixel to the next; negative where mirrored.
    """

    x: float = 0.0
    y: float = 0.0
    step_x: float = 1.0
    step_y: float = 1.0

    def to_axes(self, x, y):
        """Convert pixels to coordinates of the axes."""
        return self.x + self.step_x * x, self.y + self.step_y * y

    def to_pixel(self, x, y):
        """Convert coordinates of the axes to pixels."""
        return (x - self.x) / self.step_x, (y - self.y) / self.step_y


class Cut(NamedTuple):
    """A box of pixels.

    Parameters
    ----------
    values : numpy.ndarray
        float64, shape (ny, nx).
    x0, y0 : int
        Its first pixel.
    """

    values: np.ndarray
    x0: int
    y0: int


class _Layer(AxesImage):
    """An image that fetches what is seen, at the resolution of the screen, when it is drawn."""

    def __init__(self, view, pyramid, colours=None, **options):
        super().__init__(view.axes, origin="lower", interpolation="nearest", **options)
        self._view = view
        self.pyramid = pyramid
        self._colours = colours
        self._shown = None
        self.mouseover = False
        self.set_data(np.zeros((1, 1)))

    def fetch(self, magnification):
        """Take the pixels that the axes show now."""
        axes, place = self.axes, self._view.place
        x0, x1 = axes.get_xlim()
        y0, y1 = axes.get_ylim()
        box = axes.get_window_extent()
        scale = abs(x1 - x0) / abs(place.step_x) / max(box.width * magnification, 1.0)
        step = self.pyramid.step_for(scale)
        (left, bottom), (right, top) = place.to_pixel(x0, y0), place.to_pixel(x1, y1)
        wanted = (min(left, right), max(left, right), min(bottom, top), max(bottom, top))
        if self._shown == (wanted, step):
            return
        ny, nx = self.pyramid.shape
        if wanted[1] < -0.5 or wanted[0] > nx or wanted[3] < -0.5 or wanted[2] > ny:
            # Beside what is seen: nothing is drawn, whatever the image holds.
            self.pyramid.forget()
            return
        self._shown = (wanted, step)
        values, extent = self.pyramid.part(wanted, step)
        values = values[:: -1 if place.step_y < 0 else 1, :: -1 if place.step_x < 0 else 1]
        if self._colours is not None:
            values = self._colours[values]
        left, bottom = place.to_axes(extent[0], extent[2])
        right, top = place.to_axes(extent[1], extent[3])
        self.set_data(values)
        self.set_extent((min(left, right), max(left, right), min(bottom, top), max(bottom, top)))

    def draw(self, renderer):
        """Draw what is seen now."""
        self.fetch(renderer.get_image_magnification())
        super().draw(renderer)


def norm_of(low, high, stretch):
    """Give the map from values to greys.

    Parameters
    ----------
    low, high : float
        Black and white.
    stretch : str
        One of `STRETCHES`.

    Returns
    -------
    matplotlib.colors.Normalize
        Values beyond the limits are black or white.
    """
    from matplotlib.colors import Normalize

    if stretch == "linear":
        # Clipped, since the largest numbers of a type would overflow on their way to greys.
        return Normalize(low, high, clip=True)
    from astropy.visualization import AsinhStretch, ImageNormalize, LogStretch, SqrtStretch

    stretches = {"square root": SqrtStretch(), "logarithm": LogStretch(), "asinh": AsinhStretch()}
    return ImageNormalize(vmin=low, vmax=high, stretch=stretches[stretch], clip=True)


class View:
    """A frame in axes.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        Where to draw.
    source : ArraySource
        What to draw.
    place : Place, optional
        Where the pixels lie. By default the coordinates are pixels.
    """

    def __init__(self, axes, source, place=None):
        self.axes = axes
        self.place = place or Place()
        self.source = source
        self.stretch = STRETCHES[0]
        self.turn = 0
        self._turns = None
        self.bar = None
        self._overlay = None
        self._marks = []
        self._measured = []
        self.layer = None
        self._draw()

    @property
    def shape(self):
        """Rows and columns of the frame."""
        return self.layer.pyramid.shape

    @property
    def data(self):
        """The pixels that are shown, (ny, nx)."""
        return self.source.data

    @property
    def obj(self):
        """The object that is shown."""
        return self.source.obj

    def _draw(self):
        source = self.source
        pyramid = source.pyramid
        if pyramid is None:
            pyramid = Pyramid(lambda: source.data, source.pool)
        self._set_edges(pyramid.shape)
        self.low, self.high = self._first_limits()
        greys = colormaps["gray"].with_extremes(bad="#7a2048")
        self.layer = _Layer(self, pyramid, cmap=greys)
        self.layer.set_norm(norm_of(self.low, self.high, self.stretch))
        self.axes.add_image(self.layer)
        self.layer.set_clip_path(self.axes.patch)

    def _first_limits(self):
        """Give black and white: of zscale, but for a curved stretch with the bright pixels too."""
        low, high = self.source.limits
        return low, high if self.stretch == STRETCHES[0] else self.source.brightest

    def _set_edges(self, shape):
        self.axes.set_autoscale_on(False)
        left, bottom = self.place.to_axes(-0.5, -0.5)
        right, top = self.place.to_axes(shape[1] - 0.5, shape[0] - 0.5)
        self.edges = (min(left, right), max(left, right), min(bottom, top), max(bottom, top))

    def show_all(self):
        """Set the limits of the axes to the whole frame."""
        self.axes.set_xlim(*self.edges[:2])
        self.axes.set_ylim(*self.edges[2:])

    # --- pixels under the pointer ---

    def pixel_at(self, x, y):
        """Give the pixel at a place of the axes.

        Parameters
        ----------
        x, y : float
            Coordinates of the axes.

        Returns
        -------
        tuple of float or None
            ``(x, y)`` in pixels from 0, None beside the frame.
        """
        x, y = self.place.to_pixel(x, y)
        ny, nx = self.shape
        return (x, y) if -0.5 <= x < nx - 0.5 and -0.5 <= y < ny - 0.5 else None

    def value_at(self, x, y):
        """Give the value of the pixel at (x, y), pixels from 0."""
        return self.data[int(np.floor(y + 0.5)), int(np.floor(x + 0.5))]

    def cut(self, x, y, half):
        """Give the box round a pixel, cut off at the edges.

        Parameters
        ----------
        x, y : float
            The pixel, from 0.
        half : int
            Pixels on each side of it.

        Returns
        -------
        Cut
            The box.
        """
        ny, nx = self.shape
        column, row = int(np.floor(x + 0.5)), int(np.floor(y + 0.5))
        x0, y0 = max(column - half, 0), max(row - half, 0)
        part = self.data[y0 : min(row + half + 1, ny), x0 : min(column + half + 1, nx)]
        return Cut(np.asarray(part, dtype=np.float64), x0, y0)

    def shown(self):
        """Give the pixels between the limits of the axes.

        Returns
        -------
        Cut
            In the type of the frame.
        """
        (x0, x1), (y0, y1) = sorted(self.axes.get_xlim()), sorted(self.axes.get_ylim())
        (left, bottom), (right, top) = self.place.to_pixel(x0, y0), self.place.to_pixel(x1, y1)
        ny, nx = self.shape
        columns = np.clip(np.sort(np.round([left + 0.5, right + 0.5]).astype(int)), 0, nx)
        rows = np.clip(np.sort(np.round([bottom + 0.5, top + 0.5]).astype(int)), 0, ny)
        part = self.data[rows[0] : rows[1], columns[0] : columns[1]]
        return Cut(part, int(columns[0]), int(rows[0]))

    def words_at(self, x, y):
        """Give the read-out at a place of the axes.

        Parameters
        ----------
        x, y : float
            Coordinates of the axes.

        Returns
        -------
        str
            x, y, right ascension and declination where known, value.
        """
        at = self.pixel_at(x, y)
        if at is None:
            return ""
        column, row = int(np.floor(at[0] + 0.5)), int(np.floor(at[1] + 0.5))
        words = [f"x={column} y={row}"]
        if self.source.wcs is not None:
            from astropy.coordinates import Angle

            ra, dec = self.source.wcs.all_pix2world(at[0], at[1], 0)
            right = Angle(float(ra) % 360, "deg").to_string(
                "hourangle", sep=":", precision=2, pad=True
            )
            up = Angle(float(dec), "deg")
            up = up.to_string(sep=":", precision=1, pad=True, alwayssign=True)
            words.append(f"RA={right} Dec={up}")
        unit = self.source.unit.replace("$^{-2}$", "-2")
        words.append(f"{self.value_at(*at):.6g} {unit}".rstrip())
        return "  ".join(words)

    # --- scale ---

    def set_limits(self, low, high):
        """Set which values are black and white."""
        self.low, self.high = low, high
        self.layer.set_norm(norm_of(low, high, self.stretch))
        if self.bar is not None:
            self.bar.update_normal(self.layer)

    def contrast(self, times):
        """Bring the limits of the greys nearer to each other, or away.

        Parameters
        ----------
        times : int
            1 for more contrast, -1 for less.
        """
        middle, half = (self.low + self.high) / 2, (self.high - self.low) / 2
        half *= _CONTRAST**-times
        if half > 1e-6 * max(abs(middle), 1e-30):
            self.set_limits(middle - half, middle + half)

    def next_stretch(self):
        """Go on to the next stretch; a curved one shows the bright pixels as well.

        Returns
        -------
        str
            Its name.
        """
        before = self._first_limits()
        self.stretch = STRETCHES[(STRETCHES.index(self.stretch) + 1) % len(STRETCHES)]
        now = self._first_limits()
        self.set_limits(*((self.low, self.high) if now == before else now))
        return self.stretch

    # --- overlays ---

    def blink(self, others=None):
        """Show the next of the frame and its companions, each with its own greys.

        Parameters
        ----------
        others : list of ArraySource, optional
            What to show in turn with the first. By default its companions.

        Returns
        -------
        ArraySource or None
            What is shown now; None where there is nothing else.
        """
        if self._turns is None:
            found = self.source.companions() if others is None else others
            self._turns = [self.source, *found]
        if len(self._turns) < 2:
            return None
        self.turn = (self.turn + 1) % len(self._turns)
        marked = self._overlay is not None
        self.mark_mask(False)
        self.mark_sources(None)
        self.source = self._turns[self.turn]
        self.layer.remove()
        self._draw()
        self.mark_mask(marked)
        if self.bar is not None:
            self.bar.update_normal(self.layer)
        return self.source

    @property
    def has_mask(self):
        """Whether bad pixels are marked."""
        return self._overlay is not None

    def mark_mask(self, wanted):
        """Mark the bad pixels by colour, or no longer.

        Parameters
        ----------
        wanted : bool
            Whether.

        Returns
        -------
        list of (str, str, int)
            Cause, colour and number of pixels of each cause that there is.
        """
        if self._overlay is not None:
            self._overlay.remove()
            self._overlay = None
        if not wanted:
            return []
        from matplotlib.colors import to_rgba

        from awe.pixels import MASK_BITS

        bits = self.source.mask
        colours = np.zeros((256, 4))
        numbers = np.arange(256)
        for name in reversed(MASK_COLOURS):
            colours[numbers & MASK_BITS[name] != 0] = to_rgba(MASK_COLOURS[name], 0.9)
        self._overlay = _Layer(self, Pyramid(lambda: bits, "or"), colours, zorder=2)
        self.axes.add_image(self._overlay)
        self._overlay.set_clip_path(self.axes.patch)
        counts = np.bincount(bits.ravel(), minlength=256)
        found = [(n, c, int(counts[numbers & MASK_BITS[n] != 0].sum()))
                 for n, c in MASK_COLOURS.items()]  # fmt: skip
        return [each for each in found if each[2]]

    def mark_sources(self, places):
        """Draw a circle round each source, or none any longer.

        Parameters
        ----------
        places : array or None
            ``(x, y)`` in pixels, one in each row.
        """
        for mark in self._marks:
            mark.remove()
        self._marks = []
        if places is not None and len(places):
            x, y = self.place.to_axes(*np.asarray(places).T)
            self._marks = self.axes.plot(
                x, y, "o", mfc="none", mec="#35d07f", ms=9, mew=1.1, zorder=3
            )

    @property
    def marked(self):
        """Whether sources are marked."""
        return bool(self._marks)

    def show_box(self, cut):
        """Draw the box that was measured; what was measured before goes."""
        from matplotlib.patches import Rectangle

        ny, nx = cut.values.shape
        x, y = self.place.to_axes(cut.x0 - 0.5, cut.y0 - 0.5)
        self._show_measured(Rectangle((x, y), nx * self.place.step_x, ny * self.place.step_y))

    def show_rings(self, x, y, radii):
        """Draw circles round a place, pixels from 0; what was measured before goes."""
        from matplotlib.patches import Circle

        self._show_measured(*(Circle(self.place.to_axes(x, y), radius) for radius in radii))

    def _show_measured(self, *patches):
        self.forget_measured()
        for patch in patches:
            patch.set(fill=False, edgecolor="#35d07f", linewidth=1, zorder=3)
            self._measured.append(self.axes.add_patch(patch))

    def forget_measured(self):
        """Take away the box or the circles of what was measured."""
        for patch in self._measured:
            patch.remove()
        self._measured = []
