"""Flats: normalisation, and the master flat of dome, twilight and night-sky flats."""

from typing import NamedTuple

import numpy as np

from awe.base.errors import AweValueError
from awe.pixels.stats import sorted_median

__all__ = ["COMBINE_TYPES", "COMBINE_USES", "NormalisedFlat", "master_flat", "normalise_flat"]

COMBINE_TYPES = {
    1: "dome and twilight flat",
    2: "dome flat only",
    3: "twilight flat only",
    4: "dome flat, large scales of the night-sky flat",
    5: "twilight flat, large scales of the night-sky flat",
    6: "dome and twilight flat, largest scales of the night-sky flat",
}
"""What each number of the way to make a master flat means."""

COMBINE_USES = {
    1: ("dome", "twilight"),
    2: ("dome",),
    3: ("twilight",),
    4: ("dome", "nightsky"),
    5: ("twilight", "nightsky"),
    6: ("dome", "twilight", "nightsky"),
}
"""Which flats each way uses, that of the small scales first."""

_WORDS = {"dome": "dome", "twilight": "twilight", "nightsky": "night-sky"}


class NormalisedFlat(NamedTuple):
    """A flat whose mean over the good pixels is 1.

    Parameters
    ----------
    flat : array of float32
        Shape ``(ny, nx)``, without unit; 0 where the flat cannot be used.
    level : float
        What the flat was divided by, in its former unit.
    bad : array of bool
        True where a pixel was masked, or is not a positive number.
    """

    flat: np.ndarray
    level: float
    bad: np.ndarray


def normalise_flat(flat, mask=None, *, maximum_bad=0.5):
    """Divide a flat by its mean over the good pixels.

    Pixels that are zero, negative or not finite are bad and become 0, so that
    the flat itself tells where it cannot be used. Masked pixels do not count in
    the mean, but keep their value.

    Parameters
    ----------
    flat : array
        Shape ``(ny, nx)``, any unit.
    mask : array, optional
        Same shape, not zero where a pixel is bad. By default none is.
    maximum_bad : float, optional
        Share of bad pixels up to which the flat is accepted. The default is 0.5.

    Returns
    -------
    NormalisedFlat
        The flat, its level and its bad pixels.

    Raises
    ------
    AweValueError
        No pixel is good, too many are bad, or the mask has another shape.
    """
    flat = np.asarray(flat)
    with np.errstate(invalid="ignore"):
        usable = (flat > 0) & (flat < np.inf)
    bad = ~usable
    if mask is not None:
        if np.shape(mask) != flat.shape:
            msg = f"The mask has shape {np.shape(mask)}, the flat {flat.shape}: they must be equal."
            raise AweValueError(msg)
        bad |= np.asarray(mask) != 0
    count = np.count_nonzero(bad)
    if count == flat.size:
        msg = (
            f"The flat of shape {flat.shape} has no good pixel: all are masked, zero, negative or "
            "not a number."
        )
        raise AweValueError(msg)
    if count > maximum_bad * flat.size:
        msg = (
            f"{count / flat.size:.1%} of the pixels of the flat are masked, zero, negative or not "
            f"a number; up to {maximum_bad:.1%} (maximum_bad) are accepted."
        )
        raise AweValueError(msg)
    level = float(np.mean(flat, where=~bad, dtype=np.float64))
    with np.errstate(invalid="ignore"):
        result = np.divide(flat, np.float32(level), dtype=np.float32, casting="unsafe")
    result[~usable] = 0
    return NormalisedFlat(result, level, bad)


