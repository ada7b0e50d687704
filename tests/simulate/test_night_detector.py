"""Darks, pairs of flats and nonlinearity, as a calibration of the detector measures them."""

import numpy as np
import pytest
from astropy.io import fits

from awe.simulate import simulate_night

CHIP = "ESO_CCD_#65"
TIMES = (5.0, 15.0, 30.0, 70.0)


@pytest.fixture(scope="module")
def night(tmp_path_factory):
    """Give a night of one CCD with all that tells of the detector."""
    return simulate_night(
        tmp_path_factory.mktemp("detector"),
        ccds=1,
        shape=(240, 200),
        biases=2,
        domes=0,
        twilights=0,
        exposures=0,
        darks=4,
        dark_exptime=600.0,
        dark_current=0.05,
        gain_pairs=TIMES,
        nonlinearity=0.04,
    )


def signals(night, paths):
    """Give the lit part of raw files less level and bias, in electrons."""
    ccd, chip = night.ccds[0], night.chip(CHIP)
    frames = []
    for path in paths:
        data = fits.getdata(path, CHIP).astype(float)
        n = ccd.scan_columns
        level = np.hstack([data[:, :n], data[:, -n:]]).mean(axis=1)
        lit = (data - level[:, None])[ccd.rows, ccd.columns]
        frames.append((lit - chip.structure) * chip.gain)
    return np.array(frames)


def test_headers(night):
    darks = [fits.getheader(path) for path in night.darks]
    assert [h["ESO DPR TYPE"] for h in darks] == ["DARK"] * 4
    assert [h["EXPTIME"] for h in darks] == [600.0] * 4
    assert {h["ESO TPL ID"] for h in darks} == {"OMEGACAM_img_cal_dark"}
    assert {h["ESO TEL DOME STATUS"] for h in darks} == {"CLOSED"}
    flats = [fits.getheader(path) for path in night.gain_pairs]
    assert [h["EXPTIME"] for h in flats] == [t for t in TIMES for _ in (1, 2)]
    assert {h["ESO DPR TYPE"] for h in flats} == {"FLAT,DOME"}
    assert {h["ESO TPL ID"] for h in flats} == {"OMEGACAM_img_cal_dome_gain"}
    assert [h["ESO TPL EXPNO"] for h in flats] == list(range(1, 9))
    assert len({h["ESO TPL START"] for h in flats}) == 1
    starts = [fits.getval(path, "MJD-OBS") for path in night.files]
    assert starts == sorted(starts)
    for path in night.files:
        with fits.open(path, checksum=True) as hdus:
            hdus.verify("exception")


def test_dark_current(night):
    chip = night.chip(CHIP)
    # The median of the frames loses the cosmic rays.
    dark = np.median(signals(night, night.darks), axis=0)
    good = ~(chip.hot | chip.cold | chip.warm)
    assert chip.dark_rate[good] == pytest.approx(0.05)
    assert dark[good].mean() == pytest.approx(600 * 0.05, abs=1.0)
    bias = signals(night, night.biases).mean(axis=0)
    assert abs(bias[good].mean()) < 0.5


def test_warm_pixels_are_hot_in_darks_alone(night):
    chip = night.chip(CHIP)
    assert chip.warm.sum() == 8
    assert not (chip.warm & (chip.hot | chip.cold)).any()
    bias = signals(night, night.biases).mean(axis=0)
    assert np.abs(bias[chip.warm]).max() < 6 * chip.read_noise
    dark = np.median(signals(night, night.darks), axis=0)
    assert dark[chip.warm] == pytest.approx(600 * chip.dark_rate[chip.warm], rel=0.1)
    assert dark[chip.warm].min() > 2000


def test_darks_have_cosmic_rays(night):
    frames = signals(night, night.darks)
    excess = frames - np.median(frames, axis=0)
    assert all(np.count_nonzero(frame > 200) > 10 for frame in excess)


def test_pairs_follow_lamp_and_nonlinearity(night):
    chip = night.chip(CHIP)
    good = ~(chip.hot | chip.cold | chip.warm)
    pairs = signals(night, night.gain_pairs).reshape(4, 2, 240, 200)
    means = pairs[:, :, good].mean(axis=2)
    assert means[:, 0] == pytest.approx(means[:, 1], rel=0.02)
    # Solve read = e (1 - n e / w) for the electrons: they grow as the time does.
    n, well = chip.nonlinearity, chip.full_well
    assert n == 0.04
    electrons = well / (2 * n) * (1 - np.sqrt(1 - 4 * n / well * means[:3].mean(axis=1)))
    rates = electrons / TIMES[:3]
    assert rates == pytest.approx(rates.mean(), rel=0.006)
    # The longest are saturated everywhere: read noise is all that is left.
    raw = fits.getdata(night.gain_pairs[-1], CHIP).astype(float)
    ccd = night.ccds[0]
    lit = raw[ccd.rows, ccd.columns][good] - chip.structure[good]
    assert np.median(lit) == pytest.approx(chip.saturation, abs=3)
    assert np.std(pairs[3, 0] - pairs[3, 1]) < 3 * chip.read_noise


def test_photon_transfer_gives_the_gain(tmp_path):
    night = simulate_night(
        tmp_path, ccds=1, shape=(400, 300), biases=0, domes=0, twilights=0, exposures=0,
        gain_pairs=(5.0, 10.0, 20.0, 40.0),
    )  # fmt: skip
    chip = night.chip(CHIP)
    good = ~(chip.hot | chip.cold)
    frames = signals(night, night.gain_pairs)[:, good] / chip.gain
    level = frames.mean(axis=1).reshape(4, 2)
    difference = frames[0::2] * (level[:, 1] / level[:, 0])[:, None] - frames[1::2]
    variance = difference.var(axis=1) / 2
    slope, offset = np.polyfit(level.mean(axis=1), variance, 1, w=1 / variance)
    assert 1 / slope == pytest.approx(chip.gain, rel=0.02)
    assert level.max() < chip.saturation
    assert abs(offset) < 30


def test_the_rest_of_the_night_is_as_it_was(tmp_path):
    small = {"ccds": 1, "shape": (48, 40), "biases": 1, "domes": 1, "twilights": 1, "exposures": 1}
    plain = simulate_night(tmp_path / "1", **small)
    more = simulate_night(tmp_path / "2", **small, darks=2, gain_pairs=(2.0,), warm=0)
    for kind in ("bias", "dome", "twilight", "science"):
        a, b = plain.of_kind(kind)[0], more.of_kind(kind)[0]
        np.testing.assert_array_equal(fits.getdata(a, 1), fits.getdata(b, 1))
