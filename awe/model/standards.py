"""Standard stars on reduced frames: where they are, and how much too faint they came out."""

import numpy as np

from awe.base.errors import AweValueError

__all__ = ["RESIDUAL", "given_residuals", "measured_residuals", "world_coordinates"]

RESIDUAL = np.dtype(
    [("chip", "U32"), ("exposure", "U64"), ("x", "f8"), ("y", "f8"), ("residual", "f8"),
     ("error", "f8")]
)  # fmt: skip
"""A star on a CCD: pixels counted from 0; magnitudes, measured minus catalog."""

_USUAL_FWHM = 4.0
_MARGIN = 50
# Flats and neighbours make even a bright star uncertain by so many magnitudes.
_FLOOR = 0.01
# Radii of the ring for the sky, in radii of the aperture.
_RING = (1.5, 2.5)


def world_coordinates(astrom):
    """Make the transformation between sky and pixels.

    Parameters
    ----------
    astrom : Astrom
        Linear world coordinates.

    Returns
    -------
    astropy.wcs.WCS
        Two axes; pixels counted from 0 with origin 0.
    """
    from astropy.wcs import WCS

    wcs = WCS(naxis=2)
    wcs.wcs.ctype = [astrom.CTYPE1 or "RA---TAN", astrom.CTYPE2 or "DEC--TAN"]
    wcs.wcs.crval = [astrom.CRVAL1, astrom.CRVAL2]
    wcs.wcs.crpix = [astrom.CRPIX1, astrom.CRPIX2]
    wcs.wcs.cd = [[astrom.CD1_1, astrom.CD1_2], [astrom.CD2_1, astrom.CD2_2]]
    wcs.wcs.set()
    return wcs


def given_residuals(table, chips):
    """Give the residuals of a table.

    Parameters
    ----------
    table : ResidualTable
        The table.
    chips : dict of str to ReducedScienceFrame
        A reduced frame of each CCD, which tells its shape.

    Returns
    -------
    stars : array of RESIDUAL
        Those on these CCDs, at least one; all errors are 1 where the table has none.
    unknown : list of str
        The table's other CCDs.

    Raises
    ------
    AweValueError
        There is none on these CCDs, or one is outside its CCD.
    """
    values = table.table()
    stars = np.zeros(len(values), RESIDUAL)
    stars["error"] = 1.0
    for name in values.colnames:
        stars[name] = values[name]
    unknown = sorted(set(stars["chip"].tolist()) - set(chips))
    stars = stars[np.isin(stars["chip"], list(chips))]
    if not len(stars):
        msg = (
            f"{table.origin} is about the CCDs {', '.join(unknown[:4])}; there are reduced frames "
            f"of {', '.join(sorted(chips)[:4])}."
        )
        raise AweValueError(msg)
    for frame in chips.values():
        _check_inside(table, stars[stars["chip"] == frame.chip.name], frame)
    return stars, unknown


def _check_inside(table, stars, frame):
    """Refuse stars that are outside their CCD: their unit or their frame is another one."""
    for column, size in (("x", frame.NAXIS1), ("y", frame.NAXIS2)):
        values = stars[column]
        # The first pixel reaches from -0.5 to 0.5.
        outside = values[(values < -0.5) | (values > size - 0.5)]
        if len(outside):
            msg = (
                f"{table.origin}: {column} of {len(outside)} of the {len(values)} rows of "
                f"{frame.chip.name} is outside the CCD: {outside.min():g} to {outside.max():g}, "
                f"where {column} goes from 0 to {size - 1}."
            )
            remedy = "x and y are pixels of the reduced frame, counted from 0."
            raise AweValueError(msg, cause="stars outside their CCD", remedy=remedy)


