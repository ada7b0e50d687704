"""Overscan correction and assembly against known truth and real mosaics."""

import re

import numpy as np
import pytest

from awe.base.errors import AweValueError
from awe.pixels import (
    OVERSCAN_METHODS,
    Amplifier,
    amplifier_map,
    assemble,
    ccd_shape,
    overscan_correct,
    overscan_levels,
    possible_methods,
)


def section(text):
    """Give (y0, y1, x0, x1) and flips from a FITS section such as '[512:1,1:2002]'."""
    x0, x1, y0, y1 = (int(n) for n in re.findall(r"\d+", text))
    return (min(y0, y1) - 1, max(y0, y1), min(x0, x1) - 1, max(x0, x1)), x0 > x1, y0 > y1


@pytest.fixture
def frame(rng):
    """Give a scene of 40 x 30 with an uneven level: per row, per column, or none."""

    def make(kind, shape=(46, 40)):
        y, x = np.mgrid[: shape[0], : shape[1]]
        level = {"row": 1000 + y % 7, "column": 1000 + x % 5, "flat": 1000 + 0 * y}[kind]
        raw = level.astype(np.uint16)
        scene = rng.integers(0, 5000, (40, 30)).astype(np.uint16)
        raw[2:42, 3:33] += scene
        return raw, scene

    return make


@pytest.mark.parametrize("method", [1, 2, 4])
def test_constant_level_is_removed_exactly(frame, method):
    raw, scene = frame("flat")
    amp = Amplifier(
        0, (2, 42, 3, 33), prescan_x=(0, 46, 0, 3), overscan_x=(0, 46, 33, 40),
        overscan_y=(42, 46, 3, 33),
    )  # fmt: skip
    ccd, levels = overscan_correct([raw], [amp], method)
    assert ccd.dtype == np.float32
    np.testing.assert_array_equal(ccd, scene)
    assert levels[0].level == 1000
    assert levels[0].noise == 0


@pytest.mark.parametrize(("kind", "method"), [("row", 5), ("row", 6), ("column", 7), ("column", 8)])
def test_uneven_level_is_removed_line_by_line(frame, kind, method):
    raw, scene = frame(kind)
    amp = Amplifier(
        0, (2, 42, 3, 33), prescan_x=(0, 46, 0, 3), overscan_x=(0, 46, 33, 40),
        prescan_y=(0, 2, 0, 40), overscan_y=(42, 46, 0, 40),
    )  # fmt: skip
    ccd, levels = overscan_correct([raw], [amp], method)
    np.testing.assert_array_equal(ccd, scene)
    assert levels[0].profile.shape == ((40, 1) if kind == "row" else (1, 30))


@pytest.mark.parametrize("method", [9, 10])
def test_smoothed_level_follows_a_drift_and_ignores_a_bad_row(rng, method):
    y = np.arange(600)[:, None]
    drift = 1000 + 5 * np.sin(y / 200)
    raw = drift + rng.normal(0, 4, (600, 160))
    raw[300, 110:] += 3000
    amp = Amplifier(0, (0, 600, 50, 110), prescan_x=(0, 600, 0, 50), overscan_x=(0, 600, 110, 160))
    smooth = overscan_levels([raw], [amp], method)[0]
    by_row = overscan_levels([raw], [amp], method - 4)[0]
    residual = (smooth.profile - drift)[:, 0]
    assert np.abs(residual).max() < 0.6
    assert residual.std() < 0.4 * (by_row.profile - drift)[:299].std()
    assert smooth.error < 0.3 * by_row.error


def test_error_and_noise_of_the_level_are_those_of_the_truth(rng):
    raw = rng.normal(500, 6, (4000, 60)).astype(np.float32)
    amp = Amplifier(0, (0, 4000, 0, 20), overscan_x=(0, 4000, 20, 60))
    level = overscan_levels([raw], [amp], 6)[0]
    assert level.noise == pytest.approx(6, rel=0.02)
    assert level.error == pytest.approx((level.profile - 500).std(), rel=0.06)
    assert level.npix == 4000 * 40


@pytest.mark.parametrize("noise", [0.8, 2.0])
def test_error_of_the_median_of_whole_numbers_is_that_of_its_rounding_too(rng, noise):
    """The level of each row is anywhere between two numbers, its median is at one of them."""
    true = 500 + rng.uniform(0, 1, (4000, 1))
    raw = np.rint(true + rng.normal(0, noise, (4000, 61))).astype(np.uint16)
    amp = Amplifier(0, (0, 4000, 0, 20), overscan_x=(0, 4000, 20, 61))
    level = overscan_levels([raw], [amp], 6)[0]
    scatter = np.sqrt(np.mean((level.profile - true) ** 2))
    assert level.error == pytest.approx(scatter, rel=0.06)
    exact = overscan_levels([raw.astype(np.float32)], [amp], 6)[0]
    assert exact.error < 0.85 * scatter
    assert overscan_levels([raw], [amp], 2)[0].error == pytest.approx(12**-0.5, rel=0.01)


def test_nan_and_saturated_pixels_of_the_overscan_do_not_count(frame):
    raw, scene = frame("flat")
    raw = raw.astype(np.float32)
    raw[10, 33:35] = np.nan
    raw[11, 33:35] = 65535
    raw[12, 33:40] = np.nan
    amp = Amplifier(0, (2, 42, 3, 33), overscan_x=(0, 46, 33, 40))
    ccd, levels = overscan_correct([raw], [amp], 6)
    assert np.isnan(ccd[10]).all()
    good = np.arange(40) != 10
    np.testing.assert_array_equal(ccd[good], scene[good])
    assert levels[0].level == 1000


