"""Calibration in one pass, weights of all inputs, and growth of masks."""

import numpy as np
import pytest

from awe.base.errors import AweValueError
from awe.pixels import (
    MASK_BITS,
    Amplifier,
    calibrate_ccd,
    grow_mask,
    overscan_levels,
    reduce_ccd,
    use_kernel,
    weight_map,
)

SHAPE = (40, 60)


@pytest.fixture
def raw(rng):
    """Give the raw arrays of the two amplifiers, as integers."""
    return [rng.integers(900, 60000, (46, 40)).astype(np.uint16) for _ in range(2)]


@pytest.fixture
def planes(rng):
    """Give all planes that a calibration takes."""
    return {
        "bias": rng.normal(3, 1, SHAPE).astype(np.float32),
        "flat": rng.normal(1, 0.1, SHAPE).astype(np.float32),
        "dark": rng.random(SHAPE).astype(np.float32),
        "dark_scale": 30.0,
        "illumination": rng.normal(1, 0.02, SHAPE).astype(np.float32),
        "fringe": rng.normal(0, 5, SHAPE).astype(np.float32),
        "fringe_scale": 1.5,
    }


def test_every_step_is_done_in_its_order(form, raw, two_amplifiers, planes):
    plain = calibrate_ccd(raw, two_amplifiers)
    made = calibrate_ccd(raw, two_amplifiers, **planes)
    expected = plain.data.astype(float) - planes["bias"] - 30 * planes["dark"].astype(float)
    expected /= planes["flat"].astype(float) * planes["illumination"]
    expected -= 1.5 * planes["fringe"].astype(float)
    np.testing.assert_allclose(made.data, expected, rtol=1e-6, atol=1e-3)
    assert made.data.dtype == np.float32
    assert not made.mask.any()


@pytest.mark.parametrize("kind", [np.uint16, np.int32, np.float64])
def test_kernel_agrees_with_definition_for_all_inputs(rng, raw, two_amplifiers, planes, kind):
    raw = [array.astype(kind) for array in raw]
    planes["flat"][3, 3], planes["illumination"][4, 4], planes["illumination"][5, 5] = 0, -1, np.nan
    planes["fringe"][6, 6] = np.inf
    options = {
        "hot": rng.random(SHAPE) < 0.1, "cold": (rng.random(SHAPE) < 0.1).astype(np.uint8),
        "bad": rng.random(SHAPE) < 0.1, "saturation": [50000.5, None], "low": 1500.0, "grow": 2,
    }  # fmt: skip
    with use_kernel("numba"):
        fast = calibrate_ccd(raw, two_amplifiers, **planes, **options)
    with use_kernel("numpy"):
        slow = calibrate_ccd(raw, two_amplifiers, **planes, **options)
    np.testing.assert_array_equal(fast.mask, slow.mask)
    np.testing.assert_allclose(fast.data, slow.data, rtol=1e-6, atol=1e-2)
    found = slow.mask & MASK_BITS["saturated"]
    assert found[:, :30].any()
    no_data = np.nonzero(slow.mask & MASK_BITS["no_data"])
    assert set(zip(*no_data, strict=True)) == {(3, 3), (4, 4), (5, 5), (6, 6)}
    assert ((slow.mask & MASK_BITS["hot"]) > 0).sum() == options["hot"].sum()


def test_saturation_of_each_amplifier_is_its_own(form, two_amplifiers):
    raw = [np.full((46, 40), level, dtype=np.uint16) for level in (40000, 50000)]
    made = calibrate_ccd(raw, two_amplifiers, saturation=[45000, 45000], grow=0)
    assert (made.mask[:, 30:] == MASK_BITS["saturated"]).all()
    assert not made.mask[:, :30].any()
    made = calibrate_ccd(raw, two_amplifiers, saturation=[None, 60000])
    assert not made.mask.any()
    with pytest.raises(AweValueError, match="3 saturation levels for 2 amplifiers"):
        calibrate_ccd(raw, two_amplifiers, saturation=[1, 2, 3])


