"""Fringes, scattered light, standards, stars and trails against the truth."""

import numpy as np
import pytest
from astropy.io import fits

from awe.simulate import PIXEL_SCALE, simulate_night
from awe.simulate.layout import mosaic
from awe.simulate.patterns import fringe_pattern, scattered_light
from awe.simulate.scene import BETA, STAR, add_stars, mark_saturated, moffat_width

CHIP = "ESO_CCD_#65"
BARE = {"ccds": 1, "biases": 0, "domes": 0, "twilights": 0, "exposures": 1}


def reduced(night, path):
    """Give the lit part of a raw file in electrons at a flat of 1."""
    ccd, chip = night.ccds[0], night.chip(CHIP)
    data = fits.getdata(path, CHIP).astype(float)
    n = ccd.scan_columns
    level = np.hstack([data[:, :n], data[:, -n:]]).mean(axis=1)
    lit = (data - level[:, None])[ccd.rows, ccd.columns]
    return (lit - chip.structure) * chip.gain / chip.flat


@pytest.fixture(scope="module")
def night(tmp_path_factory):
    """Give a night with fringes and scattered light."""
    return simulate_night(
        tmp_path_factory.mktemp("sky"),
        **BARE | {"domes": 1, "twilights": 3},
        shape=(400, 300),
        standards=3,
        fringes=0.05,
        illumination=0.2,
        stars=150.0,
        twilight_stars=40.0,
        trail=False,
        cosmic_rays=0.0,
    )


def test_fringes_are_in_the_sky_alone(night):
    truth = night.truth(CHIP, 0)
    good = ~truth.bad
    assert abs(truth.fringe.mean(dtype=float)) < 1e-6
    assert 0.025 < np.abs(truth.fringe).max() <= 0.05
    excess = reduced(night, night.science[0]) - truth.scene
    slope, offset = np.polyfit(truth.fringe[good], excess[good], 1)
    assert slope == pytest.approx(truth.sky, rel=0.02)
    assert abs(offset) < 1
    dome = reduced(night, night.domes[0]) / truth.illumination
    slope, level = np.polyfit(truth.fringe[good], dome[good], 1)
    assert abs(slope / level) < 0.02


def test_scattered_light_is_in_flats_and_sky(night):
    truth = night.truth(CHIP, 0)
    good = ~(truth.hot | truth.cold)
    mean = (truth.flat * truth.illumination)[good].mean(dtype=float)
    assert mean == pytest.approx(1, abs=1e-6)
    assert np.ptp(truth.illumination) > 0.05
    for path, tolerance in ((night.domes[0], 0.1), (night.twilights[0], 0.03)):
        image = reduced(night, path)
        excess = truth.illumination[good].astype(float) - 1
        slope = np.polyfit(excess - excess.mean(), image[good] / image[good].mean(), 1)[0]
        assert slope == pytest.approx(1, abs=tolerance)
    sky = np.median(truth.scene / truth.illumination)
    assert sky == pytest.approx(truth.sky, rel=0.01)


def test_stars_have_no_scattered_light(night):
    catalog = {row["id"]: row["mag"] for row in night.standard_catalog}
    enclosed = 1 - (1 + (6 / moffat_width(0.8)) ** 2) ** (1 - BETA)
    ratios, places = [], []
    for exposure in (1, 2, 3):
        truth = night.truth(CHIP, exposure)
        assert truth.filename == night.standards[exposure - 1].name
        image = reduced(night, night.standards[exposure - 1])
        image -= truth.sky * truth.illumination * (1 + truth.fringe)
        y, x = np.indices(image.shape)
        for star in truth.stars:
            inside = 10 < star["x"] < 289 and 10 < star["y"] < 389
            if not inside or catalog.get(star["id"], 99) > 18.5:
                continue
            expected = 60 * 10 ** (0.4 * (truth.zero_point - catalog[star["id"]]))
            assert star["flux"] == pytest.approx(expected)
            apart = np.hypot(truth.stars["x"] - star["x"], truth.stars["y"] - star["y"])
            alone = truth.stars["flux"][(apart > 0) & (apart < 16)].sum() < 0.01 * star["flux"]
            near = np.hypot(x - star["x"], y - star["y"]) < 6
            if alone and not truth.bad[near].any():
                ratios.append(image[near].sum() / enclosed / expected)
                places.append(truth.illumination[int(star["y"]), int(star["x"])])
    assert len(ratios) >= 8
    assert np.median(ratios) == pytest.approx(1, abs=0.01)
    # With scattered light in the stars, the ratios would follow the illumination.
    assert np.ptp(places) > 0.05
    assert abs(np.polyfit(np.array(places, float) - 1, ratios, 1)[0]) < 0.3


def test_catalog_of_standards(night):
    table = night.standard_catalog
    assert table.colnames == ["id", "ra", "dec", "mag"]
    assert table["ra"].unit == table["dec"].unit == "deg"
    assert 15 <= table["mag"].min() <= table["mag"].max() <= 20
    assert len(table) > 300
    assert night.standard_file.read_text().startswith("# %ECSV")
    truth = night.truth(CHIP, 1)
    rows = {row["id"]: row for row in table}
    found = [star for star in truth.stars if star["id"] in rows]
    assert len(found) > 10
    for star in found:
        assert star["ra"] == pytest.approx(rows[star["id"]]["ra"], abs=1e-9)
        assert star["mag"] == rows[star["id"]]["mag"]


