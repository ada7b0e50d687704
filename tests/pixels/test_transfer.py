"""Photon transfer: gain, read noise, linearity and saturation of simulated cameras."""

import json

import numpy as np
import pytest

from awe.base.errors import AweValueError
from awe.pixels import (
    Amplifier,
    assemble,
    full_level,
    measure_pair,
    overscan_levels,
    photon_transfer,
    use_kernel,
)

GAIN, NOISE, LEVEL = 2.5, 5.0, 300
EXPTIMES = (2, 5, 7, 10, 15, 20, 30, 40, 50, 60, 80)
FULL_WELL = 150e3


class Camera:
    """A camera: pixels of different response, vignetting, a lamp that is not steady."""

    def __init__(self, rng, shape=(512, 400), missing=0.0, full_well=FULL_WELL):
        self.rng, self.shape, self.full_well = rng, shape, full_well
        # Share of the signal that is missing at full well.
        self.slope = missing / (full_well / GAIN)
        x = np.linspace(-1, 1, shape[1])
        self.response = rng.normal(1, 0.01, shape) * (1 - 0.1 * x**2)

    def frame(self, electrons):
        light = np.minimum(self.rng.poisson(self.response * electrons), self.full_well) / GAIN
        light = light - self.slope * light**2
        light += self.rng.normal(LEVEL, NOISE / GAIN, self.shape)
        light += self.rng.normal(0, 1, (self.shape[0], 1))
        return (np.rint(light) - LEVEL).astype(np.float32)

    def pair(self, electrons):
        lamp = self.rng.normal(1, 0.02, 2)
        return [self.frame(electrons * factor) for factor in lamp]

    def zeros(self, count=2):
        return [measure_pair(self.frame(0), self.frame(0), lit=False) for _ in range(count)]

    def pairs(self, rate=2600):
        return [measure_pair(*self.pair(rate * t)) for t in EXPTIMES]


SEEDS = pytest.mark.parametrize(
    "seed", [0, *(pytest.param(seed, marks=pytest.mark.heavy) for seed in (1, 2))]
)
# What digitisation adds belongs to the noise of a frame.
TRUE_NOISE = np.sqrt((NOISE / GAIN) ** 2 + 1 / 12)


@SEEDS
def test_gain_noise_and_saturation_of_a_linear_camera(seed):
    camera = Camera(np.random.default_rng(seed))
    transfer = photon_transfer(camera.pairs(), camera.zeros(), exptimes=EXPTIMES)
    assert transfer.gain == pytest.approx(GAIN, rel=0.01)
    assert abs(transfer.gain - GAIN) < 5 * transfer.gain_error < 0.05 * GAIN
    assert transfer.read_noise == pytest.approx(TRUE_NOISE, rel=0.01)
    assert transfer.saturation_level == pytest.approx(FULL_WELL / GAIN, rel=0.03)
    # Whether some pixels are full after 60 s depends on the lamp.
    assert not transfer.saturated[:9].any()
    assert transfer.saturated[-1]
    # The lamp is steady to 2 per cent.
    good = transfer.linearity[~transfer.saturated]
    assert np.abs(good).max() < 0.06
    assert np.isnan(transfer.linearity[transfer.saturated]).all()


@SEEDS
def test_camera_that_is_not_linear(seed):
    camera = Camera(np.random.default_rng(seed), missing=0.03)
    transfer = photon_transfer(camera.pairs(), camera.zeros(), exptimes=EXPTIMES)
    assert transfer.gain == pytest.approx(GAIN, rel=0.01)
    # The derivative counts twice, the level once: the ratio falls by three times the share.
    assert transfer.slope == pytest.approx(-3 * camera.slope, rel=0.3)
    full = FULL_WELL / GAIN * (1 - 0.03)
    assert transfer.saturation_level == pytest.approx(full, rel=0.03)


