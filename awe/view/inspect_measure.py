"""What the keys measure: stars, apertures, sources; by photutils and astropy."""

import warnings
from typing import NamedTuple

import numpy as np

from awe.base.errors import AweValueError

__all__ = ["Aperture", "Star", "aperture_at", "box_statistics", "find_sources", "star_at"]

_SEARCH = 5
_HALF = 20
_SIGNIFICANT = 4.0
_WIDEST = 30.0


class Star(NamedTuple):
    """A star, as a Moffat profile (1969, A&A 3, 455) and a constant background fit it.

    Parameters
    ----------
    x, y : float
        Centre in pixels from 0.
    fwhm : float
        Full width at half maximum in pixels, as it is in the image: the average over each
        pixel is not taken out.
    peak, background : float
        Height above the background, and the background.
    alpha : float
        Exponent of the profile.
    noise : float
        Robust standard deviation of the pixels round the star.
    """

    x: float
    y: float
    fwhm: float
    peak: float
    background: float
    alpha: float
    noise: float

    def profile(self, radius):
        """Give the value of the profile at some distances in pixels, background included."""
        gamma2 = (self.fwhm / 2) ** 2 / (2 ** (1 / self.alpha) - 1)
        return self.background + self.peak * (1 + radius**2 / gamma2) ** -self.alpha


def star_at(data, x, y, bad=None):
    """Fit the star near a pixel.

    Parameters
    ----------
    data : numpy.ndarray
        Shape (ny, nx).
    x, y : float
        The pixel, from 0; the brightest pixel within 5 of it is taken for the star.
    bad : numpy.ndarray, optional
        Same shape, not zero where a pixel is bad. By default none is.

    Returns
    -------
    Star
        The fit.

    Raises
    ------
    AweValueError
        There is no star: nothing significant, or no profile fits.
    """
    values, good, x0, y0 = _stamp(data, bad, x, y, _HALF)
    near = _near(values, good, x - x0, y - y0)
    level, noise = _level(values[good])
    here = f"at x={np.floor(x + 0.5) + 0.0:.0f}, y={np.floor(y + 0.5) + 0.0:.0f}"
    if near is None or not values[near[1], near[0]] - level > _SIGNIFICANT * noise:
        msg = f"There is no star {here}: nothing is {_SIGNIFICANT:g} sigma above the background."
        raise AweValueError(msg, remedy="Put the pointer on a star.")
    column, row = near
    values, good, x0, y0 = _stamp(data, bad, column + x0, row + y0, _HALF)
    column, row = _peak(values, good, (values.shape[1] - 1) / 2, (values.shape[0] - 1) / 2)
    peak = values[row, column] - level
    begin = (peak, column, row, _width(values, good, level, column, row), level)
    fitted = _fit(values, good, begin, _HALF)
    if fitted is not None:
        # The neighbours stay out of the second fit.
        fitted = _fit(values, good, fitted[:5], max(4.0, 2.5 * fitted[3]), fitted[5])
    if fitted is None or not 0.5 < fitted[3] < _WIDEST or fitted[0] <= 0:
        msg = f"No star {here}: no Moffat profile fits."
        raise AweValueError(msg, remedy="Put the pointer on a single star that is not saturated.")
    height, xc, yc, fwhm, background, alpha = fitted
    return Star(xc + x0, yc + y0, fwhm, height, background, alpha, noise)


def _stamp(data, bad, x, y, half):
    ny, nx = data.shape
    column, row = int(np.floor(x + 0.5)), int(np.floor(y + 0.5))
    x0, y0 = max(column - half, 0), max(row - half, 0)
    where = (slice(y0, min(row + half + 1, ny)), slice(x0, min(column + half + 1, nx)))
    values = np.asarray(data[where], dtype=np.float64)
    good = np.isfinite(values)
    if bad is not None:
        good &= bad[where] == 0
    return values, good, x0, y0


