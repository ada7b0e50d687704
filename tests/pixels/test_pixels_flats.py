"""Flats against known truth."""

import numpy as np
import pytest

from awe.base.errors import AweValueError
from awe.pixels import master_flat, normalise_flat

SHAPE = (310, 333)


@pytest.fixture
def truth(rng):
    """Give sensitivity of the pixels, vignetting, and a lamp that lights unevenly."""
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]] / 300.0
    pixels = rng.normal(1, 0.01, SHAPE)
    dust = 1 - 0.1 * (np.hypot(x - 0.4, y - 0.6) < 0.02)
    vignetting = 1 - 0.4 * ((x - 0.55) ** 2 + (y - 0.5) ** 2)
    lamp = 1 + 0.1 * np.sin(2 * x) + 0.08 * y
    return pixels * dust, vignetting, lamp


def test_mean_of_good_pixels_becomes_1(rng):
    flat = rng.normal(20000, 200, SHAPE).astype(np.float32)
    flat[0, :3] = 0, -5, np.nan
    flat[1, 1] = np.inf
    mask = np.zeros(SHAPE, dtype=np.uint8)
    mask[2] = 1
    flat[2] = 60000
    result = normalise_flat(flat, mask)
    good = ~result.bad
    assert result.flat.dtype == np.float32
    assert result.flat[good].mean(dtype=float) == pytest.approx(1, abs=1e-6)
    assert result.level == pytest.approx(flat[good].mean(dtype=float))
    assert np.count_nonzero(result.bad) == 4 + SHAPE[1]
    assert (result.flat[0, :3] == 0).all()
    assert result.flat[1, 1] == 0
    assert (result.flat[2] > 2.9).all()


def test_normalising_twice_changes_nothing(rng):
    once = normalise_flat(rng.normal(300, 30, SHAPE))
    twice = normalise_flat(once.flat)
    assert twice.level == pytest.approx(1, abs=1e-6)
    np.testing.assert_allclose(twice.flat, once.flat, rtol=1e-6)


@pytest.mark.parametrize(
    ("share", "options", "message"),
    [
        (1.0, {}, "no good pixel"),
        (0.6, {}, r"60.0% of the pixels .* up to 50.0%"),
        (0.2, {"maximum_bad": 0.1}, r"20.0% of the pixels"),
    ],
)
def test_bad_flats_are_refused(share, options, message):
    flat = np.ones((10, 10))
    flat.ravel()[: int(share * 100)] = 0
    with pytest.raises(AweValueError, match=message):
        normalise_flat(flat, **options)


def test_shapes_must_be_equal():
    with pytest.raises(AweValueError, match="must be equal"):
        normalise_flat(np.ones((3, 4)), np.zeros((4, 3)))
    with pytest.raises(AweValueError, match="must be equal"):
        master_flat(np.ones((30, 40)), np.ones((40, 30)))


def test_small_scales_of_the_dome_and_large_ones_of_the_twilight(rng, truth):
    pixels, vignetting, lamp = truth
    dome = pixels * vignetting * lamp * rng.normal(1, 0.001, SHAPE)
    twilight = pixels * vignetting * rng.normal(1, 0.01, SHAPE)
    twilight[100:103, 200:203] *= 3
    result = master_flat(5 * dome, 7 * twilight, 1, 64)
    expected = pixels * vignetting
    ratio = result.flat / (expected / expected.mean())
    assert ratio.std() < 0.003
    assert np.abs(ratio - 1).max() < 0.02
    assert result.flat.mean(dtype=float) == pytest.approx(1, abs=1e-6)
    # Neither flat alone comes near that.
    assert (dome / expected).std() > 0.02
    assert (twilight / expected).std() > 0.009


def test_one_flat_only(truth):
    pixels, vignetting, lamp = truth
    dome, twilight = pixels * vignetting * lamp, pixels * vignetting
    np.testing.assert_array_equal(master_flat(dome, None, 2).flat, normalise_flat(dome).flat)
    np.testing.assert_array_equal(
        master_flat(None, twilight, 3).flat, normalise_flat(twilight).flat
    )


def test_bad_areas_are_bridged(truth):
    pixels, vignetting, lamp = truth
    dome, twilight = pixels * vignetting * lamp, pixels * vignetting
    mask = np.zeros(SHAPE, dtype=bool)
    mask[150:180, 100:160] = True
    dome = dome.copy()
    dome[150:180, 100:160] = np.nan
    dome[:, 7] = 0
    result = master_flat(dome, twilight, 1, 48, mask)
    np.testing.assert_array_equal(result.bad, mask | (dome == 0))
    assert np.isfinite(result.flat).all()
    ratio = (result.flat / (pixels * vignetting))[~result.bad]
    assert ratio.std() / ratio.mean() < 0.003


def test_equal_flats_give_themselves(rng):
    flat = normalise_flat(rng.normal(1, 0.1, (97, 61))).flat
    np.testing.assert_allclose(master_flat(flat, flat, filter_size=300).flat, flat, rtol=1e-6)


