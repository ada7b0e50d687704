"""Compiled kernels of the combination: the values of each pixel sorted, many pixels at once."""

import math

import numpy as np
from numba import njit

__all__ = ["LANES", "STRIDE", "clip_and_reduce", "order", "row_medians"]

_OPTIONS = {"nogil": True, "cache": True, "error_model": "numpy"}
LANES = 512
"""How many pixels are sorted at once: ten frames of them fit into the nearest cache."""
STRIDE = LANES + 16
"""Distance of the frames in a tile: a power of two would put all into one line of the cache."""
BINS = 2048
"""Slots in which `_row_median` counts; their mean is at a quarter of them."""
_LARGEST = np.finfo(np.float32).max


# All lanes for each comparator: fewer at a time would stay in a nearer cache, but was measured to
# be slower, because the loops become short.
@njit(**_OPTIONS)
def _sort_lanes(lanes, low, high):
    """Run the comparators over all lanes: places without a sign let the loop vectorise."""
    for c in range(low.size):
        a, b = np.uint64(low[c] * STRIDE), np.uint64(high[c] * STRIDE)
        for x in range(np.uint64(LANES)):
            p = lanes[a + x]
            q = lanes[b + x]
            lanes[a + x] = p if p < q else q
            lanes[b + x] = q if p < q else p


@njit(**_OPTIONS)
def _load(values, start, width, lanes, count):
    """Copy the values of some pixels into lanes, infinity for what is not finite; count the rest.

    Give whether all of them are finite.
    """
    n = values.shape[0]
    infinity, zero, one, none = np.float32(np.inf), np.float32(0), np.uint16(1), np.uint16(0)
    odd = 0
    for k in range(n):
        source = values[k, start : start + width]
        target = lanes[k * STRIDE : k * STRIDE + width]
        for x in range(width):
            v = source[x]
            finite = v - v == zero
            target[x] = v if finite else infinity
            odd += not finite
    count[:] = n
    if odd:
        count[:] = 0
        for k in range(n):
            target = lanes[k * STRIDE : k * STRIDE + width]
            for x in range(width):
                count[x] += one if target[x] < infinity else none
    return odd == 0


