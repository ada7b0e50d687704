"""Compiled search for cosmic rays: a cheap bound for all pixels, everything else where needed."""

import numpy as np
from numba import njit

__all__ = ["BLOCKED", "FOUND", "UNUSABLE", "block", "count_groups", "fill", "search"]

_OPTIONS = {"nogil": True, "cache": True, "error_model": "numpy"}
_TWO, _QUARTER, _HALF, _ZERO = np.float32(2), np.float32(0.25), np.float32(0.5), np.float32(0)
_REACH = 4

UNUSABLE, BLOCKED, FOUND = 1, 2, 4
"""Bits of the state of a pixel: no value to fill others with, never marked, marked."""


@njit(**_OPTIONS)
def _low(a, b):
    return a if a < b else b


@njit(**_OPTIONS)
def _high(a, b):
    return b if a < b else a


@njit(**_OPTIONS)
def _median3(a, b, c):
    return _high(_low(a, b), _low(_high(a, b), c))


@njit(**_OPTIONS)
def _median5(a, b, c, d, e):
    # Neither the least nor the greatest of the first four is the median.
    low = _high(_low(a, b), _low(c, d))
    high = _low(_high(a, b), _high(c, d))
    return _median3(low, high, e)


@njit(**_OPTIONS)
def _median7(a, b, c, d, e, f, g):
    # Neither the least nor the greatest of the first six is the median.
    low_ab, high_ab = _low(a, b), _high(a, b)
    low_cd, high_cd = _low(c, d), _high(c, d)
    low_ef, high_ef = _low(e, f), _high(e, f)
    low, high = _low(low_ab, low_cd), _high(high_ab, high_cd)
    return _median5(
        _high(low_ab, low_cd), _low(high_ab, high_cd), _high(low, low_ef), _low(high, high_ef), g
    )


@njit(**_OPTIONS)
def _corners(above, left, centre, right, below):
    """Give the Laplacian of a pixel, its negative quarters left out."""
    twice = _TWO * centre
    first = _high(twice - above - left, _ZERO) + _high(twice - above - right, _ZERO)
    second = _high(twice - below - left, _ZERO) + _high(twice - below - right, _ZERO)
    return _QUARTER * (first + second)


@njit(**_OPTIONS)
def _mirrored(index, n):
    """Give the index within n whose mirror image, at the edge pixels, an index is."""
    if n == 1:
        return 0
    while index < 0 or index >= n:
        index = -index if index < 0 else 2 * (n - 1) - index
    return index


@njit(**_OPTIONS)
def _gather(image, y, x, patch):
    """Copy the 9 x 9 pixels around a pixel; beyond the edge lies the mirror image."""
    ny, nx = image.shape
    if 4 <= y < ny - 4 and 4 <= x < nx - 4:
        for i in range(9):
            for j in range(9):
                patch[i, j] = image[y + i - 4, x + j - 4]
        return
    for i in range(9):
        row = _mirrored(y + i - 4, ny)
        for j in range(9):
            patch[i, j] = image[row, _mirrored(x + j - 4, nx)]


@njit(**_OPTIONS)
def _continue_slopes(image, y, x, patch):
    """Turn the mirror image beyond the edges round its level at the edge."""
    ny, nx = image.shape
    for i in range(9):
        row = min(max(y + i - 4, 0), ny - 1)
        for j in range(9):
            column = min(max(x + j - 4, 0), nx - 1)
            if row != y + i - 4 or column != x + j - 4:
                patch[i, j] = _TWO * image[row, column] - patch[i, j]


@njit(**_OPTIONS)
def _level(p):
    """Give the separable 5 x 5 median at the middle of a patch."""
    rows = np.empty(5, np.float32)
    for i in range(5):
        k = i + 2
        rows[i] = _median5(p[k, 2], p[k, 3], p[k, 4], p[k, 5], p[k, 6])
    return _median5(rows[0], rows[1], rows[2], rows[3], rows[4])