def master_flat(
    dome, twilight, method=1, filter_size=64, mask=None, *, nightsky=None, gauss_size=0,
    nightsky_size=256, mirror=(0, 0),
):  # fmt: skip
    """Make the master flat of a filter.

    The small scales (pixel to pixel, dust) are those of the dome flat, which is
    exposed well; the large ones those of the twilight flat, which is lit like
    the sky: ``dome x smooth(twilight / dome)``. Smoothing the ratio instead of
    each flat leaves steep vignetting, which both share, untouched. The night sky
    itself has the very light of the science frames, but little of it: where it
    takes part, the flat made so far is multiplied by ``smooth(nightsky / flat)``,
    smoothed more widely.

    `smooth` takes the median of the good pixels in cells of a quarter of
    `filter_size`, which removes stars and noise, smooths the cells by a Gaussian
    whose full width at half maximum is `gauss_size`, and interpolates between
    the centres of the cells by cubics. Beyond the edges the cells are mirrored
    in place and value, so that a slope goes on.

    Parameters
    ----------
    dome, twilight : array or None
        Flats of shape ``(ny, nx)``, any level; the one that the method does not
        use may be None. Pixels that are not positive are bad.
    method : int, optional
        1 dome and twilight, 2 dome only, 3 twilight only, 4 dome and night sky,
        5 twilight and night sky, 6 all three. The default is 1.
    filter_size : float, optional
        MEDIAN_FILTER_SIZE: four cells, in pixels. The default is 64.
    mask : array, optional
        Same shape, not zero where a pixel is bad. By default none is.
    nightsky : array, optional
        Flat of the night sky, of the same shape: of frames that were not
        flat-fielded, or multiplied by the flat that they were divided by.
    gauss_size : float, optional
        DIG_FILTER_SIZE: full width at half maximum of the Gaussian in pixels.
        The default is 0: that of `filter_size`.
    nightsky_size : float, optional
        The same for the ratio to the night sky, four cells and full width at
        half maximum. The default is 256.
    mirror : (int, int), optional
        MIRROR_XPIX and MIRROR_YPIX: over so many pixels beyond the edges in x
        and in y the cells are mirrored, further out the last one is repeated.
        The default is 0: as far as the Gaussian reaches.

    Returns
    -------
    NormalisedFlat
        The master flat of mean 1; `level` is that of the dome or twilight flat.

    Raises
    ------
    AweValueError
        The method does not exist, a flat that it needs is absent or has no good
        pixel, the shapes differ, or a size is out of its range.
    """
    if method not in COMBINE_TYPES:
        table = "; ".join(f"{k} {v}" for k, v in COMBINE_TYPES.items())
        msg = f"There is no way {method!r} to make a master flat. The ways are: {table}."
        raise AweValueError(msg)
    given = {"dome": dome, "twilight": twilight, "nightsky": nightsky}
    flats = [(name, given[name]) for name in COMBINE_USES[method]]
    _check_flats(flats, method)
    for name, size in (("filter_size", filter_size), ("nightsky_size", nightsky_size)):
        if not size > 0:
            msg = f"{name} is a width in pixels: a number > 0, not {size!r}."
            raise AweValueError(msg)
    if gauss_size < 0 or min(mirror) < 0:
        msg = f"gauss_size {gauss_size!r} and mirror {mirror!r} are numbers of pixels: 0 or more."
        raise AweValueError(msg)
    result = normalise_flat(flats[0][1], mask)
    level = result.level
    for name, flat in flats[1:]:
        sizes = (nightsky_size, 0) if name == "nightsky" else (filter_size, gauss_size)
        result = _with_large_scales(result, normalise_flat(flat, mask), name, *sizes, mirror)
    return NormalisedFlat(result.flat, level, result.bad)


def _check_flats(flats, method):
    """Refuse flats that are absent or of different shapes."""
    for name, flat in flats:
        words = _WORDS[name]
        if flat is None:
            msg = f"A master flat of type {method} ({COMBINE_TYPES[method]}) needs a {words} flat."
            raise AweValueError(msg)
        first = flats[0]
        if np.shape(flat) != np.shape(first[1]):
            msg = (
                f"The {_WORDS[first[0]]} flat has shape {np.shape(first[1])}, the {words} flat "
                f"{np.shape(flat)}: they must be equal."
            )
            raise AweValueError(msg)


def _with_large_scales(fine, coarse, name, cell_size, gauss_size, mirror):
    """Give a flat the large scales of another one."""
    bad = fine.bad | coarse.bad
    if bad.all():
        msg = f"The flat and the {_WORDS[name]} flat have no good pixel in common."
        raise AweValueError(msg)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(bad, np.float32(np.nan), coarse.flat / fine.flat)
    # A sky that was masked in all frames leaves the fine flat as good as it was.
    kept = fine.bad if name == "nightsky" else bad
    smooth = _smooth(ratio, cell_size, gauss_size or cell_size, mirror)
    return normalise_flat(fine.flat * smooth, kept)


