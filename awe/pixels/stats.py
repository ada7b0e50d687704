"""Statistics of images: the clipped mean, median and standard deviation, and robust helpers."""

from typing import NamedTuple

import numpy as np

from awe.base.errors import AweValueError
from awe.pixels.backend import kernels

__all__ = ["Imstat", "imstat"]

MAD_TO_SIGMA = 1.482602218505602
"""Standard deviation of a normal distribution over its median absolute deviation."""

_CHUNK = 1 << 18
_SAMPLE = 1 << 16
# By how much quantiles of the whole may differ from those of the sample: eight standard errors.
_MARGIN = 0.016
# Parts of the interval around the medians.
_GROUPS = 4096


class Imstat(NamedTuple):
    """Statistics of an image.

    Parameters
    ----------
    min, max : float
        Extremes of all good pixels, in the units of the image.
    mean, median, stdev : float
        Of the pixels that an iterated clip at 3 standard deviations leaves.
    npix : int
        Number of those pixels.
    minx, miny, maxx, maxy : int
        Column and row, counted from 0, of the first pixel (row by row) that
        has the minimum and the maximum.
    """

    min: float
    max: float
    mean: float
    median: float
    stdev: float
    npix: int
    minx: int
    miny: int
    maxx: int
    maxy: int


def imstat(array, mask=None, *, sigma=3.0, max_iterations=5):
    """Compute the statistics of an image with iterated clipping.

    Values further than `sigma` standard deviations from the median are left
    out, and this is repeated with the values that remain until none is left out
    or `max_iterations` are done: the rule of
    ``astropy.stats.sigma_clipped_stats(array, sigma=3, maxiters=5)``. Integers of
    at most 16 bits are counted in an exact histogram; other values are sorted,
    so that what remains after each clip is a slice.

    Parameters
    ----------
    array : array
        Image of shape ``(ny, nx)``, of any real type. NaN and infinite values
        are left out.
    mask : array of bool, optional
        Same shape, True where a pixel is bad. By default none is.
    sigma : float, optional
        Where to clip, in standard deviations. The default is 3.
    max_iterations : int, optional
        How often to clip at most. The default is 5.

    Returns
    -------
    Imstat
        The statistics.

    Raises
    ------
    AweValueError
        No pixel is good, the image has not two axes, or the mask has another shape.
    """
    array = np.asarray(array)
    if array.ndim != 2:
        msg = f"Statistics need an image of two axes (ny, nx), not an array of shape {array.shape}."
        raise AweValueError(msg)
    mask = _check_mask(mask, array.shape)
    if array.dtype == np.float32 and kernels() is not None and array.size > _SAMPLE:
        return _by_kernel(np.ascontiguousarray(array), mask, sigma, max_iterations)
    good = _good_pixels(array, mask)
    if array.size == 0 or (good is not None and not good.any()):
        raise _no_good_pixel(array.shape)
    low, high = _extremes(array, good)
    if array.dtype.kind in "iub" and array.dtype.itemsize <= 2:
        bins, counts = _histogram(array, good, (int(array[low]), int(array[high])))
        clipped = _clip_histogram(bins, counts, sigma, max_iterations)
    else:
        values = array.ravel() if good is None else array[good]
        clipped = clip_sorted(np.sort(values), sigma, max_iterations)
    return Imstat(
        float(array[low]), float(array[high]), *clipped,
        int(low[1]), int(low[0]), int(high[1]), int(high[0]),
    )  # fmt: skip


def _check_mask(mask, shape):
    """Give a mask as an array, or None, after a check of its shape."""
    if mask is None:
        return None
    mask = np.asarray(mask)
    if mask.shape != shape:
        msg = f"The mask has shape {mask.shape}, the image {shape}: they must be equal."
        raise AweValueError(msg)
    return mask


def _no_good_pixel(shape):
    """Make the error of an image without a good pixel."""
    return AweValueError(f"The image of shape {shape} has no good pixel, so it has no statistics.")


def _by_kernel(array, mask, sigma, max_iterations):
    """Compute the statistics of an image of float32 by the compiled kernels."""
    compiled = kernels("stats")
    values = array.reshape(-1)
    marks = np.empty(0, dtype=np.uint8)
    places = values.argmin(), values.argmax()
    if mask is not None or not np.isfinite(values[list(places)]).all():
        if mask is not None:
            mask = mask if mask.dtype in (bool, np.uint8) else mask != 0
            marks = np.ascontiguousarray(mask).view(np.uint8).reshape(-1)
        good = np.empty(values.size + 1, dtype=np.float32)
        good = good[: compiled.gather_good(values, marks, good)]
        if good.size == 0:
            raise _no_good_pixel(array.shape)
        places = [compiled.find_good(values, marks, v) for v in (good.min(), good.max())]
    else:
        good = values
    clipped = clip_values(good, sigma, max_iterations)
    low, high = (np.unravel_index(place, array.shape) for place in places)
    return Imstat(
        float(array[low]), float(array[high]), *clipped,
        int(low[1]), int(low[0]), int(high[1]), int(high[0]),
    )  # fmt: skip