@njit(**_OPTIONS)
def _sharpness(p):
    """Give half the Laplacian at the middle of a patch above its separable 5 x 5 median."""
    laplacian = np.empty((5, 5), np.float32)
    rows = np.empty(5, np.float32)
    for i in range(5):
        for j in range(5):
            k, m = i + 2, j + 2
            laplacian[i, j] = _corners(p[k - 1, m], p[k, m - 1], p[k, m], p[k, m + 1], p[k + 1, m])
        a = laplacian[i]
        rows[i] = _median5(a[0], a[1], a[2], a[3], a[4])
    middle = _median5(rows[0], rows[1], rows[2], rows[3], rows[4])
    return _HALF * (laplacian[2, 2] - middle)


@njit(**_OPTIONS)
def _smooth(p):
    """Give the separable 3 x 3 median at the middle of a patch, and the 7 x 7 one of such."""
    across = np.empty((9, 7), np.float32)
    for i in range(9):
        for j in range(7):
            across[i, j] = _median3(p[i, j], p[i, j + 1], p[i, j + 2])
    rows = np.empty(7, np.float32)
    smooth = np.empty((7, 7), np.float32)
    for i in range(7):
        for j in range(7):
            smooth[i, j] = _median3(across[i, j], across[i + 1, j], across[i + 2, j])
        a = smooth[i]
        rows[i] = _median7(a[0], a[1], a[2], a[3], a[4], a[5], a[6])
    wide = _median7(rows[0], rows[1], rows[2], rows[3], rows[4], rows[5], rows[6])
    return smooth[3, 3], wide


@njit(**_OPTIONS)
def _at(values, y, x):
    """Give a value of an array that may have one row or one column for all."""
    return values[y if values.shape[0] > 1 else 0, x if values.shape[1] > 1 else 0]


@njit(**_OPTIONS)
def _judge(image, y, x, model, limits, beside, patch):
    """Judge a pixel: 2 a cosmic ray by itself, 1 only beside one, 0 neither.

    A pixel that is not `beside` one is not judged to the end where 1 is its best verdict.
    """
    ray, neighbour, objlim, contrast, relaxed, sky = limits
    _gather(image, y, x, patch)
    level = _level(patch) + _at(model[2], y, x)
    light = _at(model[3], y, x)
    variance = _at(model[1], y, x) + _at(model[0], y, x) * _high(level, _ZERO) * light
    noise = np.sqrt(variance) / light
    least = (neighbour if beside else ray) * noise
    p = patch
    laplacian = _corners(p[3, 4], p[4, 3], p[4, 4], p[4, 5], p[5, 4])
    # What is subtracted below is not negative.
    if _HALF * laplacian <= least:
        return 0
    sharp = _sharpness(patch)
    if sharp <= least:
        return 0
    if y < _REACH or x < _REACH or y >= image.shape[0] - _REACH or x >= image.shape[1] - _REACH:
        _continue_slopes(image, y, x, patch)
    smooth, wide = _smooth(patch)
    object_here = _high(objlim * (smooth - wide), contrast * (smooth - sky))
    if sharp > ray * noise and sharp > object_here:
        return 2
    return 1 if sharp > relaxed * object_here else 0


@njit(**_OPTIONS)
def _row_candidates(image, y, light, least, limit, work, flags):
    """Flag the pixels of a row whose Laplacian exceeds what the least noise around allows."""
    ny, nx = image.shape
    slope, fixed, background = least[0], least[1], least[2]
    row = image[y]
    above, below = image[_mirrored(y - 1, ny)], image[_mirrored(y + 1, ny)]
    top, bottom = image[_mirrored(y - 2, ny)], image[_mirrored(y + 2, ny)]
    low, middle = work[0], work[1]
    for x in range(nx):
        low[x + 2] = _low(_low(_low(top[x], above[x]), _low(below[x], bottom[x])), row[x])
        middle[x + 1] = row[x]
    low[0] = low[1] = low[2]
    low[nx + 2] = low[nx + 3] = low[nx + 1]
    middle[0], middle[nx + 1] = row[_mirrored(-1, nx)], row[_mirrored(nx, nx)]
    for x in range(nx):
        # As it was before the division by the light, whose noise is simple.
        bent = light[x] * _corners(above[x], middle[x], middle[x + 1], middle[x + 2], below[x])
        level = _low(_low(_low(low[x], low[x + 1]), _low(low[x + 3], low[x + 4])), low[x + 2])
        variance = fixed + slope * light[x] * _high(level + background, _ZERO)
        flags[x] = bent * bent > limit * variance