@njit(**_OPTIONS)
def _deviation(column, start, n, centre):
    """Give the median of the absolute deviations of n ascending values.

    The r + 1 values nearest to the centre are neighbours: the deviation of rank
    r is the least that the ends of r + 1 neighbours have.
    """
    total = 0.0
    for rank in ((n - 1) // 2, n // 2):
        least = np.inf
        for i in range(start, start + n - rank):
            least = min(least, max(centre - column[i], column[i + rank] - centre))
        total += 0.5 * least
    return total


@njit(**_OPTIONS)
def _deviations(lanes, n, centre, factor, scratch, spread):
    """Compute what `_deviation` gives, scaled, for all lanes."""
    half = np.float32(0.5 * factor)
    spread[:] = 0
    for rank in ((n - 1) // 2, n // 2):
        scratch[:] = np.float32(np.inf)
        for i in range(n - rank):
            a, b = np.uint64(i * STRIDE), np.uint64((i + rank) * STRIDE)
            for x in range(np.uint64(spread.size)):
                below = centre[x] - lanes[a + x]
                above = lanes[b + x] - centre[x]
                far = above if above > below else below
                scratch[x] = far if far < scratch[x] else scratch[x]
        for x in range(spread.size):
            spread[x] += half * scratch[x]


@njit(**_OPTIONS)
def _order(values, start, low, high, factors, lanes, column, scratch, centre, count, spread):
    """Sort the values of some pixels, and compute their medians and scaled MADs."""
    n, width = values.shape[0], centre.size
    whole = _load(values, start, width, lanes, count)
    _sort_lanes(lanes, low, high)
    half = np.float32(0.5)
    a, b = lanes[(n - 1) // 2 * STRIDE :], lanes[n // 2 * STRIDE :]
    for x in range(width):
        centre[x] = half * (a[x] + b[x])
    if spread.size:
        _deviations(lanes, n, centre, factors[n], scratch[:width], spread)
    for x in range(0 if whole else width):
        m = int(count[x])
        if m < n:
            for k in range(m):
                column[k] = lanes[k * STRIDE + x]
            c = 0.5 * (column[(m - 1) // 2] + column[m // 2]) if m > 0 else np.nan
            centre[x] = c
            if spread.size:
                spread[x] = factors[m] * _deviation(column, 0, m, c) if m > 0 else 0.0


@njit(**_OPTIONS)
def _clip_sorted(column, n, base, light_of, scale, clip, steps, model, factors):
    """Clip ascending values; give the first that is kept, the one after the last, the median."""
    first, last = 0, n
    centre = 0.5 * (column[(n - 1) // 2] + column[n // 2])
    square = clip * clip
    for _ in range(steps):
        m = last - first
        if model:
            limit = square * (base * scale + light_of * max(centre, 0.0)) * scale
        else:
            spread = factors[m] * _deviation(column, first, m, centre)
            limit = square * max(base, spread * spread)
        low, high = first, last
        while low < high and not (column[low] - centre) ** 2 <= limit:
            low += 1
        while high > low and not (column[high - 1] - centre) ** 2 <= limit:
            high -= 1
        if low == high or high - low == m:
            break
        first, last = low, high
        m = last - first
        centre = 0.5 * (column[first + (m - 1) // 2] + column[first + m // 2])
    return first, last, centre


@njit(**_OPTIONS)
def _pixel(column, n, base, light_of, scale, clip, steps, model, factors):
    """Combine the ascending values of one pixel; give mean, centre, number and error."""
    first, last, centre = _clip_sorted(
        column, n, base, light_of, scale, clip, steps if clip < np.inf else 0, model, factors
    )
    m = last - first
    total = square = 0.0
    for k in range(first, last):
        total += column[k] - centre
    mean = centre + total / m
    if model:
        square = m * (base * scale + light_of * max(centre, 0.0)) * scale
    elif m > 1:
        for k in range(first, last):
            square += (column[k] - mean) ** 2
        square *= m / (m - 1)
    else:
        square = np.nan
    return mean, centre, m, math.sqrt(square) / m


@njit(**_OPTIONS)
def _pair_median(value, n, scratch):
    """Give the median of n values, which keep their order."""
    for i in range(n):
        v = value[i]
        place = i
        while place > 0 and scratch[place - 1] > v:
            scratch[place] = scratch[place - 1]
            place -= 1
        scratch[place] = v
    return 0.5 * (scratch[(n - 1) // 2] + scratch[n // 2])


@njit(**_OPTIONS)
def _pixel_of_scales(values, p, scales, base, light_of, clip, steps, work):
    """Combine one pixel of frames of different scales; give mean, centre, number and error."""
    value, scale, scratch = work[0], work[1], work[2]
    n = 0
    for k in range(values.shape[0]):
        v = values[k, p]
        if v - v == 0:
            value[n] = v
            scale[n] = scales[k]
            n += 1
    centre = _pair_median(value, n, scratch)
    for _ in range(steps if clip < np.inf else 0):
        light = light_of * max(centre, 0.0)
        m = 0
        for i in range(n):
            s = scale[i]
            if (value[i] - centre) ** 2 <= clip * clip * (base * s + light) * s:
                # Swapped, not copied: where none is to be kept, all are still there.
                value[i], value[m] = value[m], value[i]
                scale[i], scale[m] = scale[m], s
                m += 1
        if m == 0 or m == n:
            break
        n = m
        centre = _pair_median(value, n, scratch)
    total = square = 0.0
    for i in range(n):
        total += value[i] - centre
        square += (base * scale[i] + light_of * max(centre, 0.0)) * scale[i]
    return centre + total / n, centre, n, math.sqrt(square) / n


@njit(**_OPTIONS)
def _limits(centre, base, light_of, spread, clip, model, least, limit):
    """Fill the squared limits, a little less, so that what rounding could decide goes one by one.

    Infinite values, which only few pixels have, are always beyond.
    """
    zero = np.float32(0)
    square = np.float32(clip * clip * 0.9999)
    for x in range(centre.size):
        if model:
            c = centre[x]
            far = square * (base[x] * least + light_of[x] * (c if c > zero else zero)) * least
        else:
            s = spread[x] * spread[x]
            far = square * (s if s > base[x] else base[x])
        limit[x] = far if far < np.float32(_LARGEST) else np.float32(_LARGEST)


@njit(**_OPTIONS)
def _spread_value(source, start, target):
    """Copy a part of an array, or spread its one value."""
    if source.size == 1:
        target[:] = source[0]
    else:
        part = source[start : start + target.size]
        for x in range(target.size):
            target[x] = part[x]


@njit(**_OPTIONS)
def _mean(n, middle, first, use_median, data):
    """Compute mean or median of some pixels as if no value were left out."""
    share = np.float32(0 if use_median else 1 / n)
    for x in range(data.size):
        data[x] = middle[x] + first[x] * share


@njit(**_OPTIONS)
def _model_error(n, middle, base, light_of, scales, use_median, widening, error):
    """Compute the error of some pixels by the noise model as if no value were left out."""
    zero = np.float32(0)
    wide = np.float32(widening[n] if use_median else 1)
    a = np.float32((scales * scales).sum() / n / n)
    b = np.float32(scales.sum() / n / n)
    for x in range(error.size):
        c = middle[x]
        error[x] = wide * np.sqrt(base[x] * a + light_of[x] * (c if c > zero else zero) * b)


@njit(**_OPTIONS)
def _scatter_error(n, first, second, use_median, widening, error):
    """Compute the error of some pixels by their scatter as if no value were left out."""
    zero = np.float32(0)
    wide = np.float32((widening[n] if use_median else 1) if n > 1 else np.nan)
    a, b = np.float32(1 / n), np.float32(1 / (max(n, 2) - 1) / n)
    for x in range(error.size):
        rest = second[x] - first[x] * first[x] * a
        error[x] = wide * np.sqrt((rest if rest > zero else zero) * b)


@njit(**_OPTIONS)
def _sums(lanes, n, middle, model, first, second):
    """Sum the differences from the centre, and without a noise model their squares."""
    first[:] = 0
    second[:] = 0
    width = middle.size
    for k in range(n):
        source = lanes[k * STRIDE : k * STRIDE + width]
        if model:
            for x in range(width):
                first[x] += source[x] - middle[x]
        else:
            for x in range(width):
                d = source[x] - middle[x]
                first[x] += d
                second[x] += d * d


@njit(**_OPTIONS)
def _row_median(row, slots, counts):
    """Give the median of numbers that are not negative.

    They are counted in slots, and only those in the slots of the median are
    sorted.
    """
    total = np.float64(0)
    for x in range(row.size):
        total += row[x]
    scale = np.float32(BINS / 4 * row.size / total) if total > 0 else np.float32(0)
    if not (scale > 0 and scale < np.inf):
        return np.float32(np.median(row))
    highest = np.float32(BINS - 1)
    for x in range(row.size):
        slot = row[x] * scale
        slots[x] = np.int32(slot if slot < highest else highest)
    counts[:] = 0
    for x in range(row.size):
        counts[slots[x]] += 1
    return _median_of_slots(row, slots, counts)


@njit(**_OPTIONS)
def _median_of_slots(row, slots, counts):
    """Give the median of a row whose values were counted in slots."""
    ranks = (row.size - 1) // 2, row.size // 2
    below, first = 0, 0
    while below + counts[first] <= ranks[0]:
        below += counts[first]
        first += 1
    last, up_to = first, below + counts[first]
    while up_to <= ranks[1]:
        last += 1
        up_to += counts[last]
    found = np.empty(up_to - below, dtype=np.float32)
    m = 0
    for x in range(row.size):
        if first <= slots[x] <= last:
            found[m] = row[x]
            m += 1
    found.sort()
    return np.float32(0.5) * (found[ranks[0] - below] + found[ranks[1] - below])


@njit(**_OPTIONS)
def _find_odd(lanes, last, centre, limit, flags, found):
    """List the pixels of which the least or the greatest value is beyond the limit."""
    greatest = lanes[last * STRIDE :]
    for x in range(centre.size):
        below, above = centre[x] - lanes[x], greatest[x] - centre[x]
        far = below if below > above else above
        flags[x] = np.uint8(0 if far * far <= limit[x] else 1)
    m = 0
    for x in range(centre.size):
        found[m] = x
        m += flags[x]
    return m


@njit(**_OPTIONS)
def _reduce(
    values, start, lanes, centre, count, spread, scales, clip, steps, use_median, model, factors,
    widening, work, flags, found, pairs, data, kept, error,
):  # fmt: skip
    """Clip, count and average some pixels, of which `_order` has sorted the values."""
    n, width = values.shape[0], data.size
    least = scales.min()
    # Rows cut one by one: a part of all rows would not be contiguous, nor vectorise.
    fixed, light, limit = work[0, :width], work[1, :width], work[2, :width]
    first, second = work[3, :width], work[4, :width]
    limit[:] = _LARGEST
    if clip < np.inf and steps > 0:
        _limits(centre, fixed, light, spread, clip, model, np.float32(least), limit)
    _sums(lanes, n, centre, model, first, second)
    _mean(n, centre, first, use_median, data)
    if model:
        _model_error(n, centre, fixed, light, scales, use_median, widening, error)
    else:
        _scatter_error(n, first, second, use_median, widening, error)
    kept[:] = n
    column, mixed = pairs[0], model and scales.max() > least
    for i in range(_find_odd(lanes, n - 1, centre, limit, flags, found)):
        x = found[i]
        m = int(count[x])
        if m == 0:
            data[x], kept[x], error[x] = np.nan, 0, np.nan
            continue
        if mixed:
            average, mid, m, sigma = _pixel_of_scales(
                values, start + x, scales, fixed[x], light[x], clip, steps, pairs
            )
        else:
            for k in range(m):
                column[k] = lanes[k * STRIDE + x]
            average, mid, m, sigma = _pixel(
                column, m, fixed[x], light[x], least, clip, steps, model, factors
            )
        data[x] = mid if use_median else average
        kept[x] = m
        error[x] = sigma * widening[m] if use_median else sigma


# Sorting, floors and reduction stay apart: all in one function, the loops no longer vectorise.
@njit(**_OPTIONS)
def order(values, start, low, high, factors, ordered, centre, count, spread):
    """Sort the values of each pixel, many pixels at once, and find their median and scaled MAD.

    Parameters
    ----------
    values : array of float32
        Shape ``(n, pixels)``.
    start : int
        First pixel; `centre` says how many there are.
    low, high : array of int64
        Comparators of `sorting_network`.
    factors : array of float64
        What turns the MAD of 0 ... n values into a standard deviation.
    ordered : array of float32
        Shape ``(tiles, n STRIDE)``, filled tile by tile with the ascending values
        of `LANES` pixels, infinity for those that are not finite.
    centre : array of float32
        Filled with the medians; NaN where no value is finite.
    count : array of uint16
        Filled with the number of finite values.
    spread : array of float32
        Filled with the spreads; of size 0 where they are not wanted.
    """
    column, scratch = np.empty(values.shape[0]), np.empty(LANES, dtype=np.float32)
    for a in range(0, centre.size, LANES):
        b = min(a + LANES, centre.size)
        _order(
            values, start + a, low, high, factors, ordered[a // LANES], column, scratch,
            centre[a:b], count[a:b], spread[a:b],
        )  # fmt: skip


@njit(**_OPTIONS)
def row_medians(values, result):
    """Compute the median of each row of numbers that are not negative.

    Parameters
    ----------
    values : array of float32
        Shape ``(rows, columns)``, without NaN.
    result : array of float32
        Filled, one per row.
    """
    slots, counts = np.empty(values.shape[1], dtype=np.int32), np.empty(BINS, dtype=np.int32)
    for y in range(values.shape[0]):
        result[y] = _row_median(values[y], slots, counts)


@njit(**_OPTIONS)
def clip_and_reduce(
    values, start, ordered, centre, count, spread, base, light_of, scales, clip, steps, use_median,
    model, factors, widening, data, kept, error,
):  # fmt: skip
    """Clip, count and average each pixel over all frames.

    Pixels of which no value can be rejected are done many at once; the others
    go one by one through the definition.

    Parameters
    ----------
    values : array of float32
        Shape ``(n, pixels)``.
    start : int
        First pixel, as for `order`.
    ordered, centre, count, spread : array
        From `order`.
    base, light_of : array of float32
        Of the noise model: read noise squared and ADU per electron, of each
        pixel or one for all. Without the model, `base` is the least variance and
        `light_of` is not used.
    scales : array of float64
        Factor of each frame.
    clip : float
        Limit in standard deviations; infinite for none.
    steps : int
        How often to clip at most.
    use_median, model : bool
        Whether the result is the median; whether there is a noise model.
    factors, widening : array of float64
        Of 0 ... n values: what turns the MAD into a standard deviation, and
        the error of the mean into that of the median.
    data, kept, error : array
        Filled with the results, one axis.
    """
    work = np.zeros((5, LANES), dtype=np.float32)
    flags, found = np.empty(LANES, dtype=np.uint8), np.empty(LANES + 1, dtype=np.int64)
    pairs = np.empty((3, values.shape[0]))
    for a in range(0, centre.size, LANES):
        b = min(a + LANES, centre.size)
        _spread_value(base, a, work[0, : b - a])
        _spread_value(light_of, a, work[1, : b - a])
        _reduce(
            values, start + a, ordered[a // LANES], centre[a:b], count[a:b], spread[a:b], scales,
            clip, steps, use_median, model, factors, widening, work, flags, found, pairs,
            data[a:b], kept[a:b], error[a:b],
        )  # fmt: skip
