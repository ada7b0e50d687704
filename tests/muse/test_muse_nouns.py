"""Targets, exposures and processed exposures, with real structures where others had JSON text."""

import copy
import datetime

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from awe.base.errors import AweAttributeError, AwePermissionError, AweTypeError, AweValueError
from awe.base.utc import now
from awe.fits import HeaderText, read_parts
from awe.model import Exposure, Instrument, ProcessedExposure, Target
from awe.process import Making
from awe.store.commit import UniqueError
from awe.store.context import Context
from awe.view.information import information

_SEED = {
    "Target": "target_name exposures processed_exposures",
    "Exposure": "observation_time obs_id ins_mode datacube_header raw_exposure_header "
    "raw_exposure_data raw_exposure_filename prm_filename pampelmuse_params sources "
    "pampelmuse_catalog raman_image_header maoppy_data sky_condition_start_time "
    "sky_condition_start sky_comment_start sky_condition_end_time sky_condition_end "
    "sky_comment_end target processed_exposures",
    "ProcessedExposure": "observation_time obs_id ins_mode raw_filename ngs_flux ttfree degraded "
    "glf seeing seeing_los airmass tau0 num_sources sgs_data ag_data sparta_cn2 sparta_atm "
    "psf_params sparta_iq_data sparta_iq_los_500nm sparta_iq_los_500nm_nogain target exposure",
}


class LabProcessed(ProcessedExposure):
    """A processed exposure that needs no exposure of adaptive optics."""

    abstract = False

    def make(self):
        """Take over the seeing."""
        self.seeing = self.exposure.seeing

    def verify(self):
        """Find nothing wrong."""
        return 0


def exposure(when="2019-05-31T01:00:00.123", **values):
    """Make an exposure."""
    values.setdefault("target", Target.get_or_create(target_name="testTarget"))
    instrument = Instrument.get_or_create(name="MUSE")
    return Exposure(instrument=instrument, observation_time=when, **values)


def reopened(context, obj):
    """Give the same object in another session."""
    name = obj.object_id
    context.close()
    context.__init__(*context._arguments)
    return type(obj)[name]


@pytest.mark.parametrize("cls", [Target, Exposure, ProcessedExposure])
def test_all_attributes_of_the_seed_are_there(cls):
    """Under the names that they have here."""
    known = {**cls._attributes, **cls._inverses}
    assert set(_SEED[cls.__name__].split()) <= set(known)
    if cls is Exposure:
        optional = set(_SEED["Exposure"].split()) - {"observation_time"}
        assert not any(known[name].required for name in optional)
        assert all(known[n].mutable for n in optional if n != "processed_exposures")


def test_a_real_header_is_a_mapping_of_typed_values(context, shared_data):
    """As astropy reads it, card by card; kept as text, the same after it was stored."""
    path = shared_data / "muse" / "MUSE.2017-06-16T01_34_56.867_header.fits"
    text = next(iter(read_parts(path)))[1]
    true = {k: v for k, v in fits.getheader(path).items() if k not in ("COMMENT", "")}
    stored = exposure(datacube_header=HeaderText(text)).commit()
    found = reopened(context, stored).datacube_header
    assert dict(found) == true
    assert {k: type(v) for k, v in found.items()} == {k: type(v) for k, v in true.items()}
    assert found["ESO TEL AMBI TAU0"] == 0.0078
    assert found["ESO INS MODE"] == "WFM-AO-N"
    assert found.get("ESO AOS NGS1 FLUX") is None
    assert len(found.text.splitlines()) > 1500
    with pytest.raises(KeyError):
        found["NOTHING"]