@njit(**_OPTIONS)
def _append(places, count, place):
    """Put a place at the end of a list, which doubles where it is full."""
    if count == places.size:
        larger = np.empty(2 * count, places.dtype)
        larger[:count] = places
        places = larger
    places[count] = place
    return places, count + 1


@njit(**_OPTIONS)
def _candidates(image, state, light, least, limit):
    """List the pixels that may be cosmic rays, row by row."""
    ny, nx = image.shape
    row = np.empty(nx, np.float32)
    for x in range(nx):
        row[x] = _at(light, 0, x)
    work = np.zeros((2, nx + 4), np.float32)
    flags = np.zeros((nx + 7) // 8 * 8, np.bool_)
    eights = flags.view(np.int64)
    # A little less, since the bound and the judgement round differently.
    limit = np.float32(3.999) * limit * limit
    places, count = np.empty(4096, np.int64), 0
    for y in range(ny):
        if light.shape[0] > 1:
            for x in range(nx):
                row[x] = _at(light, y, x)
        _row_candidates(image, y, row, least, limit, work, flags)
        for i in range(eights.size):
            if eights[i] == 0:
                continue
            for x in range(8 * i, min(8 * i + 8, nx)):
                if flags[x] and not state[y, x] & BLOCKED:
                    places, count = _append(places, count, y * nx + x)
    return places[:count]


@njit(**_OPTIONS)
def _around(state, changed, reach, stamps, stamp):
    """List the pixels near those given that may be marked and are not, each once."""
    ny, nx = state.shape
    places, count = np.empty(4096, np.int64), 0
    for place in changed:
        y0, x0 = place // nx, place % nx
        for y in range(max(y0 - reach, 0), min(y0 + reach + 1, ny)):
            for x in range(max(x0 - reach, 0), min(x0 + reach + 1, nx)):
                if stamps[y, x] != stamp and not state[y, x] & (BLOCKED | FOUND):
                    stamps[y, x] = stamp
                    places, count = _append(places, count, y * nx + x)
    return places[:count]


@njit(**_OPTIONS)
def _touches(state, y, x):
    """Tell whether one of the eight neighbours of a pixel is marked."""
    ny, nx = state.shape
    for i in range(max(y - 1, 0), min(y + 2, ny)):
        for j in range(max(x - 1, 0), min(x + 2, nx)):
            if state[i, j] & FOUND:
                return True
    return False


@njit(**_OPTIONS)
def _judge_all(image, state, places, model, limits):
    """Give the pixels that are cosmic rays by themselves, and those that are beside one."""
    nx = image.shape[1]
    patch = np.empty((9, 9), np.float32)
    seeds, count = np.empty(places.size, np.int64), 0
    grown, number = np.empty(places.size, np.int64), 0
    for place in places:
        y, x = place // nx, place % nx
        beside = _touches(state, y, x)
        verdict = _judge(image, y, x, model, limits, beside, patch)
        if verdict == 2:
            seeds[count] = place
            count += 1
        elif verdict == 1 and beside:
            grown[number] = place
            number += 1
    return seeds[:count], grown[:number]


@njit(**_OPTIONS)
def _mark(state, places):
    """Mark pixels, and give those that were not marked before."""
    nx = state.shape[1]
    new, count = np.empty(places.size, np.int64), 0
    for place in places:
        if not state[place // nx, place % nx] & FOUND:
            state[place // nx, place % nx] |= FOUND
            new[count] = place
            count += 1
    return new[:count]


@njit(**_OPTIONS)
def block(state, bad, saturated):
    """Set the state of bad pixels, and of saturated ones and the 5 x 5 around each.

    Parameters
    ----------
    state : array of uint8
        Shape ``(ny, nx)``, changed in place.
    bad, saturated : array of int64
        Indices into the flattened image.
    """
    ny, nx = state.shape
    for place in bad:
        state[place // nx, place % nx] |= UNUSABLE | BLOCKED
    for place in saturated:
        y0, x0 = place // nx, place % nx
        state[y0, x0] |= UNUSABLE
        for y in range(max(y0 - 2, 0), min(y0 + 3, ny)):
            for x in range(max(x0 - 2, 0), min(x0 + 3, nx)):
                state[y, x] |= BLOCKED


@njit(**_OPTIONS)
def fill(image, state, places, otherwise):
    """Replace pixels by the median of the usable ones among the 5 x 5 around each.

    Parameters
    ----------
    image : array of float32
        Shape ``(ny, nx)``, changed in place.
    state : array of uint8
        Same shape: pixels that are `UNUSABLE` or `FOUND` do not count.
    places : array of int64
        Indices into the flattened image, none of them usable.
    otherwise : float32
        For pixels without a usable one around.
    """
    ny, nx = image.shape
    values = np.empty(25, np.float32)
    for place in places:
        y0, x0 = place // nx, place % nx
        n = 0
        for y in range(max(y0 - 2, 0), min(y0 + 3, ny)):
            for x in range(max(x0 - 2, 0), min(x0 + 3, nx)):
                if not state[y, x] & (UNUSABLE | FOUND):
                    value = image[y, x]
                    k = n
                    while k > 0 and values[k - 1] > value:
                        values[k] = values[k - 1]
                        k -= 1
                    values[k] = value
                    n += 1
        image[y0, x0] = _HALF * (values[(n - 1) // 2] + values[n // 2]) if n else otherwise


@njit(**_OPTIONS)
def count_groups(state, places):
    """Count the groups of marked pixels that touch by a side or a corner; unmarks them.

    Parameters
    ----------
    state : array of uint8
        Shape ``(ny, nx)``, changed in place.
    places : array of int64
        Indices of all pixels that are `FOUND`.

    Returns
    -------
    int
        Number of groups.
    """
    ny, nx = state.shape
    stack = np.empty(places.size, np.int64)
    groups = 0
    for place in places:
        if not state[place // nx, place % nx] & FOUND:
            continue
        groups += 1
        state[place // nx, place % nx] &= ~FOUND
        stack[0] = place
        depth = 1
        while depth:
            depth -= 1
            y0, x0 = stack[depth] // nx, stack[depth] % nx
            for y in range(max(y0 - 1, 0), min(y0 + 2, ny)):
                for x in range(max(x0 - 1, 0), min(x0 + 2, nx)):
                    if state[y, x] & FOUND:
                        state[y, x] &= ~FOUND
                        stack[depth] = y * nx + x
                        depth += 1
    return groups


def search(image, state, model, least, limits, iterations, otherwise):
    """Find cosmic rays and give their places; they are replaced in the image.

    After the first time only pixels that see a replaced one are judged again, as
    far as the filters reach: the others would be judged as before.

    Parameters
    ----------
    image : array of float32
        Shape ``(ny, nx)``, in ADU, all finite; changed in place.
    state : array of uint8
        Same shape, set by `block`; changed in place.
    model : tuple of array of float32
        ADU per electron, variance of the read noise in ADU^2, ADU that were
        subtracted, and the light (flat and illumination) that the image was
        divided by; each axis of full length, or of 1 for all.
    least : tuple of float32
        The least value of each of the first three.
    limits : tuple of float32
        Those of `awe.pixels.ref_cosmics.find`, and the level of the sky.
    iterations : int
        How often to search at most.
    otherwise : float32
        Value of replaced pixels without a usable one around.

    Returns
    -------
    array of int64
        Indices of the marked pixels, each once, in the order of finding.
    """
    stamps = np.zeros(image.shape, np.uint8)
    found = [np.empty(0, np.int64)]
    places = _candidates(image, state, model[3], least, limits[0])
    for turn in range(iterations):
        seeds, grown = _judge_all(image, state, places, model, limits)
        new = [_mark(state, seeds)]
        beside = _around(state, seeds, 1, stamps, 2 * turn + 1)
        _, more = _judge_all(image, state, beside, model, limits)
        new = np.concatenate([*new, _mark(state, grown), _mark(state, more)])
        if new.size == 0:
            break
        found.append(new)
        fill(image, state, new, otherwise)
        places = _around(state, new, _REACH, stamps, 2 * turn + 2)
    return np.concatenate(found)
