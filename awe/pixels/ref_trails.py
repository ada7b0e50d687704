"""Definitions of the steps of the trail search in plain NumPy and float64."""

import numpy as np

__all__ = [
    "bin_clipped",
    "cell_medians",
    "cut_strip",
    "highest_lines",
    "line_lengths",
    "radon",
]


def cell_medians(values, bad, cell, step):
    """Compute the median of the good values in each cell of a grid.

    Parameters
    ----------
    values : array
        Shape ``(ny, nx)``.
    bad : array of uint8
        Same shape, not 0 where a value does not count; NaN and infinite ones do not either.
    cell : int
        Side of a cell. The last ones of a row or column may be smaller.
    step : int
        Only every so manieth row and column of a cell is looked at.

    Returns
    -------
    array of float64
        Shape ``(ceil(ny / cell), ceil(nx / cell))``; NaN where fewer than a quarter of
        the values looked at are good.
    """
    ny, nx = values.shape
    medians = np.full((-(-ny // cell), -(-nx // cell)), np.nan)
    for j in range(medians.shape[0]):
        for i in range(medians.shape[1]):
            rows = slice(j * cell, min((j + 1) * cell, ny), step)
            columns = slice(i * cell, min((i + 1) * cell, nx), step)
            part = values[rows, columns].astype(np.float64)
            good = part[np.isfinite(part) & (bad[rows, columns] == 0)]
            if good.size and 4 * good.size >= part.size:
                medians[j, i] = np.median(good)
    return medians


def bin_clipped(data, bad, level, limit, binning):
    """Average squares of pixels after a clip of each pixel about a level.

    Parameters
    ----------
    data : array
        Shape ``(ny, nx)``.
    bad : array of uint8
        Same shape, not 0 where a pixel does not count; NaN and infinite ones do not either.
    level : array
        Shape ``(ny // binning, nx // binning)``: what is subtracted from the pixels of a square.
    limit : float
        Larger differences of either sign are set to this.
    binning : int
        Side of a square. Pixels of incomplete squares are left out.

    Returns
    -------
    mean : array of float64
        Mean clipped difference of the good pixels of each square; 0 where there is none.
    share : array of float64
        Share of the pixels that are good.
    """
    ny, nx = level.shape
    shape = (ny, binning, nx, binning)
    pixels = data[: ny * binning, : nx * binning].astype(np.float64).reshape(shape)
    good = np.isfinite(pixels) & (bad[: ny * binning, : nx * binning] == 0).reshape(shape)
    level = np.asarray(level, dtype=np.float64)
    difference = np.where(good, pixels, 0) - level[:, None, :, None]
    total = np.where(good, np.clip(difference, -limit, limit), 0).sum(axis=(1, 3))
    count = good.sum(axis=(1, 3))
    return total / np.maximum(count, 1), count / binning**2


def radon(image, n):
    """Sum an image along all discrete lines of slopes 0 to 1.

    A line begins at column s of row 0 and ends d columns further in row n - 1,
    0 <= d < n. The sums over n rows are put together from those over n / 2 rows: a
    line of displacement d is one of displacement floor(d / 2) in the upper half,
    and one of the same displacement in the lower half that begins ceil(d / 2)
    columns further (Goetz and Druckmueller 1996, Pattern Recognition 29, 711;
    Brady 1998, SIAM J. Comput. 27, 107).

    Parameters
    ----------
    image : array
        Shape ``(rows, m)``, with rows <= n; what lies beyond counts as 0.
    n : int
        Number of rows of the lines, a power of two.

    Returns
    -------
    array of float64
        Shape ``(n, n + m)``: the sum of the line (d, s) in row d and column s + n; 0
        where s < -d.
    """
    rows, m = image.shape
    sums = np.zeros((n, 1, 2 * n + m))
    sums[:rows, 0, n : n + m] = image
    while len(sums) > 1:
        blocks, heights, width = sums.shape
        joined = np.zeros((blocks // 2, 2 * heights, width))
        for d in range(2 * heights):
            shift = (d + 1) // 2
            joined[:, d] = sums[0::2, d // 2]
            joined[:, d, : width - shift] += sums[1::2, d // 2, shift:]
        sums = joined
    found = sums[0, :, : n + m]
    found[np.arange(n + m) - n < -np.arange(n)[:, None]] = 0
    return found


def line_lengths(d, s, n, rows, m):
    """Compute how many rows of an image lines cross.

    Parameters
    ----------
    d, s : array of int
        Lines of `radon`, of shapes that broadcast.
    n : int
        Number of rows of the lines.
    rows, m : int
        Shape of the image.

    Returns
    -------
    array of float64
        The number of rows, not above 0 for a line that misses the image.
    """
    d, s = np.broadcast_arrays(d, s)
    rise = (n - 1) / np.maximum(d, 0.5)
    first = np.maximum((-0.5 - s) * rise, 0)
    last = np.minimum((m - 0.5 - s) * rise, rows - 1)
    return last - first + 1


def highest_lines(sums, n, rows, m, shortest):
    """Find the line of each displacement that stands out most, alone or with the one beside it.

    Parameters
    ----------
    sums : array
        What `radon` gives.
    n : int
        Number of rows of the lines.
    rows, m : int
        Shape of the image.
    shortest : float
        Lines with less of their length on the image are left out, in squares.

    Returns
    -------
    score : array of float64
        Of shape ``(n,)``: the highest sum over the square root of the squares it is of; minus
        infinity where all lines are too short.
    start : array of float64
        Where that line begins (s): half way between two columns for the sum of two lines.
    """
    s = np.arange(n + m - 1) - n
    d = np.arange(n)
    lengths = line_lengths(d[:, None], s, n, rows, m)
    stretch = np.hypot(1, d / (n - 1))[:, None]
    usable = (lengths * stretch >= shortest) & (s >= -d[:, None])
    one = sums[:, :-1]
    two = (one + sums[:, 1:]) * np.sqrt(0.5)
    score = np.where(usable, np.maximum(one, two) / np.sqrt(np.where(usable, lengths, 1)), -np.inf)
    best = score.argmax(axis=1)
    return score[d, best], s[best] + np.where(one[d, best] > two[d, best], 0.0, 0.5)


def cut_strip(data, bad, level, binning, steep, first, middle, half):
    """Cut out the pixels about a line, without the level.

    Parameters
    ----------
    data, bad : array
        Shape ``(ny, nx)``; `bad` is not 0 where a pixel does not count.
    level : array
        What is subtracted, of squares of `binning` pixels; the last ones serve the pixels
        beyond complete squares too.
    binning : int
        Side of a square.
    steep : bool
        Whether the line runs over the rows, not over the columns.
    first : int
        The first row of a steep line, else the first column.
    middle : array of int
        Column of the line in each row, else row in each column.
    half : int
        How many pixels on either side.

    Returns
    -------
    array of float64
        Shape ``(len(middle), 2 * half + 1)``; NaN where there is no good pixel.
    """
    if not steep:
        data, bad, level = data.T, bad.T, level.T
    u = first + np.arange(len(middle))[:, None]
    v = middle[:, None] + np.arange(-half, half + 1)
    outside = (v < 0) | (v >= data.shape[1])
    v = np.clip(v, 0, data.shape[1] - 1)
    squares = [
        np.minimum(k // binning, size - 1) for k, size in zip((u, v), level.shape, strict=True)
    ]
    strip = data[u, v].astype(np.float64) - level[tuple(squares)]
    strip[outside | (bad[u, v] != 0) | ~np.isfinite(strip)] = np.nan
    return strip
