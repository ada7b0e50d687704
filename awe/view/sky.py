"""Positions of the objects of a query on the sky, in a projection of equal area."""

import numpy as np

from awe.base.errors import AweAttributeError, AweTypeError, AweValueError
from awe.store.kinds import FloatKind, OwnedKind
from awe.view import inspect_screen
from awe.view.plot_values import Values, read, rows_of
from awe.view.plots import Colours, optional_values, show_plot, title_of
from awe.view.points import Points

__all__ = ["corners_of", "sky", "unit_vectors"]

_PAIRS = (("RA", "DEC"), ("ra", "dec"), ("CRVAL1", "CRVAL2"))
_ASTROM = ("CRVAL1", "CRVAL2", "CRPIX1", "CRPIX2", "CD1_1", "CD1_2", "CD2_1", "CD2_2")
# More outlines than this could not be told apart.
_MOST_OUTLINES = 3000
# A field that is wider than this is drawn as the whole sky.
_WIDEST = 50.0
_WHOLE_PIXEL = 0.1


def sky(query, *, ra=None, dec=None, by=None, save=None, block=None):
    """Draw the positions of the objects of a query on the sky.

    Parameters
    ----------
    query : Query
        The query.
    ra, dec : str, optional
        Attributes with right ascension and declination in degrees. By default RA and DEC of the
        class, or the middle of its frames by their world coordinates, which are drawn as
        outlines where they are not too many.
    by : str, optional
        The attribute that decides the colour. By default all are alike.
    save, block : optional
        As for `awe.view.plots.plot`.

    Returns
    -------
    pathlib.Path or None
        The picture, where one was written.

    Raises
    ------
    AweAttributeError
        The class has no position.
    AweTypeError
        Only one of ra and dec is given, or they are no numbers.
    AweValueError
        The query is empty, or no object has a position.
    """
    rows = rows_of(query)
    lon, lat, corners = _positions(query, ra, dec)
    there = ~(lon.is_missing() | lat.is_missing()) & (np.abs(lat.values) <= 90)
    if not there.any():
        msg = f"No {query._cls.__name__} has a position in {lon.name} and {lat.name}."
        raise AweValueError(msg)
    hue = None if by is None else optional_values(query, by)
    if hue is not None:
        hue = Values(hue.name, hue.unit, hue.kind, hue.values[there], hue.words)
    colours = Colours(hue, int(there.sum()))
    where = inspect_screen.place_for(save)
    figure = inspect_screen.new_figure(where, (9.0, 6.0), "positions on the sky")
    figure.set_layout_engine("constrained")
    outline = None if corners is None else corners[there]
    axes, wcs = _axes(figure, lon.values[there], lat.values[there], outline)
    x, y = wcs.world_to_pixel_values(lon.values[there], lat.values[there])
    points = Points(axes, x, y, rows[there], colours.codes, colours.colours)
    if outline is not None and len(outline) <= _MOST_OUTLINES and axes.awe_field < _WIDEST:
        _draw_outlines(axes, wcs, outline, colours)
    colours.explain(figure, axes)
    figure.suptitle(title_of(query, (lon,), there), fontsize=9, parse_math=False)
    return show_plot(figure, points, where, f"{query._cls.__name__}_sky", save, block)


# --- positions ---


def _positions(query, ra, dec):
    """Give right ascension, declination, and the corners of frames or None."""
    if (ra is None) != (dec is None):
        msg = "sky: ra and dec are given together, such as sky(ra='RA', dec='DEC')."
        raise AweTypeError(msg)
    cls = query._cls
    if ra is None:
        known = cls._attributes
        for pair in _PAIRS:
            if all(n in known and isinstance(known[n].kind, FloatKind) for n in pair):
                return (*_read_both(query, *pair), None)
        owned = {n: a.kind for n, a in known.items() if isinstance(a.kind, OwnedKind)}
        for name, kind in owned.items():
            if set(_ASTROM) <= set(kind.record_class._attributes):
                return _of_frames(query, name)
        msg = f"{cls.__name__} has no RA and DEC and no world coordinates."
        raise AweAttributeError(msg, remedy="Name what has them: sky(ra='...', dec='...')")
    return (*_read_both(query, ra, dec), None)


def _read_both(query, ra, dec):
    found = read(query, ra), read(query, dec)
    for values in found:
        if values.kind != "number":
            msg = f"sky: {values.name} is no number of degrees."
            raise AweTypeError(msg)
    return found


def _of_frames(query, name):
    """Give the middles and the corners of frames from their world coordinates."""
    values = {n: read(query, f"{name}.{n}").values for n in _ASTROM}
    shaped = {"NAXIS1", "NAXIS2"} <= set(query._cls._attributes)
    sizes = [optional_values(query, n).values for n in ("NAXIS1", "NAXIS2")] if shaped else None
    if sizes is None or not np.isfinite(sizes).any():
        sizes = [2 * values["CRPIX1"], 2 * values["CRPIX2"]]
        shaped = False
    columns, lines = sizes
    middle = _at_pixels(values, (columns + 1) / 2, (lines + 1) / 2)
    edges = corners_of(values, columns, lines) if shaped else None
    return (Values(f"{name} (position)", "deg", "number", middle[0]),
            Values(f"{name} (position)", "deg", "number", middle[1]), edges)  # fmt: skip


