"""Raw frames that cannot be used together, or at all: a clear error, and nothing stored."""

import shutil

import numpy as np
import pytest
from astropy.io import fits
from awe.recipes.BiasTask import BiasTask
from awe.recipes.DomeFlatTask import DomeFlatTask
from awe.recipes.GainTask import GainTask
from awe.recipes.IngestTask import IngestTask
from awe.recipes.MasterFlatTask import MasterFlatTask

from awe.base.errors import AweValueError
from awe.model import (
    BiasFrame,
    DomeFlatFrame,
    GainLinearity,
    RawBiasFrame,
    RawDomeFlatFrame,
)
from awe.process import Making, TaskError

NAME = "ESO_CCD_#65"
CHIP = {"instrument": "OMEGACAM", "chip": NAME, "commit": True, "folder": None}
BAD_FRACTION = "DomeFlatFrame.process_params.MAXIMUM_BAD_FRACTION"


@pytest.fixture
def spoil(tmp_path, night, context):
    """Give what ingests the night after some of its files were changed."""

    def ingest(files, change):
        folder = tmp_path / "spoiled"
        shutil.copytree(night.folder, folder)
        for file in files:
            with fits.open(folder / file.name) as hdus:
                change(hdus)
                hdus.writeto(folder / file.name, overwrite=True, checksum=True)
        IngestTask(paths=[folder], commit=True).execute()

    return ingest


def spoiled_part(share, value):
    """Give what sets the lower rows of one CCD to a value, without its prescan and overscan."""

    def change(hdus):
        hdu = hdus[NAME]
        data = hdu.data.astype(np.float32)
        rows = slice(0, round(share * len(data)))
        lit = slice(10, data.shape[1] - 10)
        data[rows, lit] = value
        hdu.data = data

    return change


@pytest.mark.parametrize(
    ("share", "value", "words"),
    [(0.45, 0.0, "negative"), (0.45, -500.0, "negative"), (0.7, np.nan, "not a number")],
)
def test_flat_with_zeros_negatives_or_nan(spoil, night, capsys, share, value, words):
    spoil(night.domes, spoiled_part(share, value))
    BiasTask(**CHIP).execute()
    with pytest.raises(TaskError):
        DomeFlatTask(**CHIP, pars={BAD_FRACTION: 0.2}).execute()
    out = capsys.readouterr().out
    assert f"% {words}" in out
    assert "MAXIMUM_BAD_FRACTION = 0.2 accepts up to 20.0%" in out
    assert len(DomeFlatFrame.select_all()) == 0
    (flat,) = DomeFlatTask(**CHIP, pars={BAD_FRACTION: 0.9}).execute()
    assert flat.unusable == np.count_nonzero(flat.data == 0) > 0.2 * flat.data.size
    assert np.isfinite(flat.data).all()


@pytest.mark.parametrize(
    ("value", "words"),
    [(0.0, "is not lit"), (-500.0, "quality flags FLAT_LEVEL"), (np.nan, "is not lit")],
)
def test_flat_of_nothing_else(spoil, night, capsys, value, words):
    spoil(night.domes, spoiled_part(1.0, value))
    BiasTask(**CHIP).execute()
    with pytest.raises(TaskError) as error:
        DomeFlatTask(**CHIP).execute()
    assert words in str(error.value) + capsys.readouterr().out
    assert len(DomeFlatFrame.select_all()) == 0


def cropped(hdus):
    """Make a frame of fewer rows."""
    for hdu in hdus[1:]:
        hdu.data = hdu.data[:-8]


def binned(hdus):
    """Make a frame that was binned."""
    hdus[0].header["HIERARCH ESO DET WIN1 BINX"] = 2
    hdus[0].header["HIERARCH ESO DET WIN1 BINY"] = 2
    for hdu in hdus[1:]:
        hdu.data = hdu.data[::2, ::2]


@pytest.mark.parametrize("change", [cropped, binned])
def test_frames_of_different_size_or_binning(spoil, night, capsys, change):
    spoil(night.biases[:1], change)
    frames = list(RawBiasFrame.chip.name == NAME)
    assert len({f.readout.object_id for f in frames}) == 2
    with pytest.raises(TaskError):
        BiasTask(**CHIP, raw_filenames=frames).execute()
    assert "needs at least MINIMUM_FRAMES = 3 raw biases" in capsys.readouterr().out
    mixed = BiasFrame(raw_bias_frames=frames)
    mixed.take_from(frames)
    with pytest.raises(AweValueError, match="frames of different kinds cannot be combined"):
        Making(mixed, mixed.names()).run()
    assert len(BiasFrame.select_all()) == 0


def test_all_pixels_of_the_flats_are_saturated(spoil, night, capsys):
    def change(hdus):
        data = hdus[NAME].data.copy()
        data[:, 10:-10] = 65535
        hdus[NAME].data = data

    spoil(night.domes, change)
    for frame in RawDomeFlatFrame.chip.name == NAME:
        # People may have called them good.
        frame.quality_flags = 0
        frame.commit()
    BiasTask(**CHIP).execute()
    for task in (DomeFlatTask, GainTask):
        with pytest.raises(TaskError):
            task(**CHIP).execute()
        assert "saturated" in capsys.readouterr().out
    assert len(DomeFlatFrame.select_all()) == len(GainLinearity.select_all()) == 0


def test_flats_of_two_lamps_are_two_units(spoil, night, capsys):
    def change(hdus):
        hdus[0].header["HIERARCH ESO INS LAMP1 NAME"] = "other"
        hdus[0].header["HIERARCH ESO INS LAMP1 ST"] = True

    spoil(night.domes[:1], change)
    frames = list(RawDomeFlatFrame.chip.name == NAME)
    lamps = {f.lamp and f.lamp.name for f in frames}
    assert len(lamps) == 2
    BiasTask(**CHIP).execute()
    for names in (None, frames):
        with pytest.raises(TaskError):
            DomeFlatTask(**CHIP, raw_filenames=names).execute()
        assert "MINIMUM_FRAMES = 2 raw flats; ESO_CCD_#65 has 1" in capsys.readouterr().out
    assert len({unit.label for unit in DomeFlatTask(**CHIP).units()}) == 2
    one = {"DomeFlatFrame.process_params.MINIMUM_FRAMES": 1}
    flats = DomeFlatTask(**CHIP, pars=one).execute()
    assert {f.lamp and f.lamp.name for f in flats} == lamps
    capsys.readouterr()
    (master,) = MasterFlatTask(**CHIP, combine=2).execute()
    newest = max(flats, key=lambda f: f.creation_date)
    assert master.domeflat is newest
    assert master.lamp is newest.lamp
    told = capsys.readouterr().out
    other = next(f.lamp and f.lamp.name for f in flats if f is not newest)
    assert f"1 left out: dome flat of the lamp {other}, older than that of" in told
    mixed = DomeFlatFrame(raw_domeflat_frames=frames, bias=flats[0].bias)
    mixed.take_from(frames)
    with pytest.raises(AweValueError, match="has lamp"):
        Making(mixed, mixed.names()).run()
