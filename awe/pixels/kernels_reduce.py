"""Compiled kernels of the reduction of one CCD: calibration, growth of masks, weights."""

import numpy as np
from numba import njit

__all__ = ["calibrate", "grow", "grow_marked", "unpack", "weight"]

_OPTIONS = {"nogil": True, "cache": True, "error_model": "numpy"}
MARK = 128
"""Bit of a mask by which `calibrate` marks pixels for `grow_marked`."""


@njit(**_OPTIONS)
def _level(profile, y, row):
    """Subtract the overscan level of a row of the raw data."""
    source = profile[y if profile.shape[0] > 1 else 0]
    if profile.shape[1] == 1:
        level = source[0]
        for x in range(row.size):
            row[x] -= level
    else:
        for x in range(row.size):
            row[x] -= source[x]


@njit(**_OPTIONS)
def _reverse(row):
    """Mirror a row in place."""
    last = row.size - 1
    for x in range(row.size // 2):
        row[x], row[last - x] = row[last - x], row[x]


@njit(**_OPTIONS)
def _subtract(plane, y, left, scale, row):
    """Subtract a scaled row of a plane, if there is a plane."""
    if plane.size:
        source = plane[y, left : left + row.size]
        for x in range(row.size):
            row[x] -= scale * source[x]


@njit(**_OPTIONS)
def _response(plane, y, left, response):
    """Multiply the response by a row of a plane; NaN where that is not positive or infinite."""
    if plane.size:
        source = plane[y, left : left + response.size]
        nothing = np.float32(np.nan)
        for x in range(response.size):
            f = source[x]
            usable = (f > np.float32(0)) & (f < np.float32(np.inf))
            response[x] *= f if usable else nothing


@njit(**_OPTIONS)
def unpack(stored, zero, left, flips, profile, bias, place, result):
    """Decode rows of one amplifier as they are stored, and subtract overscan and bias.

    Parameters
    ----------
    stored : array of uint16
        Big-endian integers with a sign, all columns of the rows that are wanted.
    zero : float32
        What is added to them.
    left : int
        Column where the data section begins.
    flips : tuple of bool
        Whether the rows are wanted in reverse order, and mirrored.
    profile : array of float32
        Overscan level of these rows, as for `calibrate`.
    bias : array of float32
        Plane of the assembled CCD, or of size 0 for none.
    place : tuple of int
        Row of the CCD where the result begins; row of the result where this
        amplifier begins; its columns.
    result : array of float32
        Rows of the CCD; filled there.
    """
    origin, bottom, start, stop = place
    for y in range(stored.shape[0]):
        source = stored[y, left : left + stop - start]
        target = bottom + (stored.shape[0] - 1 - y if flips[0] else y)
        row = result[target, start:stop]
        for x in range(row.size):
            v = source[x]
            row[x] = np.float32(np.int16((v << 8) | (v >> 8))) + zero
        _level(profile, y, row)
        if flips[1]:
            _reverse(row)
        _subtract(bias, origin + target, start, np.float32(1), row)


@njit(**_OPTIONS)
def _divide(row, response, marks, flag):
    """Divide where there is a response, and mark what cannot be used."""
    one = np.float32(1)
    for x in range(row.size):
        f = response[x]
        usable = f == f
        row[x] /= f if usable else one
        marks[x] |= np.uint8(0) if usable else flag


@njit(**_OPTIONS)
def _flag_not_finite(row, flag, marks):
    """Set a bit where a value is not finite."""
    zero = np.float32(0)
    for x in range(row.size):
        marks[x] |= np.uint8(0) if row[x] - row[x] == zero else flag


@njit(**_OPTIONS)
def _flag(plane, y, left, bit, marks):
    """Set a bit where a map is not zero, if there is a map."""
    if plane.size:
        source = plane[y, left : left + marks.size]
        for x in range(marks.size):
            marks[x] |= bit if source[x] != 0 else np.uint8(0)


@njit(**_OPTIONS)
def calibrate(
    raw, left, flips, profile, bias, dark, flat, illumination, fringe, scales,
    bad, hot, cold, limits, bits, place, data, mask,
):  # fmt: skip
    """Calibrate the pixels of one amplifier in one pass over its rows.

    Parameters
    ----------
    raw : array of uint16 or float32
        The rows of the raw array that the data section lies in.
    left : int
        Column of `raw` where it begins.
    flips : tuple of bool
        Whether it is mirrored in y and in x.
    profile : array of float32
        Overscan level: shape ``(1, 1)``, ``(ny, 1)`` or ``(1, nx)`` of the section.
    bias, dark, flat, illumination, fringe : array of float32
        Planes of the assembled CCD, or of size 0 for none.
    scales : tuple of float32
        Factors of dark and fringe.
    bad, hot, cold : array of uint8
        Bits, and maps that are not zero where a pixel is so; or of size 0.
    limits : tuple of float32
        Raw level from which a pixel is saturated, and below which it is dead.
    bits : tuple of uint8
        Bits of hot, cold, saturated, no data; factor and mask for `bad`.
    place : tuple of int
        The amplifier's rows and columns on the CCD: bottom, top, left, right.
    data : array of float32
        The CCD; filled there.
    mask : array of uint8
        Its mask; filled there. Saturated pixels get `MARK`, dead ones the bit of
        saturated pixels.
    """
    bottom, top, start, stop = place
    width = stop - start
    response = np.empty(width, dtype=np.float32)
    no_data = bits[3]
    for y in range(bottom, top):
        line = top - 1 - y if flips[0] else y - bottom
        source = raw[line, left : left + width]
        row, marks = data[y, start:stop], mask[y, start:stop]
        for x in range(width):
            row[x] = source[x]
        marks[:] = 0
        if bad.size:
            known = bad[y, start:stop]
            for x in range(width):
                marks[x] = (known[x] * bits[4]) & bits[5]
        _flag(hot, y, start, bits[0], marks)
        _flag(cold, y, start, bits[1], marks)
        _level(profile, line, row)
        if flips[1]:
            _reverse(row)
        _mark_limits(source, flips[1], limits, bits[2], marks)
        _subtract(bias, y, start, np.float32(1), row)
        _subtract(dark, y, start, scales[0], row)
        if flat.size or illumination.size:
            response[:] = 1
            _response(flat, y, start, response)
            _response(illumination, y, start, response)
            _divide(row, response, marks, no_data)
        _subtract(fringe, y, start, scales[1], row)
        _flag_not_finite(row, no_data, marks)


@njit(**_OPTIONS)
def _mark_limits(source, mirrored, limits, dead, marks):
    """Mark saturated and dead pixels of a raw row."""
    high, low = limits
    last = marks.size - 1
    found = 0
    for x in range(marks.size):
        v = np.float32(source[x])
        found += (v >= high) | (v < low)
    # Hardly any row of most frames has one.
    if found:
        for x in range(marks.size):
            v = np.float32(source[x])
            place = last - x if mirrored else x
            if v >= high:
                marks[place] |= np.uint8(MARK)
            if v < low:
                marks[place] |= dead


@njit(**_OPTIONS)
def _spread(row, bit, pixels, first, second):
    """Spread the marks of a row along it; give the buffer with the result, or one of size 0."""
    found = 0
    for x in range(row.size):
        found |= row[x] & bit
    if not found:
        return first[:0]
    first[:] = 0
    inner = first[pixels : pixels + row.size]
    for x in range(row.size):
        inner[x] = np.uint8((row[x] & bit) != 0)
    span, wanted = 1, 2 * pixels + 1
    while span < wanted:
        step = min(span, wanted - span)
        ahead = first[step:]
        for x in range(ahead.size):
            second[x] = first[x] | ahead[x]
        second[ahead.size :] = 0
        first, second = second, first
        span += step
    return first[: row.size]


@njit(**_OPTIONS)
def grow(marked, pixels, result):
    """Mark the neighbours of marked pixels as well.

    Parameters
    ----------
    marked : array of uint8
        Shape ``(ny, nx)``, not zero where marked.
    pixels : int
        How far in x and in y.
    result : array of uint8
        Same shape, filled with 0 and 1.
    """
    ny, nx = marked.shape
    reach = min(pixels, max(ny, nx))
    first, second = np.empty((2, nx + 2 * reach), dtype=np.uint8)
    result[:] = 0
    for y in range(ny):
        line = _spread(marked[y], np.uint8(255), reach, first, second)
        if line.size:
            for near in range(max(0, y - reach), min(ny, y + reach + 1)):
                target = result[near]
                for x in range(nx):
                    target[x] |= line[x]


@njit(**_OPTIONS)
def grow_marked(mask, pixels, bit):
    """Set a bit around the pixels that have `MARK`, and take the mark away.

    Parameters
    ----------
    mask : array of uint8
        Shape ``(ny, nx)``, changed.
    pixels : int
        How far in x and in y.
    bit : uint8
        The bit.
    """
    ny, nx = mask.shape
    reach = min(pixels, max(ny, nx))
    first, second = np.empty((2, nx + 2 * reach), dtype=np.uint8)
    found = False
    for y in range(ny):
        line = _spread(mask[y], np.uint8(MARK), reach, first, second)
        if line.size:
            found = True
            for near in range(max(0, y - reach), min(ny, y + reach + 1)):
                target = mask[near]
                for x in range(nx):
                    target[x] |= bit * line[x]
    if found:
        rest = np.uint8(255 - MARK)
        for y in range(ny):
            target = mask[y]
            for x in range(nx):
                target[x] &= rest


@njit(**_OPTIONS)
def _order(a, b):
    """Give two values in ascending order."""
    less = a if a < b else b
    more = b if a < b else a
    return less, more


@njit(**_OPTIONS)
def _mirrored(place, size):
    """Mirror a place beyond an edge about the last pixel."""
    place = abs(place)
    return place if place < size else 2 * (size - 1) - place


@njit(**_OPTIONS)
def _copy_padded(data, y, left, right, target):
    """Copy a row and two columns on each side, mirrored at the edges; not finite becomes 0."""
    nx, width = data.shape[1], right - left
    row = data[y]
    zero = np.float32(0)
    # Views that start at 0: an index that could be negative would not vectorise.
    source, inner = row[left:right], target[2 : width + 2]
    for x in range(width):
        v = source[x]
        inner[x] = v if v - v == zero else zero
    for k in range(2):
        v = row[_mirrored(left - 2 + k, nx)]
        target[k] = v if v - v == zero else zero
        v = row[_mirrored(right + k, nx)]
        target[width + 2 + k] = v if v - v == zero else zero


@njit(**_OPTIONS)
def _row_signals(ring, signals):
    """Estimate the signal under each pixel of the middle one of five rows from the others."""
    lowest, lower, middle, upper, highest = ring[0], ring[1], ring[2], ring[3], ring[4]
    near, far, half = np.float32(2 / 3), np.float32(1 / 6), np.float32(0.5)
    for x in range(signals.size):
        west, east, south, north = middle[x + 1], middle[x + 3], lower[x + 2], upper[x + 2]
        along = near * (west + east) - far * (middle[x] + middle[x + 4])
        across = near * (south + north) - far * (lowest[x + 2] + highest[x + 2])
        west, east = _order(west, east)
        south, north = _order(south, north)
        # The mean of the middle two of the four.
        around = half * (_order(west, south)[1] + _order(east, north)[0])
        along, across = _order(along, across)
        signals[x] = _order(along, _order(across, around)[0])[1]


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
def _variances(y, left, bias_error, flat_error, dark, dark_scale, fixed, work):
    """Fill the constant variance, the relative error of the flat and the dark of a row."""
    width = work.shape[1]
    base, relative, current = work[1], work[2], work[3]
    zero = np.float32(0)
    _copy_row(bias_error, y, left, left + width, base)
    _copy_row(flat_error, y, left, left + width, relative)
    for x in range(width):
        e = base[x]
        base[x] = fixed + (e * e if e - e == zero else zero)
        e = relative[x]
        relative[x] = e if e - e == zero else zero
    current[:] = 0
    _subtract(dark, y, left, -dark_scale, current)


@njit(**_OPTIONS)
def _row_weights(pixels, work, slope, target):
    """Compute the weights of a row from its signal, response, variances and dark."""
    zero = np.float32(0)
    for x in range(target.size):
        f = work[0, x]
        signal = work[4, x]
        counts = signal * f + work[3, x]
        noise = signal * work[2, x] * work[5, x]
        variance = work[1, x] + (counts if counts > zero else zero) * slope
        inverse = f * f / (variance + noise * noise)
        usable = (inverse > zero) & (inverse < np.float32(np.inf))
        usable &= pixels[x] - pixels[x] == zero
        target[x] = inverse if usable else zero


@njit(**_OPTIONS)
def weight(
    data, flat, illumination, dark, fringe, bias_error, flat_error, mask, dark_scale, fringe_scale,
    base, inverse_gain, bottom, top, left, right, result,
):  # fmt: skip
    """Compute the inverse variance of the pixels of one amplifier.

    Parameters
    ----------
    data : array of float32
        Reduced CCD of shape ``(ny, nx)``.
    flat, illumination, dark, fringe : array of float32
        Same shape, or of size 0 for none.
    bias_error, flat_error : array of float32
        Same shape, or one pixel for a constant.
    mask : array of uint8
        Same shape, or of size 0; not zero for weight 0.
    dark_scale, fringe_scale : float
        Factors of dark and fringe.
    base, inverse_gain : float
        Variance without light in ADU^2, and ADU per electron.
    bottom, top, left, right : int
        The amplifier's rows and columns, half-open.
    result : array of float32
        Filled there.
    """
    ny = data.shape[0]
    width = right - left
    ring = np.empty((5, width + 4), dtype=np.float32)
    # One scratch array instead of many: with few pointers the loop vectorises.
    work = np.empty((6, width), dtype=np.float32)
    fixed, slope = np.float32(base), np.float32(inverse_gain)
    for y in range(bottom, top):
        for k in range(5):
            _copy_padded(data, _mirrored(y + k - 2, ny), left, right, ring[k])
        signals = work[4]
        _row_signals(ring, signals)
        _subtract(fringe, y, left, np.float32(-fringe_scale), signals)
        _variances(y, left, bias_error, flat_error, dark, np.float32(dark_scale), fixed, work)
        # The error of the flat counts relative to the flat, whatever the illumination.
        work[5] = 1
        _response(illumination, y, left, work[5])
        work[0] = 1
        _response(flat, y, left, work[0])
        for x in range(width):
            work[0, x] *= work[5, x]
        target = result[y, left:right]
        _row_weights(data[y, left:right], work, slope, target)
        if mask.size:
            marks = mask[y, left:right]
            for x in range(width):
                target[x] = target[x] if marks[x] == 0 else np.float32(0)
