"""Searches for hot pixels in biases and darks, and for cold pixels in flats."""

import numpy as np

from awe.base.errors import AweValueError
from awe.pixels import ref_badpixels
from awe.pixels.backend import kernels
from awe.pixels.stats import MAD_TO_SIGMA

__all__ = ["cold_pixels", "hot_pixels", "local_median"]

# Distances of what is looked at. They are not multiples of one number: so what was found of a
# wide group, and replaced, helps to find the rest.
_STEPS = (2, 5, 7)
# Cold pixels are looked for among close neighbours, since the shadows of dust have edges; and
# those of groups that are wider than that, which deviate by so much more, among distant ones.
_NEAR, _FAR, _DEEPER = (1, 2, 3), (4, 9, 13), 2.0
_SAMPLES = 1 << 17
_LINE = 512


def local_median(image, steps=_STEPS):
    """Compute the local median of an image: that of seven medians of seven pixels.

    Along y and then along x the seven are the pixel itself and those at three
    distances on both sides. Three bad ones of seven have no effect: neither a bad
    column nor a cluster moves the result. Beyond the edge the image is mirrored
    about the last pixel.

    Parameters
    ----------
    image : array
        Finite numbers, shape ``(ny, nx)``.
    steps : sequence of int, optional
        Three distances in pixels, ascending. The default is (2, 5, 7).

    Returns
    -------
    array of float32
        Same shape.
    """
    image = np.ascontiguousarray(image, dtype=np.float32)
    if kernels("badpixels") is None:
        return ref_badpixels.local_median(image, steps).astype(np.float32)
    ny, nx = image.shape
    offsets, reach = ref_badpixels.offsets(steps), steps[-1]
    rows = ref_badpixels.mirrored(np.arange(ny)[:, None] + offsets, ny)
    columns = ref_badpixels.mirrored(np.arange(-reach, nx + reach), nx)
    result = np.empty_like(image)
    kernels("badpixels").local_median(image, rows, columns, offsets, result)
    return result


def hot_pixels(
    bias, error=None, *, dark=None, dark_error=None, threshold=6.0, max_iterations=5
):  # fmt: skip
    """Find the hot pixels of a CCD in its master bias, and in its master dark.

    A pixel is hot where it lies above its local median (`local_median`) by more
    than `threshold` standard deviations. Structure of the bias that is larger
    than some pixels does not matter therefore, nor the level that each column and
    each row has of its own where it does not stand out itself. The standard deviation is the
    scatter of the image about its local medians (MAD); with errors, it follows
    them from pixel to pixel. What was found is replaced by its local median, and
    the search repeated, until no more is found: so a group is found whole.

    Parameters
    ----------
    bias : array
        Master bias of shape ``(ny, nx)``, in ADU. A pixel that is not a finite
        number is hot.
    error : array, optional
        Its standard errors. By default they are equal.
    dark, dark_error : array, optional
        Master dark in ADU/s, and its standard errors. By default none.
    threshold : float, optional
        Limit in standard deviations. The default is 6: at 5 the noise of 9 million
        pixels alone gives some.
    max_iterations : int, optional
        How often to search at most. The default is 5.

    Returns
    -------
    array of bool
        True where a pixel is hot.

    Raises
    ------
    AweValueError
        Shapes differ, or there is no finite pixel.
    """
    hot = _search(bias, error, "bias", threshold, max_iterations)
    if dark is not None:
        _check_shape(dark, np.shape(bias), "dark")
        hot |= _search(dark, dark_error, "dark", threshold, max_iterations)
    return hot


def cold_pixels(flat, low=0.94, high=1.06, *, error=None, threshold=5.0, max_iterations=5):
    """Find the pixels of a flat that deviate from their neighbours, bright ones too.

    A pixel is cold where its ratio to its local median (`local_median`) lies
    outside `low` to `high`, and the difference exceeds `threshold` standard
    deviations, so that a noisy flat does not give thousands. The standard
    deviation and the repetitions are those of `hot_pixels`. The pixels of the local
    median are neighbours; where the median of pixels up to 13 pixels away is taken,
    the deviation must be twice as large: wide groups are found, the shadows of dust
    are not.

    Parameters
    ----------
    flat : array
        Shape ``(ny, nx)``, any unit. A pixel that is not a positive number is cold.
    low, high : float, optional
        Ratios that are accepted. The defaults are 0.94 and 1.06.
    error : array, optional
        Standard errors of the flat. By default they are equal.
    threshold : float, optional
        Limit in standard deviations. The default is 5.
    max_iterations : int, optional
        How often to search at most. The default is 5.

    Returns
    -------
    array of bool
        True where a pixel is cold.

    Raises
    ------
    AweValueError
        Shapes differ, there is no positive pixel, or `low` is not below `high`.
    """
    if not 0 <= low < 1 < high:
        msg = f"Cold pixels lie outside low < 1 < high; low is {low!r}, high is {high!r}."
        raise AweValueError(msg)
    flat = np.asarray(flat, dtype=np.float32)
    with np.errstate(invalid="ignore"):
        usable = (flat > 0) & np.isfinite(flat)
    if not usable.any():
        msg = f"The flat of shape {flat.shape} has no pixel that is a positive number."
        raise AweValueError(msg)

    flat = np.where(usable, flat, np.float32(np.nan))
    cold = ~usable
    for steps, factor in ((_NEAR, 1.0), (_FAR, _DEEPER)):
        ratios = 1 + factor * (low - 1), 1 + factor * (high - 1)
        cold |= _search(flat, error, "flat", threshold, max_iterations, ratios, steps)
    return cold


