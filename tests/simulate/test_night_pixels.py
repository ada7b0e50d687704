"""The pixels against the truth, by what an astronomer would measure."""

import numpy as np
import pytest
from astropy.io import fits

from awe.base.errors import AweLookupError
from awe.pixels import seeing
from awe.simulate import simulate_night
from awe.simulate.effects import bleed, cosmic_rays
from awe.simulate.scene import BETA, STAR, add_stars, moffat_width

CHIPS = ("ESO_CCD_#65", "ESO_CCD_#66")


def raw(night, path, chip):
    """Read a raw CCD as float64."""
    return fits.getdata(path, chip).astype(float)


def without_overscan(night, path, chip):
    """Give the lit part less the mean of prescan and overscan of each row."""
    ccd = night.ccds[night.chips.index(chip)]
    data = raw(night, path, chip)
    n = ccd.scan_columns
    level = np.hstack([data[:, :n], data[:, -n:]]).mean(axis=1)
    return (data - level[:, None])[ccd.rows, ccd.columns]


@pytest.mark.parametrize("chip", CHIPS)
def test_bias_level_and_read_noise(two_ccds, chip):
    truth = two_ccds.truth(chip, 0)
    frames = np.array([raw(two_ccds, path, chip) for path in two_ccds.biases])
    ccd = two_ccds.ccds[two_ccds.chips.index(chip)]
    overscan = frames[:, :, -ccd.scan_columns :]
    assert np.median(overscan) == pytest.approx(truth.level, abs=1.0)
    noise = np.diff(overscan[:2], axis=0)[0] - np.diff(overscan[:2], axis=0)[0].mean(1)[:, None]
    scale = np.sqrt(2 * (1 - 1 / ccd.scan_columns))
    rounding = truth.gain**2 / 12
    measured = noise.std() / scale * truth.gain
    assert measured == pytest.approx(np.hypot(truth.read_noise, np.sqrt(rounding)), rel=0.03)


@pytest.mark.parametrize("chip", CHIPS)
def test_bias_structure(two_ccds, chip):
    truth = two_ccds.truth(chip, 0)
    master = np.mean([without_overscan(two_ccds, p, chip) for p in two_ccds.biases], axis=0)
    good = ~(truth.hot | truth.cold)
    difference = (master - truth.structure)[good]
    expected = truth.read_noise / truth.gain * np.sqrt(1 / 4 + 1 / (4 * 24))
    assert abs(difference.mean()) < 0.05
    assert difference.std() == pytest.approx(expected, rel=0.05)
    assert truth.structure.std() > 0.5
    hot = np.median((master - truth.structure)[truth.hot] / truth.hot_bias[truth.hot])
    assert hot * truth.gain == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("chip", CHIPS)
def test_gain_from_pairs_of_flats(two_ccds, chip):
    truth = two_ccds.truth(chip, 0)
    good = ~(truth.hot | truth.cold)
    frames = [without_overscan(two_ccds, p, chip) - truth.structure for p in two_ccds.domes]
    gains = []
    for one, two in ((frames[0], frames[1]), (frames[2], frames[3])):
        a, b = one[good] / truth.flat[good], two[good] / truth.flat[good]
        b = b * (a.mean() / b.mean())
        noise2 = ((a - b).std() ** 2) / 2 - (truth.read_noise / truth.gain) ** 2
        gains.append((a * np.mean(1 / truth.flat[good])).mean() / noise2)
    assert np.mean(gains) == pytest.approx(truth.gain, rel=0.02)


@pytest.mark.parametrize("chip", CHIPS)
@pytest.mark.parametrize("exposure", [0, 1, 2])
def test_science_is_scene_plus_noise(two_ccds, chip, exposure):
    truth = two_ccds.truth(chip, exposure)
    lit = without_overscan(two_ccds, two_ccds.science[exposure], chip) - truth.structure
    good = ~truth.bad
    variance = truth.scene * truth.flat / truth.gain**2
    variance += (truth.read_noise / truth.gain) ** 2 * (1 + 1 / 24) + 1 / 12
    pull = ((lit / truth.flat - truth.scene_adu) * truth.flat / np.sqrt(variance))[good]
    assert good.mean() > 0.9
    # Where the light of the trail is below the threshold of its mask, a little remains.
    assert abs(pull.mean()) < (0.05 if truth.trail.any() else 0.02)
    assert pull.std() == pytest.approx(1, abs=0.02)
    assert np.abs(pull).max() < 6.5


def test_flat_has_mean_one(default_night):
    for chip in default_night.chips:
        truth = default_night.truth(chip, 0)
        good = ~(truth.hot | truth.cold)
        assert truth.flat[good].mean(dtype=float) == pytest.approx(1, abs=1e-6)
        assert truth.hot.any()
        assert truth.cold.any()
        assert not (truth.hot & truth.cold).any()
        assert truth.flat[truth.cold].max() < 0.6


