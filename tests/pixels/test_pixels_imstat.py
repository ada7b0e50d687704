"""Image statistics against astropy and known truth."""

import numpy as np
import pytest
from astropy.stats import sigma_clipped_stats
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from awe.base.errors import AweValueError
from awe.pixels import imstat
from awe.pixels.stats import clip_sorted, clip_values


def scene(rng, shape=(400, 410)):
    image = rng.normal(1500, 16, shape)
    image.ravel()[::37] += rng.exponential(2000, image.size // 37 + 1)
    return image


@pytest.mark.parametrize(
    "dtype", [np.uint16, np.int16, np.int32, np.float32, np.float64, ">f4", ">u2"]
)
def test_agrees_with_astropy(form, rng, dtype):
    image = scene(rng).astype(dtype)
    mean, median, stdev = sigma_clipped_stats(image.astype(float), sigma=3, maxiters=5)
    result = imstat(image)
    assert result.mean == pytest.approx(mean, rel=1e-12)
    assert result.median == median
    assert result.stdev == pytest.approx(stdev, rel=1e-10)
    assert result.min == image.min()
    assert result.max == image.max()
    assert image[result.miny, result.minx] == result.min
    assert image[result.maxy, result.maxx] == result.max
    assert all(type(value) in (int, float) for value in result)


def test_nan_infinity_and_mask_do_not_count(form, rng):
    image = scene(rng).astype(np.float32)
    mask = rng.random(image.shape) < 0.1
    clean = sigma_clipped_stats(image[~mask].astype(float), sigma=3, maxiters=5)
    image[mask] = np.nan
    image[3, 5], image[3, 6], image[3, 7] = np.inf, -np.inf, 1e9
    mask[3, 5:8] = True
    expected = sigma_clipped_stats(image[~mask].astype(float), sigma=3, maxiters=5)
    assert imstat(image, mask)[2:5] == pytest.approx(expected, rel=1e-10)
    assert expected == pytest.approx(clean, rel=1e-3)
    assert imstat(image, mask).max < 1e6
    assert imstat(image).max == 1e9
    assert imstat(image).min > 0


def test_mask_counts_for_integers(rng):
    image = rng.integers(0, 65536, (30, 40)).astype(np.uint16)
    mask = np.zeros(image.shape, dtype=np.uint8)
    mask[image > 1000] = 4
    kept = image[mask == 0].astype(float)
    mean, median, stdev = sigma_clipped_stats(kept, sigma=3, maxiters=5)
    result = imstat(image, mask)
    assert (result.mean, result.median, result.stdev) == pytest.approx((mean, median, stdev))
    assert result.max == kept.max()


@pytest.mark.parametrize("dtype", [np.uint16, np.float32, bool])
def test_constant_image(form, dtype):
    image = np.ones((300, 300), dtype=dtype)
    assert imstat(image) == (1, 1, 1, 1, 0, 90000, 0, 0, 0, 0)


def test_image_of_two_levels_falls_back_to_the_sort(form):
    image = np.zeros((400, 400), dtype=np.float32)
    image[:, ::2] = 10
    result = imstat(image)
    assert (result.mean, result.median, result.stdev) == (5, 5, 5)


@pytest.mark.parametrize(
    "kind", ["normal", "stars", "whole numbers", "faint", "tiny", "skew", "limits move back"]
)
def test_one_pass_gives_what_the_sort_gives(rng, kind):
    size = 90_001
    values = {
        "normal": lambda: rng.normal(100, 5, size),
        "stars": lambda: (
            np.where(rng.random(size) < 0.05, rng.pareto(0.7, size) * 1e3, 0)
            + rng.normal(600, 17, size)
        ),
        "whole numbers": lambda: np.rint(rng.normal(1000, 40, size)),
        "faint": lambda: 1e-3 * rng.normal(1, 1e-5, size),
        "tiny": lambda: 1e-42 * rng.normal(1, 0.3, size),
        "skew": lambda: rng.exponential(4, size) - 1e3,
        "limits move back": lambda: (
            np.where(rng.random(size) < 0.1, -80, 0) + rng.normal(0, 8, size)
        ),
    }[kind]().astype(np.float32)
    ours = clip_values(values, 3.0, 5)
    theirs = clip_sorted(np.sort(values), 3.0, 5)
    assert ours[3] == theirs[3]
    assert ours[1] == theirs[1]
    assert (ours[0], ours[2]) == pytest.approx((theirs[0], theirs[2]), rel=1e-9)


def test_sample_that_misleads_is_found_out(form, rng):
    """Every value that the sample takes is low, so that the median lies beyond its bracket."""
    image = rng.normal(100, 5, (1024, 1024)).astype(np.float32)
    image.ravel()[:: image.size // (1 << 16) | 1] = -50
    mean, median, stdev = sigma_clipped_stats(image.astype(float), sigma=3, maxiters=5)
    result = imstat(image)
    assert result.median == median
    assert (result.mean, result.stdev) == pytest.approx((mean, stdev), rel=1e-10)


@pytest.mark.parametrize(
    ("image", "mask", "message"),
    [
        (np.full((3, 3), np.nan), None, "no good pixel"),
        (np.zeros((0, 4)), None, "no good pixel"),
        (np.zeros((3, 3)), np.ones((3, 3), dtype=bool), "no good pixel"),
        (np.zeros((3, 3)), np.ones((3, 4), dtype=bool), "must be equal"),
        (np.zeros(3), None, "two axes"),
    ],
)
def test_errors(image, mask, message):
    with pytest.raises(AweValueError, match=message):
        imstat(image, mask)


@settings(max_examples=100, deadline=None)
@given(
    npst.arrays(np.int16, st.tuples(st.integers(1, 8), st.integers(1, 8))),
)
def test_histogram_and_sort_agree(image):
    counted, ordered = imstat(image), imstat(image.astype(np.float64))
    assert counted.npix == ordered.npix
    assert counted[:2] == ordered[:2]
    assert counted[2:5] == pytest.approx(ordered[2:5], rel=1e-9, abs=1e-9)
    assert counted[6:] == ordered[6:]


def test_real_frame(shared_data, read_images):
    ((_, raw),) = read_images(shared_data / "nickel_ccd2_20240513" / "raw" / "d1074.fits")
    mean, median, stdev = sigma_clipped_stats(raw.astype(float), sigma=3, maxiters=5)
    result = imstat(raw)
    assert result.median == median
    assert (result.mean, result.stdev) == pytest.approx((mean, stdev), rel=1e-12)
    assert result.max == 65535
