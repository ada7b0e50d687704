"""Seeing: the width of the isolated stars of a frame."""

from typing import NamedTuple

import numpy as np

from awe.pixels.sources import background as measure_background
from awe.pixels.sources import checked_mask, maxima
from awe.pixels.stats import MAD_TO_SIGMA

__all__ = ["Seeing", "seeing"]

_CELL, _SAMPLE = 512, 1 << 11
# Half of the stamp from which the width is guessed.
_HALF = 16
_LOOKED_AT, _GUESSED = 500, 60
# Stamps, and neighbours that disturb, in widths.
_STAMP, _APART = 1.6, 3.0
_RELATIVE = 0.1
_STEPS = 12
# Narrowest stars, and the greatest residual of a fit in heights.
_NARROW, _REST = 1.2, 0.06
# Widths that count as one, and those far from them.
_ALIKE, _NEAR = 0.12, 0.25


class Seeing(NamedTuple):
    """The width of the stars of a frame.

    Parameters
    ----------
    fwhm : float
        Median full width at half maximum in pixels, the geometric mean of both axes, as it was
        before the pixels averaged over it; NaN where there are too few stars.
    scatter : float
        Robust standard deviation of the widths of single stars in pixels; NaN as well.
    ellipticity : float
        Median of 1 - minor / major axis; NaN as well.
    number : int
        Stars used; 0 where there are too few.
    """

    fwhm: float
    scatter: float
    ellipticity: float
    number: int


_NONE = Seeing(np.nan, np.nan, np.nan, 0)


def seeing(data, *, mask=None, background=None, threshold=20.0, stars=40, least=3):
    """Measure the seeing by the brightest isolated stars.

    Of the maxima further above the background than `threshold` standard deviations the brightest
    are taken that have no masked (saturated) pixel in their cores, no other of a tenth of their
    height nearby and no sharp edge, as cosmic rays have. To each an elliptical Moffat profile
    (1969, A&A 3, 455) with a free exponent and a constant background is fitted by least squares.
    Those whose widths are near the most frequent one count: galaxies, and cosmic rays that are
    still in the image, differ among each other.

    Parameters
    ----------
    data : array
        Shape ``(ny, nx)``, any unit.
    mask : array, optional
        Same shape, not zero where a pixel is bad or saturated. By default none is.
    background : awe.pixels.Background, optional
        By default it is measured.
    threshold : float, optional
        In standard deviations of the background. The default is 20.
    stars : int, optional
        How many stars at most. The default is 40.
    least : int, optional
        How many stars at least. The default is 3.

    Returns
    -------
    Seeing
        Width, scatter, ellipticity and number.

    Raises
    ------
    AweValueError
        The image has not two axes, or the mask another shape.
    """
    data, mask = np.asarray(data), checked_mask(data, mask)
    if background is None:
        background = measure_background(data, mask, cell=_CELL, sample=_SAMPLE)
    found = maxima(data, background, threshold)
    if found is None:
        return _NONE
    y, x, height = found
    guess = _guess(data, mask, y, x, height)
    for _ in range(2):
        chosen = _isolated(data, mask, y, x, height, guess)[:stars] if guess > 0 else ()
        if not len(chosen):
            return _NONE
        widths, ellipticities = _fit(data, mask, y[chosen], x[chosen], height[chosen], guess)
        before, guess = guess, _mode(widths)
        # Where the guess was that of cosmic rays or a galaxy, stamps and distances were wrong.
        if abs(guess - before) < _NEAR * before:
            break
    return _summary(widths, ellipticities, guess, least)


def _summary(widths, ellipticities, mode, least):
    """Clip the widths about the most frequent one."""
    with np.errstate(invalid="ignore"):
        keep = np.abs(widths - mode) < _NEAR * mode
    for _ in range(3):
        if np.count_nonzero(keep) < least:
            return _NONE
        median = np.median(widths[keep])
        scatter = MAD_TO_SIGMA * np.median(np.abs(widths[keep] - median))
        with np.errstate(invalid="ignore"):
            keep = np.abs(widths - median) <= max(3 * scatter, 0.01 * median)
    number = int(np.count_nonzero(keep))
    if number < least:
        return _NONE
    return Seeing(float(median), float(scatter), float(np.median(ellipticities[keep])), number)


