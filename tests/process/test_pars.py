"""Pars: the tree, its checks, what is given to tasks, and the files."""

import re
from pathlib import Path

import pytest
import yaml
from awe.recipes.BiasTask import BiasTask
from awe.recipes.ReduceTask import ReduceTask
from process_lab import PrRed, PrTask, cal, raw

import awe.dpu.jobs  # noqa: F401  knows the recipes by name
from awe import instruments, model
from awe.base.errors import AweAttributeError, AweError, AweTypeError, AweValueError
from awe.instruments import description
from awe.process.parameters import check_pars, parameters_class, pars_of
from awe.process.pars import Pars

HIGH = "ReducedScienceFrame.process_params.FRINGE_THRESHOLD_HIGH"
CAMERA = """
name: LABCAM
recognise: [{INSTRUME: LABCAM}]
translator: lick
parameters:
  PrCal: {WIDTH: 3.0, LIMIT: 6.0, METHOD: 5}
  filter:
    V: {PrCal: {LIMIT: 7.0, METHOD: 4}}
  chip:
    A: {PrCal: {METHOD: 3}}
"""


@pytest.fixture
def labcam(tmp_path, monkeypatch):
    """Describe an instrument of the user's own with defaults for a filter and a chip."""
    monkeypatch.setattr(description, "_users", {})
    folder = tmp_path / "instruments"
    folder.mkdir()
    (folder / "labcam.yaml").write_text(CAMERA)
    assert instruments.load_folder(folder) == []
    return "LABCAM"


@pytest.fixture
def p():
    """Give the Pars of the tutorial."""
    return Pars(ReduceTask, instrument="OMEGACAM")


class TestWhatItIsOf:
    @pytest.mark.parametrize(
        "what", [ReduceTask, "Reduce", "ReduceTask", model.ReducedScienceFrame,
                 "ReducedScienceFrame", " Reduce "],
    )  # fmt: skip
    def test_each_way_of_the_tutorial_gives_the_same_values(self, p, what):
        other = Pars(what, instrument="OMEGACAM")
        other.ReducedScienceFrame.process_params.FRINGE_THRESHOLD_HIGH = 6.0
        assert other.get() == {HIGH: 6.0}
        assert set(other.branches()) == set(p.branches())

    def test_it_has_all_that_the_task_makes_or_uses(self, p):
        made = set(ReduceTask.product_names)
        used = {"BiasFrame", "MasterFlatFrame", "DomeFlatFrame", "ReadNoise", "GainLinearity"}
        found = p.branches()
        with_parameters = {n for n in made if parameters_class(getattr(model, n)) is not None}
        assert with_parameters | used <= set(found)
        assert set(found[: len(with_parameters)]) == with_parameters
        assert Pars("Bias").branches() == ["ReadNoise", "BiasFrame"]
        assert Pars("Bias>HotPixels").branches()[:3] == ["ReadNoise", "BiasFrame", "HotPixelMap"]

    def test_a_task_with_its_arguments(self):
        assert Pars(BiasTask(instrument="OMEGACAM")).branches() == ["ReadNoise", "BiasFrame"]

    @pytest.mark.parametrize(
        ("what", "names", "told"),
        [
            ("Redce", {}, "no recipe 'Redce'. Did you mean 'Reduce'"),
            ("Bias>Redce", {}, "no recipe 'Redce'"),
            ("", {}, "no recipe ''"),
            (3, {}, "not int 3"),
            (None, {}, "not nothing"),
            (model.RawBiasFrame, {}, "not RawBiasFrame"),
            (model.Instrument, {}, "not Instrument"),
            (ReduceTask, {"instrument": "OMEGCAM"}, "no instrument 'OMEGCAM'. Did you mean "
                                                    "'OMEGACAM'"),
            (ReduceTask, {"instrument": 4}, "instrument is a name, not int 4"),
            (ReduceTask, {"chip": "A"}, "chip of which instrument?"),
            (ReduceTask, {"chip": "A", "filter": "V"}, "chip and filter of which"),
        ],
    )  # fmt: skip
    def test_wrong_ones_are_refused(self, what, names, told):
        with pytest.raises(AweError) as error:
            Pars(what, **names)
        assert told in str(error.value)

    def test_names_of_chips_and_filters_are_those_of_the_store(self, context):
        camera = model.Instrument(name="OMEGACAM").commit()
        model.Chip(name="ESO_CCD_#65", instrument=camera).commit()
        assert Pars("Bias", instrument=camera, chip="ESO_CCD_#65")
        # Its defaults are described, whether there is a frame of it or not.
        assert Pars("Gain", instrument=camera, chip="ESO_CCD_#82")
        with pytest.raises(AweError, match=r"no chip of OMEGACAM 'ESO_CCD_#56'\. Did you mean"):
            Pars("Bias", instrument="OMEGACAM", chip="ESO_CCD_#56")


