"""Background of an image in cells, and the pixels that have sources."""

import itertools
from typing import NamedTuple

import numpy as np

from awe.base.errors import AweValueError
from awe.pixels.backend import kernels
from awe.pixels.masks import grow_mask
from awe.pixels.stats import MAD_TO_SIGMA

__all__ = ["Background", "background", "source_mask"]

_CLIP = 3.0
_CLIPS = 5
# So many values give the median of a cell to 2 per cent of its noise.
_VALUES = 1 << 12
_BROAD = 8
_EDGE, _MOST = 3, 50_000


class Background(NamedTuple):
    """Background of an image in cells.

    Parameters
    ----------
    level, rms : array of float64
        Median and robust standard deviation of each cell, of shape ``(rows of cells, columns of
        cells)``, in the unit of the image.
    shape : tuple of int
        Shape of the image.
    """

    level: np.ndarray
    rms: np.ndarray
    shape: tuple

    @property
    def median(self):
        """Median of the levels of all cells."""
        return float(np.median(self.level))

    @property
    def noise(self):
        """Median of the standard deviations of all cells."""
        return float(np.median(self.rms))

    def image(self, rows=None):
        """Interpolate the level linearly between the centres of the cells.

        Parameters
        ----------
        rows : (int, int), optional
            First row and row after the last. By default all.

        Returns
        -------
        array of float32
            Shape ``(rows, nx)``; beyond the outermost centres the slope goes on.
        """
        return _interpolate(self.level, self.shape, rows)

    def rms_image(self):
        """Interpolate the standard deviation linearly between the centres of the cells.

        Returns
        -------
        array of float32
            Shape ``(ny, nx)``.
        """
        return np.maximum(_interpolate(self.rms, self.shape, None), np.float32(self.rms.min()))


