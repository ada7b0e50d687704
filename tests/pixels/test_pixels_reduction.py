"""Reduction of a CCD against known truth, its definition and ccdproc."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from awe.base.errors import AweValueError
from awe.pixels import (
    MASK_BITS,
    Amplifier,
    amplifier_map,
    flat_field,
    overscan_correct,
    possible_methods,
    reduce_ccd,
    saturated_mask,
    use_kernel,
    weight_map,
)
from awe.pixels.ref import local_signal

GAIN, NOISE = 2.0, 5.0
ONE = [Amplifier(0, (0, 300, 20, 320), overscan_x=(0, 300, 320, 360), gain=GAIN, read_noise=10.0)]


@pytest.fixture
def night(rng):
    """Give a raw frame, bias, flat and the noiseless scene behind them, in ADU."""
    y, x = np.mgrid[:300, :300]
    scene = 300 + 8000 * np.exp(-0.5 * ((x - 150) ** 2 + (y - 140) ** 2) / 20**2)
    flat = rng.normal(1, 0.02, scene.shape) * (1 - 1e-6 * (x - 150) ** 2)
    flat /= flat.mean()
    bias = rng.normal(3, 1, scene.shape)
    raw = np.full((300, 360), 1000.0) + (y[:, :1] % 5)
    raw += rng.normal(0, NOISE, raw.shape)
    raw[:, 20:320] += bias + rng.poisson(scene * flat * GAIN) / GAIN
    return raw.astype(np.float32), bias.astype(np.float32), flat.astype(np.float32), scene


def test_scene_comes_back_with_the_scatter_that_the_weight_states(form, night):
    raw, bias, flat, scene = night
    result = reduce_ccd([raw], ONE, 6, bias, flat)
    pull = (result.data - scene) * np.sqrt(result.weight)
    assert pull.mean() == pytest.approx(0, abs=0.02)
    assert pull.std() == pytest.approx(1, abs=0.02)
    bright = scene > 3000
    assert pull[bright].std() == pytest.approx(1, abs=0.05)
    assert not result.mask.any()
    assert result.data.dtype == result.weight.dtype == np.float32


def test_weighted_mean_is_not_drawn_down(form, rng):
    """Weights from a pixel's own counts favour those that are low by chance."""
    faint = rng.poisson(20.0, (400, 400)).astype(np.float32)
    amp = [Amplifier(0, (0, 400, 0, 400), gain=1.0, read_noise=1.0)]
    weights = weight_map(faint, amp)
    assert np.average(faint, weights=weights) == pytest.approx(20, abs=0.06)
    own = 1 / (1 + np.maximum(faint, 0))
    assert np.average(faint, weights=own) < 19.2


@pytest.mark.parametrize("method", [0, 1, 2, 4, 5, 6, 8, 9, 10])
def test_kernel_agrees_with_definition(rng, two_amplifiers, method):
    raw = [rng.normal(1000, 8, (46, 40)), rng.integers(900, 60000, (46, 40)).astype(np.uint16)]
    raw[0][9, 9] = np.nan
    bias = rng.normal(3, 1, (40, 60))
    flat = rng.normal(1, 0.1, (40, 60)).astype(np.float32)
    flat[3, 3], flat[4, 4], flat[5, 5], flat[6, 6] = 0, np.nan, -1, np.inf
    bad = np.zeros((40, 60), dtype=np.uint8)
    bad[7] = MASK_BITS["hot"]
    options = {
        "bad": bad, "saturation": 55000, "low": 950,
        "bias_error": rng.random((40, 60)), "flat_error": 0.01,
    }  # fmt: skip
    assert method in possible_methods(two_amplifiers)
    with use_kernel("numba"):
        fast = reduce_ccd(raw, two_amplifiers, method, bias, flat, **options)
    with use_kernel("numpy"):
        slow = reduce_ccd(raw, two_amplifiers, method, bias, flat, **options)
    np.testing.assert_array_equal(fast.mask, slow.mask)
    np.testing.assert_allclose(fast.data, slow.data, rtol=3e-7, atol=3e-4)
    np.testing.assert_allclose(fast.weight, slow.weight, rtol=1e-6)
    assert ((fast.weight == 0) == (fast.mask != 0)).all()
    no_data = np.nonzero(fast.mask & MASK_BITS["no_data"])
    assert set(zip(*no_data, strict=True)) == {(3, 3), (4, 4), (5, 5), (6, 6), (7, 23)}


def test_chain_in_one_is_the_steps_one_after_the_other(form, rng, two_amplifiers):
    raw = [rng.integers(900, 60000, (46, 40)).astype(np.uint16) for _ in range(2)]
    bias = rng.normal(3, 1, (40, 60)).astype(np.float32)
    flat = rng.normal(1, 0.1, (40, 60)).astype(np.float32)
    result = reduce_ccd(raw, two_amplifiers, 6, bias, flat, saturation=50000)
    ccd, levels = overscan_correct(raw, two_amplifiers, 6)
    mask = saturated_mask(raw, two_amplifiers, 50000) * np.uint8(MASK_BITS["saturated"])
    data, mask = flat_field(ccd - bias, flat, mask)
    weights = weight_map(data, two_amplifiers, flat=flat, mask=mask, levels=levels)
    np.testing.assert_allclose(result.data, data, rtol=3e-7)
    np.testing.assert_array_equal(result.mask, mask)
    np.testing.assert_allclose(result.weight, weights, rtol=1e-6)