def _smooth(image, cell_size, width, mirror=(0, 0)):
    """Smooth an image with NaN by cell medians, a Gaussian and cubic interpolation."""
    cell = max(1, int(cell_size // 4))
    cells = _cell_medians(image, cell)
    sigma = width / np.sqrt(8 * np.log(2)) / cell
    reach = [None if m == 0 else -(-int(m) // cell) for m in (mirror[1], mirror[0])]
    for _ in range(2):
        # First the holes are filled, since a mirror image about the edge needs all cells.
        known = np.isfinite(cells)
        sums, weights = np.where(known, cells, 0.0), known.astype(np.float64)
        mode = {"mode": "reflect", "reflect_type": "odd"} if known.all() else {"mode": "symmetric"}
        for axis in (0, 1):
            sums = _gaussian(sums, sigma, axis, reach[axis], **mode)
            weights = _gaussian(weights, sigma, axis, reach[axis], **mode)
        smooth = _quotient(sums, weights)
        if known.all():
            break
        cells = np.where(known, cells, smooth)
    return _interpolate(smooth, cell, image.shape)


def _quotient(sums, weights):
    """Divide weighted sums by their weights; far from all good cells, take the mean."""
    known = weights > 1e-6
    mean = sums.sum() / weights.sum()
    return np.where(known, sums / np.where(known, weights, 1.0), mean)


def _cell_medians(image, cell):
    """Take the median of the numbers in each cell of `cell` x `cell` pixels."""
    ny, nx = (-(-n // cell) for n in image.shape)
    medians = np.empty((ny, nx))
    for j in range(ny):
        strip = image[j * cell : (j + 1) * cell]
        # The last cell of a row is as wide as the others: what lacks is NaN.
        padded = np.full((len(strip), nx * cell), np.nan, dtype=image.dtype)
        padded[:, : image.shape[1]] = strip
        blocks = padded.reshape(len(strip), nx, cell).transpose(1, 0, 2).reshape(nx, -1)
        medians[j] = sorted_median(blocks, 1)
    return medians


def _gaussian(array, sigma, axis, reach, **mode):
    """Smooth along an axis by a Gaussian cut at 4 sigma, the ends continued by `numpy.pad`."""
    half = int(np.ceil(4 * sigma))
    near = half if reach is None else min(half, reach)
    weights = np.exp(-0.5 * (np.arange(-half, half + 1) / sigma) ** 2)
    weights /= weights.sum()
    array = np.moveaxis(array, axis, 0)
    padded = np.pad(array, [(near, near), (0, 0)], **mode)
    padded = np.pad(padded, [(half - near, half - near), (0, 0)], mode="edge")
    result = np.zeros(array.shape)
    for shift, factor in enumerate(weights):
        result += factor * padded[shift : shift + len(array)]
    return np.moveaxis(result, 0, axis)


def _interpolate(cells, cell, shape):
    """Interpolate between the centres of cells, first along y, then along x."""
    rows, columns = (
        _interpolation_matrix(pixels, cell, count)
        for pixels, count in zip(shape, cells.shape, strict=True)
    )
    cells = np.pad(cells, 2, mode="reflect", reflect_type="odd")
    return ((rows @ cells) @ columns.T).astype(np.float32)


def _interpolation_matrix(pixels, cell, count):
    """Give the weights of the cells in each pixel: Catmull-Rom cubics, 2 cells more each side."""
    position = (np.arange(pixels) + 0.5) / cell - 0.5
    base = np.floor(position).astype(int)
    t = position - base
    factors = (
        ((2 - t) * t - 1) * t / 2,
        ((3 * t - 5) * t * t + 2) / 2,
        ((4 - 3 * t) * t + 1) * t / 2,
        (t - 1) * t * t / 2,
    )
    matrix = np.zeros((pixels, count + 4))
    for shift, factor in zip((-1, 0, 1, 2), factors, strict=True):
        matrix[np.arange(pixels), base + shift + 2] = factor
    return matrix