@pytest.mark.parametrize(("card", "value"), [
    ("KEY     = 'it''s  ' / text", "it's"),
    ("KEY     =                    T", True),
    ("KEY     =                 1.5D3 / number", 1500.0),
    ("KEY     =                   12", 12),
    ("KEY     =", None),
    ("KEY     = NAN", None),
    ("KEY     = 1_000", "1_000"),
    ("KEY     = 12:30:00", "12:30:00"),
    ("HIERARCH ESO A B C = 'a / b' / text", "a / b"),
    ("KEY     = 'long&'\nCONTINUE  ' text&'\nCONTINUE  ' goes on' / end", "long text goes on"),
])  # fmt: skip
def test_cards(card, value):
    """Each kind of value in its own type; what is illegal as text."""
    header = HeaderText("SIMPLE  =                    T\n" + card)
    key = "ESO A B C" if card.startswith("HIERARCH") else "KEY"
    assert header[key] == value
    assert type(header[key]) is type(value)
    assert list(header) == ["SIMPLE", key]
    # Of two cards of one keyword the first counts, as for astropy.
    assert HeaderText(f"{header.text}\n{card.replace('=', '= 7 /', 1)}")[key] == value


def test_headers_of_astropy_and_dicts_are_taken_too(context):
    """An astropy Header keeps its cards, a dict its values; either can be edited."""
    header = fits.Header([("RA", 221.0, "deg"), ("HIERARCH ESO INS MODE", "testMode")])
    first = exposure(datacube_header=header).commit()
    second = exposure("2019-06-01", datacube_header={"RA": 221.0}).commit()
    assert "deg" in first.datacube_header.text
    for each in (first, second):
        each.edit("datacube_header")["RA"] = 200.0
        each.commit()
        assert each.datacube_header["RA"] == 200.0
    assert first.datacube_header["ESO INS MODE"] == "testMode"
    assert first.history()[-1].old["RA"] == 221.0


def test_tables_in_a_dict_are_astropy_tables_and_copies(context):
    """What is done to one does not change the store, nor what another reader gets."""
    table = Table({"LGS1_STREHL": [0.1, 0.2]})
    stored = exposure(raw_exposure_data={"SPARTA_ATM_DATA": table, "CHAN01": {"A": 1}})
    table["LGS1_STREHL"][0] = 9.0
    for reread in (False, True):
        each = reopened(context, stored.commit()) if reread else stored
        data = each.raw_exposure_data
        assert data["CHAN01"]["A"] == 1
        assert isinstance(data["SPARTA_ATM_DATA"], Table)
        data["SPARTA_ATM_DATA"]["LGS1_STREHL"][0] = 5.0
        assert list(data["SPARTA_ATM_DATA"]["LGS1_STREHL"]) == [0.1, 0.2]
        with pytest.raises(TypeError):
            data["CHAN01"] = {}


def test_what_cannot_be_kept_in_a_dict_is_refused(context):
    """The attribute and the type are named."""
    with pytest.raises(AweTypeError, match=r"Exposure\.raw_exposure_data .* not object"):
        exposure(raw_exposure_data={"x": object()})
    with pytest.raises(AweTypeError, match="keys"):
        exposure(raw_exposure_data={"t": Table({"a": [1]}), 3: 1})
    with pytest.raises(AweTypeError, match="takes a dict"):
        exposure(datacube_header="RA = 3")


def test_large_values_load_only_when_they_are_touched(context):
    """The record of a dict is not read for another attribute, nor a table for a header."""
    values = {f"CHAN{i:02d}": HeaderText(f"NUMBER  = {i}") for i in range(1, 25)}
    values["SPARTA_ATM_DATA"] = Table({"a": [1.0]})
    stored = exposure(raw_exposure_data=values, pampelmuse_params={"fwhm": np.ones(3681)})
    found = reopened(context, stored.commit())
    children = context.session.children(found._packed)
    assert found.target.target_name == "testTarget"
    assert children["raw_exposure_data"]._p_changed is None
    data = found.raw_exposure_data
    assert children["raw_exposure_data"]._p_changed is False
    assert children["pampelmuse_params"]._p_changed is None
    assert data["CHAN07"]["NUMBER"] == 7
    assert data._packed == set(values) - {"CHAN07"}