def test_flux_of_stars(two_ccds):
    chip = CHIPS[0]
    truth = two_ccds.truth(chip, 0)
    lit = without_overscan(two_ccds, two_ccds.science[0], chip) - truth.structure
    reduced = lit / truth.flat
    y, x = np.indices(reduced.shape)
    stars = truth.stars[np.argsort(-truth.stars["flux"])]
    ratios = []
    for star in stars:
        radius = np.hypot(x - star["x"], y - star["y"])
        near = radius < 8
        apart = np.hypot(stars["x"] - star["x"], stars["y"] - star["y"])
        faint = stars["flux"][(apart > 0) & (apart < 20)].sum() < 0.01 * star["flux"]
        inside = 10 < star["x"] < 289 and 10 < star["y"] < 389
        if not (inside and faint) or truth.bad[near].any():
            continue
        alpha = moffat_width(0.8)
        enclosed = 1 - (1 + (8 / alpha) ** 2) ** (1 - BETA)
        flux = (reduced[near] - truth.sky / truth.gain).sum() / enclosed
        ratios.append(flux * truth.gain / star["flux"])
    assert len(ratios) >= 5
    assert np.median(ratios) == pytest.approx(1, abs=0.01)


def test_moffat_profile_has_its_flux_and_width():
    star = np.zeros(1, STAR)
    star["x"], star["y"], star["flux"] = 100.3, 90.7, 1e6
    image = np.zeros((201, 201))
    add_stars(image, star, moffat_width(0.8))
    assert image.sum() == pytest.approx(1e6, rel=1e-3)
    y, x = np.indices(image.shape)
    assert (image * x).sum() / image.sum() == pytest.approx(100.3, abs=0.01)
    assert (image * y).sum() / image.sum() == pytest.approx(90.7, abs=0.01)
    star["x"], star["y"] = 100, 100
    image = np.zeros((201, 201))
    # So wide that the size of a pixel does not matter.
    add_stars(image, star, moffat_width(40 * 0.213))
    assert image[100, 120] == pytest.approx(image[100, 100] / 2, rel=2e-3)


@pytest.mark.parametrize("fwhm", [2.0, 3.2, 3.6, 5.0])
def test_seeing_is_read_as_it_was_made(fwhm):
    rng = np.random.default_rng(7)
    stars = np.zeros(80, STAR)
    stars["x"], stars["y"] = rng.uniform(0, 500, (2, 80))
    stars["flux"] = 10 ** rng.uniform(4, 5.5, 80)
    image = np.full((500, 500), 1000.0)
    add_stars(image, stars, moffat_width(fwhm * 0.213))
    assert seeing(rng.poisson(image).astype(np.float32)).fwhm == pytest.approx(fwhm, rel=0.01)


def test_star_beyond_the_edge():
    star = np.zeros(1, STAR)
    star["x"], star["y"], star["flux"] = -3.0, 20.0, 1e6
    image = np.zeros((40, 40))
    add_stars(image, star, 3.0)
    assert image[20, 0] > image[20, 5] > 0
    star["x"] = -1000.0
    image = np.zeros((40, 40))
    add_stars(image, star, 3.0)
    assert not image.any()


def test_bleeding_keeps_charge():
    image = np.full((60, 9), 10.0)
    image[30, 4] = 1000.0
    before = image.sum()
    full, received = bleed(image, 100.0)
    assert image.sum() == pytest.approx(before)
    assert image.max() == 100.0
    assert full[30, 4]
    assert not received[30, 4]
    where = np.flatnonzero(received[:, 4])
    assert where.size == 10
    assert where.mean() == pytest.approx(30, abs=0.5)
    assert not np.delete(received, 4, axis=1).any()


def test_bleeding_over_the_edge_loses_charge():
    image = np.zeros((5, 3))
    image[1, 1] = 1000.0
    full, _ = bleed(image, 100.0)
    assert full[:, 1].all()
    assert image.sum() == 500


def test_saturated_stars_bleed(two_ccds):
    chip = CHIPS[0]
    truth = two_ccds.truth(chip, 0)
    ccd = two_ccds.ccds[0]
    data = raw(two_ccds, two_ccds.science[0], chip)[ccd.rows, ccd.columns]
    assert truth.saturated.sum() > 50
    assert (truth.bled & truth.saturated).sum() > 20
    noise = truth.read_noise / truth.gain
    assert np.abs(data[truth.saturated] - truth.saturation).max() < 6 * noise + 20
    assert data[~truth.saturated & ~truth.hot].max() < truth.saturation + 6 * noise + 20
    assert (truth.scene_adu * truth.flat > truth.saturation)[truth.saturated].sum() > 20


