"""Compiled kernels of the pixel steps: float32, without the GIL, in the same order every time."""

import math

import numpy as np
from numba import njit

__all__ = ["calibrate", "centre_and_spread", "clip_and_reduce", "weight"]

_FEW = 20
_LARGEST = np.finfo(np.float32).max
_OPTIONS = {"nogil": True, "cache": True, "error_model": "numpy"}


@njit(**_OPTIONS)
def _apply_network(rows, low, high, n):
    """Run the comparators over all columns at once: plain loops over two rows vectorise."""
    for c in range(low.size):
        a = rows[low[c]]
        b = rows[high[c]]
        for x in range(n):
            p = a[x]
            q = b[x]
            a[x] = p if p < q else q
            b[x] = q if p < q else p


@njit(**_OPTIONS)
def _select(buffer, n, k):
    """Bring the value of rank k of the first n to place k, the lesser before it (Hoare)."""
    low, high = 0, n - 1
    while low < high:
        pivot = buffer[(low + high) // 2]
        i, j = low, high
        while i <= j:
            while buffer[i] < pivot:
                i += 1
            while pivot < buffer[j]:
                j -= 1
            if i <= j:
                buffer[i], buffer[j] = buffer[j], buffer[i]
                i += 1
                j -= 1
        if j < k:
            low = i
        if k < i:
            high = j


@njit(**_OPTIONS)
def _median(buffer, n):
    """Give the median of the first n values, which change their order."""
    k = n // 2
    if n <= _FEW:
        # Insertion is the fastest way to sort few values.
        for i in range(1, n):
            value = buffer[i]
            place = i
            while place > 0 and buffer[place - 1] > value:
                buffer[place] = buffer[place - 1]
                place -= 1
            buffer[place] = value
        return 0.5 * (buffer[(n - 1) // 2] + buffer[k])
    _select(buffer, n, k)
    if n % 2:
        return buffer[k]
    below = buffer[0]
    for i in range(1, k):
        below = max(below, buffer[i])
    return 0.5 * (below + buffer[k])


@njit(**_OPTIONS)
def _median_of(values, n, scratch):
    """Give the median of the first n values, which keep their order."""
    for i in range(n):
        scratch[i] = values[i]
    return _median(scratch, n)


@njit(**_OPTIONS)
def _scaled_mad(values, n, centre, factors, scratch):
    """Give the scaled median absolute deviation of n values."""
    for i in range(n):
        scratch[i] = abs(values[i] - centre)
    return _median(scratch, n) * factors[n] if n > 0 else 0.0


@njit(**_OPTIONS)
def centre_and_spread(values, low, high, factors, lanes, centre, spread):
    """Compute the median and the scaled MAD of each pixel over all frames.

    Parameters
    ----------
    values : array of float32
        Shape ``(n, pixels)``.
    low, high : array of int64
        Comparators of `median_network`.
    factors : array of float64
        What turns the MAD of 0 ... n values into a standard deviation.
    lanes : int
        How many pixels are worked on at once.
    centre : array of float32
        Filled with the medians; NaN where no value is finite.
    spread : array of float32
        Filled with the spreads; of size 0 where they are not wanted.
    """
    n, pixels = values.shape
    rows = np.empty((n, lanes), dtype=np.float32)
    odd = np.empty(lanes, dtype=np.bool_)
    buffer, scratch = np.empty(n), np.empty(n)
    half = np.float32(0.5)
    factor = np.float32(factors[n])
    for start in range(0, pixels, lanes):
        width = min(lanes, pixels - start)
        middle = centre[start : start + width]
        odd[:] = False
        for k in range(n):
            source = values[k, start : start + width]
            row = rows[k]
            for x in range(width):
                v = source[x]
                row[x] = v
                odd[x] |= v - v != 0
        _apply_network(rows, low, high, width)
        a, b = rows[(n - 1) // 2], rows[n // 2]
        for x in range(width):
            middle[x] = half * (a[x] + b[x])
        if spread.size:
            for k in range(n):
                source = values[k, start : start + width]
                row = rows[k]
                for x in range(width):
                    row[x] = abs(source[x] - middle[x])
            _apply_network(rows, low, high, width)
            for x in range(width):
                spread[start + x] = factor * half * (a[x] + b[x])
        for x in range(width):
            if odd[x]:
                m = 0
                for k in range(n):
                    v = values[k, start + x]
                    if v - v == 0:
                        buffer[m] = v
                        m += 1
                c = _median(buffer, m) if m > 0 else np.nan
                middle[x] = c
                if spread.size:
                    spread[start + x] = _scaled_mad(buffer, m, c, factors, scratch)


@njit(**_OPTIONS)
def _clip_once(work, n, centre, base, inverse_gain, clip, model, factors):
    """Move the values to keep, with their scales, to the front; give their number."""
    value, scale, scratch = work[0], work[1], work[2]
    light = inverse_gain * max(centre, 0.0)
    limit = clip * clip
    if not model:
        limit *= max(base, _scaled_mad(value, n, centre, factors, scratch) ** 2)
    m = 0
    for i in range(n):
        s = scale[i]
        d = value[i] - centre
        if d * d <= (limit * (base * s + light) * s if model else limit):
            # Swapped, not copied: where none is to be kept, all are still there.
            value[i], value[m] = value[m], value[i]
            scale[i], scale[m] = scale[m], s
            m += 1
    return m


@njit(**_OPTIONS)
def _pixel(values, p, scales, base, inverse_gain, clip, steps, model, factors, work):
    """Combine one pixel by the letter in float64; give mean, centre, number and error."""
    value, scale, scratch = work[0], work[1], work[2]
    n = 0
    for k in range(values.shape[0]):
        v = values[k, p]
        if v - v == 0:
            value[n] = v
            scale[n] = scales[k]
            n += 1
    if n == 0:
        return np.nan, np.nan, 0, np.nan
    centre = _median_of(value, n, scratch)
    for _ in range(steps if clip < np.inf else 0):
        m = _clip_once(work, n, centre, base, inverse_gain, clip, model, factors)
        if m == 0 or m == n:
            break
        n = m
        centre = _median_of(value, n, scratch)
    total = 0.0
    for i in range(n):
        total += value[i] - centre
    mean = centre + total / n
    square = 0.0
    for i in range(n):
        if model:
            square += (base * scale[i] + inverse_gain * max(centre, 0.0)) * scale[i]
        else:
            square += (value[i] - mean) ** 2 / (n - 1) * n
    return mean, centre, n, math.sqrt(square) / n if n > 1 or model else np.nan


@njit(**_OPTIONS)
def _limits(centre, base, inverse_gain, spread, clip, model, lane):
    """Fill the first two lanes with the squared limits: their constant, and their slope."""
    fixed, slope = lane[0], lane[1]
    zero = np.float32(0)
    # A little less than the limit, so that what rounding could decide goes one by one.
    square = np.float32(clip * clip * 0.9999)
    if model:
        for x in range(centre.size):
            c = centre[x]
            fixed[x] = square * base[x]
            slope[x] = square * inverse_gain[x] * (c if c > zero else zero)
    else:
        for x in range(centre.size):
            s = spread[x] * spread[x]
            fixed[x] = square * (s if s > base[x] else base[x])
            slope[x] = zero


@njit(**_OPTIONS)
def _sums(values, start, centre, scales, model, lane, odd):
    """Sum the differences from the centre, and mark pixels with one beyond its limit."""
    fixed, slope, first, second = lane[0], lane[1], lane[2], lane[3]
    width = centre.size
    first[:] = 0
    second[:] = 0
    odd[:] = False
    for k in range(values.shape[0]):
        source = values[k, start : start + width]
        s1 = np.float32(scales[k]) if model else np.float32(1)
        s2 = s1 * s1
        for x in range(width):
            d = source[x] - centre[x]
            dd = d * d
            odd[x] |= not (dd <= fixed[x] * s2 + slope[x] * s1)
            first[x] += d
            second[x] += dd


@njit(**_OPTIONS)
def _averages(
    n, centre, base, inverse_gain, scales, use_median, model, widening, lane, data, error
):
    """Compute mean or median and error of all pixels as if no value were left out."""
    first, second = lane[2], lane[3]
    zero = np.float32(0)
    share = np.float32(0 if use_median else 1 / n)
    for x in range(centre.size):
        data[x] = centre[x] + first[x] * share
    wide = np.float32(widening[n] if use_median else 1)
    if model:
        a = np.float32((scales * scales).sum() / n / n)
        b = np.float32(scales.sum() / n / n)
        for x in range(centre.size):
            c = centre[x]
            variance = base[x] * a + inverse_gain[x] * (c if c > zero else zero) * b
            error[x] = wide * np.sqrt(variance)
    elif n > 1:
        a, b = np.float32(1 / n), np.float32(1 / (n - 1) / n)
        for x in range(centre.size):
            rest = second[x] - first[x] * first[x] * a
            error[x] = wide * np.sqrt((rest if rest > zero else zero) * b)
    else:
        error[:] = np.nan


@njit(**_OPTIONS)
def clip_and_reduce(
    values, centre, spread, base, inverse_gain, scales, clip, steps, use_median, model,
    factors, widening, lanes, data, kept, error,
):  # fmt: skip
    """Clip, count and average each pixel over all frames.

    Pixels of which no value can be rejected are done many at once; the others
    go one by one through the definition.

    Parameters
    ----------
    values : array of float32
        Shape ``(n, pixels)``.
    centre, spread : array of float32
        From `centre_and_spread`.
    base, inverse_gain : array of float32
        Of the noise model: read noise squared and ADU per electron. Without
        the model, `base` is the least variance and `inverse_gain` is not used.
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
    lanes : int
        How many pixels are worked on at once.
    data, kept, error : array
        Filled with the results.
    """
    n, pixels = values.shape
    work = np.empty((3, n))
    lane = np.empty((4, lanes), dtype=np.float32)
    odd = np.empty(lanes, dtype=np.bool_)
    clips = clip < np.inf and steps > 0
    for start in range(0, pixels, lanes):
        width = min(lanes, pixels - start)
        stop = start + width
        middle, low = centre[start:stop], base[start:stop]
        light = inverse_gain[start:stop]
        # Finite, so that an infinite value is beyond it.
        lane[0] = _LARGEST
        lane[1] = 0
        if clips:
            _limits(middle, low, light, spread[start:stop], clip, model, lane)
        _sums(values, start, middle, scales, model, lane, odd)
        mean, noise, number = data[start:stop], error[start:stop], kept[start:stop]
        _averages(n, middle, low, light, scales, use_median, model, widening, lane, mean, noise)
        number[:] = n
        for x in range(width):
            if odd[x]:
                average, mid, m, sigma = _pixel(
                    values, start + x, scales, low[x], light[x],
                    clip, steps, model, factors, work,
                )  # fmt: skip
                mean[x] = mid if use_median else average
                number[x] = m
                noise[x] = sigma * widening[m] if use_median else sigma


@njit(**_OPTIONS)
def calibrate(data, bias, flat, mask, bit):
    """Subtract the bias and divide by the flat, in place.

    Parameters
    ----------
    data : array of float32
        Shape ``(ny, nx)``, changed.
    bias, flat : array of float32
        Same shape, or of size 0 for none.
    mask : array of uint8
        Same shape; gets `bit` where the flat is not positive or the result not
        finite.
    bit : int
        The bit.
    """
    ny, nx = data.shape
    flag = np.uint8(bit)
    zero = np.float32(0)
    one = np.float32(1)
    for y in range(ny):
        row = data[y]
        marks = mask[y]
        if bias.size:
            level = bias[y]
            for x in range(nx):
                row[x] -= level[x]
        if flat.size:
            response = flat[y]
            for x in range(nx):
                f = response[x]
                usable = (f > zero) & (f < np.float32(np.inf))
                row[x] /= f if usable else one
                marks[x] |= np.uint8(0) if usable else flag
        for x in range(nx):
            v = row[x]
            marks[x] |= np.uint8(0) if v - v == zero else flag


@njit(**_OPTIONS)
def _order(a, b):
    """Give two values in ascending order."""
    less = a if a < b else b
    more = b if a < b else a
    return less, more


@njit(**_OPTIONS)
def _median_of_eight(a, b, c, d, e, f, g, h):
    """Give the mean of the fourth and fifth of eight values.

    Two groups of four are sorted; of the merged eight only the middle two are
    formed: the greatest of the lower and the least of the upper half.
    """
    a, b = _order(a, b)
    c, d = _order(c, d)
    a, c = _order(a, c)
    b, d = _order(b, d)
    b, c = _order(b, c)
    e, f = _order(e, f)
    g, h = _order(g, h)
    e, g = _order(e, g)
    f, h = _order(f, h)
    f, g = _order(f, g)
    # Of two ascending fours, min(x_i, y_{3-i}) are the lower half, max the upper.
    p0, q0 = _order(a, h)
    p1, q1 = _order(b, g)
    p2, q2 = _order(c, f)
    p3, q3 = _order(d, e)
    below = _order(_order(p0, p1)[1], _order(p2, p3)[1])[1]
    above = _order(_order(q0, q1)[0], _order(q2, q3)[0])[0]
    return np.float32(0.5) * (below + above)


@njit(**_OPTIONS)
def _copy_padded(data, y, left, right, target):
    """Copy a row and one column on each side, mirrored at the edges; not finite becomes 0."""
    nx = data.shape[1]
    row = data[y]
    zero = np.float32(0)
    # Views that start at 0: an index that could be negative would not vectorise.
    source, inner = row[left:right], target[1 : right - left + 1]
    for x in range(right - left):
        v = source[x]
        inner[x] = v if v - v == zero else zero
    before = row[left - 1] if left > 0 else row[1]
    after = row[right] if right < nx else row[nx - 2]
    target[0] = before if before - before == zero else zero
    target[right - left + 1] = after if after - after == zero else zero


@njit(**_OPTIONS)
def _copy_row(array, y, left, right, target):
    """Copy a row of an array, or spread the one value of an array of one pixel."""
    if array.size == 1:
        target[:] = array[0, 0]
        return
    # A loop compiles much faster than the assignment of a slice.
    source = array[y, left:right]
    for x in range(right - left):
        target[x] = source[x]


@njit(**_OPTIONS)
def weight(
    data, flat, bias_error, flat_error, mask, base, inverse_gain,
    bottom, top, left, right, result,
):  # fmt: skip
    """Compute the inverse variance of the pixels of one amplifier.

    Parameters
    ----------
    data : array of float32
        Reduced CCD of shape ``(ny, nx)``.
    flat, bias_error, flat_error : array of float32
        Same shape, or one pixel for a constant.
    mask : array of uint8
        Same shape; not zero for weight 0.
    base, inverse_gain : float
        Variance without light in ADU^2, and ADU per electron.
    bottom, top, left, right : int
        The amplifier's rows and columns, half-open.
    result : array of float32
        Filled there.
    """
    ny = data.shape[0]
    width = right - left
    ring = np.empty((3, width + 2), dtype=np.float32)
    # One scratch array instead of many: with few pointers the loop vectorises.
    work = np.empty((4, width), dtype=np.float32)
    zero = np.float32(0)
    fixed, slope = np.float32(base), np.float32(inverse_gain)
    for y in range(bottom, top):
        for k in range(3):
            source = abs(y + k - 1)
            source = source if source < ny else 2 * (ny - 1) - source
            _copy_padded(data, source, left, right, ring[k])
        _copy_row(flat, y, left, right, work[0])
        _copy_row(bias_error, y, left, right, work[1])
        _copy_row(flat_error, y, left, right, work[2])
        lower, middle, upper, signals = ring[0], ring[1], ring[2], work[3]
        for x in range(width):
            signals[x] = _median_of_eight(
                lower[x], lower[x + 1], lower[x + 2], middle[x], middle[x + 2],
                upper[x], upper[x + 1], upper[x + 2],
            )  # fmt: skip
        pixels = data[y, left:right]
        marks = mask[y, left:right]
        target = result[y, left:right]
        for x in range(width):
            f = work[0, x]
            signal = work[3, x]
            counts = signal * f
            noise = signal * work[2, x]
            variance = fixed + work[1, x] * work[1, x] + (counts if counts > zero else zero) * slope
            inverse = f * f / (variance + noise * noise)
            usable = (f > zero) & (marks[x] == 0) & (pixels[x] - pixels[x] == zero)
            usable &= (inverse > zero) & (inverse < np.float32(np.inf))
            target[x] = inverse if usable else zero