def test_psf_parameters_are_arrays(context):
    """Lists are kept as they are given, arrays as arrays that cannot be written to."""
    line = np.linspace(4.0, 3.0, 3681)
    stored = exposure(pampelmuse_params={"fwhm": line, "beta": [1, 2, 3]})
    found = reopened(context, stored.commit()).pampelmuse_params
    np.testing.assert_array_equal(found["fwhm"], line)
    assert found["beta"] == (1, 2, 3)
    with pytest.raises(ValueError, match="read-only"):
        found["fwhm"][0] = 1.0


def test_sources_are_one_table_and_one_for_each_source(context):
    """A dict by PM_ and id, as the seed makes it, becomes a table with a source id per row."""
    sources = {
        "PM_1": {"snr": [1, 2, 3], "flux": [1, 2, 3], "fwhm": [1, 2, 3]},
        "PM_12": {"snr": [4], "flux": [5], "beta": [6]},
    }
    found = reopened(context, exposure(sources=sources).commit())
    assert list(found.sources["source_id"]) == [1, 1, 1, 12]
    assert list(found.sources["PM_12"]["snr"]) == [4.0]
    assert np.isnan(found.sources["PM_12"]["fwhm"]).all()
    assert list(found.sources.per_source()) == ["PM_1", "PM_12"]
    assert "source_id" not in found.sources["PM_1"].colnames
    with pytest.raises(KeyError):
        found.sources["PM_3"]
    assert "table of 4 rows: source_id, snr, flux" in information(found)
    edited = found.edit("sources")
    edited["PM_1"] = {"snr": [2, 3, 4], "flux": [1, 2, 3]}
    found.commit()
    assert list(found.sources["PM_1"]["snr"]) == [2.0, 3.0, 4.0]
    assert list(found.sources["PM_12"]["flux"]) == [5.0]
    found.sources = Table({"source_id": [5], "snr": [1.0]})
    assert list(found.sources["PM_5"]["snr"]) == [1.0]


@pytest.mark.parametrize(("value", "words"), [
    ({"PM_x": {"snr": [1]}}, "PM_ and its id"),
    ({"PM_1": {"snr": [1, 2], "flux": [1]}}, "not equally many"),
    ({"PM_1": [1, 2]}, "a table or a dict"),
    ({"PM_1": {"snr": ["much"]}}, "sources"),
    (Table({"snr": [1.0]}), "a column source_id"),
    (3, "a column source_id"),
])  # fmt: skip
def test_sources_that_are_none(context, value, words):
    """The error says of what form they are."""
    with pytest.raises((AweTypeError, AweValueError), match=words):
        exposure(sources=value)


def test_required_and_unique_name_attribute_value_and_holder(context):
    """And nothing is stored, or changed."""
    with pytest.raises(AweTypeError, match=r"Target\.target_name is required"):
        Target().commit()
    with pytest.raises(AweTypeError, match=r"Exposure\.observation_time is required"):
        Exposure(instrument=Instrument.get_or_create(name="MUSE")).commit()
    first = exposure(raw_exposure_filename="testRaw").commit()
    second = exposure("2019-06-01").commit()
    second.raw_exposure_filename = "testRaw"
    with pytest.raises(UniqueError) as caught:
        second.commit()
    for word in ("raw_exposure_filename", "'testRaw'", repr(first)):
        assert word in str(caught.value)
    context.rollback()
    assert second.raw_exposure_filename is None
    with pytest.raises(UniqueError, match="observation_time"):
        exposure().commit()
    target = first.target
    target.target_name = None
    with pytest.raises(AweValueError, match=r"Target\.target_name is required"):
        target.commit()