class TestAssignment:
    def test_get_gives_only_what_was_changed_as_in_the_tutorial(self, p):
        assert p.get() == {}
        p.ReducedScienceFrame.process_params.FRINGE_THRESHOLD_HIGH = 6.0
        assert p.get() == {"ReducedScienceFrame.process_params.FRINGE_THRESHOLD_HIGH": 6.0}
        assert p.ReducedScienceFrame.process_params.FRINGE_THRESHOLD_HIGH == 6.0
        p.get()[HIGH] = 9.0
        assert p.get() == {HIGH: 6.0}
        del p.ReducedScienceFrame.process_params.FRINGE_THRESHOLD_HIGH
        assert p.get() == {}
        assert p.ReducedScienceFrame.process_params.FRINGE_THRESHOLD_HIGH == 5.0

    def test_values_take_the_type_of_the_parameter(self, p):
        p.ReducedScienceFrame.process_params.FRINGE_THRESHOLD_HIGH = 6
        assert type(p.get()[HIGH]) is float

    @pytest.mark.parametrize(
        ("name", "value", "error", "told"),
        [
            ("FRINGE_TRESHOLD_HIGH", 6.0, AweAttributeError, "mean 'FRINGE_THRESHOLD_HIGH'"),
            ("XYZ", 6.0, AweAttributeError, "It has: OVERSCAN_CORRECTION, "),
            ("FRINGE_THRESHOLD_HIGH", "6", AweTypeError, "takes a number (float), not str '6'"),
            ("FRINGE_THRESHOLD_HIGH", True, AweTypeError, "not bool True"),
            ("FRINGE_THRESHOLD_HIGH", None, AweValueError, "is no value: 0 to"),
            ("FRINGE_THRESHOLD_HIGH", float("nan"), AweValueError, "is no value: 0 to"),
            ("FRINGE_THRESHOLD_HIGH", -1, AweValueError, "out of range: 0 to ... sigma"),
            ("OVERSCAN_CORRECTION", 11, AweValueError, "out of range: 0 to 10"),
            ("OVERSCAN_CORRECTION", 5.5, AweTypeError, "takes a whole number (int)"),
        ],
    )  # fmt: skip
    def test_wrong_ones_are_refused_at_once(self, p, name, value, error, told):
        with pytest.raises(error) as raised:
            setattr(p.ReducedScienceFrame.process_params, name, value)
        assert told in str(raised.value)
        assert p.get() == {}

    @pytest.mark.parametrize(
        ("line", "told"),
        [
            ("p.ReducdScienceFrame", "Did you mean 'ReducedScienceFrame'"),
            ("p.IMAGE_THRESHOLD", "Type p.ReducedScienceFrame.process_params.IMAGE_THRESHOLD"),
            ("p.ReducedScienceFrame.IMAGE_THRESHOLD",
             "Type p.ReducedScienceFrame.process_params.IMAGE_THRESHOLD."),
            ("p.IMAGE_THRESHOLD = 3.0", "Type p.ReducedScienceFrame.process_params.IMAGE"),
            ("p.ReducedScienceFrame = 3.0", "assign to one of its parameters"),
            ("p.ReducedScienceFrame.process_params = {}", "assign to one of them"),
            ("p.ReducedScienceFrame.IMAGE_TRESHOLD = 1.0", "Did you mean 'IMAGE_THRESHOLD'"),
            ("p.ReducedScienceFrame.process_params.IMAGE_TRESHOLD", "Did you mean 'IMAGE_THRESH"),
            ("del p.ReducedScienceFrame.process_params.IMAGE_TRESHOLD", "Did you mean 'IMAGE_TH"),
        ],
    )  # fmt: skip
    def test_wrong_paths_tell_the_right_one(self, p, line, told):
        with pytest.raises(AweError) as raised:
            exec(line, {"p": p})
        assert told in str(raised.value)

    def test_completion_finds_every_level(self, p):
        assert "ReducedScienceFrame" in dir(p)
        assert dir(p.ReducedScienceFrame) == ["process_params", "show"]
        assert "FRINGE_THRESHOLD_HIGH" in dir(p.ReducedScienceFrame.process_params)


