"""Stacks that fill blocks themselves, rows as they are stored, and kernels compiled ahead."""

import subprocess
import sys
import tracemalloc

import numpy as np
import pytest

from awe.base.errors import AweValueError
from awe.base.progress import set_reporter
from awe.pixels import (
    ArrayStack,
    Imstat,
    assemble,
    assemble_stored,
    combine,
    compile_all,
    imstat,
    overscan_levels,
    use_kernel,
)


class Stored:
    """A raw array as it would lie in a file."""

    def __init__(self, array, zero):
        self.shape, self.zero = array.shape, zero
        self._bytes = (array.astype(np.int32) - zero).astype(">i2")

    def read(self, y0, y1, out):
        part = out[: (y1 - y0) * self.shape[1]].reshape(y1 - y0, -1)
        part[...] = self._bytes[y0:y1].view(np.uint16)
        return part


@pytest.mark.parametrize("zero", [0, 32768])
@pytest.mark.parametrize("method", [0, 2, 6, 8])
@pytest.mark.parametrize("rows", [(0, 40), (7, 23), (39, 40)])
def test_stored_rows_are_assembled_as_arrays_are(rng, two_amplifiers, zero, method, rows):
    high = 32767 if zero == 0 else 65535
    raw = [rng.integers(0, high, (46, 40)).astype(np.uint16) for _ in range(2)]
    bias = rng.normal(0, 1, (40, 60)).astype(np.float32)
    levels = overscan_levels(raw, two_amplifiers, method)
    out = np.full((rows[1] - rows[0], 60), np.nan, dtype=np.float32)
    buffer = np.empty(46 * 40, dtype=np.uint16)
    stored = [Stored(array, zero) for array in raw]
    assemble_stored(stored, two_amplifiers, levels, rows, out, buffer, bias)
    expected = assemble(raw, two_amplifiers, levels, rows) - bias[rows[0] : rows[1]]
    np.testing.assert_array_equal(out, expected)


class Filled:
    """A stack that fills blocks, and counts how often."""

    def __init__(self, frames):
        self.frames, self.shape, self.calls = frames, frames.shape[1:], 0

    def __len__(self):
        return len(self.frames)

    def fill(self, block, y0, y1):
        self.calls += 1
        block[...] = self.frames[:, y0:y1]


@pytest.mark.parametrize("options", [{}, {"read_noise": 2.0, "gain": 1.5}, {"scale": [1, 2, 3, 4]}])
def test_a_stack_may_fill_blocks(form, rng, options):
    frames = rng.normal(100, 5, (4, 30, 700)).astype(np.float32)
    frames[1, 5, 5] = 9e4
    frames[2, 6, 6] = np.nan
    stack = Filled(frames)
    made = combine(stack, **options)
    expected = combine(ArrayStack(frames), **options)
    assert stack.calls > 0
    for mine, other in zip(made, expected, strict=True):
        np.testing.assert_array_equal(mine, other)


class Endless:
    """A stack of many frames that need no memory."""

    shape = (300, 700)

    def __len__(self):
        return 200

    def fill(self, block, y0, y1):
        block[...] = 100


def test_memory_does_not_grow_with_the_number_of_frames():
    combine(Endless(), read_noise=1.0, gain=1.0)
    tracemalloc.start()
    try:
        made = combine(Endless(), read_noise=1.0, gain=1.0)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # All frames would be 168 MB.
    assert peak < sum(plane.nbytes for plane in made) + 60e6


def shapes_of_distributions(rng):
    """Give images of all kinds: as expected, skewed, with few values, sorted, with heavy wings."""
    size = (400, 500)
    sky = rng.normal(1000, 12, size)
    stars = sky + 300 * rng.pareto(1.1, size) * (rng.random(size) < 0.2)
    return {
        "sky": sky,
        "stars": stars,
        "steps": np.round(sky / 20),
        "constant": np.full(size, 3.5),
        "nearly constant": np.where(rng.random(size) < 1e-4, 7.0, 3.5),
        "sorted": np.sort(sky, axis=None).reshape(size),
        "cauchy": rng.standard_cauchy(size),
        "two levels": np.where(rng.random(size) < 0.5, 10.0, 90.0) + rng.normal(0, 1, size),
        "halves": np.vstack([sky[:200], 5 * sky[200:]]),
    }


@pytest.mark.parametrize("name", list(shapes_of_distributions(np.random.default_rng(0))))
@pytest.mark.parametrize("masked", [False, True])
def test_statistics_by_kernel_are_those_of_the_definition(rng, name, masked):
    image = shapes_of_distributions(rng)[name].astype(np.float32)
    mask = rng.random(image.shape) < 0.1 if masked else None
    if masked:
        image[3, 4], image[5, 6] = np.nan, np.inf
    with use_kernel("numba"):
        fast = imstat(image, mask)
    with use_kernel("numpy"):
        slow = imstat(image, mask)
    for field, mine, other in zip(Imstat._fields, fast, slow, strict=True):
        assert mine == pytest.approx(other, rel=1e-6, abs=1e-6), field


def test_image_without_a_good_pixel_is_refused(form):
    image = np.full((300, 300), np.nan, dtype=np.float32)
    with pytest.raises(AweValueError, match="has no good pixel"):
        imstat(image)


def test_all_kernels_are_run_ahead():
    steps = []

    def reporter(iterable, total, what):
        assert "Compile" in what
        for item in iterable:
            steps.append(item)
            yield item
        assert total == len(steps)

    set_reporter(reporter)
    try:
        assert compile_all() == len(steps) > 5
    finally:
        set_reporter(None)
    with use_kernel("numpy"):
        assert compile_all() == 0


SCRIPT = """
import numpy as np
from awe.pixels import ArrayStack, combine, compile_all, imstat, reduce_ccd, Amplifier
compile_all()
from awe.pixels import kernels_reduce, kernels_stacks, kernels_stats
functions = [f for m in (kernels_reduce, kernels_stacks, kernels_stats)
             for f in (getattr(m, n) for n in m.__all__) if hasattr(f, "signatures")]
before = [len(f.signatures) for f in functions]
assert all(before), [f.__name__ for f in functions if not f.signatures]
raw = np.random.default_rng(2).integers(900, 1100, (300, 340)).astype(np.uint16)
amp = [Amplifier(0, (0, 300, 0, 320), overscan_x=(0, 300, 320, 340), gain=1.0, read_noise=1.0)]
plane = np.ones((300, 320), dtype=np.float32)
made = reduce_ccd([raw], amp, 6, plane, plane, illumination=plane, dark=plane, saturation=9e4,
                  hot=plane > 2, bias_error=plane, flat_error=0.01)
imstat(made.data, made.mask)
combine(ArrayStack([raw] * 4), read_noise=3.0, gain=2.0, scale=[1, 2, 3, 4])
assert [len(f.signatures) for f in functions] == before
"""


def test_nothing_is_left_to_compile_after_that():
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
