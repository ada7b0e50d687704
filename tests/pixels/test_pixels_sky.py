"""Background, sources, seeing, night-sky flats, fringes and illumination against known truth."""

import numpy as np
import pytest

from awe.base.errors import AweValueError
from awe.pixels import (
    SkyStack,
    aperture_fluxes,
    background,
    chip_coefficients,
    common_shift,
    evaluate_illumination,
    fit_illumination,
    fringe_pattern,
    fringe_scale,
    grow_mask,
    night_sky_flat,
    recentre,
    seeing,
    source_mask,
    use_kernel,
)
from awe.pixels.sources import block_mean

_BETA = 3.5
_READ_NOISE = 5.0


def _stars(rng, shape, count, fwhm, axis_ratio=1.0):
    """Give a noiseless image of stars: Moffat profiles, averaged over each pixel."""
    alpha = fwhm / (2 * np.sqrt(2 ** (1 / _BETA) - 1))
    image = np.zeros(shape)
    x, y = rng.uniform(0, shape[1], count), rng.uniform(0, shape[0], count)
    flux = 10 ** rng.uniform(3, 6.2, count)
    nodes, shares = np.polynomial.legendre.leggauss(3)
    reach = int(15 * fwhm)
    for at_x, at_y, each in zip(x, y, flux, strict=True):
        peak = each * (_BETA - 1) / np.pi / alpha**2
        x0, y0 = max(0, int(at_x) - reach), max(0, int(at_y) - reach)
        box = image[y0 : int(at_y) + reach, x0 : int(at_x) + reach]
        dx = np.arange(box.shape[1]) + x0 - at_x
        dy = np.arange(box.shape[0])[:, None] + y0 - at_y
        for node_y, share_y in zip(nodes / 2, shares / 2, strict=True):
            for node_x, share_x in zip(nodes / 2, shares / 2, strict=True):
                radius2 = (dx + node_x) ** 2 * axis_ratio + (dy + node_y) ** 2 / axis_ratio
                box += share_x * share_y * peak * (1 + radius2 / alpha**2) ** -_BETA
    return image, x, y, flux


def _observed(rng, light):
    return (rng.poisson(light) + rng.normal(0, _READ_NOISE, light.shape)).astype(np.float32)


def _fringes(shape):
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    pattern = np.cos(2 * np.pi * (columns / 37 + rows / 60 + 0.6 * np.sin(rows / 90)))
    return pattern - pattern.mean()


class TestBackground:
    def test_slope_and_noise_among_stars(self, rng):
        light, *_ = _stars(rng, (512, 384), 60, 4.0)
        slope = 300 + 0.2 * np.arange(384) + 0.1 * np.arange(512)[:, None]
        data = _observed(rng, light + slope)
        found = background(data, cell=64)
        assert np.abs(found.image() - slope).max() < 0.35 * np.sqrt(400)
        assert found.median == pytest.approx(np.median(slope), rel=0.01)
        assert found.noise == pytest.approx(np.sqrt(np.median(slope) + 25), rel=0.1)
        assert np.array_equal(found.image((100, 131)), found.image()[100:131])

    def test_masked_cells_take_the_mean_of_their_neighbours(self, rng):
        data = rng.normal(100, 1, (256, 256)).astype(np.float32)
        mask = np.zeros(data.shape, bool)
        mask[:64, :64], data[:64, :64] = True, 1e6
        data[200, 200] = np.nan
        assert background(data, mask, cell=64).image() == pytest.approx(100, abs=0.3)

    def test_errors(self):
        with pytest.raises(AweValueError, match="no good pixel"):
            background(np.full((8, 8), np.nan))
        with pytest.raises(AweValueError, match="two axes"):
            background(np.zeros(8))
        with pytest.raises(AweValueError, match="must be equal"):
            background(np.zeros((8, 8)), np.zeros((8, 9)))
        with pytest.raises(AweValueError, match="cell"):
            background(np.zeros((8, 8)), cell=0)


class TestSourceMask:
    def test_light_of_stars_is_covered_and_the_sky_is_not(self, form, rng):
        light, *_ = _stars(rng, (400, 300), 40, 4.0)
        data = _observed(rng, light + 1000.0)
        data[7, 9] = np.nan
        noise = np.sqrt(1025)
        mask = source_mask(data)
        assert mask[light > 0.5 * noise].mean() > 0.98
        assert mask[light < 0.02 * noise].mean() < 0.1
        left = data[~mask & np.isfinite(data)]
        assert abs(left.mean(dtype=np.float64) - 1000) < 0.03 * noise

    def test_bad_pixels_are_no_sources(self, rng):
        data = rng.normal(100, 3, (128, 128)).astype(np.float32)
        bad = rng.random(data.shape) < 0.01
        data[bad] = 1e5
        assert source_mask(data, mask=bad).mean() < 0.03
        assert source_mask(data).mean() > 0.2

    def test_fringes_are_no_sources(self, rng):
        sky = 2000 * (1 + 0.04 * _fringes((256, 256)))
        assert source_mask(_observed(rng, sky)).mean() < 0.02

    def test_threshold_is_checked(self):
        with pytest.raises(AweValueError, match="threshold"):
            source_mask(np.zeros((20, 20)), threshold=0)


