"""What the search for cosmic rays means, in float64 and plain NumPy."""

import numpy as np

from awe.pixels.masks import grow_mask
from awe.pixels.stats import sorted_median

__all__ = ["count_groups", "find", "sharpness", "smoothed"]

_REACH = 4


def sharpness(padded):
    """Compute how much sharper than its surroundings each pixel is.

    Half the Laplacian of the image sampled twice as finely, its negative values
    left out (van Dokkum 2001, PASP 113, 1420): of the finer pixels that make up
    a pixel v, one has the neighbours v, v, h (left or right) and w (above or
    below), and contributes ``max(2 v - h - w, 0) / 4``. The separable 5 x 5
    median of the result is subtracted. A single pixel on a flat background has
    its height above it.

    Parameters
    ----------
    padded : array
        Image with a margin of at least 3 pixels.

    Returns
    -------
    array
        Smaller by 3 pixels at each edge.
    """
    centre = 2 * padded[1:-1, 1:-1]
    beside = padded[1:-1, :-2], padded[1:-1, 2:]
    below = padded[:-2, 1:-1], padded[2:, 1:-1]
    laplacian = sum(np.maximum(centre - h - w, 0) for h in beside for w in below) / 4
    return (laplacian[2:-2, 2:-2] - _median(laplacian, 5)) / 2


def smoothed(padded):
    """Compute the separable 3 x 3 median of an image, and the 7 x 7 one of that.

    Their difference is the fine structure of van Dokkum (2001): large in stars
    as far as their neighbouring pixels share their light, small in cosmic rays.

    Parameters
    ----------
    padded : array
        Image with a margin of at least 4 pixels.

    Returns
    -------
    tuple of array
        Both, smaller by 4 pixels at each edge.
    """
    small = _median(padded, 3)
    return small[3:-3, 3:-3], _median(small, 7)


def _median(image, size):
    """Give the median along rows and then along columns, without the margin."""
    ny, nx = (n - size + 1 for n in image.shape)
    rows = np.median([image[:, k : k + nx] for k in range(size)], axis=0)
    return np.median([rows[k : k + ny] for k in range(size)], axis=0)


def _mirrored(n):
    """Give the indices of an axis and its margins, which are its image in the edge pixels."""
    if n == 1:
        return np.zeros(1 + 2 * _REACH, dtype=int)
    index = np.abs(np.arange(-_REACH, n + _REACH)) % (2 * (n - 1))
    return np.minimum(index, 2 * (n - 1) - index)


def _fill(image, usable, places, otherwise):
    """Replace pixels by the median of the usable ones among the 5 x 5 around each."""
    padded = np.pad(np.where(usable, image, np.nan), 2, constant_values=np.nan)
    y, x = np.nonzero(places)
    around = [padded[y + dy, x + dx] for dy in range(5) for dx in range(5)]
    if len(y):
        values = sorted_median(np.array(around), axis=0)
        image[places] = np.where(np.isnan(values), otherwise, values)


def find(data, bad, saturated, *, gain, read_noise, background, sky, limits, iterations):
    """Find the cosmic rays of an image.

    Parameters
    ----------
    data : array
        Shape ``(ny, nx)``, in ADU.
    bad, saturated : array of bool
        Pixels without a value, replaced first; pixels that are full: nothing
        within 2 pixels of them is marked.
    gain, read_noise, background : array
        Electrons per ADU, electrons, and ADU that were subtracted; shapes that
        broadcast.
    sky : float
        Level in ADU that the contrast is counted from, and that pixels have
        whose surroundings are all bad.
    limits : tuple of float
        Least sharpness of a cosmic ray, and of a neighbour of one, over the
        noise; that of a cosmic ray over the fine structure, and over the light
        above the sky; the part of these two that is asked of a neighbour.
    iterations : int
        How often to search at most.

    Returns
    -------
    array of bool
        Same shape, True where a cosmic ray is.
    """
    ray, neighbour, objlim, contrast, relaxed = limits
    image = np.array(data, dtype=np.float64)
    usable = ~(bad | saturated)
    _fill(image, usable, bad, sky)
    blocked = bad | grow_mask(saturated, 2)
    found = np.zeros(image.shape, dtype=bool)
    rows, columns = (_mirrored(n) for n in image.shape)
    inside = np.pad(np.ones(image.shape, dtype=bool), _REACH)
    for _ in range(iterations):
        padded = image[rows[:, None], columns]
        level = _median(padded[2:-2, 2:-2], 5) + background
        noise = np.sqrt((read_noise / gain) ** 2 + np.maximum(level, 0) / gain)
        sharp = sharpness(padded[1:-1, 1:-1])
        # In the mirror image the wing of a star beyond the edge is a ridge without width.
        smooth, wide = smoothed(
            np.where(inside, padded, 2 * np.pad(image, _REACH, "edge") - padded)
        )
        object_here = np.maximum(objlim * (smooth - wide), contrast * (smooth - sky))
        seeds = (sharp > ray * noise) & (sharp > object_here) & ~blocked & ~found
        grown = (sharp > neighbour * noise) & (sharp > relaxed * object_here)
        grown &= grow_mask(seeds | found) & ~blocked
        new = (seeds | grown) & ~found
        if not new.any():
            break
        found |= new
        _fill(image, usable & ~found, new, sky)
    return found


def count_groups(mask):
    """Count the groups of marked pixels that touch by a side or a corner.

    Parameters
    ----------
    mask : array of bool
        Shape ``(ny, nx)``.

    Returns
    -------
    int
        Number of groups.
    """
    ny, nx = mask.shape
    todo = set(np.flatnonzero(mask).tolist())
    groups = 0
    while todo:
        groups += 1
        stack = [todo.pop()]
        while stack:
            y, x = divmod(stack.pop(), nx)
            near = {
                i * nx + j
                for i in range(max(y - 1, 0), min(y + 2, ny))
                for j in range(max(x - 1, 0), min(x + 2, nx))
            } & todo
            todo -= near
            stack += near
    return groups
