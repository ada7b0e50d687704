"""Night-sky flats and fringes: reduced frames of the sky combined, and the fringes in a frame."""

from typing import NamedTuple

import numpy as np

from awe.base.errors import AweValueError
from awe.pixels.flats import NormalisedFlat, normalise_flat
from awe.pixels.sources import background, block_mean, checked_mask, source_mask
from awe.pixels.stacks import combine
from awe.pixels.stats import MAD_TO_SIGMA

__all__ = ["FringeScale", "Fringes", "SkyFlat", "SkyStack", "fringe_pattern", "fringe_scale",
           "night_sky_flat"]  # fmt: skip

_BLOCK, _SMOOTH = 4, 3
_FITS = 10
# Of a CCD that is not larger than a cell the slope is no fringe either.
_LEAST_CELLS = 2
# Averages of a cell that are looked at.
_SAMPLE = 1024


class SkyFlat(NamedTuple):
    """A night-sky flat.

    Parameters
    ----------
    flat : NormalisedFlat
        Mean 1; 0 where no frame shows the sky.
    error : array of float32
        Its standard error.
    """

    flat: NormalisedFlat
    error: np.ndarray


class Fringes(NamedTuple):
    """A pattern of fringes.

    Parameters
    ----------
    data : array of float32
        Shape ``(ny, nx)``, of the sky level, of mean 0; 0 where no frame shows the sky.
    error : array of float32
        Its standard error.
    amplitude : float
        Robust standard deviation of the averages over 4 x 4 pixels.
    significance : float
        The same over that of noise alone.
    """

    data: np.ndarray
    error: np.ndarray
    amplitude: float
    significance: float


class FringeScale(NamedTuple):
    """How strong the fringes of a frame are.

    Parameters
    ----------
    scale : float
        What the fringe frame is multiplied by before it is subtracted, in the unit of the image.
    error : float
        Its standard error.
    number : int
        Averages over 4 x 4 pixels that were fitted; 0 where none was left, with a scale of 0.
    """

    scale: float
    error: float
    number: int