def _good_pixels(array, mask):
    """Give the mask of the good pixels, or None where all are good."""
    good = None
    if array.dtype.kind == "f":
        good = np.isfinite(array)
        if good.all():
            good = None
    if mask is not None:
        good = mask == 0 if good is None else good & (mask == 0)
    return good


def _extremes(array, good):
    """Find where the first minimum and the first maximum of the good pixels are."""
    if good is None:
        places = array.argmin(), array.argmax()
    else:
        index = np.flatnonzero(good)
        values = array.ravel()[index]
        places = index[values.argmin()], index[values.argmax()]
    return [np.unravel_index(place, array.shape) for place in places]


def clip_sorted(values, sigma, max_iterations):
    """Clip sorted values; give mean, median, standard deviation and number of the rest."""
    start, stop = 0, len(values)
    for step in range(max_iterations + 1):
        kept = values[start:stop]
        n = len(kept)
        median = 0.5 * (float(kept[(n - 1) // 2]) + float(kept[n // 2]))
        mean, stdev = _moments(kept, median)
        if step == max_iterations:
            break
        # Compared in float64: float32 limits would move by their rounding.
        near = _first_not_below(kept, median - sigma * stdev)
        far = len(kept) - _first_not_below(-kept[::-1], -(median + sigma * stdev))
        if near == 0 and far == n:
            break
        start, stop = start + near, start + far
    return mean, median, stdev, stop - start


def clip_values(values, sigma, max_iterations):
    """Give what `clip_sorted` gives for finite values of float32 in any order, mostly unsorted.

    A sample tells roughly where the values will be clipped and where the
    medians will lie. So one pass over all values is enough: it sums those that
    are kept in any case, and collects those that are in doubt and those among
    which the medians are. Where the sample has misled, all are sorted.

    Parameters
    ----------
    values : array of float32
        One axis, all finite, at least one.
    sigma : float
        Where to clip, in standard deviations.
    max_iterations : int
        How often to clip at most.

    Returns
    -------
    mean, median, stdev : float
        Of the values kept.
    npix : int
        Their number.
    """
    found = None
    if kernels() is not None and values.size > _SAMPLE:
        found = _clip_by_sample(values, sigma, max_iterations)
    return clip_sorted(np.sort(values), sigma, max_iterations) if found is None else found


def _clip_by_sample(values, sigma, max_iterations):
    """Clip by one pass over all values; None where the sample has misled."""
    step = values.size // min(_SAMPLE, values.size // 8) | 1
    sample = np.sort(values[::step]).astype(np.float64)
    margin = _MARGIN * np.sqrt(_SAMPLE / len(sample))
    core, ranks, origin = _expect(sample, sigma, max_iterations, margin)
    edges = [ranks[0] - margin * len(sample), ranks[1] + margin * len(sample) + 1]
    bracket = [sample[int(np.clip(edge, 0, len(sample) - 1))] for edge in edges]
    outside = np.empty(values.size // 4 + 4096, dtype=np.float32)
    middle = np.empty(values.size // 6 + 4096, dtype=np.float32)
    compiled = kernels("stats")
    below, inside, out, between, first, second = compiled.scan(
        values, tuple(np.float32(core)), tuple(np.float32(bracket)), origin, outside, middle
    )
    if inside < 0:
        return None
    middle, ends = _grouped(middle[:between], bracket)
    lost = 0
    kept, first_out, second_out = out, *compiled.trim(outside[:out], -np.inf, np.inf, origin)[2:]
    for iteration in range(max_iterations + 1):
        n = inside + kept
        places = [rank + lost - below for rank in ((n - 1) // 2, n // 2)]
        if n == 0 or places[0] < 0 or places[1] >= between:
            return None
        median = 0.5 * sum(_ranked(middle, ends, place) for place in places)
        shift = (first + first_out) / n
        square = (second + second_out) / n
        mean, stdev = origin + shift, float(np.sqrt(max(square - shift * shift, 0.0)))
        low, high = median - sigma * stdev, median + sigma * stdev
        if iteration == max_iterations:
            break
        if low > np.float32(core[0]) or high < np.float32(core[1]):
            return None
        # A value once left out stays out, even where the limits move away again.
        rest, less, first_out, second_out = compiled.trim(outside[:kept], low, high, origin)
        if rest == kept:
            break
        kept, lost = rest, lost + less
    return mean, median, stdev, n


def _grouped(values, bracket):
    """Group values of an interval into narrow ones, in ascending order; give where each ends."""
    near, far = (float(edge) for edge in bracket)
    scale = _GROUPS / (far - near) if far > near else 0.0
    grouped, ends = np.empty_like(values), np.zeros(_GROUPS, dtype=np.int64)
    kernels("stats").group(values, near, scale, ends, grouped)
    return grouped, ends


def _ranked(grouped, ends, place):
    """Give the value that would be at a place if all were sorted."""
    group = int(np.searchsorted(ends, place, side="right"))
    start = int(ends[group - 1]) if group else 0
    return float(np.partition(grouped[start : ends[group]], place - start)[place - start])


def _expect(sample, sigma, max_iterations, margin):
    """Clip a sorted sample; give the core that every clip leaves, ranks of the medians, a mean."""
    start, stop = 0, len(sample)
    core, ranks = [-np.inf, np.inf], [len(sample), 0]
    for _ in range(max_iterations + 1):
        n = stop - start
        rank = start + n // 2
        ranks = [min(ranks[0], rank), max(ranks[1], rank)]
        median, mean, stdev = sample[rank], sample[start:stop].mean(), sample[start:stop].std()
        near, far = median - (sigma - margin * 8) * stdev, median + (sigma - margin * 8) * stdev
        core = [max(core[0], near), min(core[1], far)]
        first = max(start, int(np.searchsorted(sample, median - sigma * stdev)))
        last = min(stop, int(np.searchsorted(sample, median + sigma * stdev, side="right")))
        if first >= last:
            break
        start, stop = first, last
    return core, ranks, float(mean)


def _first_not_below(ascending, limit):
    """Find the first index at which ascending values are at least a limit in float64."""
    low, high = 0, len(ascending)
    while low < high:
        middle = (low + high) // 2
        if float(ascending[middle]) < limit:
            low = middle + 1
        else:
            high = middle
    return low


def _moments(values, origin):
    """Compute mean and standard deviation in float64 without a copy of all values."""
    first = second = 0.0
    for start in range(0, len(values), _CHUNK):
        part = values[start : start + _CHUNK].astype(np.float64)
        part -= origin
        first += part.sum()
        part *= part
        second += part.sum()
    shift = float(first / len(values))
    return origin + shift, float(np.sqrt(max(second / len(values) - shift * shift, 0.0)))


def _clip_histogram(values, counts, sigma, max_iterations):
    """Clip numbers that are there so many times; give what `clip_sorted` gives."""
    for step in range(max_iterations + 1):
        n = int(counts.sum())
        running = np.cumsum(counts)
        middle = np.searchsorted(running, [(n - 1) // 2, n // 2], side="right")
        median = float(values[middle].mean())
        mean = float(np.dot(values, counts) / n)
        stdev = float(np.sqrt(np.dot((values - mean) ** 2, counts) / n))
        keep = np.abs(values - median) <= sigma * stdev
        if step == max_iterations or keep.all():
            break
        values, counts = values[keep], counts[keep]
    return mean, median, stdev, n


def _histogram(array, good, extremes):
    """Count each value of integers of at most 16 bits; give the values and their counts."""
    lowest, highest = extremes
    if highest - lowest <= 1:
        # A map has two values at most: to compare is much faster than to count each.
        same = array == highest
        many = np.count_nonzero(same if good is None else same & good)
        whole = array.size if good is None else np.count_nonzero(good)
        counts = np.array([whole - many, many] if highest > lowest else [many], dtype=np.int64)
        return np.arange(lowest, highest + 1, dtype=np.float64), counts
    size = highest - lowest + 1
    counts = np.zeros(size, dtype=np.int64)
    rows = max(1, _CHUNK // max(array.shape[1], 1))
    for y in range(0, array.shape[0], rows):
        block = array[y : y + rows]
        block = block.ravel() if good is None else block[good[y : y + rows]]
        counts += np.bincount(block.astype(np.intp) - lowest, minlength=size)
    bins = np.flatnonzero(counts)
    return (bins + lowest).astype(np.float64), counts[bins]


def sorted_median(values, axis):
    """Compute the median along an axis without its NaN.

    Parameters
    ----------
    values : array
        Any real type.
    axis : int
        The axis that vanishes.

    Returns
    -------
    array of float64
        NaN where there is no number at all.
    """
    ordered = np.sort(values, axis=axis)
    ordered = np.moveaxis(ordered, axis, -1)
    if ordered.dtype.kind == "f":
        count = np.count_nonzero(~np.isnan(ordered), axis=-1)
    else:
        count = np.full(ordered.shape[:-1], ordered.shape[-1])
    low = np.maximum((count - 1) // 2, 0)[..., None]
    high = np.minimum(count // 2, ordered.shape[-1] - 1)[..., None]
    low, high = (np.take_along_axis(ordered, i, -1)[..., 0].astype(float) for i in (low, high))
    # For an even count of numbers followed by NaN, `high` is still a number.
    return np.where(count > 0, 0.5 * (low + high), np.nan)


def median_variance(count):
    """Give the variance of the median of normal values of variance 1.

    Parameters
    ----------
    count : int or array
        How many values the median is of.

    Returns
    -------
    float or array
        ``pi / (2 n + pi - 2)``: exact for one value and for many, within 2
        per cent for odd numbers between; for even ones somewhat too large.
    """
    return np.pi / (2 * np.asarray(count, dtype=float) + np.pi - 2)