def corners_of(values, columns, lines):
    """Give the corners of frames on the sky.

    Parameters
    ----------
    values : dict of str to numpy.ndarray
        CRVAL1, CRVAL2 (degrees), CRPIX1, CRPIX2 (pixels from 1) and the CD matrix (degrees per
        pixel), of a gnomonic projection.
    columns, lines : numpy.ndarray
        Sizes of the frames in pixels.

    Returns
    -------
    numpy.ndarray of float
        Degrees, shape (frames, 4, 2).
    """
    places = [(0.5, 0.5), (columns + 0.5, 0.5), (columns + 0.5, lines + 0.5), (0.5, lines + 0.5)]
    found = [np.stack(_at_pixels(values, x, y), axis=-1) for x, y in places]
    return np.stack(found, axis=1)


def _at_pixels(values, x, y):
    """Give right ascension and declination at pixels, counted from 1.

    The gnomonic projection of Calabretta & Greisen (2002, A&A 395, 1077), sections 2.2 and 5.1.3,
    for all frames at once: astropy's WCS takes one frame at a time.
    """
    u, v = x - values["CRPIX1"], y - values["CRPIX2"]
    xi = np.radians(values["CD1_1"] * u + values["CD1_2"] * v)
    eta = np.radians(values["CD2_1"] * u + values["CD2_2"] * v)
    ra, dec = np.radians(values["CRVAL1"]), np.radians(values["CRVAL2"])
    behind = np.cos(dec) - eta * np.sin(dec)
    lon = np.degrees(ra + np.arctan2(xi, behind)) % 360
    lat = np.degrees(np.arctan2(np.sin(dec) + eta * np.cos(dec), np.hypot(xi, behind)))
    return lon, lat


def unit_vectors(lon, lat):
    """Give positions on the sphere as vectors.

    Parameters
    ----------
    lon, lat : numpy.ndarray of float
        Degrees.

    Returns
    -------
    numpy.ndarray of float
        Of length 1, shape (..., 3).
    """
    lon, lat = np.radians(lon), np.radians(lat)
    return np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], axis=-1)


# --- the picture ---


def _axes(figure, lon, lat, outline):
    """Give axes of equal area: of the field, or of the whole sky where it is wide."""
    from astropy.visualization.wcsaxes import WCSAxes
    from astropy.visualization.wcsaxes.frame import EllipticalFrame, RectangularFrame
    from matplotlib.patheffects import withStroke

    vectors = unit_vectors(lon, lat)
    if outline is not None:
        corners = outline.reshape(-1, 2)
        corners = corners[np.isfinite(corners).all(axis=1)]
        vectors = np.concatenate([vectors, unit_vectors(*corners.T)])
    centre = vectors.mean(axis=0)
    length = np.linalg.norm(centre)
    centre = centre / length if length > 1e-6 else np.array([1.0, 0.0, 0.0])
    field = 2 * np.degrees(np.arccos(np.clip((vectors @ centre).min(), -1, 1)))
    middle = np.degrees(np.arctan2(centre[1], centre[0])) % 360, np.degrees(np.arcsin(centre[2]))
    if field < _WIDEST:
        side = max(field * 1.08, 0.02)
        wcs = _wcs("ZEA", middle, side / 1000)
        frame_class = RectangularFrame
        limits = (-500, 500, -500, 500)
    else:
        wcs = _wcs("MOL", (0.0, 0.0), _WHOLE_PIXEL)
        frame_class = EllipticalFrame
        # Half axes of a Mollweide projection in degrees.
        half = np.degrees(np.sqrt(2)) / _WHOLE_PIXEL
        limits = (-2 * half, 2 * half, -half, half)
    axes = figure.add_subplot(axes_class=WCSAxes, wcs=wcs, frame_class=frame_class)
    axes.set_xlim(limits[0], limits[1])
    axes.set_ylim(limits[2], limits[3])
    axes.set_aspect("equal")
    axes.coords.grid(color="0.85", lw=0.6)
    axes.coords[0].set_axislabel("Right ascension")
    axes.coords[1].set_axislabel("Declination")
    if field >= _WIDEST:
        # Readable on top of points as well.
        halo = [withStroke(linewidth=2.5, foreground="white")]
        axes.coords[0].set_ticklabel(size=8, exclude_overlapping=True, path_effects=halo)
        axes.coords[0].set_ticks_position("h")
        axes.coords[0].set_ticklabel_position("h")
        axes.coords[1].set_ticklabel_position("c")
        axes.coords[0].set_axislabel("")
    axes.awe_field = field
    return axes, wcs


def _wcs(projection, centre, step):
    from astropy.wcs import WCS

    wcs = WCS(naxis=2)
    wcs.wcs.ctype = [f"RA---{projection}", f"DEC--{projection}"]
    wcs.wcs.crval = centre
    # East is left.
    wcs.wcs.cdelt = [-step, step]
    wcs.wcs.crpix = [1, 1]
    wcs.wcs.cunit = ["deg", "deg"]
    return wcs


def _draw_outlines(axes, wcs, outline, colours):
    from matplotlib.collections import PolyCollection

    whole = np.isfinite(outline).all(axis=(1, 2))
    x, y = wcs.world_to_pixel_values(outline[whole, :, 0], outline[whole, :, 1])
    edges = [colours.colours[code] for code in colours.codes[whole]]
    axes.add_collection(PolyCollection(np.stack([x, y], axis=-1), edgecolors=edges, lw=0.8,
                                       facecolors="none"), autolim=False)  # fmt: skip
