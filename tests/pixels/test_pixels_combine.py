"""Combination of frames against known truth, invariants and independent reductions."""

import numpy as np
import pytest
from astropy.stats import sigma_clip
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from awe.base.errors import AweValueError
from awe.pixels import ArrayStack, combine, imstat, use_kernel
from awe.pixels.stacks import sorting_network

NUMBERS = [1, 2, 3, 4, 10, 16, 17, 50]
WAYS = [
    {"read_noise": 5.0, "gain": 2.0},
    {"read_noise": 5.0, "gain": np.inf},
    {},
    {"method": "median"},
    {"sigma_clip": None},
    {"max_iterations": 1},
]


def make_stack(rng, count, level=100.0, noise=5.0, shape=(24, 30)):
    return [rng.normal(level, noise, shape).astype(np.float32) for _ in range(count)]


@pytest.mark.parametrize("way", WAYS, ids=str)
@pytest.mark.parametrize("count", NUMBERS)
def test_kernel_agrees_with_definition(rng, count, way):
    frames = make_stack(rng, count, noise=8.0)
    for k, frame in enumerate(frames):
        frame[k % 24, :: k + 2] += 400
        frame[5, 5] = np.nan
    frames[0][7] = np.nan
    frames[-1][8, 3] = np.inf
    with use_kernel("numba"):
        fast = combine(ArrayStack(frames), **way)
    with use_kernel("numpy"):
        slow = combine(ArrayStack(frames), **way)
    np.testing.assert_array_equal(fast.count, slow.count)
    np.testing.assert_allclose(fast.data, slow.data, rtol=3e-7)
    np.testing.assert_allclose(fast.error, slow.error, rtol=1e-5, atol=1e-6)
    assert fast.count[5, 5] == 0
    assert np.isnan(fast.data[5, 5])


@pytest.mark.parametrize("way", [{"read_noise": 5.0, "gain": np.inf}, {}], ids=str)
@pytest.mark.parametrize("count", [3, 10, 16, 17, 50])
def test_an_outlier_in_every_frame_is_rejected(form, rng, count, way):
    frames = make_stack(rng, count, shape=(60, 64))
    truth = combine(ArrayStack(frames), sigma_clip=None).data
    rays = rng.permutation(60 * 64)[: 20 * count].reshape(count, 20)
    for frame, places in zip(frames, rays, strict=True):
        frame.ravel()[places] += 150
    result = combine(ArrayStack(frames), **way)
    hit = np.isin(np.arange(60 * 64), rays).reshape(60, 64)
    assert (result.count[hit] < count).all()
    assert np.abs(result.data[hit] - 100).max() < 6 * 5 / np.sqrt(count - 1)
    # The others are hardly touched.
    clear = ~hit
    assert result.count[clear].mean() > 0.985 * count
    assert (result.data - truth)[clear].std() < (0.4 if count == 3 else 0.3) * 5 / np.sqrt(count)


def test_the_standard_deviation_of_ten_frames_would_hide_the_outlier(rng):
    frames = make_stack(rng, 10)
    frames[4][3, 3] += 1e6
    hidden = sigma_clip(np.array(frames)[:, 3, 3], sigma=3, maxiters=5, cenfunc="mean")
    assert not hidden.mask.any()
    result = combine(ArrayStack(frames), read_noise=5.0, gain=np.inf)
    assert result.count[3, 3] == 9


@pytest.mark.parametrize("way", [{"read_noise": 5.0, "gain": 2.0}, {}], ids=str)
def test_error_is_the_scatter_of_the_result(form, rng, way):
    signal = 2000.0
    noise = np.sqrt(25 + signal / 2)
    frames = make_stack(rng, 16, signal, noise, (100, 120))
    for method in ("mean", "median"):
        result = combine(ArrayStack(frames), method=method, **way)
        expected = (result.data - signal).std()
        assert np.sqrt((result.error**2).mean()) == pytest.approx(expected, rel=0.05)


def test_scaled_flats_are_clipped_by_their_own_noise(form, rng):
    levels = np.geomspace(2000, 40000, 10)
    response = rng.normal(1, 0.01, (40, 50))
    frames = [
        rng.normal(level * response, np.sqrt(36 + level * response / 2)).astype(np.float32)
        for level in levels
    ]
    frames[0][4, 4] += 1000
    frames[9][5, 5] -= 4000
    result = combine(ArrayStack(frames), read_noise=6.0, gain=2.0, scale=levels)
    assert (result.count[[4, 5], [4, 5]] < 10).all()
    assert 1 - result.count.mean() / 10 < 0.01
    pull = (result.data - response) / result.error
    assert pull.std() == pytest.approx(1, abs=0.06)
    with use_kernel("numpy"):
        slow = combine(ArrayStack(frames), read_noise=6.0, gain=2.0, scale=levels)
    np.testing.assert_array_equal(result.count, slow.count)
    np.testing.assert_allclose(result.data, slow.data, rtol=3e-7)
    np.testing.assert_allclose(result.error, slow.error, rtol=1e-5)