@pytest.mark.parametrize("shape", [(17, 23), (64, 48), (4, 4)])
def test_averages_of_both_forms_are_equal(rng, shape):
    from awe.pixels.sources import _box_average

    image = rng.normal(100, 10, shape).astype(np.float32)
    excluded = rng.random(shape) < 0.3
    excluded[:4, :4] = True
    image[0, 0] = np.nan
    results = []
    for name in ("numba", "numpy"):
        with use_kernel(name):
            results.append((block_mean(image, excluded, 4), _box_average(image[1:])))
    for fast, definition in zip(*results, strict=True):
        np.testing.assert_allclose(fast, definition, rtol=1e-5)
    assert np.isnan(results[0][0][0, 0])


class TestSeeing:
    @pytest.mark.parametrize("fwhm", [1.6, 2.0, 3.0, 4.5, 6.0, 8.0])
    def test_width_is_that_of_the_stars(self, rng, fwhm):
        light, *_ = _stars(rng, (500, 500), 60, fwhm)
        data = _observed(rng, light + 800.0)
        found = seeing(data, mask=grow_mask(data > 60000, 1))
        assert found.number >= 5
        assert found.fwhm == pytest.approx(fwhm, rel=0.02)
        assert found.scatter < 0.1 * fwhm
        assert found.ellipticity < 0.1

    def test_saturated_stars_and_cosmic_rays_do_not_count(self, rng):
        light, *_ = _stars(rng, (500, 500), 60, 4.0)
        data = np.minimum(_observed(rng, light + 800.0), 15000)
        data[rng.integers(5, 495, 300), rng.integers(5, 495, 300)] += 10000
        found = seeing(data, mask=grow_mask(data >= 15000, 1))
        assert found.fwhm == pytest.approx(4.0, rel=0.03)

    def test_ellipticity(self, rng):
        light, *_ = _stars(rng, (400, 400), 40, 4.0, axis_ratio=1.25)
        found = seeing(_observed(rng, light + 300.0))
        assert found.ellipticity == pytest.approx(0.2, abs=0.03)
        assert found.fwhm == pytest.approx(4.0, rel=0.03)

    def test_too_few_stars(self, rng):
        found = seeing(rng.normal(100, 5, (200, 200)).astype(np.float32))
        assert found.number == 0
        assert np.isnan(found.fwhm)

    def test_constant_image_has_none(self):
        assert seeing(np.zeros((64, 64), np.float32)).number == 0


def _dithered(rng, response, frames, sky=1500.0, fringes=None):
    """Give reduced frames of different fields through a response, with their masks."""
    for k in range(frames):
        light, *_ = _stars(rng, response.shape, 12, 4.0)
        level = sky * (1 + 0.15 * k)
        more = 0.0 if fringes is None else level * fringes
        data = _observed(rng, (light + level) * response + more)
        bad = np.zeros(response.shape, bool)
        bad[rng.integers(0, 200, 30), rng.integers(0, 200, 30)] = True
        data[bad] = 60000
        yield data, bad


class TestNightSkyFlat:
    def test_is_the_response_to_the_sky(self, form, rng):
        response = 1 + 0.05 * np.linspace(-1, 1, 220) + 0.03 * np.linspace(-1, 1, 200)[:, None]
        stack = SkyStack(response.shape)
        for data, bad in _dithered(rng, response, 7):
            stack.add(data, bad)
        made = night_sky_flat(stack, read_noise=_READ_NOISE, gain=1.0)
        assert np.mean(made.flat.flat, dtype=float) == pytest.approx(1, abs=1e-5)
        ratio = made.flat.flat / (response / response.mean())
        # The scatter is that which the error plane tells; no star is left.
        assert np.std((ratio - 1) / made.error) == pytest.approx(1, abs=0.06)
        assert abs(np.mean(ratio) - 1) < 1e-3
        assert np.abs(block_mean(ratio, None, 20) - 1).max() < 5e-3
        assert stack.levels == pytest.approx([1500 * (1 + 0.15 * k) for k in range(7)], rel=0.01)

    def test_frames_without_light_or_of_another_shape_are_refused(self):
        stack = SkyStack((32, 32))
        with pytest.raises(AweValueError, match="above 0"):
            stack.add(np.zeros((32, 32)))
        with pytest.raises(AweValueError, match="shape"):
            stack.add(np.ones((32, 31)))