def _mode(widths):
    """Give the most frequent width: stars are alike, cosmic rays and galaxies are not.

    Of two groups of equal number that of the larger widths is taken; 0 where there is none.
    """
    widths = np.sort(widths[np.isfinite(widths)])
    if not len(widths):
        return 0.0
    first = np.searchsorted(widths, widths * (1 - _ALIKE))
    last = np.searchsorted(widths, widths * (1 + _ALIKE), side="right")
    count = last - first
    best = len(count) - 1 - int(np.argmax(count[::-1]))
    return float(np.median(widths[first[best] : last[best]]))


def _is_good(data, mask, y, x, height):
    """Tell which maxima have no bad pixel near and no neighbour that is suddenly dark."""
    good = np.ones(len(y), dtype=bool)
    if mask is not None:
        offsets = np.arange(-2, 3)
        core = mask[y[:, None, None] + offsets[:, None], x[:, None, None] + offsets]
        good = ~(core != 0).any(axis=(1, 2))
    above = data[y, x] - height
    around = np.stack([data[y + dy, x + dx] for dy, dx in ((-1, 0), (1, 0), (0, -1), (0, 1))])
    around = np.sort(around - above, axis=0)
    # A hit by a cosmic ray has an edge that no star of a width of 1.2 pixels has.
    return good & (around[0] > 0.08 * height) & (around[3] > 0.2 * height)


def _guess(data, mask, y, x, height):
    """Guess the width by the areas above half of the maxima; 0 where there is no star."""
    y, x, height = (a[:_LOOKED_AT] for a in (y, x, height))
    good = np.flatnonzero(_is_good(data, mask, y, x, height))[:_GUESSED]
    if not len(good):
        return 0.0
    y, x, height = y[good], x[good], height[good]
    stamps = _stamps(data, y, x, _HALF, 1)
    half = (data[y, x] - 0.5 * height)[:, None, None]
    area = np.count_nonzero(stamps > half, axis=(1, 2))
    widths = 2 * np.sqrt(area / np.pi)
    # What fills its stamp is no star.
    guess = _mode(widths[widths < _HALF])
    return max(_NARROW, guess) if guess else 0.0


def _stamps(data, y, x, half, step):
    """Cut out squares; beyond the edges of the image its outermost pixels are repeated."""
    rows, columns = _places(y, x, half, step)
    return data[np.clip(rows, 0, data.shape[0] - 1), np.clip(columns, 0, data.shape[1] - 1)]


def _places(y, x, half, step):
    offsets = np.arange(-half, half + 1, step)
    return y[:, None, None] + offsets[:, None], x[:, None, None] + offsets


def _isolated(data, mask, y, x, height, width):
    """Choose the maxima that are stars without neighbours."""
    from scipy.spatial import cKDTree

    first = np.flatnonzero(_is_good(data, mask, y[:1000], x[:1000], height[:1000]))
    tree = cKDTree(np.column_stack([y, x]))
    chosen = []
    for k in first:
        near = tree.query_ball_point((y[k], x[k]), _APART * width)
        near = [n for n in near if n != k]
        apart = [np.hypot(y[n] - y[k], x[n] - x[k]) for n in near]
        # A noisy core has more than one maximum; the highest stands for all.
        inner = any(d < width and n < k for n, d in zip(near, apart, strict=True))
        outer = any(
            d >= width and height[n] > _RELATIVE * height[k]
            for n, d in zip(near, apart, strict=True)
        )
        if not inner and not outer:
            chosen.append(k)
    return np.array(chosen, dtype=int)


def _fit(data, mask, y, x, height, guess):
    """Fit Moffat profiles to stars; give widths and ellipticities, NaN where a fit failed."""
    half = min(_HALF, int(np.ceil(_STAMP * guess)) + 1)
    step = max(1, int(guess / 3.5))
    half -= half % step
    offsets = np.arange(-half, half + 1, step, dtype=np.float64)
    values = _stamps(data, y, x, half, step).reshape(len(y), -1).astype(np.float64)
    rows, columns = _places(y, x, half, step)
    inside = (rows >= 0) & (rows < data.shape[0]) & (columns >= 0) & (columns < data.shape[1])
    weights = (inside.reshape(values.shape) & np.isfinite(values)).astype(np.float64)
    if mask is not None:
        weights *= _stamps(mask, y, x, half, step).reshape(len(y), -1) == 0
    base = data[y, x].astype(np.float64) - height
    values = np.where(weights > 0, (values - base[:, None]) / height[:, None], 0.0)
    grid = np.meshgrid(offsets, offsets, indexing="ij")
    dy, dx = (g.ravel() for g in grid)
    found, rest = _least_squares(values, weights, dx, dy, _first(len(y), guess))
    beta = np.exp(found[:, 7])
    a, b, c = found[:, 4], found[:, 5], found[:, 6]
    with np.errstate(all="ignore"):
        determinant = a * c - b * b
        radius2 = 2 ** (1 / beta) - 1
        widths = 2 * np.sqrt(radius2) / determinant**0.25
        widths = np.sqrt(widths**2 - _pixel_width2(beta))
        spread = np.hypot(a - c, 2 * b)
        ratio = np.sqrt((a + c - spread) / (a + c + spread))
        fits = (np.abs(found[:, 1:3]) < 1.5).all(axis=1) & (determinant > 0) & (rest < _REST)
        fits &= (found[:, 0] > 0) & (widths > _NARROW) & (widths < 2 * half)
    return np.where(fits, widths, np.nan), np.where(fits, 1 - ratio, np.nan)