def test_masked_values_do_not_count_in_the_mean(form):
    """With weights, ccdproc issue 893 divided by all frames, the masked one too."""
    first = np.array([[1, 1, 1], [2, 2, 2]], dtype=np.float32)
    second = first.copy()
    first[0, 0] = np.nan
    result = combine(ArrayStack([first, second]), scale=[1, 1])
    np.testing.assert_array_equal(result.data, second)
    np.testing.assert_array_equal(result.count, [[1, 2, 2], [2, 2, 2]])
    weighted = combine(ArrayStack([first * 3, second]), scale=[3, 1])
    np.testing.assert_array_equal(weighted.data, second)


def test_two_frames_that_disagree_are_both_kept(form):
    frames = [np.zeros((2, 2)), np.full((2, 2), 1000.0)]
    result = combine(ArrayStack(frames), read_noise=1.0, gain=np.inf)
    np.testing.assert_array_equal(result.data, 500)
    np.testing.assert_array_equal(result.count, 2)


def test_one_frame_is_itself(form):
    frame = np.arange(12.0).reshape(3, 4)
    result = combine(ArrayStack([frame]))
    np.testing.assert_array_equal(result.data, frame)
    assert np.isnan(result.error).all()
    known = combine(ArrayStack([frame]), read_noise=3.0, gain=np.inf)
    np.testing.assert_array_equal(known.error, 3)


def test_constant_frames_keep_everything(form):
    result = combine(ArrayStack([np.full((4, 5), 7, dtype=np.uint16)] * 10))
    np.testing.assert_array_equal(result.data, 7)
    np.testing.assert_array_equal(result.count, 10)
    np.testing.assert_array_equal(result.error, 0)


def test_read_noise_and_gain_may_differ_over_the_frame(form, rng):
    noise = np.where(np.arange(30) < 15, 3.0, 12.0)[None, :]
    frames = [rng.normal(0, noise * np.ones((24, 1))).astype(np.float32) for _ in range(10)]
    result = combine(ArrayStack(frames), read_noise=noise, gain=np.inf)
    rejected = 10 - result.count.mean(axis=0)
    assert rejected[:15].mean() == pytest.approx(rejected[15:].mean(), abs=0.03)
    np.testing.assert_allclose(
        result.error[:, 20], 12 / np.sqrt(result.count[:, 20].astype(float)), rtol=1e-5
    )


def test_result_does_not_depend_on_the_blocks(form, rng, monkeypatch):
    frames = make_stack(rng, 10, shape=(70, 33))
    whole = combine(ArrayStack(frames))
    monkeypatch.setattr("awe.pixels.stacks._BLOCK_BYTES", 1)
    monkeypatch.setattr("awe.pixels.stacks._BLOCK_ROWS", 3)
    for one, other in zip(combine(ArrayStack(frames)), whole, strict=True):
        np.testing.assert_array_equal(one, other)


def test_more_than_255_frames_are_counted(form):
    result = combine(ArrayStack([np.ones((2, 3))] * 300), sigma_clip=None)
    assert result.count.dtype == np.uint16
    np.testing.assert_array_equal(result.count, 300)


def test_agrees_with_ccdproc_without_clip_and_with_its_median(rng):
    ccdproc = pytest.importorskip("ccdproc")
    from astropy.nddata import CCDData

    frames = make_stack(rng, 9)
    combiner = ccdproc.Combiner([CCDData(f.astype(float), unit="adu") for f in frames])
    mean = combine(ArrayStack(frames), sigma_clip=None)
    median = combine(ArrayStack(frames), sigma_clip=None, method="median")
    np.testing.assert_allclose(mean.data, combiner.average_combine().data, rtol=3e-7)
    np.testing.assert_allclose(median.data, combiner.median_combine().data, rtol=3e-7)