def _search(
    image, error, name, threshold, max_iterations, ratios=(None, None), steps=_STEPS
):  # fmt: skip
    """Find pixels that stand out from their local medians, until no more are found."""
    image = np.ascontiguousarray(image, dtype=np.float32)
    if image.ndim != 2:
        msg = f"The {name} needs a shape (ny, nx), not {image.shape}."
        raise AweValueError(msg)
    if error is not None:
        _check_shape(error, image.shape, name)
    bad = ~np.isfinite(image)
    if bad.all():
        msg = f"The {name} of shape {image.shape} has no pixel that is a finite number."
        raise AweValueError(msg)
    if bad.any():
        image = np.where(bad, np.median(image[~bad]), image)
    if ratios[0] is None:
        image = _level_lines(image, bad, steps, threshold)
    filled = image.copy()
    sigma = None
    for _ in range(max_iterations):
        median = local_median(filled, steps)
        if sigma is None:
            sigma = _sigma(image, median, bad, error)
        if not _mark(image, median, *sigma, threshold, ratios, bad, filled):
            break
    return bad


def _level_lines(image, bad, steps, threshold):
    """Subtract the levels of columns and rows that do not stand out themselves."""
    difference = image - local_median(image, steps)
    limit = threshold * _scatter(_sample(difference)[~_sample(bad)])
    levels = []
    for axis in (0, 1):
        step = max(1, image.shape[axis] // _LINE)
        part = difference[::step] if axis == 0 else difference[:, ::step]
        level = np.median(part, axis=axis, keepdims=True)
        levels.append(np.where(np.abs(level) < limit, level, np.float32(0)))
    return image - levels[0] - levels[1]


def _mark(image, median, error, typical, factor, threshold, ratios, bad, filled):
    """Mark what stands out in `bad`, and replace it in `filled`; give the number."""
    low, high = ratios
    limit = threshold * factor
    if kernels("badpixels") is None:
        known = (error > 0) & np.isfinite(error)
        limits = limit * np.where(known, error, typical)
        found = ref_badpixels.stands_out(image, median, limits, low, high) & ~bad
        bad |= found
        filled[found] = median[found]
        return np.count_nonzero(found)
    relative = low is not None
    down, up = (low - 1, high - 1) if relative else (0.0, 0.0)
    return kernels("badpixels").mark(
        image, median, error, typical, limit, relative, down, up, bad, filled
    )  # fmt: skip


def _sigma(image, median, bad, error):
    """Give the errors, that of a pixel without one, and what the scatter is in their unit."""
    good = ~_sample(bad)
    difference = (_sample(image) - _sample(median))[good]
    if error is not None:
        error = np.ascontiguousarray(error, dtype=np.float32)
        sample = _sample(error)[good]
        with np.errstate(invalid="ignore"):
            known = (sample > 0) & (sample < np.inf)
        if known.any():
            typical = float(np.median(sample[known]))
            return error, typical, _scatter(difference[known] / sample[known])
    return np.ones((1, 1), dtype=np.float32), 1.0, _scatter(difference)


def _scatter(values):
    """Measure the scatter about 0 by the MAD."""
    return float(MAD_TO_SIGMA * np.median(np.abs(values))) if values.size else np.inf


def _sample(image):
    """Take pixels of all rows and columns alike."""
    flat = image.ravel()
    # Odd, so that the sample does not stay in some columns of an even number of them.
    return flat[:: (flat.size // _SAMPLES) | 1]


def _check_shape(array, shape, name):
    if np.shape(array) != tuple(shape):
        msg = f"Shapes of the {name} differ: {np.shape(array)} instead of {tuple(shape)}."
        raise AweValueError(msg)
