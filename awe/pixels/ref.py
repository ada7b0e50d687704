"""Definitions of the pixel steps in plain NumPy and float64: what each step means."""

import numpy as np

from awe.pixels.stats import MAD_TO_SIGMA, median_variance, sorted_median

__all__ = ["calibrate", "combine_rows", "local_signal", "mad_correction", "weight"]

_MAD_CORRECTION = {2: 1.196, 3: 1.495, 4: 1.363, 5: 1.206, 6: 1.200, 7: 1.140, 8: 1.129, 9: 1.107}


def mad_correction(count):
    """Give the factor that makes the MAD of few normal values unbiased.

    Parameters
    ----------
    count : int
        How many values there are.

    Returns
    -------
    float
        The factor; from Croux and Rousseeuw (1992, COMPSTAT 1, 411).
    """
    if count < 2:
        return 1.0
    return _MAD_CORRECTION.get(count, count / (count - 0.8))


def combine_rows(values, *, clip, variance, max_iterations, use_median):
    """Combine a block of rows of all frames.

    A value is left out where it lies further than `clip` standard deviations
    from the median of those still kept, all at once, again and again until none
    is left out. A step that would leave out all values of a pixel is not taken.

    The standard deviation is that of the noise model, or, without one, the
    scaled median absolute deviation of the values still kept, and at least the
    median over the row of that of all values: of few values it is often far
    too small by chance.

    Parameters
    ----------
    values : array
        Shape ``(n, ny, nx)``; NaN and infinite values are left out.
    clip : float or None
        Limit in standard deviations; None for no clip.
    variance : callable or None
        Gives the variance of each value, in a shape that broadcasts to
        ``(n, ny, nx)``, from the median of shape ``(ny, nx)``.
    max_iterations : int
        How often to clip at most.
    use_median : bool
        Whether the result is the median of the values kept, not their mean.

    Returns
    -------
    data : array of float64
        Shape ``(ny, nx)``; NaN where no value is finite.
    count : array of int
        How many values were kept.
    error : array of float64
        Standard error of `data`; NaN where it cannot be known.
    """
    values = np.asarray(values, dtype=np.float64)
    keep = np.isfinite(values)
    centre = _kept_median(values, keep)
    if clip is not None:
        floor = None if variance else np.median(_spread(values, keep), axis=1)[:, None]
        for _ in range(max_iterations):
            if variance:
                limit = clip**2 * variance(centre)
            else:
                limit = clip**2 * np.maximum(_spread(values, keep), floor) ** 2
            with np.errstate(invalid="ignore"):
                trial = keep & ((values - centre) ** 2 <= limit)
            trial = np.where(trial.any(axis=0), trial, keep)
            if (trial == keep).all():
                break
            keep = trial
            centre = _kept_median(values, keep)
    return _reduce(values, keep, centre, variance, use_median)


def _kept_median(values, keep):
    """Take the median over the frames of the values kept."""
    return sorted_median(np.where(keep, values, np.nan), 0)


def _spread(values, keep):
    """Estimate the standard deviation over the frames by the median absolute deviation."""
    kept = np.where(keep, values, np.nan)
    deviation = sorted_median(np.abs(kept - sorted_median(kept, 0)), 0)
    count = keep.sum(axis=0)
    factors = np.array([mad_correction(n) for n in range(len(values) + 1)])
    return MAD_TO_SIGMA * factors[count] * np.where(count > 0, deviation, 0.0)


def _reduce(values, keep, centre, variance, use_median):
    """Compute the result, the number of values and the error from the values kept."""
    count = keep.sum(axis=0)
    number = np.where(count > 0, count, np.nan)
    mean = np.where(keep, values - centre, 0.0).sum(axis=0) / number + centre
    if variance:
        each = np.broadcast_to(variance(centre), values.shape)
        error = np.sqrt(np.where(keep, each, 0.0).sum(axis=0)) / number
    else:
        squares = np.where(keep, (values - mean) ** 2, 0.0).sum(axis=0)
        error = np.sqrt(squares / np.where(count > 1, count - 1, np.nan) / number)
    if not use_median:
        return mean, count, error
    return centre, count, error * np.sqrt(number * median_variance(number))


def calibrate(
    ccd, *, bias=None, dark=None, dark_scale=1.0, flat=None, illumination=None, fringe=None,
    fringe_scale=1.0,
):  # fmt: skip
    """Subtract bias and dark, divide by flat and illumination, subtract the fringes.

    Parameters
    ----------
    ccd : array
        Overscan-corrected CCD of shape ``(ny, nx)``, in ADU.
    bias, dark, flat, illumination, fringe : array or None, optional
        Same shape; by default none.
    dark_scale, fringe_scale : float, optional
        Factors of dark and fringe. The default is 1.

    Returns
    -------
    data : array of float64
        The result; not divided where flat or illumination are not positive.
    unusable : array of bool
        True there, and where the result is not finite.
    """
    data = np.array(ccd, dtype=np.float64)
    if bias is not None:
        data -= bias
    if dark is not None:
        data -= dark_scale * np.asarray(dark, dtype=np.float64)
    response, usable = _response(data.shape, flat, illumination)
    data = np.where(usable, data / response, data)
    if fringe is not None:
        data -= fringe_scale * np.asarray(fringe, dtype=np.float64)
    return data, ~usable | ~np.isfinite(data)


