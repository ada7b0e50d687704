"""Compiled kernels of the trail search; what they do is defined in `ref_trails`."""

import numpy as np
from numba import njit

__all__ = ["bin_clipped", "cell_medians", "cut_strip", "highest_lines", "radon"]

_OPTIONS = {"nogil": True, "cache": True, "error_model": "numpy"}


@njit(**_OPTIONS)
def _select(values, n, k):
    """Bring the value of rank k of the first n to place k, the lesser before it (Hoare)."""
    low, high = 0, n - 1
    while low < high:
        pivot = values[(low + high) // 2]
        i, j = low, high
        while i <= j:
            while values[i] < pivot:
                i += 1
            while pivot < values[j]:
                j -= 1
            if i <= j:
                values[i], values[j] = values[j], values[i]
                i += 1
                j -= 1
        if j < k:
            low = i
        if k < i:
            high = j


@njit(**_OPTIONS)
def _median(values, n):
    """Give the median of the first n values, which change their order."""
    k = n // 2
    _select(values, n, k)
    if n % 2:
        return values[k]
    below = values[0]
    for i in range(1, k):
        below = max(below, values[i])
    return np.float32(0.5) * (below + values[k])


@njit(**_OPTIONS)
def cell_medians(values, bad, cell, step, medians):
    """Compute the median of the good values in each cell of a grid.

    Parameters
    ----------
    values : array of float32
        Shape ``(ny, nx)``.
    bad : array of uint8
        Same shape, not 0 where a value does not count.
    cell : int
        Side of a cell.
    step : int
        Only every so manieth row and column of a cell is looked at.
    medians : array of float32
        Filled with the medians; NaN where too few are good.
    """
    ny, nx = values.shape
    found = np.empty(cell * cell, dtype=np.float32)
    for j in range(medians.shape[0]):
        for i in range(medians.shape[1]):
            n = seen = 0
            for y in range(j * cell, min((j + 1) * cell, ny), step):
                for x in range(i * cell, min((i + 1) * cell, nx), step):
                    seen += 1
                    v = values[y, x]
                    if bad[y, x] == 0 and v - v == 0:
                        found[n] = v
                        n += 1
            medians[j, i] = _median(found, n) if n > 0 and 4 * n >= seen else np.nan


@njit(**_OPTIONS)
def bin_clipped(data, bad, level, limit, binning, mean, share):
    """Average squares of pixels after a clip of each pixel about a level.

    Parameters
    ----------
    data : array of float32
        Shape ``(ny, nx)``.
    bad : array of uint8
        Same shape, not 0 where a pixel does not count.
    level : array of float32
        Shape ``(ny // binning, nx // binning)``: what is subtracted.
    limit : float32
        Largest difference of either sign.
    binning : int
        Side of a square.
    mean, share : array of float32
        Filled with the mean of the good pixels of each square, and their share.
    """
    ny, nx = level.shape
    width = nx * binning
    base = np.empty(width, dtype=np.float32)
    total = np.empty(width, dtype=np.float32)
    count = np.empty(width, dtype=np.float32)
    zero, one = np.float32(0), np.float32(1)
    area = np.float32(binning * binning)
    for j in range(ny):
        total[:] = zero
        count[:] = zero
        for i in range(nx):
            for k in range(binning):
                base[i * binning + k] = level[j, i]
        for y in range(j * binning, (j + 1) * binning):
            row = data[y]
            flags = bad[y]
            for x in range(width):
                v = row[x] - base[x]
                good = (flags[x] == 0) & (v - v == zero)
                v = limit if v > limit else v
                v = -limit if v < -limit else v
                total[x] += v if good else zero
                count[x] += one if good else zero
        for i in range(nx):
            t = n = zero
            for k in range(binning):
                t += total[i * binning + k]
                n += count[i * binning + k]
            mean[j, i] = t / max(n, one)
            share[j, i] = n / area


@njit(**_OPTIONS)
def _join(top, bottom, d, n, m, sums):
    """Add two half lines; column s + n of each holds the line that begins at column s."""
    half, shift = d // 2, (d + 1) // 2
    middle = max(m - shift, -half)
    only = min(-half, m - shift)
    out = sums[n - d : n + only]
    low = bottom[n - half :]
    for x in range(out.size):
        out[x] = low[x]
    sums[n + only : n - half] = np.float32(0)
    out = sums[n - half : n + middle]
    high = top[n - half : n + middle]
    low = bottom[n - half + shift : n + middle + shift]
    for x in range(out.size):
        out[x] = high[x] + low[x]
    sums[n + middle : n + m] = top[n + middle : n + m]


@njit(**_OPTIONS)
def radon(image, n, first, second):
    """Sum an image along all discrete lines of slopes 0 to 1.

    Parameters
    ----------
    image : array of float32
        Shape ``(rows, m)``, with rows <= n.
    n : int
        Number of rows of the lines, a power of two.
    first, second : array of float32
        Shape ``(n, n + m)``, to work in.

    Returns
    -------
    array of float32
        One of the two: the sum of the line (d, s) in row d and column s + n. What lies
        at s < -d has no meaning.
    """
    rows, m = image.shape
    for y in range(n):
        if y < rows:
            first[y, n:] = image[y]
        else:
            first[y, n:] = np.float32(0)
    here, there = first, second
    height = 1
    while height < n:
        for block in range(0, n, 2 * height):
            for d in range(2 * height):
                top = here[block + d // 2]
                bottom = here[block + height + d // 2]
                _join(top, bottom, d, n, m, there[block + d])
        here, there = there, here
        height *= 2
    return here


@njit(**_OPTIONS)
def highest_lines(sums, n, rows, m, shortest, score, start):
    """Find the line of each displacement that stands out most.

    Parameters
    ----------
    sums : array of float32
        What `radon` gives.
    n : int
        Number of rows of the lines.
    rows, m : int
        Shape of the image.
    shortest : float
        Lines with less of their length on the image are left out, in squares.
    score, start : array of float64
        Filled with the highest sum over the square root of the squares it is of, and with
        where that line begins: half way between two columns for the sum of two lines.
    """
    bottom = np.float32(rows - 1)
    one, zero, half = np.float32(1), np.float32(0), np.float32(np.sqrt(0.5))
    half_pixel = np.float32(0.5)
    work = np.empty(n + m, dtype=np.float32)
    for d in range(n):
        least = np.float32(shortest / np.sqrt(1 + (d / (n - 1)) ** 2))
        rise = np.float32((n - 1) / max(d, 0.5))
        line = sums[d, n - d :]
        # The last line of all has none beside it.
        size = line.size - 1
        beside = line[1:]
        for x in range(size):
            s = np.float32(x - d)
            begin = (-half_pixel - s) * rise
            end = (np.float32(m) - half_pixel - s) * rise
            length = (end if end < bottom else bottom) - (begin if begin > zero else zero) + one
            v = line[x]
            pair = (v + beside[x]) * half
            v = (v if v > pair else pair) / np.sqrt(length if length > one else one)
            work[x] = v if length >= least else np.float32(-np.inf)
        best = np.float32(-np.inf)
        for x in range(size):
            if work[x] > best:
                best = work[x]
        score[d] = best
        start[d] = -d
        for x in range(size):
            if work[x] == best:
                start[d] = x - d if line[x] > (line[x] + beside[x]) * half else x - d + 0.5
                break


@njit(**_OPTIONS)
def cut_strip(data, bad, level, binning, steep, first, middle, strip):
    """Cut out the pixels about a line, without the level.

    Parameters
    ----------
    data, bad : array of float32 and of uint8
        Shape ``(ny, nx)``; `bad` is not 0 where a pixel does not count.
    level : array of float32
        What is subtracted, of squares of `binning` pixels.
    binning : int
        Side of a square.
    steep : bool
        Whether the line runs over the rows, not over the columns.
    first : int
        The first row of a steep line, else the first column.
    middle : array of int64
        Column of the line in each row, else row in each column.
    strip : array of float32
        Shape ``(len(middle), 2 * half + 1)``, filled with the pixels; NaN where there is none.
    """
    half = strip.shape[1] // 2
    for k in range(middle.size):
        for o in range(strip.shape[1]):
            u, v = first + k, middle[k] + o - half
            y, x = (u, v) if steep else (v, u)
            strip[k, o] = np.nan
            if 0 <= y < data.shape[0] and 0 <= x < data.shape[1] and bad[y, x] == 0:
                j = min(y // binning, level.shape[0] - 1)
                i = min(x // binning, level.shape[1] - 1)
                d = data[y, x] - level[j, i]
                if d - d == 0:
                    strip[k, o] = d
