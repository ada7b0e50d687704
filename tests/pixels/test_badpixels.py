"""Hot pixels of biases and darks, cold pixels of flats."""

import numpy as np
import pytest

from awe.base.errors import AweValueError
from awe.pixels import cold_pixels, hot_pixels, local_median, use_kernel
from awe.simulate.settings import Settings

SHAPE = (1025, 1024)


def shares(found, true):
    """Give recall and precision."""
    both = np.count_nonzero(found & true)
    return both / np.count_nonzero(true), both / max(np.count_nonzero(found), 1)


@pytest.fixture(scope="module", params=[65, 66, 67])
def detector(request):
    """Give a simulated CCD; 66 has a hot column, all have a cold spot and shadows of dust."""
    from awe.simulate.detector import make_detector
    from awe.simulate.layout import mosaic

    settings = Settings.complete(shape=SHAPE, ccds=8, darks=1)
    ccd = next(c for c in mosaic(8, SHAPE) if c.number == request.param)
    return make_detector(ccd, settings)


class TestLocalMedian:
    @pytest.mark.parametrize("shape", [(60, 50), (7, 5), (1, 30), (13, 1)])
    @pytest.mark.parametrize("steps", [(1, 2, 3), (2, 5, 7), (4, 9, 13)])
    def test_kernel_is_the_definition(self, rng, shape, steps):
        image = rng.normal(size=shape).astype(np.float32)
        with use_kernel("numpy"):
            expected = local_median(image, steps)
        with use_kernel("numba"):
            assert np.array_equal(local_median(image, steps), expected)

    def test_bad_columns_do_not_move_it(self):
        image = np.ones((20, 40))
        image[:, 10:13] = 1000
        image[:, 0] = image[5] = 500
        assert (local_median(image) == 1).all()

    def test_slope_stays(self):
        y, x = np.mgrid[:30, :30].astype(float)
        inner = np.s_[7:-7, 7:-7]
        assert np.allclose(local_median(3 * y + x)[inner], (3 * y + x)[inner])


class TestHotPixels:
    def test_of_simulated_bias(self, detector, rng):
        noise = detector.read_noise / detector.gain / np.sqrt(5)
        truth = detector.hot_bias / detector.gain
        bias = detector.structure + truth + rng.normal(0, noise, SHAPE)
        true = truth > 10 * noise
        assert true.sum() > 40
        for error in (None, np.full(SHAPE, noise, np.float32)):
            recall, precision = shares(hot_pixels(bias, error), true)
            assert recall >= 0.99
            assert precision >= 0.99

    def test_of_dark_only(self, detector, rng):
        dark = detector.dark_rate / detector.gain + rng.normal(0, 0.01, SHAPE)
        true = detector.dark_rate / detector.gain > 0.1
        bias = rng.normal(0, 1, SHAPE)
        found = hot_pixels(bias, dark=dark)
        recall, precision = shares(found, true)
        assert recall >= 0.99
        assert precision >= 0.99
        assert hot_pixels(bias).sum() < 5

    def test_columns_and_pixels_at_the_edges(self, form, rng):
        bias = rng.normal(0, 1, (120, 90))
        true = np.zeros(bias.shape, bool)
        for place in (np.s_[30:, 0], np.s_[:, 89], np.s_[0, 40:44], np.s_[119, 7],
                      np.s_[60:63, 30:33], np.s_[:50, 50:52]):  # fmt: skip
            true[place] = True
        bias[true] += 20
        assert np.array_equal(hot_pixels(bias, threshold=6), true)

    def test_errors_tell_noisy_parts(self, rng):
        noise = np.where(np.arange(200) < 100, 1.0, 5.0) * np.ones((200, 1))
        bias = rng.normal(0, noise)
        assert hot_pixels(bias).sum() > 100
        assert hot_pixels(bias, noise).sum() < 3
        noise[3, 3] = np.nan
        assert hot_pixels(bias, noise).sum() < 3

    def test_noise_of_a_whole_ccd_gives_none(self, rng):
        noise = rng.standard_normal((4200, 2144), dtype=np.float32)
        assert hot_pixels(noise).sum() == 0
        assert hot_pixels(noise, threshold=5).sum() > 0

    def test_pixels_without_value_are_hot(self, form, rng):
        bias = rng.normal(0, 1, (50, 50))
        bias[3, 4], bias[9, 9] = np.nan, np.inf
        found = hot_pixels(bias, threshold=6)
        assert found[3, 4]
        assert found[9, 9]
        assert found.sum() == 2

    def test_more_searches_find_whole_groups(self, rng):
        bias = rng.normal(0, 1, (80, 80))
        bias[:, 40:48] += 50
        once = hot_pixels(bias, threshold=6, max_iterations=1)
        whole = hot_pixels(bias, threshold=6)
        assert 0 < once.sum() < whole.sum()
        assert whole[:, 40:48].all()
        assert whole.sum() == 80 * 8

    def test_refusals(self):
        with pytest.raises(AweValueError, match="no pixel that is a finite number"):
            hot_pixels(np.full((4, 4), np.nan))
        with pytest.raises(AweValueError, match="Shapes of the dark differ"):
            hot_pixels(np.ones((4, 4)), dark=np.ones((4, 5)))
        with pytest.raises(AweValueError, match="Shapes of the bias differ"):
            hot_pixels(np.ones((4, 4)), np.ones((3, 4)))
        with pytest.raises(AweValueError, match=r"needs a shape \(ny, nx\)"):
            hot_pixels(np.ones(4))


