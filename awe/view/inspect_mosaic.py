"""All CCDs of an exposure in their places."""

import numpy as np

from awe.base.errors import AweError, AweValueError
from awe.view.inspect_pixels import Pyramid, brightest, limits
from awe.view.inspect_sources import Trimmed, light_sensitive, trimmed_wcs, value_at
from awe.view.inspect_views import Place, View

__all__ = ["mosaic_figure", "places_of"]

_GAP = 0.04
_KEPT = 8
# So many CCDs are in memory at full resolution.
_AT_HAND = 4
_SIZE = (12.0, 9.6)
# Within this, the CCDs of a mosaic have the same scale and direction.
_ALIKE = 0.05


def mosaic_figure(exposure, where, mask):
    """Make the figure of an exposure.

    Parameters
    ----------
    exposure : Exposure
        The exposure.
    where : str
        As `awe.view.inspect_screen.screen` says.
    mask : bool
        Whether bad pixels are marked by colour.

    Returns
    -------
    matplotlib.figure.Figure
        One axes with all CCDs, on one scale of greys.

    Raises
    ------
    AweValueError
        The exposure has no frames, or none that can be read.
    """
    from awe.view.inspect_screen import new_figure
    from awe.view.inspect_window import Window

    frames = sorted(exposure.frames, key=lambda f: f.chip.name if f.chip else "")
    if not frames:
        msg = f"{exposure!r} has no frames to show."
        raise AweValueError(msg)
    sources, problems = _sources(frames)
    if not sources:
        msg = f"{exposure!r} cannot be shown: {problems[0]}"
        raise AweValueError(msg)
    places, how = places_of([(s.obj, s.shape) for s in sources])
    figure = new_figure(where, _SIZE, repr(exposure))
    window = Window(figure)
    window.together = True
    axes = figure.add_subplot()
    axes.set_facecolor("#20242c")
    sample = np.concatenate([s.sample for s in sources])
    shared = limits(sample)
    bright = brightest(sample, *shared)
    for source, place in zip(sources, places, strict=True):
        source.limits, source.brightest = shared, bright
        view = View(axes, source, place)
        window.add(view, bar=source is sources[0])
        _label(axes, view)
    _frame(window, axes)
    title = f"{exposure!r}"
    title += f"\n{len(sources)} CCDs, {how}; median {np.median(sample):.6g}"
    window.set_title("\n".join([title, *problems[:2]]))
    window.arrange()
    if mask:
        window.mark(window.views, True)
    if where != "notebook":
        window.connect()
    return figure


class _Ccd(Trimmed):
    """A CCD of a mosaic: its pixels are in memory only while they are needed."""

    def __init__(self, frame, recent):
        self._recent = recent
        super().__init__(frame)
        self.shape = self._data.shape
        step = max(1, int(np.sqrt(self.data.size / 20000)))
        part = self.data[::step, ::step].ravel()
        self.sample = part[np.isfinite(part)].astype(np.float32)
        self.pyramid = Pyramid(lambda: self.data)
        self.pyramid.be_frugal(_KEPT)
        self.let_go()

    @property
    def data(self):
        """The light-sensitive pixels, shape (ny, nx)."""
        if self._data is None:
            self._data = light_sensitive(self.obj, np.asarray(self.obj.data))
            self._recent.append(self)
            if len(self._recent) > _AT_HAND:
                self._recent.pop(0).let_go()
        return self._data

    def let_go(self):
        """Drop the pixels; they are read again when they are wanted."""
        self._data = None


def _sources(frames):
    sources, problems, recent = [], [], []
    for frame in frames:
        try:
            sources.append(_Ccd(frame, recent))
        except AweError as err:
            problems.append(f"{frame.chip.name if frame.chip else ''}: "
                            f"{' '.join(str(err).split())[:140]}")  # fmt: skip
    return sources, problems


def places_of(frames):
    """Give where the CCDs of an exposure lie.

    Parameters
    ----------
    frames : list of (RawFrame, tuple of int)
        Each with the shape of its light-sensitive pixels.

    Returns
    -------
    places : list of Place
        In pixels of the first CCD; x goes on to the right, as on its CCD.
    how : str
        By what: world coordinates of these frames or of others of the same CCDs, else what is
        known of the instrument, else the order of their names.
    """
    shapes = [shape for _, shape in frames]
    for name, find in (
        ("placed by their world coordinates", trimmed_wcs),
        ("placed by the world coordinates of science frames", _wcs_of_chip),
    ):
        found = [find(frame) for frame, _ in frames]
        if len(frames) > 1 and all(w is not None for w in found):
            places = _by_wcs(found, shapes)
            if places is not None:
                return places, name
    places = _by_layout(frames)
    if places is not None:
        return places, "placed by the layout of the instrument"
    return _by_name(shapes), "in the order of their names: their places are not known"


