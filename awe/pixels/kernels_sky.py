"""Compiled kernels of the sky: averages over blocks and over neighbours."""

import numpy as np
from numba import njit

__all__ = ["block_means", "box_average"]

_OPTIONS = {"nogil": True, "cache": True, "error_model": "numpy"}


@njit(**_OPTIONS)
def block_means(image, excluded, size, result):
    """Average an image over square blocks.

    Parameters
    ----------
    image : array of float32
        Shape ``(ny, nx)``; a value that is excluded may be anything.
    excluded : array of uint8
        Same shape, not zero where a pixel does not count.
    size : int
        Width and height of a block.
    result : array of float32
        Shape ``(ny // size, nx // size)``; gets the averages, NaN where no pixel counts.
    """
    rows, columns = result.shape
    total = np.empty(columns, dtype=np.float32)
    count = np.empty(columns, dtype=np.int32)
    for j in range(rows):
        total[:] = 0
        count[:] = 0
        for y in range(j * size, (j + 1) * size):
            for i in range(columns):
                part = np.float32(0)
                number = 0
                for x in range(i * size, (i + 1) * size):
                    good = excluded[y, x] == 0
                    part += image[y, x] if good else np.float32(0)
                    number += good
                total[i] += part
                count[i] += number
        for i in range(columns):
            result[j, i] = total[i] / np.float32(count[i]) if count[i] else np.float32(np.nan)


@njit(**_OPTIONS)
def box_average(image, result):
    """Average an image over 3 x 3 pixels; beyond the edges its outermost pixels are repeated.

    Parameters
    ----------
    image : array of float32
        Shape ``(ny, nx)``.
    result : array of float32
        Same shape; gets the averages.
    """
    ny, nx = image.shape
    line = np.empty(nx, dtype=np.float32)
    for y in range(ny):
        up, down = max(y - 1, 0), min(y + 1, ny - 1)
        for x in range(nx):
            line[x] = image[up, x] + image[y, x] + image[down, x]
        for x in range(1, nx - 1):
            result[y, x] = (line[x - 1] + line[x] + line[x + 1]) * np.float32(1 / 9)
        result[y, 0] = (2 * line[0] + line[min(1, nx - 1)]) * np.float32(1 / 9)
        result[y, nx - 1] = (2 * line[nx - 1] + line[max(nx - 2, 0)]) * np.float32(1 / 9)