def measured_residuals(frame, data, catalog, parameters):
    """Measure the standard stars of a reduced frame.

    Parameters
    ----------
    frame : ReducedScienceFrame
        With world coordinates, good to `SEARCH_RADIUS`.
    data : array
        Its pixels, before the illumination correction.
    catalog : astropy.table.Table
        ra and dec in degrees, mag.
    parameters : IlluminationCorrectionParameters
        SEARCH_RADIUS, APERTURE_RADIUS and MINIMUM_SNR.

    Returns
    -------
    array of RESIDUAL
        The stars that are alone, whole, and bright enough; maybe none.

    Raises
    ------
    AweValueError
        The frame has no world coordinates.
    """
    from awe.pixels import aperture_fluxes, background, recentre
    from awe.pixels.sources import maxima

    if frame.astrom is None or frame.astrom.CD1_1 is None:
        msg = f"{frame!r} has no world coordinates: its standard stars cannot be found."
        raise AweValueError(msg, cause="frames without world coordinates")
    bad = None if frame.weight is None else frame.weight.data == 0
    sky = background(data, bad)
    peaks = maxima(data, sky, parameters.MINIMUM_SNR)
    if peaks is None:
        return np.zeros(0, RESIDUAL)
    x, y, mag = _expected(frame, catalog)
    x, y = _shifted(frame, x, y, peaks, parameters.SEARCH_RADIUS)
    width = frame.fwhm or _USUAL_FWHM
    x, y = recentre(data - sky.image(), x, y, width)
    radius = parameters.APERTURE_RADIUS * width
    found = np.isfinite(x) & np.isfinite(y)
    found[found] = _alone(x[found], y[found], peaks, width, radius)
    x, y, mag = x[found], y[found], mag[found]
    made = aperture_fluxes(
        data, x, y, radius=radius, ring=(_RING[0] * radius, _RING[1] * radius), mask=bad,
        gain=frame.gain,
    )  # fmt: skip
    with np.errstate(invalid="ignore"):
        good = made.flux > parameters.MINIMUM_SNR * made.error
    stars = np.zeros(np.count_nonzero(good), RESIDUAL)
    stars["chip"], stars["exposure"] = frame.chip.name, frame.DATE_OBS.isoformat()
    stars["x"], stars["y"] = x[good], y[good]
    stars["residual"] = -2.5 * np.log10(made.flux[good] / (frame.EXPTIME or 1.0)) - mag[good]
    relative = made.error[good] / made.flux[good]
    stars["error"] = np.hypot(2.5 / np.log(10) * relative, _FLOOR)
    return stars


def _expected(frame, catalog):
    """Give where the stars of a catalog should be, near the frame."""
    wcs = world_coordinates(frame.astrom)
    ra, dec = np.asarray(catalog["ra"], float), np.asarray(catalog["dec"], float)
    # Far from the pointing the projection has no sense.
    separation = np.abs((ra - frame.astrom.CRVAL1 + 180) % 360 - 180) * np.cos(np.radians(dec))
    near = (separation < 5) & (np.abs(dec - frame.astrom.CRVAL2) < 5)
    mag = np.asarray(catalog["mag"], float)[near]
    x, y = wcs.wcs_world2pix(ra[near], dec[near], 0)
    inside = (x > -_MARGIN) & (x < frame.NAXIS1 + _MARGIN)
    inside &= (y > -_MARGIN) & (y < frame.NAXIS2 + _MARGIN)
    return x[inside], y[inside], mag[inside]


def _shifted(frame, x, y, peaks, radius):
    """Shift the places by what the world coordinates are off."""
    from awe.pixels import common_shift

    scale = 3600 * np.sqrt(abs(
        frame.astrom.CD1_1 * frame.astrom.CD2_2 - frame.astrom.CD1_2 * frame.astrom.CD2_1
    ))  # fmt: skip
    rows, columns, _ = peaks
    count = min(len(rows), max(3 * len(x), 20))
    dx, dy, number = common_shift(
        x, y, columns[:count], rows[:count], reach=max(radius / scale, 1.0)
    )
    # One pair alone is chance.
    return (x + dx, y + dy) if number > 1 else (x, y)


def _alone(x, y, peaks, width, radius):
    """Tell which stars have no other star in their apertures."""
    from scipy.spatial import cKDTree

    rows, columns, height = peaks
    tree = cKDTree(np.column_stack([columns, rows]))
    alone = np.zeros(len(x), dtype=bool)
    for k, place in enumerate(np.column_stack([x, y])):
        near = tree.query_ball_point(place, radius + width)
        own = [n for n in near if np.hypot(columns[n] - x[k], rows[n] - y[k]) < width]
        others = set(near) - set(own)
        brightest = max((height[n] for n in own), default=0.0)
        alone[k] = bool(own) and all(height[n] < 0.02 * brightest for n in others)
    return alone