def _response(shape, *factors):
    """Multiply the factors of the response; give it, 1 where unusable, and where it is usable."""
    response, usable = np.ones(shape), np.ones(shape, dtype=bool)
    for factor in factors:
        if factor is not None:
            factor = np.asarray(factor, dtype=np.float64)
            usable &= np.isfinite(factor) & (factor > 0)
            response *= np.where(usable, factor, 1.0)
    return np.where(usable, response, 1.0), usable


def local_signal(data):
    """Estimate the signal under each pixel from its neighbours.

    The pixel itself is left out, so that its noise does not weight it: a pixel
    that happens to be bright would otherwise count for less than its equals.
    Where light is peaked all neighbours are fainter: the cubic through two
    pixels on each side, ``(4 (p[-1] + p[1]) - p[-2] - p[2]) / 6``, follows a
    peak. There is one along the row and one along the column; the median of the
    two and of the median of the four nearest pixels withstands a neighbour, a
    row or a column that is wrong.

    Parameters
    ----------
    data : array
        Image of shape ``(ny, nx)``, at least 3 x 3. Values that are not finite
        count as 0. Beyond the edge it is mirrored about the last pixel.

    Returns
    -------
    array of float64
        The signal, in the unit of the data.
    """
    data = np.asarray(data, dtype=np.float64)
    padded = np.pad(np.where(np.isfinite(data), data, 0.0), 2, mode="reflect")
    ny, nx = data.shape

    def moved(dy, dx):
        return padded[2 + dy : 2 + dy + ny, 2 + dx : 2 + dx + nx]

    ways = (0, 1), (1, 0)
    nearest = [moved(sign * dy, sign * dx) for dy, dx in ways for sign in (-1, 1)]
    cubics = [
        (4 * (moved(-dy, -dx) + moved(dy, dx)) - moved(-2 * dy, -2 * dx) - moved(2 * dy, 2 * dx))
        / 6
        for dy, dx in ways
    ]
    return np.median([*cubics, np.median(nearest, axis=0)], axis=0)


def weight(
    data, *, masked, base_variance, gain, flat=None, illumination=None, dark=None, fringe=None,
    bias_error=0.0, flat_error=0.0, dark_scale=1.0, fringe_scale=1.0,
):  # fmt: skip
    """Compute the inverse variance of reduced pixels.

    With S the signal under the pixel (`local_signal`) and the fringe that was
    subtracted, f the flat times the illumination, and D the dark, ``variance =
    (base + bias_error^2 + max(S f + D, 0) / gain) / f^2 + (S flat_error / flat)^2``.

    Parameters
    ----------
    data : array
        Reduced image of shape ``(ny, nx)``, in ADU.
    masked : array of bool
        Pixels of weight 0.
    base_variance, gain : float or array
        Variance of read noise and overscan level in ADU^2, and e-/ADU.
    flat, illumination : array or None, optional
        What it was divided by; by default 1.
    dark, fringe : array or None, optional
        What was subtracted, with their factors; by default 0.
    bias_error, flat_error : float or array, optional
        Standard errors of bias (ADU) and flat; 0 where not finite.
    dark_scale, fringe_scale : float, optional
        Factors of dark and fringe. The default is 1.

    Returns
    -------
    array of float64
        Weights in ADU^-2, 0 where masked or where the variance is not known.
    """
    signal = local_signal(data)
    if fringe is not None:
        signal = signal + fringe_scale * np.asarray(fringe, dtype=np.float64)
    f, usable = _response(data.shape, flat, illumination)
    own = _response(data.shape, flat)[0]
    counts = signal * f
    if dark is not None:
        counts = counts + dark_scale * np.asarray(dark, dtype=np.float64)
    bias_error, flat_error = (
        np.where(np.isfinite(e), e, 0.0).astype(np.float64) for e in (bias_error, flat_error)
    )
    variance = base_variance + np.square(bias_error) + np.maximum(counts, 0.0) / gain
    variance = variance / f**2 + np.square(signal * flat_error / own)
    usable &= np.isfinite(data) & ~np.asarray(masked, dtype=bool)
    usable &= np.isfinite(variance) & (variance > 0)
    return np.where(usable, 1.0 / np.where(usable, variance, 1.0), 0.0)