class TestFullLevel:
    NOISE = np.sqrt(FULL_WELL) / GAIN

    @pytest.mark.parametrize("share", [0.2, 0.6, 1.0])
    def test_full_pixels_lie_above_it_and_few_others(self, rng, share):
        values = FULL_WELL / GAIN * np.where(rng.random((400, 500)) < share, 2, 0.95)
        values += rng.normal(0, self.NOISE, values.shape)
        full = values > FULL_WELL / GAIN
        values = np.minimum(values, FULL_WELL / GAIN) + rng.normal(0, NOISE / GAIN, values.shape)
        level = full_level(np.rint(values).astype(np.int32), self.NOISE)
        assert (values[full] >= level).mean() > 0.999
        assert FULL_WELL / GAIN - level < 10 * NOISE / GAIN

    def test_numbers_beyond_the_converter(self, rng):
        level = full_level(np.full((50, 60), 65535, dtype=np.uint16), self.NOISE)
        assert 65535 - 10 < level < 65535

    def test_nothing_piles_up(self, rng):
        assert np.isnan(full_level(rng.normal(50000, self.NOISE, (200, 300)), self.NOISE))

    def test_one_value_or_none(self):
        assert full_level([100.0, np.nan], 50.0) == 95.0
        with pytest.raises(AweValueError, match="needs finite values"):
            full_level([np.nan], 50.0)


def test_linearity_curve_is_that_of_the_camera():
    camera = Camera(np.random.default_rng(5), missing=0.03)
    levels = [measure_pair(camera.frame(2600 * t), camera.frame(2600 * t)) for t in EXPTIMES[:9]]
    found = photon_transfer(levels, camera.zeros(), exptimes=EXPTIMES[:9]).linearity
    true = 1 - camera.slope * np.mean(camera.response) * 2600 / GAIN * np.array(EXPTIMES[:9])
    assert np.allclose(found, true / true.mean() - 1, atol=2e-3)


def test_read_noise_without_biases_is_fitted():
    camera = Camera(np.random.default_rng(3), shape=(1024, 1024))
    low = [measure_pair(*camera.pair(e)) for e in (20, 50, 100, 200, 400)]
    transfer = photon_transfer(low)
    assert transfer.gain == pytest.approx(GAIN, rel=0.01)
    assert transfer.read_noise == pytest.approx(TRUE_NOISE, rel=0.02)
    given = photon_transfer(low[-1:], read_noise=TRUE_NOISE)
    assert given.gain == pytest.approx(GAIN, rel=0.01)
    assert given.read_noise == TRUE_NOISE


class TestPair:
    def test_definition_is_the_kernel(self, rng):
        camera = Camera(rng, shape=(150, 140))
        first, second = camera.pair(30000)
        first[3:9, 20:60] = np.nan
        found = []
        for name in ("numpy", "numba"):
            with use_kernel(name):
                found.append(measure_pair(first, second))
        assert found[0] == pytest.approx(found[1], rel=1e-9)

    def test_stars_cosmics_and_bad_pixels_are_clipped(self, form, rng):
        camera = Camera(rng)
        clean = camera.pair(50000)
        spoiled = [f.copy() for f in clean]
        y, x = np.mgrid[:512, :400]
        for k in range(8):
            y0, x0 = rng.uniform(0, 512), rng.uniform(0, 400)
            spoiled[k % 2] += 20000 * np.exp(-((y - y0) ** 2 + (x - x0) ** 2) / 6)
        spoiled[0][rng.random((512, 400)) < 0.002] += 5000
        spoiled[0][:, 77] = spoiled[1][:, 77] = np.nan
        clean, spoiled = measure_pair(*clean), measure_pair(*spoiled)
        assert spoiled.variance == pytest.approx(clean.variance, rel=0.01)
        assert spoiled.level == pytest.approx(clean.level, rel=0.002)
        mask = np.zeros((512, 400), bool)
        mask[:256] = True
        half = measure_pair(*camera.pair(50000), mask=mask)
        assert half.npix < 0.51 * 512 * 400

    def test_different_levels_and_slopes_are_corrected(self, rng):
        camera = Camera(rng, shape=(1024, 1024))
        first, second = camera.frame(60000), camera.frame(42000)
        second *= 1 + 0.02 * np.linspace(-1, 1, 1024)
        pair = measure_pair(first, second)
        assert pair.scale == pytest.approx(60 / 42, rel=2e-3)
        zero = measure_pair(camera.frame(0), camera.frame(0), lit=False)
        assert photon_transfer([pair], [zero]).gain == pytest.approx(GAIN, rel=0.01)

    def test_refusals(self, rng):
        one = np.full((8, 9), 100.0)
        with pytest.raises(AweValueError, match="not equal"):
            measure_pair(one, one[1:])
        with pytest.raises(AweValueError, match="no good pixel"):
            measure_pair(one * np.nan, one)
        with pytest.raises(AweValueError, match="are not lit"):
            measure_pair(one - 100, one - 100)