class TestFringes:
    @pytest.fixture
    def made(self, rng):
        fringes = 0.03 * _fringes((400, 400))
        stack = SkyStack(fringes.shape, flatten=True, cell=200)
        frames = list(_dithered(rng, np.ones(fringes.shape), 6, fringes=fringes))
        for data, bad in frames:
            stack.add(data, bad)
        made = fringe_pattern(stack, read_noise=_READ_NOISE, gain=1.0, cell=200)
        return fringes, made, frames

    def test_pattern_is_that_of_the_sky(self, made):
        fringes, found, _ = made
        assert np.mean(found.data, dtype=float) == pytest.approx(0, abs=1e-4)
        assert np.sum(found.data * fringes) / np.sum(fringes**2) == pytest.approx(1, abs=0.01)
        assert found.amplitude == pytest.approx(0.03, rel=0.1)
        assert found.significance > 3

    def test_slopes_of_a_ccd_within_one_cell_are_no_fringes(self, rng):
        y, x = np.mgrid[:200, :180]
        fringes, slope = 0.03 * np.sin(x / 9 + y / 14), 0.05 * (x / 180 - 0.5)
        stack = SkyStack(fringes.shape, flatten=True, cell=256)
        for _ in range(5):
            sky = 1 + slope + rng.uniform(-0.1, 0.1) * (y / 200 - 0.5)
            stack.add(rng.poisson(3000 * (sky + fringes)).astype(np.float32))
        made = fringe_pattern(stack, read_noise=_READ_NOISE, gain=1.0)
        plane = np.column_stack([x.ravel() / 180, y.ravel() / 200, np.ones(x.size)])
        left = np.linalg.lstsq(plane, (made.data - fringes).ravel(), rcond=None)[0]
        assert np.abs(left[:2]).max() < 0.002
        other = rng.poisson(2000 * (1 - 2 * slope + fringes)).astype(np.float32)
        found = fringe_scale(other, made.data, error=made.error)
        assert found.scale == pytest.approx(2000, rel=0.03)

    @pytest.mark.parametrize("level", [1000.0, 4000.0])
    def test_scale_of_another_frame(self, made, rng, level):
        fringes, found, _ = made
        light, *_ = _stars(rng, fringes.shape, 20, 4.0)
        data = _observed(rng, light + level * (1 + fringes))
        result = fringe_scale(data, found.data, error=found.error)
        assert result.scale == pytest.approx(level, rel=0.02)
        assert result.error < 0.01 * level
        left = block_mean(data - np.float32(result.scale) * found.data, light > 1, 4)
        assert np.nanstd(left) < 0.5 * np.nanstd(block_mean(data, light > 1, 4))

    def test_scale_of_one_of_its_own_frames(self, made):
        _, found, frames = made
        for k, (data, bad) in enumerate(frames[:3]):
            result = fringe_scale(data, found.data, bad, error=found.error, independent=False)
            assert result.scale == pytest.approx(1500 * (1 + 0.15 * k), rel=0.02)

    def test_mask_stars_and_a_pattern_without_noise(self, rng):
        fringes = 0.02 * _fringes((300, 300)).astype(np.float32)
        light, *_ = _stars(rng, fringes.shape, 40, 4.0)
        data = _observed(rng, light + 3000.0 * (1 + fringes))
        bad = rng.random(data.shape) < 0.02
        data[bad] += 30000 * (1 + 50 * fringes[bad])
        assert fringe_scale(data, fringes, bad).scale == pytest.approx(3000, rel=0.02)

    def test_nothing_left_gives_no_scale(self):
        data = np.ones((64, 64), np.float32)
        result = fringe_scale(data, data, np.ones((64, 64), bool))
        assert (result.scale, result.number) == (0.0, 0)
        with pytest.raises(AweValueError, match="thresholds"):
            fringe_scale(data, data, low=5, high=1)
        with pytest.raises(AweValueError, match="shape"):
            fringe_scale(data, data[1:])