def _level(values):
    """Give median and robust standard deviation, clipped, as stars fill a part of the stamp."""
    if not values.size:
        return np.nan, np.nan
    for _ in range(3):
        level = np.median(values)
        noise = 1.4826 * np.median(np.abs(values - level))
        if noise == 0:
            break
        values = values[np.abs(values - level) < 3 * noise]
    return level, noise


def _near(values, good, x, y):
    return _peak(values, good, x, y) if good.any() else None


def _peak(values, good, x, y):
    rows, columns = np.indices(values.shape)
    inside = good & (np.hypot(columns - x, rows - y) <= _SEARCH)
    if not inside.any():
        return None
    row, column = np.unravel_index(np.argmax(np.where(inside, values, -np.inf)), values.shape)
    return int(column), int(row)


def _width(values, good, level, column, row):
    """Guess the width: a circle as large as the part above half of the height."""
    half = level + (values[row, column] - level) / 2
    rows, columns = np.indices(values.shape)
    count = (good & (values > half) & (np.hypot(columns - column, rows - row) < _HALF)).sum()
    return float(np.clip(2 * np.sqrt(count / np.pi), 1.5, _WIDEST / 2))


def _fit(values, good, begin, radius, alpha=3.0):
    """Fit height, centre, width, background and exponent; None where it fails."""
    from astropy.modeling.fitting import TRFLSQFitter
    from astropy.modeling.models import Const2D, Moffat2D
    from astropy.utils.exceptions import AstropyUserWarning

    peak, x, y, fwhm, level = begin
    rows, columns = np.indices(values.shape)
    use = good & (np.hypot(columns - x, rows - y) <= radius)
    if use.sum() < 12:
        return None
    gamma = fwhm / 2 / np.sqrt(2 ** (1 / alpha) - 1)
    bounds = {"gamma": (0.2, 4 * _WIDEST), "alpha": (1.1, 20.0), "amplitude": (0.0, None)}
    model = Moffat2D(peak, x, y, gamma, alpha, bounds=bounds) + Const2D(level)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AstropyUserWarning)
        found = TRFLSQFitter()(model, columns[use], rows[use], values[use], maxiter=200)
    star, flat = found[0], found[1]
    if np.hypot(star.x_0.value - x, star.y_0.value - y) > _SEARCH:
        return None
    return (star.amplitude.value, star.x_0.value, star.y_0.value, float(star.fwhm),
            flat.amplitude.value, star.alpha.value)  # fmt: skip


class Aperture(NamedTuple):
    """Aperture photometry of a star.

    Parameters
    ----------
    star : Star
        Where it is.
    radius, inner, outer : float
        Of the aperture and of the ring of the background, in pixels.
    flux, error : float
        Sum above the background, and its standard deviation: of the sky's scatter,
        and of the electrons of the star where the gain is known.
    sky, sky_noise : float
        Background per pixel and its scatter, clipped at 3 sigma.
    radii, growth : numpy.ndarray
        Curve of growth: radii in pixels, and the sum within each.
    """

    star: Star
    radius: float
    inner: float
    outer: float
    flux: float
    error: float
    sky: float
    sky_noise: float
    radii: np.ndarray
    growth: np.ndarray

    @property
    def magnitude(self):
        """Instrumental magnitude, -2.5 log10 of the flux; NaN where it is not positive."""
        return -2.5 * np.log10(self.flux) if self.flux > 0 else np.nan


