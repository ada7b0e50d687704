"""Definitions of the clipped noise of the difference of two frames in plain NumPy."""

import numpy as np

__all__ = ["clip_cells", "row_means"]


def row_means(difference, good, centre, limit):
    """Compute the mean of each row without what is far from its centre.

    Parameters
    ----------
    difference : array
        Shape ``(ny, nx)``.
    good : array of bool
        Same shape, False where a pixel does not count.
    centre, limit : array
        Of each row: pixels within `limit` of `centre` count.

    Returns
    -------
    array of float64
        The means; `centre` where no pixel counts.
    """
    values = np.asarray(difference, dtype=np.float64)
    near = good & (np.abs(values - centre[:, None]) <= limit[:, None])
    number = np.count_nonzero(near, axis=1)
    sums = np.where(near, values - centre[:, None], 0.0).sum(axis=1)
    return centre + sums / np.maximum(number, 1)


def clip_cells(difference, frame, good, centre, limit, threshold, iterations, least):
    """Clip the pixels of each cell about their mean, and sum up what is left.

    Parameters
    ----------
    difference, frame : array
        Shape ``(ny, nx)``.
    good : array of bool
        Same shape, False where a pixel does not count.
    centre, limit : array
        Shape ``(rows, columns)`` of cells: first of all, pixels further than `limit`
        from `centre` are left out. What does not fill a cell at the end of an axis
        does not count.
    threshold : float
        Then those further than so many standard deviations from the mean.
    iterations : int
        How often at most.
    least : int
        A cell with fewer pixels left does not count.

    Returns
    -------
    count : int
        Number of pixels left.
    total : float
        Sum of `frame` over them.
    squares : float
        Sum of the squares of their differences from the means of their cells.
    freedom : int
        Number of pixels without one for each cell.
    """
    count, total, squares, cells = 0, 0.0, 0.0, 0
    high, wide = (n // m for n, m in zip(difference.shape, centre.shape, strict=True))
    for j, i in np.ndindex(centre.shape):
        cell = np.s_[j * high : (j + 1) * high, i * wide : (i + 1) * wide]
        values = difference[cell][good[cell]].astype(np.float64)
        level = frame[cell][good[cell]].astype(np.float64)
        kept = np.abs(values - centre[j, i]) <= limit[j, i]
        for _ in range(iterations):
            if not kept.any():
                break
            mean, spread = values[kept].mean(), values[kept].std()
            inside = kept & (np.abs(values - mean) <= threshold * spread)
            if (inside == kept).all():
                break
            kept = inside
        number = int(np.count_nonzero(kept))
        if number < least:
            continue
        count += number
        cells += 1
        total += level[kept].sum()
        squares += ((values[kept] - values[kept].mean()) ** 2).sum()
    return count, total, squares, count - cells