class TestIllumination:
    def _true(self, x, y):
        return 0.04 * x - 0.03 * y + 0.05 * x**2 + 0.02 * x * y - 0.01 * y**3

    def test_polynomial_is_found_among_outliers_and_zero_points(self, rng):
        x, y = rng.uniform(-1, 1, (2, 400))
        groups = np.array([f"exposure {k % 4}" for k in range(400)])
        residuals = self._true(x, y) + rng.normal(0, 0.01, 400)
        residuals += np.array([-0.2, 0.1, 0.0, 0.4])[np.arange(400) % 4]
        residuals[:20] += 1.0
        fit = fit_illumination(x, y, residuals, limits=(-1, 1, -1, 1), groups=groups)
        assert not fit.kept[:20].any()
        assert fit.number > 370
        assert fit.rms == pytest.approx(0.01, rel=0.15)
        image = evaluate_illumination(fit.coefficients, (90, 70))
        columns, rows = np.meshgrid(np.linspace(-1, 1, 70), np.linspace(-1, 1, 90))
        expected = 10 ** (-0.4 * self._true(columns, rows))
        assert image.mean(dtype=float) == pytest.approx(1, abs=1e-6)
        errors = fit.errors(columns, rows)
        assert 0.0005 < np.median(errors) < 0.003
        ratio = image / (expected / expected.mean())
        assert np.std((ratio - 1).ravel() / 0.92 / errors) == pytest.approx(1, abs=0.5)
        assert ratio.std() < 0.003
        assert np.abs(ratio - 1).max() < 0.015

    def test_field_is_the_same_in_the_pixels_of_a_ccd(self, rng):
        coefficients = rng.normal(0, 0.05, (4, 4))
        limits, shape = (-3.0, 5.0, 2.0, 9.0), (41, 31)
        place = np.array([[-1.0, 0.02, 0.05], [4.0, -0.06, 0.01]])
        x, y = np.meshgrid(np.arange(31.0), np.arange(41.0))
        u = 2 * (place[0, 0] + place[0, 1] * x + place[0, 2] * y - 1.0) / 8.0
        v = 2 * (place[1, 0] + place[1, 1] * x + place[1, 2] * y - 5.5) / 7.0
        # Of total degree 3, as a fit gives it.
        total = np.add.outer(np.arange(4), np.arange(4))
        coefficients[total > 3] = 0
        mine = chip_coefficients(coefficients, limits, place, shape)
        field = np.polynomial.chebyshev.chebval2d(v, u, coefficients)
        chip = np.polynomial.chebyshev.chebgrid2d(
            np.linspace(-1, 1, 41), np.linspace(-1, 1, 31), mine
        )
        np.testing.assert_allclose(chip - chip.mean(), field - field.mean(), atol=1e-12)

    def test_stars_that_do_not_fix_it_are_refused(self, rng):
        limits = (-1, 1, -1, 1)
        with pytest.raises(AweValueError, match="8 stars cannot fix"):
            fit_illumination(*rng.uniform(-1, 1, (3, 8)), limits=limits)
        x = rng.uniform(-1, 1, 50)
        with pytest.raises(AweValueError, match="do not fix"):
            fit_illumination(x, x, x, limits=limits)
        with pytest.raises(AweValueError, match="order"):
            fit_illumination(x, x, x, limits=limits, order=0)
        with pytest.raises(AweValueError, match="limits"):
            fit_illumination(x, x, x, limits=(1, -1, 0, 1))


class TestPhotometry:
    def test_fluxes_errors_and_centroids(self, rng):
        light, x, y, flux = _stars(rng, (400, 400), 14, 4.0)
        data = _observed(rng, light + 100.0)
        new_x, new_y = recentre(data - 100, x + rng.uniform(-1, 1, 14), y + 0.7, 4.0)
        made = aperture_fluxes(data, new_x, new_y, radius=12.0, ring=(20.0, 30.0), gain=1.0)
        alone = [np.sort(np.hypot(x - a, y - b))[1] > 60 for a, b in zip(x, y, strict=True)]
        good = np.isfinite(made.flux) & np.array(alone) & (flux > 3e4)
        assert good.sum() >= 3
        assert np.abs(new_x - x)[good].max() < 0.1
        # What of a Moffat profile lies within 3 widths.
        inside = 1 - (1 + (12 / (4 / (2 * np.sqrt(2 ** (1 / _BETA) - 1)))) ** 2) ** (1 - _BETA)
        assert made.flux[good] / flux[good] == pytest.approx(inside, rel=0.03)
        assert (made.error[good] >= np.sqrt(made.flux[good])).all()

    def test_stars_with_bad_pixels_have_no_flux(self):
        data = np.ones((50, 50), np.float32)
        bad = np.zeros(data.shape, bool)
        bad[25, 25] = True
        made = aperture_fluxes(data, [25.0, 1.0], [25.0, 25.0], radius=4, ring=(6, 9), mask=bad)
        assert np.isnan(made.flux).all()

    def test_common_shift_among_strangers(self, rng):
        x, y = rng.uniform(0, 1000, (2, 30))
        found_x = np.append(x[:20] + 13.3, rng.uniform(0, 1000, 200))
        found_y = np.append(y[:20] - 7.1, rng.uniform(0, 1000, 200))
        dx, dy, number = common_shift(x, y, found_x, found_y, reach=25)
        assert (dx, dy) == (pytest.approx(13.3, abs=0.2), pytest.approx(-7.1, abs=0.2))
        assert number >= 20
        assert common_shift(x, y, x + 500, y, reach=5)[2] < 3
