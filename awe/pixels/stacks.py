"""Combination of frames: clipped mean or median of a stack, in blocks of rows."""

import functools
from typing import NamedTuple

import numpy as np

from awe.base.errors import AweValueError
from awe.pixels import ref
from awe.pixels.backend import kernels
from awe.pixels.stats import MAD_TO_SIGMA, median_variance

__all__ = ["ArrayStack", "Combined", "combine"]

# Small blocks stay in the processor's cache; below some rows reading them costs more, as long as
# they do not take too much memory.
_BLOCK_BYTES = 4 << 20
_BLOCK_ROWS = 8
_MOST_BYTES = 24 << 20
_CACHE_BYTES = 1 << 20


class Combined(NamedTuple):
    """What a combination gives.

    Parameters
    ----------
    data : array of float32
        Mean or median of the values kept, shape ``(ny, nx)``; NaN where no
        frame has a finite value.
    count : array of uint8 or uint16
        How many values were kept.
    error : array of float32
        Standard error of `data`; NaN where it cannot be known (no value; or
        one value and no noise model).
    """

    data: np.ndarray
    count: np.ndarray
    error: np.ndarray


class ArrayStack:
    """A stack of frames in memory: what `combine` takes.

    Any other object with a length, a `shape` and a method `rows` serves as well.

    Parameters
    ----------
    frames : sequence of array
        Frames of equal shape ``(ny, nx)``, any real type.

    Raises
    ------
    AweValueError
        There is no frame, or one has another shape than the first.
    """

    def __init__(self, frames):
        self.frames = [np.asarray(frame) for frame in frames]
        if not self.frames:
            msg = "A stack needs at least one frame, but none was given."
            raise AweValueError(msg)
        self.shape = self.frames[0].shape
        for k, frame in enumerate(self.frames):
            if frame.ndim != 2 or frame.shape != self.shape:
                msg = (
                    f"Frame {k + 1} of {len(self.frames)} has shape {frame.shape}, the first has "
                    f"{self.shape}: all frames of a stack need the same shape (ny, nx)."
                )
                raise AweValueError(msg)

    def __len__(self):
        """Give the number of frames."""
        return len(self.frames)

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
        array
            Shape ``(y1 - y0, nx)``.
        """
        return self.frames[k][y0:y1]


def combine(
    stack,
    *,
    sigma_clip=3.0,
    read_noise=None,
    gain=None,
    max_iterations=5,
    scale=None,
    method="mean",
):
    """Combine a stack of frames into their clipped mean or median.

    A value is left out where it lies further than `sigma_clip` standard
    deviations from the median of the values still kept, until none is left out.
    The standard deviation does not come from the scatter about the mean, within
    which one outlier among ten frames cannot exceed 2.85: with `read_noise` and
    `gain` it is that of the noise model ``sqrt(read_noise^2 + max(median, 0) /
    gain)``, else the median absolute deviation (1.4826 MAD, corrected for few
    values, and at least its median along the row). Where a step would leave out
    all values of a pixel (two frames that disagree) it is not taken. Values
    that are not finite are left out.

    The frames are read in blocks of rows, so that the memory needed does not
    grow with their number.

    Parameters
    ----------
    stack : ArrayStack or the like
        Gives ``len(stack)``, ``stack.shape`` and ``stack.rows(k, y0, y1)``; or,
        instead of the last, ``stack.fill(block, y0, y1)``, which fills an array of
        float32 of shape ``(n, y1 - y0, nx)``.
    sigma_clip : float or None, optional
        Limit in standard deviations; None for no clip. The default is 3.
    read_noise : float or array, optional
        Read noise of one frame in ADU; an array broadcasts to ``(ny, nx)``.
    gain : float or array, optional
        Electrons per ADU; ``numpy.inf`` for frames without photon noise. The
        noise model needs both; by default the MAD is used.
    max_iterations : int, optional
        How often to clip at most. The default is 5.
    scale : sequence of float, optional
        One number per frame, by which it is divided (the level of a flat). The
        noise model holds before the division. By default 1.
    method : str, optional
        ``'mean'`` or ``'median'`` of the values kept. The default is ``'mean'``.

    Returns
    -------
    Combined
        Data (in ADU, or relative to the scales), number of values, and error:
        of the noise model where it is given, else of the scatter of the values
        kept.

    Raises
    ------
    AweValueError
        The stack is empty, a frame has another shape, or an argument is out of
        its range.
    """
    count = len(stack)
    _check(stack, sigma_clip, max_iterations, method)
    scale = _check_scale(scale, count)
    noise = None
    if read_noise is not None and gain is not None:
        noise = [
            _noise_map(v, stack.shape, n) for v, n in ((read_noise, "read_noise"), (gain, "gain"))
        ]
    ny, nx = stack.shape
    result = Combined(
        np.empty((ny, nx), dtype=np.float32),
        np.empty((ny, nx), dtype=np.uint8 if count < 256 else np.uint16),
        np.empty((ny, nx), dtype=np.float32),
    )
    options = (sigma_clip, max_iterations, method == "median", scale)
    size = 4 * count * nx
    height = min(ny, max(1, _BLOCK_BYTES // size, min(_BLOCK_ROWS, _MOST_BYTES // size)))
    buffer = np.empty(count * height * nx, dtype=np.float32)
    run = _rows_by_definition if kernels() is None else _rows_by_kernel
    for y0 in range(0, ny, height):
        y1 = min(y0 + height, ny)
        block = buffer[: count * (y1 - y0) * nx].reshape(count, y1 - y0, nx)
        _fill(stack, block, y0, y1)
        for k in range(count):
            if scale[k] != 1:
                block[k] /= np.float32(scale[k])
        part = None if noise is None else [m if m.ndim == 0 else m[y0:y1] for m in noise]
        run(block, part, *options, [plane[y0:y1] for plane in result])
    return result


def _check(stack, sigma_clip, max_iterations, method):
    """Check the arguments of `combine`."""
    if len(stack) < 1:
        msg = "A combination needs at least one frame, but the stack is empty."
        raise AweValueError(msg)
    if len(stack) > 65535:
        msg = f"A combination takes at most 65535 frames, but the stack has {len(stack)}."
        raise AweValueError(msg)
    if len(stack.shape) != 2 or min(stack.shape) < 1:
        msg = f"The frames of a stack need a shape (ny, nx) with pixels, not {tuple(stack.shape)}."
        raise AweValueError(msg)
    if sigma_clip is not None and not sigma_clip > 0:
        msg = f"sigma_clip is the limit in standard deviations: a number > 0, not {sigma_clip!r}."
        raise AweValueError(msg, remedy="sigma_clip=None combines without a clip.")
    if max_iterations < 0:
        msg = f"max_iterations must be 0 or more, not {max_iterations!r}."
        raise AweValueError(msg)
    if method not in ("mean", "median"):
        msg = f"There is no way to combine called {method!r}: expected 'mean' or 'median'."
        raise AweValueError(msg)


def _check_scale(scale, count):
    """Check the scale factors and give them as an array."""
    if scale is None:
        return np.ones(count)
    scale = np.asarray(scale, dtype=np.float64)
    if scale.shape != (count,):
        msg = f"A stack of {count} frames needs {count} scale factors, not shape {scale.shape}."
        raise AweValueError(msg)
    for k, factor in enumerate(scale):
        if not (np.isfinite(factor) and factor > 0):
            msg = f"The scale of frame {k + 1} of {count} is {factor}: it must be finite and > 0."
            raise AweValueError(msg)
    return scale


def _noise_map(value, shape, name):
    """Check read noise or gain and give it as a number or a map of the whole frame."""
    value = np.asarray(value, dtype=np.float32)
    if not ((value > 0) | ((value == 0) & (name == "read_noise"))).all():
        least = "0 or more" if name == "read_noise" else "greater than 0"
        msg = f"{name} must be {least} everywhere, but its least value is {value.min()}."
        raise AweValueError(msg)
    if value.ndim == 0:
        return value
    try:
        return np.broadcast_to(value, shape)
    except ValueError as err:
        msg = f"{name} has shape {value.shape}, which does not fit the frames of shape {shape}."
        raise AweValueError(msg) from err


def _fill(stack, block, y0, y1):
    """Fill a block with rows of all frames."""
    if hasattr(stack, "fill"):
        stack.fill(block, y0, y1)
        return
    for k, target in enumerate(block):
        target[...] = _read_rows(stack, k, y0, y1)


def _read_rows(stack, k, y0, y1):
    """Read rows of one frame and check their shape."""
    rows = stack.rows(k, y0, y1)
    expected = (y1 - y0, stack.shape[1])
    if rows.shape != expected:
        msg = (
            f"Frame {k + 1} of {len(stack)} gives rows {y0}:{y1} of shape {rows.shape}, expected "
            f"{expected}: all frames of a stack need the same shape (ny, nx)."
        )
        raise AweValueError(msg)
    return rows


def _rows_by_definition(block, noise, clip, max_iterations, use_median, scale, target):
    """Combine a block of rows by the definition."""
    variance = None
    if noise is not None:
        base, gain = np.asarray(noise[0], dtype=np.float64) ** 2, np.asarray(noise[1], dtype=float)
        factor = scale[:, None, None]

        def variance(centre):
            return base / factor**2 + np.maximum(centre, 0.0) / (gain * factor)

    values = ref.combine_rows(
        block, clip=clip, variance=variance, max_iterations=max_iterations, use_median=use_median
    )
    for plane, result in zip(target, values, strict=True):
        plane[...] = result


def _rows_by_kernel(block, noise, clip, max_iterations, use_median, scale, target):
    """Combine a block of rows by the compiled kernels."""
    compiled = kernels()
    count, height, width = block.shape
    factors = np.array([MAD_TO_SIGMA * ref.mad_correction(n) for n in range(count + 1)])
    widening = np.sqrt(np.arange(count + 1) * median_variance(np.arange(count + 1)))
    robust = noise is None and clip is not None
    # Few rows at a time, so that what is sorted is still in the cache when it is summed.
    step = min(height, max(1, _CACHE_BYTES // (4 * count * width)))
    pixels = step * width
    ordered = np.zeros((-(-pixels // compiled.LANES), count * compiled.STRIDE), dtype=np.float32)
    centre, spread = np.empty((2, pixels), dtype=np.float32)
    number = np.empty(pixels, dtype=np.uint16)
    floor = np.empty(step, dtype=np.float32)
    values = block.reshape(count, -1)
    for y in range(0, height, step):
        rows = slice(y, min(y + step, height))
        n = (rows.stop - y) * width
        part = centre[:n], number[:n], spread[: n if robust else 0]
        compiled.order(values, y * width, *sorting_network(count), factors, ordered, *part)
        base = light = np.zeros(1, dtype=np.float32)
        if noise is not None:
            base, light = _noise_rows(noise, rows)
        elif robust:
            compiled.row_medians(part[2].reshape(-1, width), floor)
            base = np.repeat(floor[: rows.stop - y], width) ** 2
        compiled.clip_and_reduce(
            values, y * width, ordered, *part, base, light,
            1 / scale, np.inf if clip is None else float(clip), max_iterations, use_median,
            noise is not None, factors, widening, *(plane[rows].reshape(-1) for plane in target),
        )  # fmt: skip


def _noise_rows(noise, rows):
    """Give the noise model of some rows as the kernels take it, or one value for all."""
    read_noise, gain = (m if m.ndim == 0 else m[rows] for m in noise)
    both = np.square(read_noise), 1 / gain
    return [np.ascontiguousarray(m, dtype=np.float32).reshape(-1) for m in both]


@functools.lru_cache(maxsize=64)
def sorting_network(count):
    """Make a network of comparators that sorts `count` values: Batcher's odd-even merge sort.

    Parameters
    ----------
    count : int
        Number of values.

    Returns
    -------
    low, high : array of int64
        Comparator i puts the lesser of the values low[i] and high[i] at low[i].
    """
    pairs = []
    p = 1
    while p < count:
        k = p
        while k >= 1:
            for j in range(k % p, count - k, 2 * k):
                for i in range(min(k, count - j - k)):
                    if (i + j) // (2 * p) == (i + j + k) // (2 * p):
                        pairs.append((i + j, i + j + k))
            k //= 2
        p *= 2
    table = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    return np.ascontiguousarray(table[:, 0]), np.ascontiguousarray(table[:, 1])