def test_twilight_stars_move_with_the_dither(night, tmp_path):
    frames = [reduced(night, path) for path in night.twilights]
    assert len({(e.ra, e.dec) for e in night.exposures if e.kind == "twilight"}) == 3
    empty = simulate_night(
        tmp_path, **BARE | {"twilights": 3, "exposures": 0}, shape=(400, 300),
        fringes=0.05, illumination=0.2, twilight_stars=0.0,
    )  # fmt: skip
    spots = []
    for path, frame in zip(empty.twilights, frames, strict=True):
        bare = reduced(empty, path)
        noise = np.sqrt(bare.mean() * 2)
        spots.append(frame - bare > 8 * noise)
    assert all(spot.sum() > 20 for spot in spots)
    assert (spots[0] & spots[1]).sum() < 0.5 * spots[0].sum()


def test_patterns_by_themselves():
    rng = np.random.default_rng(2)
    for ccd in mosaic(32, (64, 48))[::7]:
        light = scattered_light(ccd, 0.1)
        assert light.shape == (64, 48)
        assert 0.7 < light.min() < light.max() < 1.1
        fringe = fringe_pattern((64, 48), rng)
        assert abs(fringe.mean(dtype=float)) < 1e-6
        assert 0.4 < np.abs(fringe).max() < 1.1
    # Brightest at the axis, for whatever CCD.
    corner, middle = scattered_light(mosaic()[0], 0.1), scattered_light(mosaic()[7], 0.1)
    assert middle.mean() > 1.03 > corner.mean()


@pytest.mark.parametrize("fwhm", [1.6, 2.0, 2.5, 2.99, 3.0, 5.0, 8.0])
def test_flux_and_width_at_every_seeing(fwhm):
    rng = np.random.default_rng(4)
    alpha = moffat_width(fwhm * PIXEL_SCALE)
    y, x = np.indices((161, 161))
    for _ in range(5):
        star = np.zeros(1, STAR)
        star["x"], star["y"], star["flux"] = *(80 + rng.uniform(-0.5, 0.5, 2)), 1e8
        image = np.zeros((161, 161))
        add_stars(image, star, alpha)
        enclosed = 1 - (1 + (80 / alpha) ** 2) ** (1 - BETA)
        assert image.sum() == pytest.approx(1e8 * enclosed, rel=1e-3)
        assert image.max() == pytest.approx(star["peak"][0])
        # Half of the light lies within this radius, but for the size of a pixel.
        half = alpha * np.sqrt(2 ** (1 / (BETA - 1)) - 1)
        distance = np.hypot(x - star["x"], y - star["y"])
        order = np.argsort(distance, axis=None)
        share = np.cumsum(image.flat[order]) / 1e8
        measured = distance.flat[order][np.searchsorted(share, 0.5)]
        assert measured == pytest.approx(half, abs=0.4)


def test_sharp_stars_are_integrated_over_their_pixels():
    alpha = moffat_width(1.6 * PIXEL_SCALE)
    star = np.zeros(1, STAR)
    star["x"], star["y"], star["flux"] = 20.3, 19.9, 1e6
    image = np.zeros((41, 41))
    add_stars(image, star, alpha)
    fine = np.arange(-0.5, 0.5, 0.01) + 0.005
    dx, dy = 20 + fine - 20.3, (20 + fine - 19.9)[:, None]
    peak = 1e6 * (BETA - 1) / (np.pi * alpha**2)
    mean = (peak * (1 + (dx**2 + dy**2) / alpha**2) ** -BETA).mean()
    assert image[20, 20] == pytest.approx(mean, rel=1e-3)


def test_saturated_stars_are_marked():
    stars = np.zeros(4, STAR)
    stars["x"], stars["y"] = (10.2, 30.0, -3.0, 12.9), (10.0, 30.0, 10.0, 10.0)
    full = np.zeros((40, 40), bool)
    full[10, 10:12] = True
    full[10, 0] = True
    mark_saturated(stars, full, moffat_width(2 * PIXEL_SCALE))
    assert stars["saturated"].tolist() == [True, False, False, False]


@pytest.mark.parametrize("level", [50.0, 500.0, 5000.0])
def test_level_of_the_sky(tmp_path, level):
    night = simulate_night(tmp_path, **BARE, shape=(100, 90), sky=level / 360, trail=False)
    truth = night.truth(CHIP, 0)
    assert truth.sky == pytest.approx(level, rel=0.2)
    image = reduced(night, night.science[0])
    assert np.median((image - truth.scene)[~truth.bad]) == pytest.approx(
        0, abs=5 * np.sqrt(1.6 * (truth.sky + 25) / 9000)
    )
    saturated = truth.stars[truth.stars["saturated"]]
    assert len(saturated) >= 1
    x, y = np.rint(saturated["x"]).astype(int), np.rint(saturated["y"]).astype(int)
    assert truth.saturated[y, x].any()
    assert saturated["peak"].max() > truth.full_well


def test_a_trail_in_every_exposure(tmp_path):
    night = simulate_night(
        tmp_path, **BARE | {"exposures": 6}, shape=(120, 100), trail="all", trail_peak=0.7
    )
    angles = []
    for exposure in range(6):
        truth = night.truth(CHIP, exposure)
        noise = np.sqrt(truth.sky + truth.read_noise**2)
        assert truth.trail_peak == pytest.approx(0.7 * noise, rel=0.05)
        (x1, y1), (x2, y2) = truth.trail_ends
        assert np.hypot(x2 - x1, y2 - y1) > 50
        angles.append(np.degrees(np.arctan2(y2 - y1, x2 - x1)) % 180)
    assert np.ptp(angles) > 60


def test_no_trail_has_no_peak(night):
    truth = night.truth(CHIP, 0)
    assert truth.trail_peak == 0
    assert truth.trail_ends.shape == (0, 2)