def _wcs_of_chip(frame):
    from awe.model import RawScienceFrame

    other = ((RawScienceFrame.chip == frame.chip) & (RawScienceFrame.NAXIS1 == frame.NAXIS1)
             & (RawScienceFrame.NAXIS2 == frame.NAXIS2)).max("DATE_OBS")  # fmt: skip
    return None if other is None else trimmed_wcs(other)


def _by_wcs(found, shapes):
    """Place CCDs on the tangential plane of the first, turned to its rows and columns."""
    first = found[0]
    places = []
    for wcs, (ny, nx) in zip(found, shapes, strict=True):
        corners = np.array([(0, 0), (nx - 1, 0), (0, ny - 1)], dtype=float)
        if np.allclose(wcs.wcs.crval, first.wcs.crval):
            # The same point of the sky: then the planes are the same, far from it as well.
            plane = (corners + 1 - wcs.wcs.crpix) @ wcs.wcs.cd.T
            x, y = (np.linalg.solve(first.wcs.cd, plane.T).T + first.wcs.crpix - 1).T
        else:
            x, y = first.all_world2pix(*wcs.all_pix2world(*corners.T, 0), 0)
        step_x = (x[1] - x[0]) / max(nx - 1, 1)
        step_y = (y[2] - y[0]) / max(ny - 1, 1)
        if not (abs(abs(step_x) - 1) < _ALIKE and abs(abs(step_y) - 1) < _ALIKE):
            return None
        # A CCD is a fraction of a degree askew at most: it is drawn straight, about its centre.
        centre_x, centre_y = (x[1] + x[2]) / 2, (y[1] + y[2]) / 2
        step_x, step_y = np.sign(step_x), np.sign(step_y)
        places.append(Place(centre_x - step_x * (nx - 1) / 2, centre_y - step_y * (ny - 1) / 2,
                            step_x, step_y))  # fmt: skip
    return places if _apart(places, shapes) else None


def _by_layout(frames):
    """Place CCDs as the description of their instrument has them, or None."""
    from awe.instruments import mosaic_of

    layout = mosaic_of(value_at(frames[0][0], "instrument.name") or "")
    axes = [layout.get("axis", {}).get(value_at(frame, "chip.name")) for frame, _ in frames]
    if None in axes:
        return None
    # Binned CCDs, or smaller ones, have as many pixels fewer from one to the next.
    rows, columns = layout["shape"]
    zooms = [(nx / columns, ny / rows) for _, (ny, nx) in frames]
    corners = [(-x * zoom_x, -y * zoom_y)
               for (x, y), (zoom_x, zoom_y) in zip(axes, zooms, strict=True)]  # fmt: skip
    first = corners[0]
    return [Place(x - first[0], y - first[1]) for x, y in corners]


def _apart(places, shapes):
    """Tell whether no two CCDs lie on top of each other."""
    boxes = []
    for place, (ny, nx) in zip(places, shapes, strict=True):
        x = sorted((place.x, place.x + place.step_x * nx))
        y = sorted((place.y, place.y + place.step_y * ny))
        boxes.append((*x, *y))
    for number, (x0, x1, y0, y1) in enumerate(boxes):
        for u0, u1, v0, v1 in boxes[:number]:
            wide, high = min(x1, u1) - max(x0, u0), min(y1, v1) - max(y0, v0)
            if min(wide, high) > 0 and wide * high > 0.2 * (x1 - x0) * (y1 - y0):
                return False
    return True


def _by_name(shapes):
    """Place CCDs in rows, the first at the lower left."""
    count = len(shapes)
    ny, nx = max(s[0] for s in shapes), max(s[1] for s in shapes)
    columns = max(range(1, count + 1), key=lambda c: min(1 / (c * nx), 1 / (-(-count // c) * ny)))
    gap = 1 + _GAP
    return [Place((n % columns) * nx * gap, (n // columns) * ny * gap) for n in range(count)]


def _label(axes, view):
    left, _, _, top = view.edges
    name = view.obj.chip.name if view.obj.chip is not None else ""
    axes.text(left, top, f" {name.removeprefix('ESO_CCD_')}", fontsize=6, color="#ffd54a",
              va="top", clip_on=True, parse_math=False)  # fmt: skip


def _frame(window, axes):
    edges = np.array([view.edges for view in window.views])
    low, high = edges.min(axis=0), edges.max(axis=0)
    margin = 0.01 * (high[1] - low[0])
    axes.set_xlim(low[0] - margin, high[1] + margin)
    axes.set_ylim(low[2] - margin, high[3] + margin)
    axes.set_xlabel("pixel of the first CCD", fontsize=8)
    axes.set_ylabel("pixel of the first CCD", fontsize=8)