def test_cosmic_rays_are_where_the_truth_says(two_ccds):
    truth = two_ccds.truth(CHIPS[0], 0)
    lit = without_overscan(two_ccds, two_ccds.science[0], CHIPS[0]) - truth.structure
    usable = truth.cosmic & ~truth.hot & ~truth.saturated & ~truth.bled
    assert usable.sum() > 10
    excess = (lit * truth.gain - truth.scene * truth.flat)[usable]
    assert excess.sum() == pytest.approx(truth.cosmic_electrons[usable].sum(), rel=0.05)
    other = two_ccds.truth(CHIPS[0], 1)
    assert (truth.cosmic & other.cosmic).sum() < 0.3 * truth.cosmic.sum()


def test_number_of_cosmic_rays():
    rng = np.random.default_rng(3)
    where, hits = cosmic_rays(rng, (300, 200), 50)
    assert 50 < where.size < 1500
    assert (np.diff(where) > 0).all()
    assert (hits > 0).all()
    where, hits = cosmic_rays(rng, (300, 200), 0)
    assert where.size == hits.size == 0


def test_trail_runs_between_its_ends(two_ccds):
    assert not any(two_ccds.truth(chip, e).trail.any() for chip in CHIPS for e in (0, 2))
    truth = two_ccds.truth(CHIPS[0], 1)
    (x1, y1), (x2, y2) = truth.trail_ends
    assert np.hypot(x2 - x1, y2 - y1) > 100
    lit = without_overscan(two_ccds, two_ccds.science[1], CHIPS[0]) - truth.structure
    electrons = lit * truth.gain / truth.flat - truth.scene
    share = np.linspace(0.02, 0.98, 200)
    columns = np.rint(x1 + share * (x2 - x1)).astype(int)
    rows = np.rint(y1 + share * (y2 - y1)).astype(int)
    assert truth.trail[rows, columns].all()
    assert np.median(electrons[rows, columns]) == pytest.approx(
        np.median(truth.trail_electrons[rows, columns]), rel=0.1
    )


def test_twilight_falls_and_differs_from_the_dome(two_ccds):
    chip = CHIPS[0]
    twilights = [np.median(without_overscan(two_ccds, p, chip)) for p in two_ccds.twilights]
    assert twilights[1] == pytest.approx(0.8 * twilights[0], rel=0.02)
    dome = without_overscan(two_ccds, two_ccds.domes[0], chip)
    sky = without_overscan(two_ccds, two_ccds.twilights[0], chip)
    ratio = dome / sky
    left, right = np.median(ratio[:, :50]), np.median(ratio[:, -50:])
    assert abs(right / left - 1) > 0.001


def test_truth_by_name_and_time(two_ccds):
    path = two_ccds.science[2]
    by_number = two_ccds.truth(CHIPS[1], 2)
    names = (path, path.name, f"{path.stem}_2.fits", two_ccds.exposures[-1].date_obs)
    for name in names:
        assert two_ccds.truth(CHIPS[1], name).filename == by_number.filename == path.name
    with pytest.raises(AweLookupError, match="Did you mean 'ESO_CCD_#65'"):
        two_ccds.truth("ESO_CCD_65", 0)
    for wrong in (3, -1, two_ccds.biases[0], "nothing"):
        with pytest.raises(AweLookupError, match="no truth of an exposure"):
            two_ccds.truth(CHIPS[0], wrong)


SMALL = {"shape": (48, 40), "biases": 1, "domes": 1, "twilights": 1}


def test_the_seed_makes_the_night(tmp_path):
    one = simulate_night(tmp_path / "1", **SMALL, ccds=2, exposures=1, seed=7)
    two = simulate_night(tmp_path / "2", **SMALL, ccds=2, exposures=1, seed=7)
    other = simulate_night(tmp_path / "3", **SMALL, ccds=2, exposures=1, seed=8)
    for a, b, c in zip(one.files, two.files, other.files, strict=True):
        assert a.read_bytes() == b.read_bytes()
        assert (fits.getdata(a, 1) != fits.getdata(c, 1)).any()


def test_frames_do_not_depend_on_the_rest_of_the_night(tmp_path):
    one = simulate_night(tmp_path / "1", **SMALL, ccds=1, exposures=1, trail=False)
    more = simulate_night(tmp_path / "2", **SMALL, ccds=3, exposures=2, trail=False)
    for kind in ("bias", "dome", "twilight", "science"):
        a, b = one.of_kind(kind)[0], more.of_kind(kind)[0]
        np.testing.assert_array_equal(fits.getdata(a, 1), fits.getdata(b, 1))


@pytest.mark.heavy
def test_full_size_ccd(tmp_path):
    night = simulate_night(
        tmp_path, ccds=1, shape=(4100, 2048), biases=1, domes=0, twilights=0, exposures=1
    )
    with fits.open(night.science[0], checksum=True) as hdus:
        assert hdus[1].data.shape == (4200, 2144)
        lit = hdus[1].data[:4100, 48:2096].astype(float)
    truth = night.truth("ESO_CCD_#65", 0)
    expected = np.median(truth.scene_adu * truth.flat) + truth.level
    assert np.median(lit) == pytest.approx(expected, abs=2)
