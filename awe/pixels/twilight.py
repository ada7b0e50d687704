"""Stars in twilight flats: found in each frame beside the others, and left out."""

import itertools

import numpy as np

from awe.pixels.masks import grow_mask

__all__ = ["StarFreeStack", "find_stars"]

_BOX = 5
_CELL = 64
_SKIP = 2
_THRESHOLD = 4.0
_GROW = 4


def find_stars(image, reference, sigma, *, threshold=_THRESHOLD, grow=_GROW):
    """Find the pixels in which a frame is brighter than others of the same field of view.

    The difference from the reference in standard deviations, without its medians
    in cells of 64 x 64 pixels and the lines between them (a sky that has another
    slope), is summed over boxes
    of 5 x 5 pixels, in which the wings of a star stand out that no single pixel
    shows. Where a sum exceeds `threshold` of its standard deviations there is a
    star; pixels around it are taken as well.

    Parameters
    ----------
    image, reference : array
        Frame and flat of shape ``(ny, nx)``, of the same level.
    sigma : float or array
        Standard deviation of the frame's pixels.
    threshold : float, optional
        Limit in standard deviations. The default is 4.
    grow : int, optional
        So many pixels around are taken as well. The default is 4.

    Returns
    -------
    array of bool
        True where there is a star.
    """
    excess = np.subtract(image, reference, dtype=np.float32) / np.asarray(sigma, dtype=np.float32)
    usable = np.isfinite(excess)
    excess[~usable] = 0
    _level_cells(excess)
    # A cosmic ray or a hot pixel is no star; the clip of the values leaves it out.
    np.clip(excess, -_THRESHOLD * 2, _BOX * _THRESHOLD * 2, out=excess)
    sums = _box_sums(excess)
    return grow_mask(sums > np.float32(threshold * _BOX), grow)


def _level_cells(excess):
    """Subtract the medians of cells in place, with straight lines between their centres."""
    medians, centres = [], []
    for size in excess.shape:
        edges = np.linspace(0, size, max(1, round(size / _CELL)) + 1).astype(int)
        centres.append((edges, 0.5 * (edges[:-1] + edges[1:] - 1)))
    (rows, at_y), (columns, at_x) = centres
    for y0, y1 in itertools.pairwise(rows):
        strip = excess[y0:y1]
        medians.append([
            np.median(strip[::_SKIP, x0:x1:_SKIP]) for x0, x1 in itertools.pairwise(columns)
        ])  # fmt: skip
    lines = _between(at_x, excess.shape[1]) @ np.array(medians).T
    weights = _between(at_y, excess.shape[0]).astype(np.float32)
    lines = np.ascontiguousarray(lines.T, dtype=np.float32)
    for y in range(len(excess)):
        excess[y] -= weights[y] @ lines


def _between(centres, size):
    """Give the weights of the cells in each pixel; beyond the centres the lines go on."""
    count = len(centres)
    weights = np.zeros((size, count))
    if count == 1:
        weights[:] = 1
        return weights
    pixels = np.arange(size)
    left = np.clip(np.searchsorted(centres, pixels) - 1, 0, count - 2)
    share = (pixels - centres[left]) / (centres[left + 1] - centres[left])
    weights[pixels, left] = 1 - share
    weights[pixels, left + 1] = share
    return weights


def _box_sums(image):
    """Sum the pixels of the box around each pixel; beyond the edge there is nothing."""
    for axis in (0, 1):
        total = image.copy()
        source, target = (np.moveaxis(a, axis, 0) for a in (image, total))
        for shift in range(1, min(_BOX // 2, len(source) - 1) + 1):
            target[shift:] += source[:-shift]
            target[:-shift] += source[shift:]
        image = total
    return image


class StarFreeStack:
    """A stack of frames in which the pixels with stars are not a number.

    Parameters
    ----------
    stack : ArrayStack or the like
        The frames, taken at different pointings.
    scale : sequence of float
        Level of each frame.
    reference : array
        Median of the frames over their levels, shape ``(ny, nx)``.
    read_noise, gain : float or array
        Of one frame, in ADU and in electrons per ADU.
    """

    def __init__(self, stack, scale, reference, read_noise, gain):
        self._stack = stack
        self.shape = stack.shape
        self._masks = []
        light = np.maximum(reference, 0) / np.asarray(gain, dtype=np.float32)
        for k, level in enumerate(scale):
            level = np.float32(level)
            image = np.asarray(stack.rows(k, 0, self.shape[0])) / level
            sigma = np.sqrt(np.square(read_noise, dtype=np.float32) + light * level) / level
            stars = find_stars(image, reference, sigma)
            # As bits: of many frames the masks would take the memory of several images.
            self._masks.append(np.packbits(stars, axis=1))

    def __len__(self):
        """Give the number of frames."""
        return len(self._stack)

    def stars(self, k):
        """Give the pixels of a frame that are left out.

        Parameters
        ----------
        k : int
            Number of the frame, counted from 0.

        Returns
        -------
        array of bool
            Shape ``(ny, nx)``.
        """
        return np.unpackbits(self._masks[k], axis=1, count=self.shape[1]).astype(bool)

    def rows(self, k, y0, y1):
        """Give a block of rows of one frame.

        Parameters
        ----------
        k : int
            Number of the frame, counted from 0.
        y0, y1 : int
            The rows, half-open.

        Returns
        -------
        array of float32
            Shape ``(y1 - y0, nx)``; NaN where there is a star.
        """
        block = np.array(self._stack.rows(k, y0, y1), dtype=np.float32)
        bits = self._masks[k][y0:y1]
        block[np.unpackbits(bits, axis=1, count=self.shape[1]).astype(bool)] = np.nan
        return block