def test_method_0_subtracts_nothing_and_keeps_the_flips(frame, two_amplifiers):
    (left, left_scene), (right, right_scene) = frame("flat"), frame("flat")
    ccd, _ = overscan_correct([left, right], two_amplifiers, 0)
    np.testing.assert_array_equal(ccd[:, :30], left_scene[:, ::-1] + 1000.0)
    np.testing.assert_array_equal(ccd[:, 30:], right_scene[::-1] + 1000.0)
    assert ccd_shape(two_amplifiers) == (40, 60)


@pytest.mark.parametrize("method", [0, 2, 6, 8, 10])
def test_blocks_of_rows_are_those_of_the_whole(frame, two_amplifiers, method):
    arrays = [frame("row")[0], frame("row")[0]]
    levels = overscan_levels(arrays, two_amplifiers, method)
    whole = assemble(arrays, two_amplifiers, levels)
    blocks = [
        assemble(arrays, two_amplifiers, levels, (y, min(y + 7, 40))) for y in range(0, 40, 7)
    ]
    np.testing.assert_array_equal(np.concatenate(blocks), whole)


def test_missing_region_names_amplifier_method_and_what_is_possible(frame, two_amplifiers):
    arrays = [frame("row")[0]] * 2
    amps = [two_amplifiers[0], two_amplifiers[1]._replace(overscan_x=None)]
    with pytest.raises(AweValueError) as caught:
        overscan_correct(arrays, amps, 6)
    text = str(caught.value)
    assert "amplifier 2 of 2 (right) has no section overscan_x" in text
    assert "method 6 (median of the overscan X, row by row)" in text
    assert text.endswith("Possible for this CCD: 0, 1, 4, 5, 8, 9.")
    assert possible_methods(amps) == [0, 1, 4, 5, 8, 9]


def test_region_that_does_not_span_the_data_serves_only_for_one_level(frame):
    raw, _ = frame("flat")
    amp = Amplifier(0, (2, 42, 3, 33), overscan_x=(10, 46, 33, 40))
    assert possible_methods([amp]) == [0, 2]
    with pytest.raises(AweValueError, match=r"rows 10:46, its data have 2:42"):
        overscan_correct([raw], [amp], 6)


def test_unknown_method_lists_all(frame):
    amp = Amplifier(0, (2, 42, 3, 33))
    with pytest.raises(AweValueError, match="no overscan method 11") as caught:
        overscan_correct([frame("flat")[0]], [amp], 11)
    assert all(text in str(caught.value) for text in OVERSCAN_METHODS.values())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": 20}, "lies over"),
        ({"x": 31}, "leave a gap"),
        ({"data": (2, 42, 33, 33)}, "no area of pixels"),
        ({"x": -1}, "no area of pixels"),
    ],
)
def test_wrong_geometry_is_refused(two_amplifiers, change, message):
    with pytest.raises(AweValueError, match=message):
        ccd_shape([two_amplifiers[0], two_amplifiers[1]._replace(**change)])


def test_sections_outside_the_arrays_are_refused(frame, two_amplifiers):
    raw = frame("flat")[0]
    with pytest.raises(AweValueError, match=r"Amplifier 2 of 2 .right. is in array 1"):
        overscan_correct([raw], two_amplifiers, 0)
    with pytest.raises(AweValueError, match="does not lie in its raw array"):
        overscan_correct([raw, raw[:41]], two_amplifiers, 0)
    with pytest.raises(AweValueError, match="empty"):
        ccd_shape([])


def test_amplifier_map_spreads_values(two_amplifiers):
    gains = amplifier_map(two_amplifiers, [amp.gain for amp in two_amplifiers])
    assert (gains[:, :30] == 2).all()
    assert (gains[:, 30:] == 2.5).all()


def test_bias_level_of_the_two_amplifiers_of_kast(shared_data, read_images):
    ((_, raw),) = read_images(shared_data / "kast_blue_2015" / "raw" / "b21.fits.gz")
    amps = [
        Amplifier(0, (0, 350, 0, 1024), overscan_x=(0, 350, 2048, 2080)),
        Amplifier(0, (0, 350, 1024, 2048), overscan_x=(0, 350, 2080, 2112), x=1024),
    ]
    ccd, levels = overscan_correct([raw], amps, 6)
    assert ccd.shape == (350, 2048)
    assert [round(level.level) for level in levels] == [943, 965]
    assert [level.noise for level in levels] == pytest.approx([2.85, 2.70], rel=0.1)
    assert abs(np.median(ccd[:, :1024])) < 2.5
    assert abs(np.median(ccd[:, 1024:])) < 2.5


@pytest.mark.parametrize("vendor", ["e2v", pytest.param("itl", marks=pytest.mark.heavy)])
def test_sixteen_amplifiers_make_the_expected_ccd(shared_data, read_images, vendor):
    folder = shared_data / "lsst_16amp_mef"
    images = read_images(folder / f"{vendor}_spot.fits.gz")
    ((_, expected),) = read_images(folder / f"{vendor}_expected_assembled.fits.gz")
    amps = []
    for hdu, (header, _) in enumerate(images):
        data, back_x, back_y = section(header["DATASEC"])
        place, flip_x, flip_y = section(header["DETSEC"])
        # The expected CCD counts its rows from the other end than DETSEC.
        amps.append(
            Amplifier(
                hdu,
                data,
                flip_x=flip_x != back_x,
                flip_y=flip_y == back_y,
                x=place[2],
                y=expected.shape[0] - place[1],
                name=header["EXTNAME"],
            )
        )
    assert ccd_shape(amps) == expected.shape
    np.testing.assert_array_equal(assemble([data for _, data in images], amps), expected)
