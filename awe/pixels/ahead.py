"""All pixel steps compiled ahead, or loaded from the cache, by small calls of each."""

import numpy as np

from awe.base.progress import track
from awe.pixels.backend import kernel_name

__all__ = ["compile_all"]

_SIZE = 320


def compile_all():
    """Compile the kernels of all pixel steps for the types in use.

    After an installation this takes minutes; where they are in the cache it
    loads them, which takes seconds. Each step is run on a small image; progress
    goes to `awe.base.progress`.

    Returns
    -------
    int
        How many steps were run; 0 where there are no kernels.
    """
    if kernel_name() == "numpy":
        return 0
    frame = _frame()
    for step in track(_STEPS, "Compile the pixel steps"):
        step(frame)
    return len(_STEPS)


def _frame():
    """Make a small raw frame of one amplifier with stars."""
    rng = np.random.default_rng(1)
    y, x = np.mgrid[:_SIZE, :_SIZE]
    image = rng.normal(600.0, 12.0, (_SIZE, _SIZE))
    for star_y, star_x in rng.uniform(20, _SIZE - 20, (12, 2)):
        image += 5000 * np.exp(-0.5 * ((y - star_y) ** 2 + (x - star_x) ** 2) / 2.0)
    raw = np.full((_SIZE, _SIZE + 40), 300.0) + rng.normal(0, 4.0, (_SIZE, _SIZE + 40))
    raw[:, 20 : _SIZE + 20] += image
    return np.clip(raw, 0, 65535).astype(np.uint16)


def _amplifiers():
    """Give the amplifier of the small frame."""
    from awe.pixels.geometry import Amplifier

    last = _SIZE + 20
    overscan = (0, _SIZE, last, last + 20)
    return [Amplifier(0, (0, _SIZE, 20, last), overscan_x=overscan, gain=2.0, read_noise=5.0)]


def _run_reduction(frame):
    from awe.pixels.masks import grow_mask
    from awe.pixels.reduction import reduce_ccd

    for raw in (frame, frame.astype(np.float32)):
        made = reduce_ccd([raw], _amplifiers(), saturation=5000.0)
    grow_mask(made.mask, 1)


def _run_statistics(frame):
    from awe.pixels.stats import imstat

    image = frame.astype(np.float32)
    imstat(image)
    imstat(image, frame > 2000)


def _run_combination(frame):
    from awe.pixels.geometry import assemble_stored
    from awe.pixels.overscan import overscan_levels
    from awe.pixels.stacks import ArrayStack, combine

    combine(ArrayStack([frame, frame + 1, frame + 2]))
    stored = _Stored(frame)
    levels = overscan_levels([frame], _amplifiers())
    out, buffer = np.empty((9, _SIZE), dtype=np.float32), np.empty(frame.size, dtype=np.uint16)
    assemble_stored([stored], _amplifiers(), levels, (0, 9), out, buffer)


class _Stored:
    """Rows as they are stored in a file."""

    zero = 0

    def __init__(self, frame):
        self.shape = frame.shape
        self._frame = frame.byteswap()

    def read(self, y0, y1, out):
        """Give rows."""
        part = out[: (y1 - y0) * self.shape[1]].reshape(y1 - y0, -1)
        part[...] = self._frame[y0:y1]
        return part


def _run_cosmic_rays(frame):
    from awe.pixels.cosmics import find_cosmics

    find_cosmics(frame.astype(np.float32), gain=2.0, read_noise=5.0, mask=frame > 5000)


def _run_trails(frame):
    from awe.pixels.trails import find_trails, trail_mask

    image = frame[:, 20 : _SIZE + 20].astype(np.float32)
    np.fill_diagonal(image, 2000)
    trail_mask(image.shape, find_trails(image))


def _run_sources(frame):
    from awe.pixels.seeing import seeing
    from awe.pixels.sources import background, source_mask

    image = frame[:, 20 : _SIZE + 20].astype(np.float32)
    background(image)
    source_mask(image)
    seeing(image)


def _run_bad_pixels(frame):
    from awe.pixels.badpixels import cold_pixels, hot_pixels

    image = frame[:, 20 : _SIZE + 20].astype(np.float32)
    hot_pixels(image)
    cold_pixels(image / np.float32(np.median(image)))


def _run_transfer(frame):
    from awe.pixels.transfer import measure_pair

    image = frame[:, 20 : _SIZE + 20].astype(np.float32)
    measure_pair(image, image + np.float32(3))


_STEPS = (
    _run_reduction,
    _run_statistics,
    _run_combination,
    _run_cosmic_rays,
    _run_trails,
    _run_sources,
    _run_bad_pixels,
    _run_transfer,
)