def test_private_names_of_others_do_not_stand_in_the_way(context, tmp_path):
    """At level 1 a name is unique for its creator, so that nobody learns of another's."""
    mine = exposure(prm_filename="test").commit()
    other = Context(tmp_path / "store", tmp_path / "data", "you")
    try:
        assert exposure(prm_filename="test").commit().is_committed
    finally:
        other.close()
    assert mine.prm_filename == "test"


@pytest.mark.parametrize(("cls", "other", "here"), [
    (Target, "targetName", "target_name"),
    (Exposure, "insMode", "ins_mode"),
    (Exposure, "rawFile", "raw_exposure_filename"),
    (Exposure, "analysisFile", "prm_filename"),
    (Exposure, "psfParams", "pampelmuse_params"),
    (Exposure, "airMass", "airmass"),
    (Exposure, "data", "datacube_header"),
    (Exposure, "id", "object_id"),
    (ProcessedExposure, "airMass", "airmass"),
    (ProcessedExposure, "rawFile", "raw_filename"),
])  # fmt: skip
def test_names_of_the_originals_are_told_and_are_no_aliases(context, cls, other, here):
    """Wherever an attribute may be named: on class and object, made, selected, in a table."""
    words = f"no attribute '{other}'.*here it is {here}"
    asks = [
        lambda: getattr(cls, other),
        lambda: cls(**{other: 1}),
        lambda: cls.select(**{other: 1}),
        lambda: cls.select_all().table(other),
        lambda: getattr(cls(), other),
        lambda: setattr(cls(), other, 1),
    ]
    for ask in asks:
        with pytest.raises(AweAttributeError, match=words):
            ask()
    if cls is Target:
        with pytest.raises(AweAttributeError, match=words):
            _ = Exposure.target.targetName


def test_other_misspelt_names_are_helped_as_ever(context):
    """The nearest names are given."""
    with pytest.raises(AweAttributeError, match="Did you mean 'ins_mode'"):
        _ = Exposure.insmode


def processed(of, **values):
    """Make a processed exposure."""
    made = Making(LabProcessed(exposure=of, target=of.target, **values)).run()
    return made.commit()


def test_an_exposure_has_several_processed_ones(context):
    """The newest valid one is processed_exposure; two targets' coexist."""
    first = exposure().commit()
    second = exposure("2019-06-01", target=Target(target_name="T2")).commit()
    assert first.processed_exposure is None
    old, new = processed(first), processed(first)
    other = processed(second)
    assert first.processed_exposures == (old, new)
    assert first.processed_exposure is new
    assert first.target.processed_exposures == (old, new)
    assert second.target.processed_exposures == (other,)
    context.update_is_valid(new, 0, "clouds")
    assert first.processed_exposure is old
    assert first in {o for _, o in old.input_objects()}


def test_deletion_follows_relations(context):
    """Nothing goes that something else needs, unless that goes too."""
    first = exposure().commit()
    kept = exposure("2019-06-01", target=Target(target_name="T2")).commit()
    target, made = first.target, processed(first)
    with pytest.raises(AwePermissionError, match="depend on"):
        context.delete(target)
    with pytest.raises(AwePermissionError, match=repr(made)[1:-1]):
        context.delete(first)
    assert len(Exposure.select_all()) == 2
    context.delete(target, dependents=True)
    assert list(Exposure.select_all()) == [kept]
    assert list(Target.select_all()) == [kept.target]
    assert len(ProcessedExposure.select_all()) == 0