def test_agrees_with_ccdproc(form, night):
    ccdproc = pytest.importorskip("ccdproc")
    from astropy.nddata import CCDData

    raw, bias, flat, _ = night
    ccd = CCDData(raw.astype(float), unit="adu")
    ccd = ccdproc.subtract_overscan(ccd, overscan=ccd[:, 320:360], median=True, overscan_axis=1)
    ccd = ccdproc.trim_image(ccd[:, 20:320])
    ccd = ccdproc.subtract_bias(ccd, CCDData(bias.astype(float), unit="adu"))
    flat = flat.astype(float)
    ccd = ccdproc.flat_correct(ccd, CCDData(flat, unit="adu"), norm_value=1.0)
    result = reduce_ccd([raw], ONE, 6, bias, flat)
    np.testing.assert_allclose(result.data, ccd.data, rtol=3e-7, atol=3e-4)


def test_errors_of_bias_and_flat_lower_the_weight(form):
    data = np.full((20, 20), 1000.0)
    amp = [Amplifier(0, (0, 20, 0, 20), gain=2.0, read_noise=10.0)]
    flat = np.full((20, 20), 0.8)
    weights = weight_map(data, amp, flat=flat, bias_error=3.0, flat_error=0.01)
    variance = (5**2 + 3**2 + 800 / 2) / 0.8**2 + (1000 * 0.01 / 0.8) ** 2
    np.testing.assert_allclose(weights, 1 / variance, rtol=1e-6)


def test_read_noise_of_the_overscan_serves_where_none_is_known(form, night):
    raw, bias, flat, _ = night
    unknown = [ONE[0]._replace(read_noise=None)]
    known = reduce_ccd([raw], ONE, 6, bias, flat)
    measured = reduce_ccd([raw], unknown, 6, bias, flat)
    np.testing.assert_allclose(measured.weight, known.weight, rtol=0.02)


def test_gain_and_read_noise_given_by_the_user_go_first(form, night):
    raw, bias, flat, _ = night
    bare = [ONE[0]._replace(read_noise=None, gain=None)]
    known = reduce_ccd([raw], ONE, 6, bias, flat)
    given = reduce_ccd([raw], bare, 6, bias, flat, gain=GAIN, read_noise=10.0)
    np.testing.assert_array_equal(given.weight, known.weight)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"gain": None}, r"gain of amplifier 1 of 1 is None[\s\S]*Give gain="),
        ({"gain": 0.0}, "is 0.0: weights need electrons per ADU"),
        (
            {"read_noise": None},
            r"read noise of amplifier 1 of 1 is not known[\s\S]*Give read_noise=",
        ),
    ],
)
def test_unknown_noise_is_refused(change, message):
    with pytest.raises(AweValueError, match=message):
        weight_map(np.zeros((300, 300)), [ONE[0]._replace(**change)])


def test_wrong_shapes_are_named(night):
    raw, bias, flat, _ = night
    with pytest.raises(AweValueError, match=r"The bias has shape .300, 299."):
        reduce_ccd([raw], ONE, 6, bias[:, :-1], flat)
    with pytest.raises(AweValueError, match="The flat has shape"):
        flat_field(bias, flat[1:])
    with pytest.raises(AweValueError, match="error of the flat"):
        weight_map(bias, ONE, flat_error=np.zeros((2, 2)))
    with pytest.raises(AweValueError, match="3 x 3"):
        weight_map(np.zeros((1, 9)), [Amplifier(0, (0, 1, 0, 9), gain=1.0, read_noise=1.0)])


def test_bool_and_bits_of_bad_pixels(form):
    ccd = np.full((4, 4), 10.0)
    bad = np.eye(4, dtype=bool)
    flat = np.full((4, 4), 2.0)
    flat[0, 3] = 0
    data, mask = flat_field(ccd, flat, bad)
    assert (mask[bad] == MASK_BITS["bad"]).all()
    assert mask[0, 3] == MASK_BITS["no_data"]
    assert data[0, 3] == 10
    assert (data[1:] == 5).all()
    assert (ccd == 10).all()
    assert bad.dtype == bool