def aperture_at(data, x, y, *, bad=None, gain=None):
    """Measure the flux of the star near a pixel.

    Parameters
    ----------
    data : numpy.ndarray
        Shape (ny, nx).
    x, y : float
        The pixel, from 0.
    bad : numpy.ndarray, optional
        Same shape, not zero where a pixel is bad. By default none is.
    gain : float, optional
        Electrons per unit of the data, for the star's own noise. By default it counts as none.

    Returns
    -------
    Aperture
        Within three times the FWHM; the background from 4 to 6 times.

    Raises
    ------
    AweValueError
        There is no star.
    """
    from astropy.stats import SigmaClip
    from photutils.aperture import ApertureStats, CircularAnnulus, CircularAperture

    star = star_at(data, x, y, bad)
    radius = 3.0 * star.fwhm
    inner, outer = 4.0 * star.fwhm, 6.0 * star.fwhm
    half = int(np.ceil(outer)) + 2
    values, good, x0, y0 = _stamp(data, bad, star.x, star.y, half)
    centre = (star.x - x0, star.y - y0)
    ring = ApertureStats(values, CircularAnnulus(centre, inner, outer), mask=~good,
                         sigma_clip=SigmaClip(3.0))  # fmt: skip
    sky, noise = float(ring.median), float(ring.std)
    if not np.isfinite(sky):
        sky, noise = star.background, star.noise
    radii = np.linspace(0.5, radius * 1.3, 24)
    sums = [float(CircularAperture(centre, r).do_photometry(values - sky, mask=~good)[0][0])
            for r in (*radii, radius)]  # fmt: skip
    variance = np.pi * radius**2 * noise**2 + (max(sums[-1], 0.0) / gain if gain else 0.0)
    return Aperture(star, radius, inner, outer, sums[-1], float(np.sqrt(variance)), sky, noise,
                    radii, np.array(sums[:-1]))  # fmt: skip


def find_sources(data, *, bad=None, fwhm=None, threshold=5.0, most=2000):
    """Find the point sources of an image.

    Parameters
    ----------
    data : numpy.ndarray
        Shape (ny, nx).
    bad : numpy.ndarray, optional
        Same shape, not zero where a pixel is bad. By default none is.
    fwhm : float, optional
        Width of the stars in pixels. The default is 3.
    threshold : float, optional
        In standard deviations of the background. The default is 5.
    most : int, optional
        How many of the brightest at most. The default is 2000.

    Returns
    -------
    numpy.ndarray
        ``(x, y)`` in pixels from 0, one source in each row, the brightest first.
    """
    from photutils.detection import DAOStarFinder
    from photutils.utils.exceptions import NoDetectionsWarning

    from awe.pixels.sources import background

    lost = ~np.isfinite(data)
    if bad is not None:
        lost |= bad != 0
    if lost.all() or min(data.shape) < 5:
        return np.empty((0, 2))
    behind = background(data, lost)
    noise = behind.noise
    if not noise > 0:
        return np.empty((0, 2))
    rest = np.where(lost, np.float32(0), np.asarray(data, dtype=np.float32) - behind.image())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NoDetectionsWarning)
        found = DAOStarFinder(threshold * noise, fwhm or 3.0)(rest, mask=lost)
    if found is None:
        return np.empty((0, 2))
    found.sort("flux", reverse=True)
    # The columns have other names from photutils 3 on.
    names = ("x_centroid", "y_centroid") if "x_centroid" in found.colnames else (
        "xcentroid", "ycentroid")  # fmt: skip
    return np.column_stack([found[n] for n in names])[:most]


def box_statistics(values):
    """Give the statistics of a box.

    Parameters
    ----------
    values : numpy.ndarray
        Its pixels.

    Returns
    -------
    dict of float
        npix, mean, median, std, mode (2.5 median - 1.5 mean), min, max of the finite pixels.

    Raises
    ------
    AweValueError
        No pixel is finite.
    """
    good = np.asarray(values, dtype=np.float64)
    good = good[np.isfinite(good)]
    if not good.size:
        msg = "No pixel of the box has a finite value."
        raise AweValueError(msg)
    mean, median = float(good.mean()), float(np.median(good))
    return {"npix": good.size, "mean": mean, "median": median, "std": float(good.std()),
            "mode": 2.5 * median - 1.5 * mean, "min": float(good.min()),
            "max": float(good.max())}  # fmt: skip