def test_derived_values_are_queried(context):
    """They come from header and tables; what is not there, or no number, is None."""
    header = {
        "ESO TEL AMBI FWHM START": 0.8, "ESO TEL AMBI FWHM END": 1, "ESO TEL AMBI TAU0": "?",
        "ESO TEL AIRM START": 1.1, "ESO OCS SGS ASM GL900 AVG": 0.7, "ESO AOS NGS1 FLUX": True,
    }  # fmt: skip
    table = {"LGS1_STREHL": [0.1, np.nan, 0.3], "LGS2_STREHL": ["a"], "LGS3_STREHL": []}
    found = exposure(
        ins_mode="WFM-AO-N", datacube_header=header, raw_exposure_data={"SPARTA_ATM_DATA": table}
    )
    found.derive().commit()
    assert (found.seeing, found.glf) == (pytest.approx(0.9), 0.7)
    assert found.tau0 is found.airmass is found.ngs_flux is None
    assert found.lgs1_strehl == pytest.approx(0.2)
    assert found.lgs2_strehl is found.lgs3_strehl is found.lgs4_strehl is None
    good = (Exposure.ins_mode == "WFM-AO-N") & (Exposure.seeing < 0.95)
    assert list(good) == [found]
    assert len((Exposure.ins_mode == "WFM-AO-N") & (Exposure.seeing < 0.8)) == 0


def test_read_and_update_as_the_seed_does(context):
    """Get by name, id and file name, by target and mode; change each, and the change is kept."""
    first = exposure(raw_exposure_filename="testRaw", ins_mode="WFM-AO-N", prm_filename="test")
    first.commit()
    target = Target.get(target_name="testTarget")
    assert Target[target.object_id] is target
    assert Exposure[first.object_id] is Exposure.get(raw_exposure_filename="testRaw") is first
    assert Exposure.select_all()[:] == [first]
    assert list(Exposure.target == target) == list(target.exposures) == [first]
    assert list(Exposure.ins_mode == "WFM-AO-N") == [first]
    values = Exposure.select_all().values("observation_time", "target.target_name", "seeing")
    assert values == [(first.observation_time, "testTarget", None)]
    with pytest.raises(AweTypeError, match="values takes a number, text or time"):
        Exposure.select_all().values("datacube_header")
    target.target_name = "testTarget2"
    first.raw_exposure_filename = "testRaw2"
    first.pampelmuse_params = {"fwhm": [2, 3, 4]}
    first.target = Target(target_name="another")
    context.commit(target, first)
    again = reopened(context, first)
    assert again.target.target_name == "another"
    assert again.raw_exposure_filename == "testRaw2"
    assert again.pampelmuse_params["fwhm"] == (2, 3, 4)
    assert len(Target.target_name == "testTarget2") == 1
    assert again.history()[0].when <= now() + datetime.timedelta(seconds=1)


def test_a_key_that_is_not_there_is_told_with_those_most_like_it(context):
    """Of headers, tables and sources; for Python it is a KeyError like any other."""
    header = HeaderText("ESO     = 1\nHIERARCH ESO TEL AMBI TAU0 = 0.004")
    tables = {"SPARTA_ATM_DATA": Table({"x": [1]}), "CHAN01": header}
    one = exposure(raw_exposure_header=header, raw_exposure_data=tables,
                   sources={"PM_7": {"snr": [1]}})  # fmt: skip
    one.commit()
    for mapping, key, like in (
        (one.raw_exposure_header, "ESO TEL AMBI TAUO", "ESO TEL AMBI TAU0"),
        (one.raw_exposure_data, "SPARTA_ATM", "SPARTA_ATM_DATA"),
        (one.raw_exposure_data["CHAN01"], "eso tel ambi tau0", "ESO TEL AMBI TAU0"),
        (one.sources, "PM_17", "PM_7"),
    ):
        with pytest.raises(KeyError) as caught:
            mapping[key]
        assert str(caught.value) == f"There is no {key!r}. Did you mean {like!r}?"
        assert caught.value.args == (key,)
        again = copy.copy(caught.value)
        assert str(again) == str(caught.value)
    with pytest.raises(KeyError) as caught:
        one.raw_exposure_data["PRIMARY"]
    assert str(caught.value) == "There is no 'PRIMARY'. There is: SPARTA_ATM_DATA, CHAN01."
    assert one.raw_exposure_header.get("XX") is None
    assert "XX" not in one.raw_exposure_data
