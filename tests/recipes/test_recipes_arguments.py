"""Arguments of the recipes: forms, misspellings, and what is said where nothing is found."""

import datetime
import pydoc

import pytest
from astropy.time import Time
from awe.recipes.BiasTask import BiasTask
from awe.recipes.DomeFlatTask import DomeFlatTask
from awe.recipes.MasterFlatTask import MasterFlatTask
from awe.recipes.ReduceTask import ReduceTask
from awe.recipes.TwilightFlatTask import TwilightFlatTask

from awe.base.errors import AweAttributeError, AweLookupError, AweTypeError, AweValueError
from awe.model import BiasFrame, RawBiasFrame, RawScienceFrame, ReducedScienceFrame
from awe.process import CalibrationNotFound, TaskError, choose

ALL = (BiasTask, DomeFlatTask, TwilightFlatTask, MasterFlatTask, ReduceTask)


def labels(task):
    """Give what a task would work on."""
    return [u.label for u in task.units()]


class TestForms:
    @pytest.mark.parametrize(
        "date",
        [
            "2012-05-31", datetime.date(2012, 5, 31), datetime.datetime(2012, 5, 31),
            datetime.datetime(2012, 5, 31, 23, 59), Time("2012-05-31"), "2012-05-31T20:00:00",
        ],
    )  # fmt: skip
    def test_date_in_any_form_is_a_night(self, raw_night, date):
        assert len(labels(ReduceTask(instrument="OMEGACAM", date=date))) == 4
        assert len(labels(BiasTask(instrument="OMEGACAM", date=date))) == 2

    def test_template_in_any_form(self, raw_night):
        start = datetime.datetime(2012, 6, 1, 8, 51, 44)
        template = RawScienceFrame.select_all()[0].template
        for given in (start, "2012-06-01T08:51:44", Time(start), template):
            assert len(labels(ReduceTask(instrument="OMEGACAM", template=given))) == 4

    def test_names_objects_and_wildcards(self, raw_night):
        chip = RawScienceFrame.select_all()[0].chip
        for given in ("ESO_CCD_#65", chip, "*65", "ESO_CCD_#?5"):
            assert len(labels(ReduceTask(instrument=chip.instrument, chip=given))) == 2
        assert len(labels(ReduceTask(instrument="OMEGACAM", object="KIDS_*", filter="*_r_*"))) == 4

    def test_raw_filenames_one_many_or_frames(self, raw_night):
        query = RawScienceFrame.chip.name == "ESO_CCD_#66"
        names = [raw.filename for raw in query]
        for given in (names, tuple(names), set(names), query, names + names):
            assert sorted(labels(ReduceTask(instrument="OMEGACAM", raw_filenames=given))) == names
        for given in (names[0], query[0]):
            only = labels(ReduceTask(instrument="OMEGACAM", raw_filenames=given))
            assert only == names[:1]

    @pytest.mark.parametrize(
        ("wrong", "error", "text"),
        [
            ({"chip": 65}, AweTypeError, "chip is a text, not int 65"),
            ({"date": 20120531}, AweTypeError, "date is no time"),
            ({"date": "31.5.2012"}, AweValueError, "ISO 8601"),
            ({"template": 3.0}, AweTypeError, "template is no time"),
            ({"commit": "yes"}, AweTypeError, "commit is True or False"),
            ({"raw_filenames": 3}, AweTypeError, "raw_filenames is a list of names"),
            ({"raw_filenames": [3]}, AweTypeError, "raw_filenames holds int 3"),
            ({"folder": 3}, AweTypeError, "folder is a path"),
            ({"instrument": None}, AweTypeError, "needs the argument instrument"),
            ({"raw_filename": "x"}, AweTypeError, "Did you mean 'raw_filenames'"),
            ({"pars": {"x": 1}}, AweAttributeError, "no parameter 'x'"),
        ],
    )
    def test_wrong_ones_are_refused_at_once(self, wrong, error, text):
        with pytest.raises(error, match=text):
            ReduceTask(**{"instrument": "OMEGACAM", **wrong})

    def test_wrong_parameter_names_the_nearest(self):
        pars = {"ReducedScienceFrame.process_params.FRINGE_TRESHOLD_HIGH": 6.0}
        with pytest.raises(AweAttributeError, match="FRINGE_THRESHOLD_HIGH"):
            ReduceTask(instrument="OMEGACAM", pars=pars)

    @pytest.mark.parametrize("validity", ["always", 3, ("2012-01-01",), ("2013", "2012")])
    def test_wrong_validity_is_refused_at_once(self, validity):
        with pytest.raises(AweValueError):
            BiasTask(instrument="OMEGACAM", validity=validity)

    @pytest.mark.parametrize("task", ALL)
    def test_instrument_by_place_is_told_its_name(self, task):
        with pytest.raises(AweTypeError, match=r"as in \w+\(instrument='NICKEL'\)"):
            task("NICKEL")

    def test_parameter_without_its_class_gets_its_full_names(self):
        with pytest.raises(
            AweAttributeError, match=r"full name is .*'BiasFrame\.process_params\.SIGMA_CLIP'"
        ):
            BiasTask(instrument="NICKEL", pars={"SIGMA_CLIP": 4})

    @pytest.mark.parametrize("combine", [0, 7])
    def test_wrong_way_to_combine_is_refused(self, combine):
        with pytest.raises(AweValueError, match="one of 1, 2, 3, 4, 5, 6"):
            MasterFlatTask(instrument="OMEGACAM", combine=combine)