class TestShow:
    def test_each_parameter_has_value_unit_range_meaning_and_origin(self, p, capsys):
        p.ReducedScienceFrame.process_params.FRINGE_THRESHOLD_HIGH = 6.0
        p.show()
        told = capsys.readouterr().out
        lines = told.splitlines()
        assert lines[0] == "Parameters of Reduce, instrument OMEGACAM"
        (line,) = [line for line in lines if line.split()[:1] == ["IMAGE_THRESHOLD"]]
        assert line.split(None, 4)[:4] == ["IMAGE_THRESHOLD", "5.0", "sigma", "class"]
        assert "0 to ..." in line
        assert "Clip for the background without sources" in told
        (changed,) = [line for line in lines if line.split()[:1] == ["FRINGE_THRESHOLD_HIGH"]]
        assert changed.split()[1:4] == ["6.0", "sigma", "user"]
        for name in p.branches():
            assert any(line.startswith(f"{name} (") for line in lines)
            for parameter in parameters_class(getattr(model, name))._attributes:
                assert f" {parameter} " in told
        assert "ReducedScienceFrame (made)" in told
        assert "BiasFrame (used: counts where it is made)" in told
        assert all(len(line) < 110 for line in lines)

    def test_one_class(self, p, capsys):
        p.CosmicMap.show()
        told = capsys.readouterr().out
        assert told == repr(p.CosmicMap) + "\n"
        assert "DETECTION_THRESHOLD" in told
        assert "BiasFrame" not in told

    def test_the_prompt_shows_one_line(self, p):
        assert repr(p).startswith("<Pars of Reduce, OMEGACAM: ")
        assert "0 values changed" in repr(p)

    def test_help_is_of_the_same_source_as_the_checks(self, p):
        told = Pars.help_text()
        for argument in Pars.arguments:
            assert argument.doc in told
        for name in p.branches():
            for parameter, a in parameters_class(getattr(model, name))._attributes.items():
                line = f"{parameter:<28} {a.value_text(a.default)} ({a.range_text()}): {a.doc}"
                assert line in told
                assert line in ReduceTask.__doc__ or name not in ReduceTask.product_names


