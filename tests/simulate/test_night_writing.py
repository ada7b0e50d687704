"""What is written when, by how many processes, and what is kept of the truth."""

import dataclasses
import json

import numpy as np
import pytest
from astropy.io import fits

from awe.base import progress
from awe.base.errors import AweLookupError, AweValueError
from awe.simulate import open_night, simulate_night

SMALL = {"ccds": 2, "shape": (48, 40), "biases": 1, "domes": 1, "twilights": 1, "exposures": 2}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Give a small night written at once, its truth kept."""
    return simulate_night(tmp_path_factory.mktemp("whole"), **SMALL, standards=1)


def assert_same(one, two):
    """Compare all attributes of two truths."""
    assert type(one) is type(two)
    for field in dataclasses.fields(one):
        np.testing.assert_array_equal(getattr(one, field.name), getattr(two, field.name))


def test_file_by_file(whole, tmp_path):
    night = simulate_night(tmp_path, **SMALL, standards=1, write=False)
    assert night.exposures == whole.exposures
    assert not any(path.exists() for path in night.files)
    for exposure, as_whole in zip(night.exposures, whole.files, strict=True):
        path = night.simulate(exposure, truth=False)
        assert path.read_bytes() == as_whole.read_bytes()
        path.unlink()
    assert not list(tmp_path.glob("*.part"))
    assert not list((tmp_path / "truth").glob("*.npz"))


def test_two_processes_write_the_same(whole, tmp_path):
    seen = []

    def reporter(iterable, total, what):
        for item in iterable:
            seen.append(total)
            yield item

    progress.set_reporter(reporter)
    try:
        night = simulate_night(tmp_path, **SMALL, standards=1, processes=2)
    finally:
        progress.set_reporter(None)
    assert seen == [2, 2]
    for one, two in zip(night.files, whole.files, strict=True):
        assert one.read_bytes() == two.read_bytes()
    assert_same(night.truth(night.chips[1], 1), whole.truth(whole.chips[1], 1))


@pytest.mark.parametrize("truth", [False, ["ESO_CCD_#66"]])
def test_truth_that_is_not_kept_is_made_again(whole, tmp_path, truth):
    night = simulate_night(tmp_path, **SMALL, standards=1, truth=truth)
    kept = sorted(path.name for path in (tmp_path / "truth").glob("ESO_*.npz"))
    assert kept == [f"{name}.npz" for name in truth or []]
    for chip in night.chips:
        assert_same(night.chip(chip), whole.chip(chip))
        for exposure in range(3):
            assert_same(night.truth(chip, exposure), whole.truth(chip, exposure))


def test_chip_and_frame_tell_the_same(whole):
    chip, truth = whole.chip("ESO_CCD_#66"), whole.truth("ESO_CCD_#66", 0)
    for field in dataclasses.fields(chip):
        np.testing.assert_array_equal(getattr(chip, field.name), getattr(truth, field.name))
    assert chip.flat.shape == chip.dark_rate.shape == (48, 40)
    assert (chip.illumination == 1).all()
    assert not chip.fringe.any()
    assert not chip.warm.any()
    with pytest.raises(AweLookupError, match="Did you mean 'ESO_CCD_#66'"):
        whole.chip("ESO_CCD_66")


def test_night_of_an_older_form(whole, tmp_path):
    night = simulate_night(tmp_path, **SMALL, standards=1)
    description = tmp_path / "truth" / "night.json"
    values = json.loads(description.read_text())
    values["version"] = 1
    for name in ("darks", "warm", "gain_pairs", "fringes", "twilight_stars", "trail_peak"):
        del values["settings"][name]
    description.write_text(json.dumps(values))
    path = tmp_path / "truth" / "ESO_CCD_#65.npz"
    with np.load(path) as file:
        old = {name: file[name] for name in file if name not in ("dark_rate", "zero_point")}
    np.savez_compressed(path, **old)
    again = open_night(tmp_path)
    assert again == night
    assert_same(again.truth("ESO_CCD_#65", 0), whole.truth("ESO_CCD_#65", 0))


def test_standards_are_removed_with_their_night(tmp_path):
    simulate_night(tmp_path, **SMALL, standards=1)
    night = simulate_night(tmp_path, **SMALL, overwrite=True)
    assert night.standard_catalog is None
    assert not night.standard_file.exists()


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"processes": 0}, AweValueError, "processes is a whole number, 1 or more"),
        ({"truth": ["ESO_CCD_65"]}, AweLookupError, "Did you mean 'ESO_CCD_#65'"),
        ({"exposure": 3}, AweValueError, "Did you mean 'exposures'"),
        ({"darks": -1}, AweValueError, "darks is a whole number"),
        ({"dark_current": -1}, AweValueError, "dark_current is 0 or more"),
        ({"gain_pairs": (2.0, 0.0)}, AweValueError, "gain_pairs are exposure times"),
        ({"nonlinearity": 0.5}, AweValueError, "nonlinearity is a share from 0 to 0.3"),
        ({"fringes": -0.1}, AweValueError, "fringes is a share"),
        ({"illumination": float("nan")}, AweValueError, "illumination is a share"),
        ({"trail": "some"}, AweValueError, "trail is True, False or 'all'"),
        ({"trail_peak": -1.0}, AweValueError, "trail_peak is 0 or more"),
        ({"warm": 10**6}, AweValueError, "cannot have so many"),
    ],
)
def test_refusals(tmp_path, arguments, error, message):
    with pytest.raises(error, match=message):
        simulate_night(tmp_path / "x", **arguments)
    assert not (tmp_path / "x").exists()


def test_exposure_of_another_night(whole, tmp_path):
    night = simulate_night(tmp_path, **SMALL, write=False, start="2012-06-02T08:00:00")
    with pytest.raises(AweLookupError, match="no exposure of this night of 5"):
        night.simulate(whole.exposures[0])


@pytest.mark.heavy
def test_full_size_exposure(tmp_path):
    night = simulate_night(tmp_path, shape=(4100, 2048), write=False)
    path = night.simulate(night.exposures[0], truth=False, processes=2)
    assert path.stat().st_size > 576e6
    with fits.open(path, checksum=True) as hdus:
        assert len(hdus) == 33
        assert hdus[32].data.shape == (4200, 2144)
    path.unlink()
