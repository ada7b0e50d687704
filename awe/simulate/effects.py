"""What happens to charge on its way: cosmic rays and bleeding."""

import numpy as np

__all__ = ["bleed", "cosmic_rays"]


def cosmic_rays(rng, shape, mean):
    """Draw the charge that cosmic rays leave.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of random numbers.
    shape : tuple of int
        `(ny, nx)`.
    mean : float
        Mean number of hits.

    Returns
    -------
    tuple of numpy.ndarray
        Indices into the flattened image, in order, and electrons in each.
    """
    ny, nx = shape
    charge = {}
    for _ in range(rng.poisson(mean)):
        x, y = rng.uniform(0, nx), rng.uniform(0, ny)
        angle, length = rng.uniform(0, 2 * np.pi), min(rng.exponential(5.0), 60.0)
        # A hit at a slant crosses more pixels and leaves more; a few are faint.
        per_pixel = rng.lognormal(np.log(1500.0), 0.8)
        steps = np.arange(0, length + 0.25, 0.25)
        column = np.floor(x + steps * np.cos(angle)).astype(int)
        row = np.floor(y + steps * np.sin(angle)).astype(int)
        inside = (column >= 0) & (column < nx) & (row >= 0) & (row < ny)
        pixels, counts = np.unique(row[inside] * nx + column[inside], return_counts=True)
        for pixel, count in zip(pixels.tolist(), counts.tolist(), strict=True):
            charge[pixel] = charge.get(pixel, 0.0) + per_pixel * min(1.0, count / 4)
    where = np.array(sorted(charge), dtype=np.int64)
    return where, np.array([charge[pixel] for pixel in where.tolist()], dtype=np.float32)


def bleed(electrons, full_well):
    """Let pixels overflow along their columns, half of the excess to each side.

    Parameters
    ----------
    electrons : numpy.ndarray
        `(ny, nx)`, of type float; changed in place. What flows over the edge of
        the CCD is lost.
    full_well : float
        What a pixel holds, in electrons.

    Returns
    -------
    tuple of numpy.ndarray
        Masks `(ny, nx)`: pixels that are full, and pixels that took in charge
        which flowed over from others.
    """
    full = electrons >= full_well
    received = np.zeros(electrons.shape, bool)
    columns = np.flatnonzero(full.any(axis=0))
    if columns.size == 0:
        return full, received
    before = electrons[:, columns]
    excess = np.maximum(before - full_well, 0)
    charge = np.minimum(before, full_well)
    for rows in (range(len(charge)), range(len(charge) - 1, -1, -1)):
        flowing = np.zeros(columns.size)
        for row in rows:
            total = charge[row] + flowing + excess[row] / 2
            charge[row] = np.minimum(total, full_well)
            flowing = total - charge[row]
    electrons[:, columns] = charge
    received[:, columns] = charge > np.minimum(before, full_well) + 1
    return electrons >= full_well, received