class TestDefaults:
    def test_instrument_filter_and_chip_each_count_with_their_origin(self, context, labcam):
        p = Pars(PrRed, instrument=labcam, filter="V", chip="A")
        values = p.PrCal.process_params
        assert (values.WIDTH, values.LIMIT, values.METHOD, values.WAY) == (3.0, 7.0, 3, "mean")
        told = [line.split() for line in repr(p.PrCal).splitlines()]
        origins = {line[0]: set(line) & {"class", "instrument", "filter", "chip", "user"}
                   for line in told}  # fmt: skip
        assert origins["WIDTH"] == {"instrument"}
        assert origins["LIMIT"] == {"filter"}
        assert origins["METHOD"] == {"chip"}
        assert origins["WAY"] == {"class"}
        assert Pars(PrRed, instrument=labcam).PrCal.process_params.METHOD == 5
        assert Pars(PrRed).PrCal.process_params.METHOD == 6

    def test_they_reach_what_the_product_records(self, context, labcam):
        names = {"instrument": labcam, "filter": "V", "chip": "A"}
        p = Pars(PrRed, **names)
        p.PrCal.process_params.WAY = "median"
        made = cal(raw(), pars=p.get(), names=names)
        context.commit(made)
        recorded = made.process_params
        for name in ("WIDTH", "LIMIT", "METHOD", "WAY"):
            assert getattr(recorded, name) == getattr(p.PrCal.process_params, name)
        assert set(made.parameter_origins) == {
            "WIDTH: instrument", "LIMIT: filter", "METHOD: chip", "WAY: user",
        }  # fmt: skip
        assert made.value == 3.0

    def test_the_overscan_that_the_ccds_have_counts(self, context):
        camera = model.Instrument(name="LABO").commit()
        for n, overscan in enumerate(([0, 20, 10, 14], [])):
            chip = model.Chip(name=f"C{n}", instrument=camera).commit()
            amplifier = model.Amplifier(data=[0, 20, 0, 10], overscan_x=overscan)
            model.Readout(chip=chip, mode="slow", amplifiers=[amplifier]).commit()
        found = {}
        for chip in ("C0", "C1", None):
            p = Pars("Bias", instrument="LABO", chip=chip)
            found[chip] = p.BiasFrame.process_params.OVERSCAN_CORRECTION
            assert ("readout" in repr(p.BiasFrame)) == (chip == "C1")
        # Where the CCDs differ there is no one answer for all of them.
        assert found == {"C0": 6, "C1": 0, None: 6}

    def test_those_of_omegacam_are_data(self):
        chips = [Pars("Gain", instrument="OMEGACAM", chip=f"ESO_CCD_#{n}") for n in (82, 65)]
        assert [p.GainLinearity.process_params.VALID_NIGHTS_AFTER for p in chips] == [7, 90]
        assert Pars("Bias", instrument="NICKEL").BiasFrame.process_params.MAXIMUM_ABS_MEAN == 50.0

    def test_a_misspelt_default_is_named(self, context, tmp_path, monkeypatch):
        monkeypatch.setattr(description, "_users", {})
        (tmp_path / "x.yaml").write_text(CAMERA.replace("WIDTH", "WIDHT"))
        instruments.load_folder(tmp_path)
        p = Pars(PrRed, instrument="LABCAM")
        with pytest.raises(AweAttributeError, match=r"WIDHT \(instrument\) does not exist. Did"):
            p.show()

    def test_a_user_changes_defaults_of_an_instrument_of_ours(self, tmp_path, monkeypatch):
        monkeypatch.setattr(description, "_users", {})
        (tmp_path / "mine.yaml").write_text(
            "name: NICKEL\nextends: NICKEL\nparameters: {BiasFrame: {MAXIMUM_STDEV: 20.0}}\n"
        )
        assert instruments.load_folder(tmp_path) == []
        values = Pars("Bias", instrument="NICKEL").BiasFrame.process_params
        assert (values.MAXIMUM_STDEV, values.MAXIMUM_ABS_MEAN) == (20.0, 50.0)
        assert instruments.recognise([{"INSTRUME": "Nickel Direct Camera"}]).name == "NICKEL"

    def test_the_example_of_the_manual_is_one(self, tmp_path, monkeypatch):
        monkeypatch.setattr(description, "_users", {})
        text = (Path(__file__).parents[2] / "docs" / "howto.md").read_text()
        (example,) = re.findall(r"```yaml\n(name: OMEGACAM\n.*?)```", text, re.DOTALL)
        (tmp_path / "omegacam.yaml").write_text(example)
        assert instruments.load_folder(tmp_path) == []
        p = Pars("Bias", instrument="OMEGACAM", chip="ESO_CCD_#68")
        assert p.BiasFrame.process_params.SIGMA_CLIP == 4.0
        assert p.BiasFrame.process_params.MAXIMUM_SUBWIN_FLATNESS == 5.0
        p = Pars("TwilightFlat", instrument="OMEGACAM", filter="OCAM_u_SDSS")
        assert p.TwilightFlatFrame.process_params.MINIMUM_FRAMES == 3

    @pytest.mark.parametrize(
        "table", ["3", "{BiasFrame: 3}", "{chip: {A: 3}}", "{filter: {V: {BiasFrame: 3}}}",
                  "{filter: {V: [1]}}"],
    )  # fmt: skip
    def test_tables_of_another_form_are_refused(self, tmp_path, monkeypatch, table):
        monkeypatch.setattr(description, "_users", {})
        (tmp_path / "bad.yaml").write_text(f"name: NICKEL\nextends: NICKEL\nparameters: {table}\n")
        ((_, why),) = instruments.load_folder(tmp_path)
        assert "'parameters' must be Class: {NAME: value}" in why