class TestNothingFound:
    def test_unknown_instrument_names_the_nearest_and_all(self, raw_night):
        with pytest.raises(AweLookupError, match=r"'OMEGACAN'\. Did you mean 'OMEGACAM'") as told:
            ReduceTask(instrument="OMEGACAN").execute()
        assert "It has: OMEGACAM." in str(told.value)

    def test_empty_store_says_what_to_type(self, context):
        with pytest.raises(AweLookupError, match="awe ingest PATH --commit"):
            BiasTask(instrument="OMEGACAM").execute()

    def test_what_exists_is_told_in_the_same_terms(self, raw_night):
        task = ReduceTask(instrument="OMEGACAM", date="2012-06-01", chip="ESO_CCD_#65")
        with pytest.raises(TaskError) as told:
            task.execute()
        assert str(told.value).splitlines() == [
            "ReduceTask: no RawScienceFrame of OMEGACAM with date 2012-06-01, chip ESO_CCD_#65.",
            "  There are 4 RawScienceFrame of OMEGACAM:",
            "    nights 2012-05-31 (4)",
            "    CCDs ESO_CCD_#65 (2), ESO_CCD_#66 (2)",
            "  date= is the evening on which a night begins.",
        ]

    def test_kind_that_is_absent_is_told(self, nickel):
        told = r"There is no RawDomeFlatFrame of NICKEL at all\. Its raw frames: bias \(\d+\)"
        with pytest.raises(TaskError, match=told):
            DomeFlatTask(instrument="NICKEL").execute()

    def test_name_of_a_file_leads_to_its_frames(self, raw_night):
        raw = RawScienceFrame.select_all()[0]
        task = ReduceTask(instrument="OMEGACAM", raw_filenames=[raw.raw_fits.filename])
        with pytest.raises(AweLookupError, match="is a raw file; its frames are") as told:
            task.execute()
        assert raw.filename in str(told.value)

    def test_frames_left_out_are_counted(self, raw_night):
        for raw in RawScienceFrame.chip.name == "ESO_CCD_#65":
            raw_night.update_is_valid(raw, 0, "clouds")
        with pytest.raises(TaskError, match="2 left out: is_valid is 0"):
            ReduceTask(instrument="OMEGACAM", chip="*65").execute()

    def test_unknown_file_names_the_nearest(self, raw_night):
        name = RawScienceFrame.select_all()[0].filename
        wrong = name.replace("2012", "2013")
        task = ReduceTask(instrument="OMEGACAM", raw_filenames=[name, wrong])
        with pytest.raises(
            AweLookupError, match="1 of 2 raw_filenames are no RawScienceFrame"
        ) as e:
            task.execute()
        assert f"{wrong}. Did you mean '{name}'" in str(e.value)

    def test_argument_that_a_file_does_not_meet_is_named(self, raw_night):
        name = RawScienceFrame.select(chip="ESO_CCD_#65")[0].filename
        task = ReduceTask(instrument="OMEGACAM", chip="ESO_CCD_#66", raw_filenames=[name])
        with pytest.raises(AweLookupError) as told:
            task.execute()
        assert f"{name}: its chip is ESO_CCD_#65, not ESO_CCD_#66." in str(told.value)
        assert "Did you mean" not in str(told.value)

    @pytest.mark.parametrize(
        ("argument", "value", "reason"),
        [
            ("date", "2012-06-02", "date is 2012-05-31 00:00:00, not 2012-06-02"),
            ("filter", "u*", "filter is "),
            ("object", "nobody", "object is "),
        ],
    )
    def test_each_argument_is_checked(self, raw_night, argument, value, reason):
        name = RawScienceFrame.select_all()[0].filename
        task = ReduceTask(instrument="OMEGACAM", raw_filenames=name, **{argument: value})
        with pytest.raises(AweLookupError, match=f"{name}: its {reason}"):
            task.execute()

    def test_file_of_another_kind_is_told(self, raw_night):
        name = RawBiasFrame.select_all()[0].filename
        with pytest.raises(AweLookupError, match=f"{name} is a RawBiasFrame"):
            ReduceTask(instrument="OMEGACAM", raw_filenames=name).execute()

    def test_frames_below_the_privileges_are_hinted_at(self, raw_night):
        name = RawBiasFrame.select_all()[0].filename
        raw_night.set_privileges(2)
        hint = r" at privileges 2; context\.set_privileges\(1\) shows more"
        with pytest.raises(TaskError, match=f"no RawBiasFrame of OMEGACAM at all{hint}"):
            BiasTask(instrument="OMEGACAM").execute()
        with pytest.raises(AweLookupError, match=f"{name} is not shown{hint}"):
            BiasTask(instrument="OMEGACAM", raw_filenames=[name]).execute()
        assert raw_night.privileges == 2
        assert not RawBiasFrame.select_all().exists()

    def test_calibrations_below_the_privileges_are_hinted_at(self, reduced_night):
        raw = RawScienceFrame.select_all()[0]
        reduced_night.set_privileges(2)
        with pytest.raises(CalibrationNotFound, match="fails only by visible is at lev") as told:
            choose(raw, ReducedScienceFrame.dependencies[0])
        assert "context.set_privileges(1) shows what lies below" in str(told.value)

    def test_no_file_at_all_is_refused(self):
        with pytest.raises(AweValueError, match="raw_filenames is empty"):
            ReduceTask(instrument="OMEGACAM", raw_filenames=[])

    def test_master_flat_without_flats(self, raw_night):
        with pytest.raises(TaskError, match="no DomeFlatFrame or TwilightFlatFrame of OMEGACAM"):
            MasterFlatTask(instrument="OMEGACAM").execute()


class TestHelp:
    @pytest.mark.parametrize("task", ALL)
    def test_lists_arguments_and_parameters(self, task):
        text = pydoc.plain(pydoc.render_doc(task))
        assert "instrument " in text
        assert "commit " in text
        assert "whether to store the products" in text
        assert "pars " in text
        for name in set(task.product_names) - {"WeightFrame"}:
            assert f"Parameters of {name}.process_params:" in text

    def test_reduce_has_what_the_tutorial_speaks_of(self):
        text = pydoc.plain(pydoc.render_doc(ReduceTask))
        for word in ("raw_filenames", "template", "chip", "date", "object", "folder", "bias"):
            assert f"{word} " in text
        assert "FRINGE_THRESHOLD_HIGH        5.0 sigma (0 to ...)" in text
        assert "validity" in pydoc.plain(pydoc.render_doc(BiasTask))

    def test_classes_tell_their_attributes(self):
        text = pydoc.plain(pydoc.render_doc(BiasFrame))
        assert "raw_bias_frames" in text
        assert "[adu]" in text