def test_agrees_with_astropy_where_the_noise_is_one_number(form, rng):
    frames = make_stack(rng, 20, shape=(40, 40))
    frames[3][::3] += 90
    cube = np.array(frames, dtype=float)
    clipped = sigma_clip(
        cube, sigma=3, maxiters=5, axis=0, stdfunc=lambda a, axis: np.full((40, 40), 5.0)
    )
    result = combine(ArrayStack(frames), read_noise=5.0, gain=np.inf)
    np.testing.assert_array_equal(result.count, clipped.count(axis=0))
    np.testing.assert_allclose(result.data, clipped.mean(axis=0), rtol=3e-7)


@settings(max_examples=60, deadline=None)
@given(
    cube=npst.arrays(
        np.float32,
        st.tuples(st.integers(1, 12), st.integers(1, 4), st.integers(1, 5)),
        elements=st.integers(-1000, 1000).map(float) | st.just(np.nan),
    ),
    noise=st.none() | st.floats(0.5, 50),
    name=st.sampled_from(["numba", "numpy"]),
)
def test_invariants(cube, noise, name):
    way = {} if noise is None else {"read_noise": noise, "gain": np.inf}
    with use_kernel(name):
        result = combine(ArrayStack(cube), **way)
        reverse = combine(ArrayStack(cube[::-1]), **way)
    finite = np.isfinite(cube)
    some = finite.any(axis=0)
    assert (result.count <= finite.sum(axis=0)).all()
    assert ((result.count > 0) == some).all()
    assert (np.isnan(result.data) == ~some).all()
    low = np.where(finite, cube, np.inf).min(axis=0)[some]
    high = np.where(finite, cube, -np.inf).max(axis=0)[some]
    assert (result.data[some] >= low - 1e-3).all()
    assert (result.data[some] <= high + 1e-3).all()
    np.testing.assert_array_equal(result.count, reverse.count)
    np.testing.assert_allclose(result.data, reverse.data, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("count", range(1, 21))
def test_network_sorts(rng, count):
    values = rng.normal(size=(count, 200))
    expected = np.sort(values, axis=0)
    for low, high in zip(*sorting_network(count), strict=True):
        values[low], values[high] = (
            np.minimum(values[low], values[high]),
            np.maximum(values[low], values[high]),
        )
    np.testing.assert_array_equal(values, expected)


class Liar:
    """A stack of which one frame gives other rows than it should."""

    shape = (8, 5)

    def __len__(self):
        return 3

    def rows(self, k, y0, y1):
        return np.zeros((y1 - y0, 5 + (k == 1)))


class Empty(Liar):
    """A stack without frames."""

    def __len__(self):
        return 0


ONE = ArrayStack([np.zeros((2, 2))])
TWO = ArrayStack([np.zeros((2, 2))] * 2)


@pytest.mark.parametrize(
    ("action", "message"),
    [
        (lambda: ArrayStack([]), "at least one frame"),
        (lambda: ArrayStack([np.zeros((3, 4)), np.zeros((4, 3))]), r"Frame 2 of 2 has shape"),
        (lambda: combine(Liar()), r"Frame 2 of 3 gives rows 0:8 of shape .8, 6."),
        (lambda: combine(Empty()), "the stack is empty"),
        (lambda: combine(TWO, scale=[1.0, 0.0]), "scale of frame 2 of 2"),
        (lambda: combine(TWO, scale=[1.0]), "needs 2 scale factors"),
        (lambda: combine(ONE, sigma_clip=0), "sigma_clip"),
        (lambda: combine(ONE, max_iterations=-1), "max_iterations"),
        (lambda: combine(ONE, method="sum"), "'mean' or 'median'"),
        (lambda: combine(ONE, read_noise=-1, gain=1), "read_noise must be"),
        (lambda: combine(ONE, read_noise=1, gain=0), "gain must be"),
        (lambda: combine(ONE, read_noise=np.ones(3), gain=1), "does not fit"),
    ],
)  # fmt: skip
def test_errors_say_what_is_wrong(action, message):
    with pytest.raises(AweValueError, match=message):
        action()


def test_real_biases_of_nickel(shared_data, read_images):
    folder = shared_data / "nickel_ccd2_20240513" / "raw"
    frames = []
    for k in range(1001, 1011):
        ((_, raw),) = read_images(folder / f"d{k}.fits")
        frames.append(raw[:, :1024] - np.median(raw[:, 1024:], axis=1)[:, None])
    result = combine(ArrayStack(frames), read_noise=5.3, gain=np.inf)
    assert np.median(result.data) == pytest.approx(13.75, abs=0.6)
    # Of one frame: its read noise, and the error of the median of 32 overscan pixels.
    noise = imstat(frames[3] - frames[4]).stdev / np.sqrt(2)
    assert noise == pytest.approx(5.3, rel=0.08)