def test_saturated_pixels_grow_over_the_border_of_amplifiers(form, two_amplifiers):
    raw = [np.full((46, 40), 1000, dtype=np.uint16) for _ in range(2)]
    raw[0][2, 3] = 65535  # lower left of the data, mirrored in x: at x = 29
    made = calibrate_ccd(raw, two_amplifiers, saturation=60000, bad=np.full(SHAPE, 64 + 128))
    saturated = made.mask & MASK_BITS["saturated"] > 0
    assert saturated.sum() == 6
    assert saturated[:2, 28:31].all()
    # A bit without a meaning is dropped.
    assert set(np.unique(made.mask)) == {64, 68}


def test_levels_given_are_not_measured_again(form, raw, two_amplifiers):
    levels = [
        v._replace(profile=np.full((1, 1), 7.0)) for v in overscan_levels(raw, two_amplifiers)
    ]
    made = calibrate_ccd(raw, two_amplifiers, levels=levels)
    assert made.levels is levels
    assert made.data[0, 29] == float(raw[0][2, 3]) - 7


def test_parts_are_checked(raw, two_amplifiers):
    with pytest.raises(AweValueError, match="The illumination has shape"):
        calibrate_ccd(raw, two_amplifiers, illumination=np.ones((2, 2)))
    with pytest.raises(AweValueError, match="The map of hot pixels has shape"):
        calibrate_ccd(raw, two_amplifiers, hot=np.ones((2, 2)))
    with pytest.raises(AweValueError, match="grow"):
        calibrate_ccd(raw, two_amplifiers, grow=-1)


def test_weights_of_all_inputs(form):
    amp = [Amplifier(0, (0, 20, 0, 20), gain=2.0, read_noise=10.0)]
    data = np.full((20, 20), 1000.0)
    flat, illumination, dark, fringe = (np.full((20, 20), v) for v in (0.8, 1.1, 4.0, 20.0))
    weights = weight_map(
        data, amp, flat=flat, illumination=illumination, dark=dark, dark_scale=10.0,
        fringe=fringe, fringe_scale=2.0, bias_error=3.0, flat_error=0.01,
    )  # fmt: skip
    response = 0.8 * 1.1
    counts = 1040 * response + 40
    variance = (5**2 + 3**2 + counts / 2) / response**2 + (1040 * 0.01 / 0.8) ** 2
    np.testing.assert_allclose(weights, 1 / variance, rtol=1e-6)


def test_weights_by_kernel_agree_with_definition(rng, two_amplifiers, planes):
    del planes["bias"]
    data = rng.normal(500, 30, SHAPE).astype(np.float32)
    data[8, 8] = np.nan
    planes["flat"][3, 3], planes["illumination"][4, 4] = 0, np.inf
    errors = {"bias_error": rng.random(SHAPE), "flat_error": rng.random(SHAPE) * 0.01}
    errors["bias_error"][7, 7] = np.nan
    mask = rng.random(SHAPE) < 0.05
    with use_kernel("numba"):
        fast = weight_map(data, two_amplifiers, mask=mask, **planes, **errors)
    with use_kernel("numpy"):
        slow = weight_map(data, two_amplifiers, mask=mask, **planes, **errors)
    np.testing.assert_allclose(fast, slow, rtol=2e-6)
    assert (slow[mask] == 0).all()
    assert slow[7, 7] > 0 or mask[7, 7]
    assert slow[3, 3] == slow[4, 4] == slow[8, 8] == 0


def test_reduction_passes_all_on_to_the_weights(form, raw, two_amplifiers, planes):
    hot = np.zeros(SHAPE, dtype=bool)
    hot[2, 2] = True
    made = reduce_ccd(raw, two_amplifiers, 6, **planes, hot=hot, bias_error=1.0)
    data, mask, levels = calibrate_ccd(raw, two_amplifiers, 6, **planes, hot=hot)
    del planes["bias"]
    weights = weight_map(data, two_amplifiers, mask=mask, levels=levels, bias_error=1.0, **planes)
    np.testing.assert_array_equal(made.weight, weights)
    assert made.weight[2, 2] == 0


@pytest.mark.parametrize("pixels", [0, 1, 3, 100])
def test_growth_by_kernel_agrees_with_definition(rng, pixels):
    mask = rng.random((37, 23)) < 0.01
    with use_kernel("numba"):
        fast = grow_mask(mask.astype(np.uint8) * 4, pixels)
    with use_kernel("numpy"):
        slow = grow_mask(mask, pixels)
    np.testing.assert_array_equal(fast, slow)
    assert slow.sum() >= mask.sum() > 0
