"""Bad input of the recipes: a clear error, and nothing stored."""

import pytest
from awe.recipes.BiasTask import BiasTask
from awe.recipes.DomeFlatTask import DomeFlatTask
from awe.recipes.ReduceTask import ReduceTask
from recipe_lab import damaged

from awe.base.errors import AweError, AweValueError
from awe.model import (
    BiasFrame,
    DomeFlatFrame,
    RawBiasFrame,
    RawDomeFlatFrame,
    RawScienceFrame,
    ReducedScienceFrame,
)
from awe.process import TaskError
from awe.store.verify import verify
from awe.view.information import information

CHIP = {"instrument": "OMEGACAM", "chip": "ESO_CCD_#65", "commit": True, "folder": None}


def test_raw_file_that_vanished(raw_night, capsys):
    bias = (RawBiasFrame.chip.name == "ESO_CCD_#65")[0]
    damaged(bias.path()).unlink()
    with pytest.raises(TaskError):
        BiasTask(**CHIP).execute()
    out = capsys.readouterr().out
    assert f"The file {bias.filename}" in out
    assert "is missing" in out
    assert "awe verify" in out
    assert len(BiasFrame.select_all()) == 0


def test_raw_file_with_a_wrong_checksum(raw_night, capsys):
    path = damaged((RawBiasFrame.chip.name == "ESO_CCD_#65")[0].path())
    content = bytearray(path.read_bytes())
    content[-3000] ^= 0x10
    path.write_bytes(content)
    with pytest.raises(TaskError):
        BiasTask(**CHIP).execute()
    assert "is damaged: its checksum is wrong" in capsys.readouterr().out
    assert len(BiasFrame.select_all()) == 0
    assert len(verify(raw_night)) == 1


def test_calibration_with_a_wrong_checksum(reduced_night, capsys):
    red = (ReducedScienceFrame.chip.name == "ESO_CCD_#65")[0]
    path = damaged(red.flat.path())
    content = bytearray(path.read_bytes())
    content[-3000] ^= 0x10
    path.write_bytes(content)
    before = len(ReducedScienceFrame.select_all())
    with pytest.raises(TaskError):
        ReduceTask(**CHIP).execute()
    assert "is damaged: its checksum is wrong" in capsys.readouterr().out
    assert len(ReducedScienceFrame.select_all()) == before


def test_science_frame_before_the_first_calibration(raw_night, capsys):
    with pytest.raises(TaskError):
        ReduceTask(**CHIP).execute()
    out = capsys.readouterr().out
    assert "no BiasFrame serves as bias" in out
    assert len(ReducedScienceFrame.select_all()) == 0


def test_one_frame_where_three_are_needed(raw_night, capsys):
    names = [(RawBiasFrame.chip.name == "ESO_CCD_#65")[0].filename]
    with pytest.raises(TaskError):
        BiasTask(**CHIP, raw_filenames=names).execute()
    assert "MINIMUM_FRAMES = 3 raw biases; ESO_CCD_#65 has 1" in capsys.readouterr().out
    assert len(BiasFrame.select_all()) == 0


@pytest.mark.parametrize(
    ("name", "value", "range_"),
    [
        ("BiasFrame.process_params.OVERSCAN_CORRECTION", 11, "0 to 10"),
        ("BiasFrame.process_params.SIGMA_CLIP", 0.5, "1 to ..."),
    ],
)
def test_parameter_out_of_its_range(raw_night, name, value, range_):
    with pytest.raises(AweValueError, match=f"is out of range: {range_}"):
        BiasTask(**CHIP, pars={name: value})
    assert len(BiasFrame.select_all()) == 0


def test_frames_of_two_ccds_or_filters_are_never_one_stack(raw_night):
    from awe.model.stacks import check_alike

    biases = [(RawBiasFrame.chip.name == f"ESO_CCD_#{n}")[0] for n in (65, 66)]
    with pytest.raises(AweValueError, match="frames of different kinds cannot be combined"):
        check_alike(biases)
    mixed = [RawScienceFrame.select_all()[0], RawBiasFrame.select_all()[0]]
    with pytest.raises(AweError, match="cannot be combined"):
        check_alike(mixed)


def test_bias_of_another_overscan_method_does_not_serve(raw_night, capsys):
    pars = {"BiasFrame.process_params.OVERSCAN_CORRECTION": 5}
    BiasTask(**CHIP, pars=pars).execute()
    capsys.readouterr()
    with pytest.raises(TaskError):
        DomeFlatTask(**CHIP).execute()
    out = capsys.readouterr().out
    assert "OVERSCAN_CORRECTION is 5" in out
    assert len(DomeFlatFrame.select_all()) == 0
    assert len(RawDomeFlatFrame.select_all()) > 0


@pytest.mark.parametrize("value", [None, float("nan"), float("inf")])
def test_parameter_without_a_value(raw_night, value):
    name = "BiasFrame.process_params.SIGMA_CLIP"
    with pytest.raises(AweValueError, match="is no value: 1 to"):
        BiasTask(**CHIP, pars={name: value})


def test_calibration_of_the_wrong_type(raw_night):
    with pytest.raises(AweError, match=r"bias is a calibration, such as .* not str 'latest'"):
        ReduceTask(**CHIP, bias="latest")


def test_a_needed_calibration_cannot_be_left_out(reduced_night, capsys):
    with pytest.raises(TaskError):
        ReduceTask(**CHIP, flat=False).execute()
    assert "cannot leave out flat" in capsys.readouterr().out


def test_what_is_left_out_is_recorded(reduced_night):
    left_out = ("fringe", "gain_linearity", "hot", "cold", "illumination")
    red = ReduceTask(**CHIP, **dict.fromkeys(left_out, False)).execute()[0]
    assert red.fringe is None
    assert set(left_out) == set(red.overridden_inputs)
    assert "fringes: left out by the user" in red.steps_not_done
    assert "dark current: no DarkFrame serves" in red.steps_not_done
    # What the maps lack is told of the frame too; however much it is, all of it is shown.
    assert set(red.saturated.steps_not_done) < set(red.steps_not_done)
    assert "hot pixels: there is no map of them" in red.weight.cosmic.steps_not_done
    shown = " ".join(information(red).split())
    assert len(red.steps_not_done) > 6
    for step in red.steps_not_done:
        assert step in shown
        assert step in str(red.lineage())


def test_science_frame_that_is_saturated_everywhere(reduced_night, capsys):
    pars = {"SaturatedPixelMap.process_params.THRESHOLD_HIGH": 1.0}
    before = len(ReducedScienceFrame.select_all())
    with pytest.raises(TaskError):
        ReduceTask(**CHIP, pars=pars).execute()
    out = capsys.readouterr().out
    assert "has no good pixel" in out
    assert "are saturated" in out
    assert len(ReducedScienceFrame.select_all()) == before


def test_key_of_a_product_changes_with_the_geometry_of_its_frames(reduced_night):
    red = ReducedScienceFrame.select_all()[0]
    bias, key = red.bias, red.bias.content_key
    assert bias.compute_content_key() == key
    readout = red.readout
    readout.amplifiers = [a.replace(flip_x=not a.flip_x) for a in readout.amplifiers]
    reduced_night.commit(why="mirrored")
    assert bias.compute_content_key() != key
    assert red.compute_content_key() != red.content_key


def test_choice_is_explained_for_products_as_well(reduced_night):
    red = ReducedScienceFrame.select_all()[0]
    assert "BiasFrame" in str(red.flat.domeflat.explain("bias"))
    assert red.bias in [c.calibration for c in red.explain("bias").candidates]