def test_saturated_or_dark_pairs_are_refused(rng):
    with pytest.raises(AweValueError, match="at least one pair"):
        photon_transfer([])
    camera = Camera(rng)
    zeros = camera.zeros()
    full = [measure_pair(*camera.pair(10 * FULL_WELL)) for _ in range(3)]
    with pytest.raises(AweValueError, match="all pixels are saturated"):
        photon_transfer(full, zeros)
    some = [measure_pair(*camera.pair(e)) for e in (20000, 40000)]
    with pytest.raises(AweValueError, match="all pixels are saturated"):
        photon_transfer(some, zeros, saturation=5000)


def read_amplifiers(read_images, path, amplifiers):
    """Give the overscan-corrected CCD."""
    raw = [np.asarray(read_images(path)[0][1], dtype=np.float32)]
    return assemble(raw, amplifiers, overscan_levels(raw, amplifiers, 2))


def test_nickel(shared_data, read_images):
    folder = shared_data / "nickel_ccd2_20240513" / "raw"
    reference = json.loads((shared_data / "reference_stats.json").read_text())["nickel"]
    amplifiers = [Amplifier(0, (0, 1024, 0, 1024), overscan_x=(0, 1024, 1024, 1056))]

    def read(number):
        return read_amplifiers(read_images, folder / f"d{number}.fits", amplifiers)

    biases = [read(k) for k in range(1001, 1011)]
    halves = zip(biases[::2], biases[1::2], strict=True)
    zeros = [measure_pair(a, b, lit=False) for a, b in halves]
    offset = np.median(biases, axis=0)
    pairs = [
        measure_pair(read(a) - offset, read(b) - offset) for a, b in ((1035, 1036), (1036, 1037))
    ]
    transfer = photon_transfer(pairs, zeros)
    assert transfer.gain == pytest.approx(reference["gain_e_per_ADU"], rel=0.05)
    assert transfer.read_noise == pytest.approx(reference["ron_ADU"], rel=0.02)


def test_kast(shared_data, read_images):
    folder = shared_data / "kast_blue_2015" / "raw"
    reference = json.loads((shared_data / "reference_stats.json").read_text())["kast"]
    path = sorted(folder.glob("b2[123]*"))
    amplifiers = [
        Amplifier(0, (0, 350, 0, 1024), overscan_x=(0, 350, 2048, 2080)),
        Amplifier(0, (0, 350, 1024, 2048), overscan_x=(0, 350, 2080, 2112), x=1024),
    ]
    first, second, third = (read_amplifiers(read_images, p, amplifiers) for p in path)
    for amplifier, name in zip(amplifiers, ("amp1", "amp2"), strict=True):
        cut = amplifier.place
        noise = [
            np.sqrt(measure_pair(a[cut], b[cut], lit=False).variance / 2)
            for a, b in ((first, second), (second, third))
        ]
        assert np.mean(noise) == pytest.approx(reference[name]["ron_ADU"], rel=0.02)