class SkyStack:
    """Reduced frames of the sky, without their sources, as a stack for `combine`.

    Parameters
    ----------
    shape : tuple of int
        Of the frames, ``(ny, nx)``.
    flatten : bool, optional
        Whether of each the background in cells, above its median, is subtracted, so that
        gradients of the sky vanish. The default is False.
    cell : int, optional
        Cell of the background in pixels. The default is 256.
    threshold : float, optional
        For the sources, see `source_mask`. The default is 3.5.
    grow : int, optional
        Growth of the sources in pixels. The default is 3.

    Attributes
    ----------
    levels : list of float
        Sky of each frame.
    """

    def __init__(self, shape, *, flatten=False, cell=256, threshold=3.5, grow=3):
        self.shape = tuple(shape)
        self.levels = []
        self._options = {"cell": cell, "threshold": threshold, "grow": grow}
        self._flatten = flatten
        self._frames = []

    def __len__(self):
        """Give the number of frames."""
        return len(self._frames)

    def add(self, data, mask=None, source=None):
        """Add a frame: find its sources and its sky.

        Parameters
        ----------
        data : array
            Shape ``(ny, nx)``.
        mask : array, optional
            Same shape, not zero where a pixel is bad. By default none is.
        source : object, optional
            What gives the same rows again when it is sliced, such as a file, so that the frame
            need not stay in memory. By default `data`.

        Raises
        ------
        AweValueError
            The shape differs, or there is no light.
        """
        data, mask = np.asarray(data), checked_mask(data, mask)
        if data.shape != self.shape:
            msg = f"Frame {len(self) + 1} has shape {data.shape}, the first {self.shape}."
            raise AweValueError(msg)
        hidden = source_mask(data, mask=mask, **self._options)
        if mask is not None:
            hidden |= mask != 0
        sky = background(data, hidden, cell=self._options["cell"], least=_LEAST_CELLS)
        if not sky.median > 0:
            msg = f"Frame {len(self) + 1} has a sky of {sky.median:.3g}: a sky above 0 is needed."
            raise AweValueError(msg)
        self.levels.append(sky.median)
        # As bits: the masks of fifty frames fit into the memory of two images.
        self._frames.append((data if source is None else source, np.packbits(hidden, axis=1), sky))

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
            Shape ``(y1 - y0, nx)``; NaN where there is a source or a bad pixel.
        """
        source, hidden, sky = self._frames[k]
        block = np.array(source[y0:y1], dtype=np.float32)
        if self._flatten:
            block += np.float32(sky.median) - sky.image((y0, y1))
        block[np.unpackbits(hidden[y0:y1], axis=1, count=self.shape[1]).view(bool)] = np.nan
        return block


def night_sky_flat(stack, *, sigma_clip=3.0, read_noise=None, gain=None):
    """Make a flat of frames of the sky.

    Parameters
    ----------
    stack : SkyStack
        Reduced frames of dithered fields; not flattened.
    sigma_clip : float, optional
        As for `combine`. The default is 3.
    read_noise, gain : float, optional
        In ADU, and in electrons per ADU: the noise model of the clip. By default the scatter.

    Returns
    -------
    SkyFlat
        The clipped mean of the frames, each over its sky.
    """
    made = combine(
        stack, sigma_clip=sigma_clip, read_noise=read_noise, gain=gain, scale=stack.levels
    )
    flat = normalise_flat(made.data)
    return SkyFlat(flat, made.error / np.float32(flat.level))


def fringe_pattern(stack, *, sigma_clip=3.0, read_noise=None, gain=None, cell=256):
    """Make the pattern of fringes of frames of the sky.

    Parameters
    ----------
    stack : SkyStack
        Reduced frames of dithered fields; flattened.
    sigma_clip : float, optional
        As for `combine`. The default is 3.
    read_noise, gain : float, optional
        In ADU, and in electrons per ADU: the noise model of the clip. By default the scatter.
    cell : int, optional
        What varies over more pixels than this is no fringe: it is subtracted as a background
        in cells. The default is 256.

    Returns
    -------
    Fringes
        The clipped mean of the frames, each over its sky, minus 1 and the background.
    """
    made = combine(
        stack, sigma_clip=sigma_clip, read_noise=read_noise, gain=gain, scale=stack.levels
    )
    lacking = ~np.isfinite(made.data)
    data = made.data - background(made.data, lacking, cell=cell, least=_LEAST_CELLS).image()
    data -= np.float32(np.mean(data, where=~lacking, dtype=np.float64))
    data[lacking] = 0
    averages = block_mean(data, lacking, _BLOCK)
    averages = averages[np.isfinite(averages)]
    spread = np.median(np.abs(averages - np.median(averages))) if len(averages) else 0.0
    amplitude = float(MAD_TO_SIGMA * spread)
    noise = np.sqrt(_variance(made.error))
    return Fringes(data, made.error, amplitude, amplitude / noise if noise > 0 else np.inf)


def fringe_scale(
    data, fringe, mask=None, *, low=1.5, high=5.0, image_threshold=5.0, error=None,
    independent=True, cell=256,
):  # fmt: skip
    """Fit the strength of the fringes in a frame.

    Image and fringe frame are averaged over 4 x 4 pixels and freed from their background in
    cells. To the averages ``image = constant + scale x fringe`` is fitted by least squares. Those
    of the fringe frame within `low` times their own standard error of 0 tell nothing, and those
    beyond `high` standard deviations of the pattern (1.4826 times the median absolute deviation)
    are defects: both are left out. Those of the image further than `image_threshold` standard
    deviations from the background, and then from the fit, are sources and left out, until none
    is. The noise of the fringe frame makes the scale too small, unless the image is one of those
    that it was made from and has the same noise; that is allowed for.

    Parameters
    ----------
    data : array
        Science frame of shape ``(ny, nx)``, flat-fielded.
    fringe : array
        Same shape, mean 0.
    mask : array, optional
        Same shape, not zero where a pixel is bad. By default none is.
    low, high : float, optional
        FRINGE_THRESHOLD_LOW and _HIGH. The defaults are 1.5 and 5.
    image_threshold : float, optional
        IMAGE_THRESHOLD. The default is 5.
    error : array, optional
        Standard error of the fringe frame, same shape. By default it has none.
    independent : bool, optional
        Whether the image is none of those that the fringe frame was made from. The default is
        True.
    cell : int, optional
        Cell of the background in pixels. The default is 256.

    Returns
    -------
    FringeScale
        Subtract ``scale * fringe``.

    Raises
    ------
    AweValueError
        The shapes differ, or `low` is not less than `high`.
    """
    data, mask = np.asarray(data), checked_mask(data, mask)
    if np.shape(fringe) != data.shape:
        msg = f"The fringe frame has shape {np.shape(fringe)}, the image {data.shape}."
        raise AweValueError(msg)
    if not 0 <= low < high:
        msg = f"The thresholds need 0 <= low < high, not low = {low!r} and high = {high!r}."
        raise AweValueError(msg)
    bad = ~np.isfinite(data)
    if mask is not None:
        bad |= mask != 0
    image, pattern = block_mean(data, bad, _BLOCK), block_mean(fringe, bad, _BLOCK)
    outside = ~(np.isfinite(image) & np.isfinite(pattern))
    if outside.all():
        return FringeScale(0.0, np.inf, 0)
    cell = max(1, cell // _BLOCK)
    sky = background(image, outside, cell=cell, sample=_SAMPLE, least=_LEAST_CELLS)
    image -= sky.image()
    slopes = background(pattern, outside, cell=cell, sample=_SAMPLE, least=_LEAST_CELLS)
    pattern -= slopes.image()
    spread = MAD_TO_SIGMA * np.median(np.abs(pattern[~outside]))
    variance = 0.0 if error is None else _variance(error)
    size = np.abs(_smoothed(np.where(outside, 0, pattern)))
    use = (
        ~outside & (size >= low * np.sqrt(variance) / _SMOOTH) & (np.abs(pattern) <= high * spread)
    )
    use &= np.abs(image) <= image_threshold * sky.rms_image()
    return _fit(image[use].astype(np.float64), pattern[use].astype(np.float64),
                image_threshold, variance if independent else 0.0)  # fmt: skip


def _smoothed(averages):
    """Average neighbours: what is chosen by its own noise would be too large by it."""
    from scipy.ndimage import uniform_filter

    return uniform_filter(averages, _SMOOTH, mode="nearest")


def _variance(error):
    """Give the variance of an average of the fringe frame, by a sample of its error plane."""
    sample = error[::_BLOCK, ::_BLOCK]
    return float(np.median(sample[np.isfinite(sample)])) ** 2 / _BLOCK**2


def _fit(image, pattern, threshold, variance):
    """Fit a line, and again without what lies far from it."""
    for _ in range(_FITS):
        if len(image) < 3:
            return FringeScale(0.0, np.inf, 0)
        centre = pattern.mean()
        squares = np.sum((pattern - centre) ** 2) - len(pattern) * variance
        if not squares > 0:
            return FringeScale(0.0, np.inf, 0)
        scale = np.sum((pattern - centre) * (image - image.mean())) / squares
        rest = image - image.mean() - scale * (pattern - centre)
        spread = MAD_TO_SIGMA * np.median(np.abs(rest - np.median(rest)))
        inside = np.abs(rest - np.median(rest)) <= threshold * spread
        if inside.all():
            break
        image, pattern = image[inside], pattern[inside]
    return FringeScale(float(scale), float(spread / np.sqrt(squares)), len(image))