def _pixel_width2(beta):
    """Give by how much the square of the width grows when pixels average over a profile.

    To second order the average over a pixel adds 1/24 of the Laplacian; what that does to the
    radius at which the profile has half of its maximum follows from its slope there. For a
    Gaussian, of infinite `beta`, it is the known ``8 ln 2 / 12``.
    """
    half = 2 ** (1 / beta)
    return 2 / 3 * (half - 1) * (1 + (beta + 1) / half)


def _first(count, width):
    """Give the parameters to begin with: height, x, y, background, form, log exponent."""
    beta = 3.0
    form = 4 * (2 ** (1 / beta) - 1) / width**2
    return np.tile([1.0, 0.0, 0.0, 0.0, form, 0.0, form, np.log(beta)], (count, 1))


def _model(p, dx, dy):
    """Compute Moffat profiles, and what their derivatives need."""
    x, y = dx - p[:, 1:2], dy - p[:, 2:3]
    a, b, c = p[:, 4:5], p[:, 5:6], p[:, 6:7]
    one = np.maximum(1 + a * x * x + 2 * b * x * y + c * y * y, 1e-3)
    beta = np.exp(p[:, 7:8])
    logarithm = np.log(one)
    profile = np.exp(-beta * logarithm)
    return p[:, :1] * profile + p[:, 3:4], (x, y, one, logarithm, beta, profile)


def _least_squares(values, weights, dx, dy, p):
    """Fit all stars at once by Levenberg and Marquardt's steps; give also the rms residual."""
    damping = np.full(len(p), 1e-2)
    model, parts = _model(p, dx, dy)
    cost = ((values - model) ** 2 * weights).sum(axis=1)
    for _ in range(_STEPS):
        x, y, one, logarithm, beta, profile = parts
        scaled = p[:, :1] * profile
        slope = -beta * scaled / one
        a, b, c = p[:, 4:5], p[:, 5:6], p[:, 6:7]
        jacobian = np.stack(
            [profile, -2 * slope * (a * x + b * y), -2 * slope * (b * x + c * y),
             np.ones_like(profile), slope * x * x, 2 * slope * x * y, slope * y * y,
             -beta * logarithm * scaled], axis=1,
        )  # fmt: skip
        weighted = jacobian * weights[:, None]
        normal = weighted @ jacobian.transpose(0, 2, 1)
        right = weighted @ (values - model)[..., None]
        diagonal = np.einsum("kii->ki", normal)
        diagonal *= 1 + damping[:, None]
        diagonal += 1e-12
        trial = p + np.linalg.solve(normal, right)[..., 0]
        trial[:, 7] = np.clip(trial[:, 7], np.log(1.2), np.log(20.0))
        tried, tried_parts = _model(trial, dx, dy)
        new = ((values - tried) ** 2 * weights).sum(axis=1)
        better = new <= cost
        damping = np.where(better, damping * 0.2, damping * 8)
        p = np.where(better[:, None], trial, p)
        gain = np.max(np.where(better, (cost - new) / np.maximum(cost, 1e-30), 0.0))
        cost = np.where(better, new, cost)
        if better.all() and gain < 1e-4:
            break
        model = np.where(better[:, None], tried, model)
        parts = tuple(
            np.where(better[:, None], n, o) for n, o in zip(tried_parts, parts, strict=True)
        )
    return p, np.sqrt(cost / np.maximum(weights.sum(axis=1), 1))