class TestNightSky:
    """Flats whose large scales, or largest, are those of the night sky."""

    @pytest.fixture
    def flats(self, rng):
        """Give the pixels' response, the lamp's, twilight's and sky's light, and noisy flats."""
        y, x = np.mgrid[-1:1:320j, -1:1:300j]
        pixels = rng.normal(1, 0.01, x.shape)
        lights = {"dome": 1 + 0.10 * x, "twilight": 1 + 0.02 * y, "nightsky": 1 - 0.03 * x}
        noise = {"dome": 1e-4, "twilight": 2e-3, "nightsky": 2e-2}
        return pixels, lights, {
            name: pixels * light * rng.normal(1, noise[name], x.shape)
            for name, light in lights.items()
        }  # fmt: skip

    @pytest.mark.parametrize(("method", "scatter"), [(4, 2e-3), (5, 3e-3), (6, 2e-3)])
    def test_light_is_that_of_the_sky(self, flats, method, scatter):
        pixels, lights, noisy = flats
        made = master_flat(
            noisy["dome"], noisy["twilight"], method, nightsky=noisy["nightsky"], nightsky_size=64
        )
        ratio = made.flat / (pixels * lights["nightsky"])
        assert ratio.std() / ratio.mean() < scatter

    def test_pixels_without_sky_keep_the_fine_flat(self, flats):
        pixels, _, noisy = flats
        noisy["nightsky"][100:110, 100:110] = 0
        made = master_flat(noisy["dome"], None, 4, nightsky=noisy["nightsky"])
        assert not made.bad.any()
        inside = (made.flat / pixels)[100:110, 100:110]
        assert inside.std() / inside.mean() < 2e-3

    def test_gauss_size_smooths_and_mirror_bounds_the_slope(self, flats, rng):
        pixels, lights, noisy = flats
        true = pixels * lights["twilight"]
        twilight = noisy["twilight"]
        noisy["twilight"] = true * rng.normal(1, 0.05, true.shape)
        spread = {}
        for size in (16, 0, 200):
            made = master_flat(noisy["dome"], noisy["twilight"], 1, 64, gauss_size=size)
            spread[size] = np.std((made.flat / true)[100:200, 100:200])
        assert spread[16] > spread[0] > spread[200]
        noisy["twilight"] = twilight
        whole = master_flat(noisy["dome"], noisy["twilight"], gauss_size=120).flat
        same = master_flat(noisy["dome"], noisy["twilight"], gauss_size=120, mirror=(999, 999)).flat
        np.testing.assert_allclose(whole, same, rtol=1e-6)
        near = master_flat(noisy["dome"], noisy["twilight"], gauss_size=120, mirror=(16, 999)).flat
        error = [np.abs(f / true / np.mean(f / true) - 1)[:, :8].mean() for f in (whole, near)]
        assert error[1] > 1.5 * error[0]

    def test_sizes_out_of_range(self):
        ones = np.ones((8, 8))
        for options in ({"gauss_size": -1}, {"mirror": (0, -1)}, {"nightsky_size": 0}):
            with pytest.raises(AweValueError, match=r"size|mirror"):
                master_flat(ones, ones, **options)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((np.ones((4, 4)), np.ones((4, 4)), 7), "1 dome and twilight flat; 2 dome flat only"),
        ((None, np.ones((4, 4)), 1), "needs a dome flat"),
        ((np.ones((4, 4)), None, 3), "needs a twilight flat"),
        ((np.ones((4, 4)), None, 4), "needs a night-sky flat"),
        ((np.ones((4, 4)), np.ones((4, 4)), 1, 0), "filter_size"),
        ((np.eye(4) + np.eye(4)[::-1], 2 - np.eye(4) * 2 - np.eye(4)[::-1] * 2), "in common"),
    ],
)
def test_errors(arguments, message):
    with pytest.raises(AweValueError, match=message):
        master_flat(*arguments)


def test_error_of_the_large_scales_is_negligible(rng):
    """A twilight flat of three times the dome's noise adds less than 1 % to a pixel's error."""
    shape, dome, twilight = (160, 176), 0.002, 0.006
    scales = []
    for _ in range(40):
        fine, coarse = (rng.normal(1, sigma, shape) for sigma in (dome, twilight))
        scales.append(master_flat(fine, coarse).flat / normalise_flat(fine).flat)
    error = np.std(scales, axis=0, ddof=1)
    ratio = np.hypot(dome, twilight)
    inside = error[40:-40, 40:-40]
    print(f"of a pixel's error: {inside.mean() / ratio:.4f} inside, {error.max() / ratio:.4f} most")
    assert 0.005 < inside.mean() / ratio < 0.03
    assert np.hypot(dome, error).mean() < 1.01 * dome
    assert np.hypot(dome, error).max() < 1.1 * dome