class TestGivenToTasks:
    def test_a_task_takes_it_or_what_it_gives(self, p):
        p.ReducedScienceFrame.process_params.FRINGE_THRESHOLD_HIGH = 6.0
        for pars in (p, p.get()):
            assert ReduceTask(instrument="OMEGACAM", pars=pars).pars == {HIGH: 6.0}

    def test_what_a_task_does_not_make_is_refused_with_what_to_do(self, p):
        p.BiasFrame.process_params.SIGMA_CLIP = 4.0
        with pytest.raises(AweAttributeError, match="no BiasFrame is made here") as error:
            ReduceTask(instrument="OMEGACAM", pars=p)
        assert "in the same sequence" in str(error.value)
        assert pars_of(p, [model.ReducedScienceFrame]) == {}
        assert pars_of(p, [model.BiasFrame]) == {"BiasFrame.process_params.SIGMA_CLIP": 4.0}

    @pytest.mark.parametrize(
        ("pars", "told"),
        [
            ({"FRINGE_THRESHOLD_HIGH": 6.0}, f"Its full name is '{HIGH}'"),
            ({"NoClass.process_params.X": 1}, "There is no parameter 'NoClass.process_params.X'"),
            ({"BiasFrame.process_params.SIGMACLIP": 1.0}, "There is no parameter 'BiasFrame.proc"),
            ({3: 4}, "not 3"),
            (7, "not int"),
            (Pars, "not the class Pars"),
        ],
    )
    def test_wrong_ones_are_refused(self, pars, told):
        with pytest.raises(AweError) as error:
            check_pars(pars, [model.ReducedScienceFrame])
        assert told in str(error.value)

    def test_the_task_of_a_test(self, context):
        p = Pars(PrTask)
        p.PrRed.process_params.METHOD = 5
        task = PrTask(what="x", pars=p)
        assert task.pars == {"PrRed.process_params.METHOD": 5}


class TestFiles:
    def test_it_comes_back_as_it_was(self, p, tmp_path):
        p.ReducedScienceFrame.process_params.FRINGE_THRESHOLD_HIGH = 6.25
        p.BiasFrame.process_params.MINIMUM_FRAMES = 5
        p.TwilightFlatFrame.process_params.STAR_REJECTION = False
        file = p.save(tmp_path / "mine.yaml")
        loaded = Pars.load(str(file))
        assert loaded.get() == p.get()
        assert str(loaded) == str(p)
        assert yaml.safe_load(file.read_text())["pars_of"] == "Reduce"

    @pytest.mark.parametrize("what", ["Bias>Reduce", model.BiasFrame, PrTask])
    def test_whatever_it_is_of(self, context, tmp_path, what):
        p = Pars(what)
        if what is PrTask:
            # The task of a test has no name by which it is found again.
            p.save(tmp_path / "p.yaml")
            with pytest.raises(AweError, match=r"p\.yaml: There is no recipe 'Pr'"):
                Pars.load(tmp_path / "p.yaml")
            return
        assert repr(Pars.load(p.save(tmp_path / "p.yaml"))) == repr(p)

    def test_a_file_is_not_overwritten_unasked(self, p, tmp_path):
        file = tmp_path / "mine.yaml"
        file.write_text("mine")
        with pytest.raises(AweValueError, match="overwrite=True"):
            p.save(file)
        assert file.read_text() == "mine"
        p.save(file, overwrite=True)
        assert Pars.load(file).get() == {}
        with pytest.raises(AweValueError, match="cannot be written"):
            p.save(tmp_path / "no" / "folder.yaml")
        assert [f.name for f in tmp_path.iterdir()] == ["mine.yaml"]

    @pytest.mark.parametrize(
        ("text", "told"),
        [
            ("[1, 2", "not a readable YAML file"),
            ("!!python/object/apply:os.system ['true']", "not a readable YAML file"),
            ("- 1", "does not say of what"),
            ("pars_of: 3", "does not say of what"),
            ("pars_of: Redce", "no recipe 'Redce'"),
            ("{pars_of: Reduce, intrument: X}", "'intrument' is no part of such a file. Did you"),
            ("{pars_of: Reduce, instrument: OMEGCAM}", "no instrument 'OMEGCAM'"),
            ("{pars_of: Reduce, pars: 7}", "pars is a Pars or a dict"),
            (f"{{pars_of: Reduce, pars: {{{HIGH[:-1]}: 7}}}}", f"Did you mean '{HIGH}'"),
            (f"{{pars_of: Reduce, pars: {{{HIGH}: x}}}}", "takes a number (float)"),
            (f"{{pars_of: Reduce, pars: {{{HIGH}: -7}}}}", "out of range"),
        ],
    )
    def test_everything_is_checked_on_load(self, tmp_path, text, told):
        file = tmp_path / "p.yaml"
        file.write_text(text)
        with pytest.raises(AweError) as error:
            Pars.load(file)
        assert str(error.value).startswith(str(file))
        assert told in str(error.value)

    def test_a_missing_file(self, tmp_path):
        with pytest.raises(AweValueError, match="No such file"):
            Pars.load(tmp_path / "none.yaml")