def test_saturated_pixels_and_their_neighbours(two_amplifiers):
    raw = [np.full((46, 40), 1000, dtype=np.uint16) for _ in range(2)]
    raw[0][2, 3] = 65535  # lower left of the data, mirrored in x: at x = 29
    raw[1][2, 32] = 60000  # lower right, mirrored in y: at y = 39, x = 59
    raw[1][20, 20] = 3
    raw[0][0, 0] = 65535  # not in the data
    mask = saturated_mask(raw, two_amplifiers, 60000, low=10)
    expected = np.zeros((40, 60), dtype=bool)
    expected[:2, 28:31] = True
    expected[38:, 58:] = True
    expected[41 - 20, 30 + 17] = True
    np.testing.assert_array_equal(mask, expected)
    assert saturated_mask(raw, two_amplifiers, 60000, grow=0).sum() == 2
    assert not saturated_mask(raw, two_amplifiers, 70000).any()
    with pytest.raises(AweValueError, match="grow"):
        saturated_mask(raw, two_amplifiers, 60000, grow=-1)


@settings(max_examples=50, deadline=None)
@given(
    npst.arrays(bool, st.tuples(st.integers(1, 7), st.integers(1, 7))),
    st.integers(0, 9),
)
def test_growing_reaches_all_within_the_distance(marked, grow):
    ny, nx = marked.shape
    mask = saturated_mask([marked * 9], [Amplifier(0, (0, ny, 0, nx))], 5, grow=grow)
    for y, x in np.ndindex(marked.shape):
        near = marked[max(0, y - grow) : y + grow + 1, max(0, x - grow) : x + grow + 1]
        assert mask[y, x] == near.any()


def test_local_signal_is_a_median_of_three():
    data = np.arange(42.0).reshape(6, 7) ** 2
    data[2, 3] = np.nan
    row = (4 * (data[2, 1] + 0) - data[2, 0] - data[2, 4]) / 6
    column = (4 * (data[1, 2] + data[3, 2]) - data[0, 2] - data[4, 2]) / 6
    four = np.median([data[1, 2], data[3, 2], data[2, 1], 0])
    assert len({row, column, four}) == 3
    result = local_signal(data)
    assert result[2, 2] == pytest.approx(np.median([row, column, four]))
    # Mirrored about the corner.
    row, column = ((8 * one - 2 * two) / 6 for one, two in ((1, 4), (49, 196)))
    assert result[0, 0] == pytest.approx(np.median([row, column, (1 + 49) / 2]))


def test_local_signal_follows_cubics_and_withstands_what_is_wrong():
    y, x = np.mgrid[:20, :30] / 10
    smooth = 100 + (x - 1) ** 3 - 5 * (y - 1) ** 2 * x
    inner = slice(2, -2), slice(2, -2)
    np.testing.assert_allclose(local_signal(smooth)[inner], smooth[inner], atol=0.06)
    for wrong in (np.s_[8, 9], np.s_[:, 9], np.s_[8, :]):
        spoilt = smooth.copy()
        spoilt[wrong] += 1e5
        # Off by no more than the signal changes from pixel to pixel.
        beside = np.abs(local_signal(spoilt) - smooth) < 1.2
        beside[wrong] = True
        assert beside[inner].all()


def test_weights_of_sharp_stars_are_those_of_their_noise(form, rng):
    """Stars of 2.5 pixels: at their peaks the neighbours alone would tell a third too little."""
    y, x = np.mgrid[:400, :400]
    dy, dx = (y % 20) - 10 - (y // 20 % 7 - 3) / 6, (x % 20) - 10 - (x // 20 % 5 - 2) / 4
    scene = 50 + 20000 * (1 + (dx**2 + dy**2) / 2.45**2) ** -3
    amp = [Amplifier(0, (0, 400, 0, 400), gain=1.0, read_noise=5.0)]
    data = rng.poisson(scene) + rng.normal(0, 5, scene.shape)
    pull = (data - scene) * np.sqrt(weight_map(data, amp))
    assert pull.std() == pytest.approx(1, abs=0.02)
    assert pull[scene > 1000].std() == pytest.approx(1, abs=0.05)
    assert pull[scene > 15000].std() == pytest.approx(1, abs=0.1)


def test_place_of_each_amplifier_has_its_own_noise(form, two_amplifiers):
    weights = weight_map(np.zeros((40, 60)), two_amplifiers)
    noise = amplifier_map(two_amplifiers, [a.read_noise / a.gain for a in two_amplifiers])
    np.testing.assert_allclose(weights, noise**-2.0, rtol=1e-6)


def test_real_frame_of_nickel_agrees_with_its_reference(shared_data, read_images, form):
    folder = shared_data / "nickel_ccd2_20240513" / "raw"
    ((_, raw),) = read_images(folder / "d1074.fits")
    amp = [Amplifier(0, (0, 1024, 0, 1024), overscan_x=(0, 1024, 1024, 1056), gain=1.79)]
    result = reduce_ccd([raw], amp, 6, np.full((1024, 1024), 13.75), saturation=60000)
    sky = np.median(result.data[result.mask == 0])
    assert sky + 13.75 == pytest.approx(1528.75, abs=60)
    assert (result.mask[:, 255:258] & MASK_BITS["saturated"]).all()
    assert result.levels[0].noise == pytest.approx(5.3, abs=1)