class TestColdPixels:
    def flat(self, detector, rng, count):
        """Give a flat of `count` frames at the usual level, and its errors."""
        level = 25000 * detector.gain
        error = np.sqrt(np.maximum(detector.flat, 0.001) * level / count) / level
        return rng.normal(detector.flat, error), error

    def test_of_simulated_flat(self, detector, rng):
        flat, error = self.flat(detector, rng, 3)
        recall, precision = shares(cold_pixels(flat, error=error), detector.cold)
        assert recall >= 0.99
        assert precision >= 0.99

    def test_noisy_flat_does_not_give_thousands(self, detector, rng):
        level = 300.0
        error = np.sqrt(np.maximum(detector.flat, 0.001) / level)
        flat = rng.normal(detector.flat, error)
        found = cold_pixels(flat, error=error)
        assert (np.abs(flat - 1) > 0.06).sum() > 10000
        assert (found & ~detector.cold).sum() < 10
        dead = detector.flat < 0.3
        assert found[dead].mean() > 0.99

    def test_bright_ones_too_and_wide_groups(self, form, rng):
        flat = rng.normal(1, 0.005, (150, 140))
        true = np.zeros(flat.shape, bool)
        for place, factor in ((np.s_[5, 9], 1.1), (np.s_[:, 0], 0.7), (np.s_[:, 60:68], 0.8),
                              (np.s_[100:103, 100:103], 1.3), (np.s_[149, 139], 0.9)):  # fmt: skip
            flat[place] *= factor
            true[place] = True
        assert np.array_equal(cold_pixels(flat), true)

    def test_thresholds(self, rng):
        flat = rng.normal(1, 0.001, (60, 60))
        flat[10, 10], flat[20, 20] = 0.95, 1.05
        assert cold_pixels(flat).sum() == 0
        found = cold_pixels(flat, 0.96, 1.04)
        assert found[10, 10]
        assert found[20, 20]
        assert found.sum() == 2

    def test_without_light_or_number_is_cold(self, form, rng):
        flat = rng.normal(1, 0.005, (60, 60))
        flat[1, 1], flat[2, 2], flat[3, 3] = 0, -1, np.nan
        found = cold_pixels(flat)
        assert found.sum() == 3
        assert found[[1, 2, 3], [1, 2, 3]].all()

    def test_refusals(self):
        with pytest.raises(AweValueError, match="low < 1 < high"):
            cold_pixels(np.ones((5, 5)), 1.1, 1.2)
        with pytest.raises(AweValueError, match="no pixel that is a positive number"):
            cold_pixels(np.zeros((5, 5)))


def test_kernel_marks_what_the_definition_marks(rng):
    flat = rng.normal(1, 0.03, (300, 280)).astype(np.float32)
    flat[rng.random(flat.shape) < 0.01] *= 0.7
    flat[rng.random(flat.shape) < 0.01] *= 1.4
    error = np.full(flat.shape, 0.03, np.float32)
    error[5, 5] = np.nan
    masks = []
    for name in ("numpy", "numba"):
        with use_kernel(name):
            masks.append((cold_pixels(flat, error=error, threshold=3), hot_pixels(flat, error)))
    for a, b in zip(*masks, strict=True):
        assert a.any()
        # float32 against float64 may decide otherwise at the very limit.
        assert np.count_nonzero(a != b) <= 1