def background(data, mask=None, *, cell=128, sample=_VALUES, least=1):
    """Measure the background of an image in cells.

    In each cell values further than 3 standard deviations (1.4826 times the median absolute
    deviation) from the median are left out, until none is or 5 times. A cell without any good
    pixel takes the mean of its neighbours. Of a large cell a regular sample is taken.

    Parameters
    ----------
    data : array
        Shape ``(ny, nx)``. Values that are not finite are left out.
    mask : array, optional
        Same shape, not zero where a pixel is bad. By default none is.
    cell : int, optional
        Width and height of a cell in pixels, about. The default is 128.
    sample : int, optional
        How many pixels of a cell are looked at, about. The default is 4096.
    least : int, optional
        How many cells along each axis at least. With one the background of a small image has no
        slope, with two it is a plane, a little twisted. The default is 1.

    Returns
    -------
    Background
        Levels and standard deviations.

    Raises
    ------
    AweValueError
        The image has not two axes, the mask another shape, or no pixel is good.
    """
    data, mask = np.asarray(data), checked_mask(data, mask)
    if not cell >= 1:
        msg = f"cell is a number of pixels: 1 or more, not {cell!r}."
        raise AweValueError(msg)
    edges = [_edges(n, min(cell, -(-n // least))) for n in data.shape]
    level = np.full([len(e) - 1 for e in edges], np.nan)
    rms = np.full(level.shape, np.nan)
    step = max(1, int(np.sqrt(min(cell, data.shape[0]) * min(cell, data.shape[1]) / sample)))
    for j, (y0, y1) in enumerate(itertools.pairwise(edges[0])):
        for i, (x0, x1) in enumerate(itertools.pairwise(edges[1])):
            where = (slice(y0, y1, step), slice(x0, x1, step))
            values = data[where]
            keep = np.isfinite(values)
            if mask is not None:
                keep &= mask[where] == 0
            level[j, i], rms[j, i] = clipped(values[keep])
    if np.isnan(level).all():
        msg = f"The image of shape {data.shape} has no good pixel."
        raise AweValueError(msg)
    return Background(_filled(level), _filled(rms), data.shape)


def source_mask(data, *, mask=None, threshold=3.5, grow=3, cell=128):
    """Find the pixels that have sources.

    The image is averaged over 3 x 3 pixels, and over blocks of 8 x 8 for the faint outskirts; a
    pixel has a source where one of the averages lies further above the background than
    `threshold` times its own standard deviation, as it is measured in each cell: what is
    everywhere, such as fringes, counts as noise. This is done twice, the second time with the
    background of the pixels that the first left.

    Parameters
    ----------
    data : array
        Shape ``(ny, nx)``, any unit. Values that are not finite count as bad.
    mask : array, optional
        Same shape, not zero where a pixel is bad. By default none is.
    threshold : float, optional
        In standard deviations of the averages. The default is 3.5.
    grow : int, optional
        Pixels up to so many away, in x and in y, belong to the source. The default is 3.
    cell : int, optional
        Cell of the background in pixels. The default is 128.

    Returns
    -------
    array of bool
        True where there is a source; bad pixels are not, unless a source reaches them.

    Raises
    ------
    AweValueError
        The threshold is not positive, or as `background`.
    """
    if not threshold > 0:
        msg = f"threshold is in standard deviations: a number > 0, not {threshold!r}."
        raise AweValueError(msg)
    data, mask = np.asarray(data), checked_mask(data, mask)
    bad = ~np.isfinite(data)
    if mask is not None:
        bad |= mask != 0
    found = np.zeros(data.shape, dtype=bool)
    for _ in range(2):
        behind = background(data, bad | found, cell=cell)
        rest = np.where(bad, np.float32(0), data - behind.image())
        found = _detected(rest, bad | found, threshold, cell)
    return grow_mask(found, grow)


def _detected(rest, excluded, threshold, cell):
    """Find where the averages of an image without background are significant."""
    fine = _box_average(rest)
    found = fine > _limit(fine, excluded, threshold, cell)
    ny, nx = rest.shape
    if min(ny, nx) < 2 * _BROAD:
        return found
    broad, outside = block_mean(rest, excluded=None, size=_BROAD), excluded
    outside = block_mean(excluded.astype(np.float32), None, _BROAD) > 0.5
    limit = _limit(broad, outside, threshold, max(1, cell // _BROAD))
    high = np.repeat(np.repeat(broad > limit, _BROAD, axis=0), _BROAD, axis=1)
    found[: high.shape[0], : high.shape[1]] |= high
    return found


def _limit(image, excluded, threshold, cell):
    if excluded.all():
        return np.inf
    behind = background(image, excluded, cell=cell)
    return _interpolate(behind.level + threshold * behind.rms, behind.shape, None)


def maxima(data, background, threshold):
    """Find the maxima of an image above its background, the highest first.

    Parameters
    ----------
    data : array
        Shape ``(ny, nx)``.
    background : Background
        Of the image.
    threshold : float
        In standard deviations of the background.

    Returns
    -------
    (array of int, array of int, array of float32) or None
        Rows, columns and heights above the background; of very many the highest. None where
        there is none. Within 3 pixels of the edges none is sought.
    """
    ny, nx = data.shape
    rows = np.linspace(0, ny, background.level.shape[0] + 1).round().astype(int)
    columns = np.linspace(0, nx, background.level.shape[1] + 1).round().astype(int)
    parts = []
    for j, (y0, y1) in enumerate(itertools.pairwise(rows)):
        for i, (x0, x1) in enumerate(itertools.pairwise(columns)):
            level, noise = background.level[j, i], max(background.rms[j, i], 1e-30)
            high = data[y0:y1, x0:x1] > np.float32(level + threshold * noise)
            place = np.flatnonzero(high)
            y, x = y0 + place // (x1 - x0), x0 + place % (x1 - x0)
            parts.append((y, x, data[y, x] - np.float32(level)))
    y, x, height = (np.concatenate(p) for p in zip(*parts, strict=True))
    keep = np.isfinite(height) & (y >= _EDGE) & (y < ny - _EDGE)
    keep &= (x >= _EDGE) & (x < nx - _EDGE)
    if np.count_nonzero(keep) > _MOST:
        limit = np.partition(height[keep], -_MOST)[-_MOST]
        keep &= height >= limit
    y, x, height = y[keep], x[keep], height[keep]
    for dy, dx in ((-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0), (1, 1)):
        # Of two equal neighbours only the first is the maximum.
        other = data[y + dy, x + dx]
        higher = data[y, x] > other if (dy, dx) > (0, 0) else data[y, x] >= other
        y, x, height = y[higher], x[higher], height[higher]
    order = np.argsort(-height, kind="stable")
    return (y[order], x[order], height[order]) if len(order) else None


def block_mean(image, excluded, size):
    """Average an image over square blocks; what is left over at the upper edges is dropped.

    Parameters
    ----------
    image : array
        Shape ``(ny, nx)``.
    excluded : array of bool or None
        Pixels that do not count, or None.
    size : int
        Width and height of a block.

    Returns
    -------
    array
        Shape ``(ny // size, nx // size)``; NaN where no pixel of a block counts.
    """
    shape = tuple(n // size for n in image.shape)
    compiled = kernels("sky")
    if compiled is not None and image.dtype == np.float32:
        result = np.empty(shape, dtype=np.float32)
        out = np.zeros(image.shape, dtype=np.uint8) if excluded is None else excluded.view(np.uint8)
        compiled.block_means(image, out, size, result)
        return result
    inner = (slice(0, shape[0] * size), slice(0, shape[1] * size))
    keep = np.ones(image.shape, dtype=bool) if excluded is None else ~excluded
    count = _sums(keep[inner].astype(np.float64), shape, size)
    total = _sums(np.where(keep, image, 0.0)[inner], shape, size)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(count > 0, total / count, np.nan).astype(np.float32)


def _sums(image, shape, size):
    return image.reshape(shape[0], size, shape[1], size).sum(axis=(1, 3))


def _box_average(image):
    """Average an image over 3 x 3 pixels, its outermost pixels repeated beyond the edges."""
    compiled = kernels("sky")
    result = np.empty(image.shape, dtype=np.float32)
    if compiled is not None:
        compiled.box_average(image, result)
        return result
    padded = np.pad(image.astype(np.float64), 1, mode="edge")
    ny, nx = image.shape
    parts = [padded[dy : dy + ny, dx : dx + nx] for dy in range(3) for dx in range(3)]
    result[:] = sum(parts) / 9
    return result


def clipped(values):
    """Clip values about their median by the median absolute deviation.

    Parameters
    ----------
    values : array
        One axis.

    Returns
    -------
    median, deviation : float
        Of the values kept; NaN where there is none.
    """
    if not len(values):
        return np.nan, np.nan
    values = np.sort(values)
    for _ in range(_CLIPS):
        median = values[len(values) // 2]
        deviations = np.abs(values - median)
        sigma = MAD_TO_SIGMA * float(np.partition(deviations, len(values) // 2)[len(values) // 2])
        low = np.searchsorted(values, median - _CLIP * sigma)
        high = np.searchsorted(values, median + _CLIP * sigma, side="right")
        if high - low == len(values):
            break
        values = values[low:high]
    middle = 0.5 * (float(values[(len(values) - 1) // 2]) + float(values[len(values) // 2]))
    return middle, sigma


def checked_mask(data, mask):
    """Check that an image has two axes and a mask its shape.

    Parameters
    ----------
    data : array
        The image.
    mask : array or None
        The mask.

    Returns
    -------
    array or None
        The mask.

    Raises
    ------
    AweValueError
        They do not fit.
    """
    shape = np.shape(data)
    if len(shape) != 2:
        msg = f"A background needs an image of two axes (ny, nx), not an array of shape {shape}."
        raise AweValueError(msg)
    if mask is not None and np.shape(mask) != shape:
        msg = f"The mask has shape {np.shape(mask)}, the image {shape}: they must be equal."
        raise AweValueError(msg)
    return None if mask is None else np.asarray(mask)


def _edges(pixels, cell):
    """Cut an axis into cells of nearly equal width."""
    count = max(1, round(pixels / cell))
    return np.linspace(0, pixels, count + 1).round().astype(int)


def _filled(cells):
    """Give cells without a value the mean of their neighbours, from the outside inwards."""
    while np.isnan(cells).any():
        padded = np.pad(cells, 1, constant_values=np.nan)
        around = [
            padded[1 + dy : padded.shape[0] - 1 + dy, 1 + dx : padded.shape[1] - 1 + dx]
            for dy in (-1, 0, 1) for dx in (-1, 0, 1)
        ]  # fmt: skip
        known = [np.isfinite(a) for a in around]
        count = np.sum(known, axis=0)
        total = np.sum([np.where(k, a, 0.0) for k, a in zip(known, around, strict=True)], axis=0)
        empty = np.isnan(cells) & (count > 0)
        cells = cells.copy()
        cells[empty] = total[empty] / count[empty]
    return cells


def _interpolate(cells, shape, rows):
    down = _weights(shape[0], cells.shape[0])
    along = _weights(shape[1], cells.shape[1])
    if rows is not None:
        down = down[rows[0] : rows[1]]
    # The mean apart, so that float32 keeps the digits of what varies.
    mean = cells.mean()
    image = (down @ (cells - mean)).astype(np.float32) @ along.T.astype(np.float32)
    image += np.float32(mean)
    return image


def _weights(pixels, count):
    """Give the weights of the cells in each pixel of an axis."""
    edges = np.linspace(0, pixels, count + 1).round()
    centres = 0.5 * (edges[1:] + edges[:-1]) - 0.5
    if count == 1:
        return np.ones((pixels, 1))
    place = np.arange(pixels)
    left = np.clip(np.searchsorted(centres, place) - 1, 0, count - 2)
    share = (place - centres[left]) / (centres[left + 1] - centres[left])
    weights = np.zeros((pixels, count))
    weights[place, left] = 1 - share
    weights[place, left + 1] = share
    return weights
