"""What a class declares: kinds of value, coercion, uniqueness, relations, read-only containers."""

import copy
import datetime

import numpy as np
import pytest
from astropy.table import Table as AstropyTable
from astropy.time import Time
from store_lab import open_new

from awe.base.errors import (
    AweAttributeError,
    AwePermissionError,
    AweTypeError,
    AweValueError,
)
from awe.store import DBObject, OwnedRecord, Table, persistent, registry
from awe.store.context import Context
from awe.store.unique import UniqueError


class DeclStat(OwnedRecord):
    """Statistics."""

    mean = persistent("Mean", float, unit="adu")
    count = persistent("Pixels", int, 0)
    label = persistent("Label", str)


class DeclCamera(DBObject):
    """Vocabulary with a unique name."""

    vocabulary = True
    name = persistent("Name", str, unique=True, required=True)


class DeclChip(DBObject):
    """Vocabulary that is unique by two attributes."""

    vocabulary = True
    camera = persistent("Camera", DeclCamera)
    name = persistent("Name", str)
    unique_together = [("camera", "name")]


class DeclExposure(DBObject):
    """Has a computed list of frames and a computed partner."""

    name = persistent("Name", str, unique=True)
    frames = persistent("Frames", ["DeclFrame"], inverse="exposure")
    report = persistent("Its report", "DeclReport", inverse="exposure", mutable=True)


class DeclFrame(DBObject):
    """One attribute of every kind."""

    name = persistent("Name", str, unique=True)
    flag = persistent("Flag", bool, mutable=True)
    number = persistent("Number", int, 7, mutable=True)
    value = persistent("Value", float, unit="s", mutable=True)
    when = persistent("When", datetime.datetime, mutable=True)
    chip = persistent("Chip", DeclChip)
    stat = persistent("Statistics", DeclStat, mutable=True)
    values = persistent("Values", [float], mutable=True)
    labels = persistent("Labels", [str], mutable=True)
    times = persistent("Times", [datetime.datetime])
    stats = persistent("Statistics of parts", [DeclStat])
    inputs = persistent("Inputs", ["DeclFrame"])
    header = persistent("Header", dict, mutable=True)
    pixels = persistent("Pixels", np.ndarray, mutable=True)
    sources = persistent("Sources", Table, mutable=True)
    exposure = persistent("Exposure", DeclExposure, inverse="frames", mutable=True)


class DeclReport(DBObject):
    """The computed side of one to one, and of many to many."""

    exposure = persistent("Exposure", DeclExposure, inverse="report")
    tags = persistent("Tags", ["DeclTag"], inverse="reports", mutable=True)


class DeclTag(DBObject):
    """The stored side of many to many."""

    name = persistent("Name", str)
    reports = persistent("Reports", [DeclReport], inverse="tags", mutable=True)


@pytest.fixture
def context(tmp_path):
    """Give a context on a new store."""
    context = open_new(tmp_path, "ann")
    yield context
    context.close()


def reread(context, obj):
    """Give the same object as a new session reads it."""
    cls, object_id = type(obj), obj.object_id
    context.reopen()
    return cls[object_id]


WHEN = datetime.datetime(2012, 6, 1, 8, 51, 44, 123456)
SCALARS = [
    ("flag", True, True),
    ("flag", np.bool_(False), False),
    ("number", np.int16(-5), -5),
    ("number", 2**63 - 1, 2**63 - 1),
    ("number", -(2**63), -(2**63)),
    ("value", 3, 3.0),
    ("value", 2**60, float(2**60)),
    ("value", np.float32(0.5), 0.5),
    ("value", np.int64(4), 4.0),
    ("value", float("inf"), float("inf")),
    ("name", "日本 é", "日本 é"),
    ("name", np.str_("x"), "x"),
    ("when", "2012-06-01T08:51:44.123456", WHEN),
    ("when", "2012-06-01T10:51:44.123456+02:00", WHEN),
    ("when", Time("2012-06-01T08:51:44.123456", scale="utc"), WHEN),
    ("when", np.datetime64("2012-06-01T08:51:44.123456"), WHEN),
    ("when", datetime.date(2012, 6, 1), datetime.datetime(2012, 6, 1)),
    ("values", np.array([1, 2]), (1.0, 2.0)),
    ("values", (v for v in (1.5, None)), (1.5, None)),
    ("labels", ["a", "ü"], ("a", "ü")),
    ("times", [WHEN], (WHEN,)),
    ("inputs", None, ()),
    ("stat", {"mean": 2}, DeclStat(mean=2.0)),
    ("stats", [DeclStat(mean=1.0), DeclStat(label="b")], None),
]


@pytest.mark.parametrize(("name", "given", "kept"), SCALARS)
def test_a_value_comes_back_as_pythons_own(context, name, given, kept):
    given = list(given) if hasattr(given, "__next__") else given
    frame = DeclFrame(**{name: given})
    kept = tuple(given) if kept is None else kept
    for obj in (frame, frame.commit(), reread(context, frame)):
        value = getattr(obj, name)
        assert value == kept
        assert type(value) is type(kept)
        if isinstance(value, tuple):
            assert [type(v) for v in value] == [type(v) for v in kept]


WRONG = [
    ("flag", 1, AweTypeError, "True or False, not int 1"),
    ("flag", "yes", AweTypeError, "True or False"),
    ("number", True, AweTypeError, r"a whole number \(int\), not bool True"),
    ("number", 1.0, AweTypeError, r"a whole number \(int\), not float 1.0"),
    ("number", 2**63, AweValueError, "64 bits"),
    ("number", np.array([1]), AweTypeError, "not ndarray"),
    ("value", "3", AweTypeError, r"a number \(float\), not str '3'"),
    ("value", False, AweTypeError, "not bool False"),
    ("value", 2**53 + 1, AweValueError, "cannot hold 9007199254740993 exactly"),
    ("value", 10**400, AweValueError, "exactly"),
    ("name", 5, AweTypeError, r"a text \(str\), not int 5"),
    ("name", b"x", AweTypeError, "not bytes"),
    ("name", "\ud800", AweValueError, "surrogate"),
    ("when", "yesterday", AweValueError, "ISO 8601"),
    ("when", 5, AweTypeError, "ISO 8601"),
    ("when", np.datetime64("NaT", "us"), AweValueError, "exactly"),
    ("when", np.datetime64(1, "ns"), AweValueError, "exactly"),
    ("chip", "ccd1", AweTypeError, "a DeclChip object, not str 'ccd1'"),
    ("chip", DeclStat(), AweTypeError, "a DeclChip object"),
    ("stat", 5, AweTypeError, "a DeclStat"),
    ("stat", {"meen": 5}, AweAttributeError, "no field 'meen'. Did you mean 'mean'"),
    ("values", "abc", AweTypeError, "a list"),
    ("values", [1.0, "b"], AweTypeError, r"a number \(float\), not str 'b'"),
    ("values", 5.0, AweTypeError, "a list"),
    ("times", [None], AweTypeError, "without None"),
    ("inputs", [None], AweTypeError, "without None"),
    ("inputs", [DeclStat()], AweTypeError, "a DeclFrame object"),
    ("header", [1], AweTypeError, "a dict of plain values"),
    ("header", {1: 2}, AweTypeError, "keys"),
    ("header", {"a": {"b": object()}}, AweTypeError, "not object"),
    ("pixels", "abc", AweTypeError, "a NumPy array"),
    ("pixels", [[1], [1, 2]], AweTypeError, "a NumPy array"),
    ("pixels", np.ma.masked_array([1, 2], [True, False]), AweTypeError, "mask"),
    ("sources", 5, AweTypeError, "an astropy Table"),
    ("sources", {"a": [object()]}, AweTypeError, "column 'a'"),
]


@pytest.mark.parametrize(("name", "given", "error", "message"), WRONG)
def test_a_wrong_value_is_refused_at_once(context, name, given, error, message):
    with pytest.raises(error, match=message) as raised:
        DeclFrame(**{name: given})
    if error is not AweAttributeError:
        assert f"DeclFrame.{name}" in str(raised.value)
    frame = DeclFrame()
    before = getattr(frame, name)
    with pytest.raises(error, match=message):
        setattr(frame, name, given)
    assert getattr(frame, name) == before


def test_a_misspelt_attribute_is_refused_with_the_nearest(context):
    with pytest.raises(AweAttributeError, match=r"DeclFrame has no attribute 'numbr'.*'number'"):
        DeclFrame(numbr=3)
    frame = DeclFrame()
    with pytest.raises(AweAttributeError, match=r"DeclFrame has no attribute 'numbr'.*'number'"):
        frame.numbr = 3
    with pytest.raises(AweAttributeError, match=r"DeclFrame has no attribute 'numbr'.*'number'"):
        frame.numbr  # noqa: B018
    with pytest.raises(AweAttributeError, match=r"DeclFrame has no attribute 'numbr'.*'number'"):
        DeclFrame.numbr  # noqa: B018
    with pytest.raises(AweAttributeError, match="no attribute '_new'"):
        DeclFrame(_new=1)
    with pytest.raises(AweAttributeError, match="cannot be deleted; assign None"):
        del frame.number
    with pytest.raises(AweAttributeError, match="declared by the class"):
        DeclFrame.number = 5
    assert frame.number == 7


def test_looking_whether_there_is_an_attribute_costs_no_text(context, monkeypatch):
    frame, sought = DeclFrame(), []
    monkeypatch.setattr("awe.base.errors.nearest", lambda *given: sought.append(given) or [])
    assert not hasattr(frame, "numbr")
    assert getattr(DeclFrame, "numbr", None) is None
    assert not sought
    with pytest.raises(AweAttributeError, match="DeclFrame has no attribute 'numbr'") as raised:
        DeclFrame.numbr  # noqa: B018
    assert len(sought) == 1
    assert raised.value.cause == str(raised.value)
    again = copy.copy(raised.value)
    assert isinstance(again, AweAttributeError)
    assert str(again) == str(raised.value)


def test_a_value_that_fails_leaves_nothing_on_the_other_side(context):
    exposure = DeclExposure(name="e")
    with pytest.raises(AweAttributeError):
        DeclFrame(exposure=exposure, numbr=1)
    assert exposure.frames == ()


@pytest.mark.parametrize(
    ("body", "error", "message"),
    [
        ({"like": persistent("x", int)}, AweTypeError, "method of a query"),
        ({"between": persistent("x", int)}, AweTypeError, "method of a query"),
        ({"commit": persistent("x", int)}, AweTypeError, "or of an object"),
        ({"_x": persistent("x", int)}, AweTypeError, "underscore"),
        ({"x": persistent("x", complex)}, AweTypeError, "Bad.x cannot be declared"),
        ({"x": persistent("x", [dict])}, AweTypeError, "a list holds"),
        ({"x": persistent("x", int, "a")}, AweTypeError, "The default of Bad.x"),
        ({"unique_together": [("x", "y")]}, LookupError, "names 'x'"),
        ({"key_columns": {"header": {"A": int}}}, AweTypeError, "no dict attribute"),
    ],
)
def test_a_declaration_that_cannot_be_is_refused(body, error, message):
    with pytest.raises(error, match=message):
        type(DBObject)("Bad", (DBObject,), body)


def test_a_record_holds_no_children_and_no_query_methods():
    with pytest.raises(AweTypeError, match="method of a query"):
        type(OwnedRecord)("BadRecord", (OwnedRecord,), {"in_": persistent("x", int)})
    with pytest.raises(AweTypeError, match="holds no dicts"):
        type(OwnedRecord)("BadRecord", (OwnedRecord,), {"d": persistent("x", dict)})


def test_containers_are_read_only(context):
    frame = DeclFrame(
        values=[1.0], header={"A": {"B": 1}, "C": [{"D": 1}]}, pixels=np.arange(3), stat=DeclStat()
    ).commit()
    for read in (lambda: frame, lambda: reread(context, frame)):
        obj = read()
        with pytest.raises(TypeError):
            obj.values[0] = 2.0
        with pytest.raises(TypeError):
            obj.header["A"] = 2
        with pytest.raises(TypeError):
            obj.header["A"]["B"] = 2
        with pytest.raises(TypeError):
            obj.header["C"][0]["D"] = 2
        with pytest.raises(ValueError, match="read-only"):
            obj.pixels[0] = 5
        with pytest.raises(AweAttributeError, match="read-only: assign a new DeclStat"):
            obj.stat.mean = 5.0


def test_one_item_of_a_container_is_edited(context):
    frame = DeclFrame(values=[1.0, 2.0], header={"A": 1, "B": [{"C": 2}]}, pixels=np.zeros((2, 2)))
    frame.edit("values")[0] = 9
    assert frame.values == (9.0, 2.0)
    frame.commit()
    frame.edit("header")["Z"] = np.float32(1.5)
    del frame.edit("header")["A"]
    frame.edit("pixels")[1, :] = 4
    frame.edit("values").append(3)
    frame.edit("labels").append("x")
    assert "uncommitted edits" in repr(frame)
    frame.commit(why="test")
    again = reread(context, frame)
    assert dict(again.header) == {"Z": 1.5, "B": ({"C": 2},)}
    assert again.pixels.tolist() == [[0, 0], [4, 4]]
    assert again.values == (9.0, 2.0, 3.0)
    assert {c.attribute for c in again.history()} == {"header", "pixels", "values", "labels"}
    with pytest.raises(AweTypeError, match=r"DeclFrame.values takes"):
        again.edit("values")[0] = "x"
    with pytest.raises(AweAttributeError, match="no dict, list, array or table 'number'"):
        again.edit("number")
    with pytest.raises(AwePermissionError, match="cannot change after commit"):
        again.edit("inputs").append(frame)


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6, dtype=">f4").reshape(2, 3),
        np.zeros((0, 3)),
        np.array(5),
        np.array([True, False]),
        np.array(["2012-06-01"], "datetime64[s]"),
        np.asfortranarray(np.arange(6).reshape(2, 3)),
    ],
)
def test_arrays_keep_type_and_shape(context, array):
    frame = reread(context, DeclFrame(pixels=array).commit())
    assert frame.pixels.dtype == array.dtype
    assert frame.pixels.shape == array.shape
    np.testing.assert_array_equal(frame.pixels, array)


def test_tables_keep_units_masks_and_meta(context):
    table = AstropyTable({"x": [1.5, 2.5], "name": ["a", "bcd"], "v": np.zeros((2, 3))})
    table["x"].unit = "pix"
    table["x"].description = "position"
    table["n"] = np.ma.masked_array([1, 2], [False, True])
    table.meta["seeing"] = 0.8
    frame = DeclFrame(sources=table).commit()
    table["x"][0] = 99.0
    frame.sources["x"][0] = 99.0
    for read in (lambda: frame, lambda: reread(context, frame)):
        obj = read()
        got = obj.sources
        assert got.colnames == ["x", "name", "v", "n"]
        assert got["x"].tolist() == [1.5, 2.5]
        assert (str(got["x"].unit), got["x"].description) == ("pix", "position")
        assert got["n"].mask.tolist() == [False, True]
        assert got["v"].shape == (2, 3)
        assert got.meta["seeing"] == 0.8
        got["x"][0] = -1.0
        assert obj.sources["x"][0] == 1.5


def test_dicts_come_back_whole(context):
    given = {"a": 1, "b": [1.5, None, "x"], "c": {"d": True}, "when": WHEN, "n": np.int32(4)}
    frame = reread(context, DeclFrame(header=given).commit())
    assert frame.header["b"] == (1.5, None, "x")
    assert frame.header["c"]["d"] is True
    assert frame.header["when"] == WHEN
    assert type(frame.header["n"]) is int
    assert reread(context, DeclFrame().commit()).header is None


def test_required_is_checked_at_commit(context):
    with pytest.raises(AweTypeError, match=r"DeclCamera.name is required"):
        DeclCamera().commit()
    assert len(DeclCamera.select_all()) == 0


# --- unique ---


def test_vocabulary_is_unique_in_the_whole_store(context):
    DeclCamera(name="A").commit()
    context.create_project("OTHER")
    context.set_project("OTHER")
    with pytest.raises(UniqueError, match=r"DeclCamera: name = 'A' must be unique"):
        DeclCamera(name="A").commit()
    assert len(DeclCamera.select_all()) == 1


def test_unique_together_takes_both(context):
    one, two = DeclCamera(name="A"), DeclCamera(name="B")
    context.commit(DeclChip(camera=one, name="c"), DeclChip(camera=two, name="c"))
    with pytest.raises(UniqueError, match=r"camera = .* name = 'c'"):
        DeclChip(camera=one, name="c").commit()
    DeclChip(camera=one).commit()
    DeclChip(camera=one).commit()
    assert len(DeclChip.camera == one) == 3


def test_unique_holds_within_the_project_and_at_level_1_within_the_creator(tmp_path):
    for user in ("bob", "ann"):
        context = Context(tmp_path / "store", tmp_path / "data", user)
        if user == "bob":
            context.create_project("P", members=["ann"])
        context.set_project("P")
        DeclFrame(name="n").commit()
        with pytest.raises(UniqueError, match=r"name = 'n'.*has it"):
            DeclFrame(name="n").commit()
        context.set_project(f"{user}'s project")
        DeclFrame(name="n").commit()
        context.set_project("P")
        if user == "bob":
            context.set_privileges(2)
            DeclFrame(name="m").commit()
            context.close()
    context.set_privileges(2)
    with pytest.raises(UniqueError, match="name = 'm'"):
        DeclFrame(name="m").commit()
    assert [f.name for f in DeclFrame.select_all()] == ["m"]
    context.close()


def test_unique_follows_edits_and_deletion(context):
    exposures = [DeclExposure(name=n) for n in "ab"]
    context.commit(exposures)
    context.delete(exposures[0])
    again = DeclExposure(name="a").commit()
    assert list(DeclExposure.select_all()) == [exposures[1], again]


def test_a_failed_commit_of_several_stores_none_and_can_be_repeated(context):
    DeclFrame(name="x").commit()
    batch = [DeclFrame(name="y"), DeclFrame(name="x")]
    with pytest.raises(UniqueError):
        context.commit(batch)
    assert [o.is_committed for o in batch] == [False, False]
    assert len(DeclFrame.select_all()) == 1
    batch[1].name = "z"
    context.commit(batch)
    assert [f.name for f in DeclFrame.select_all()] == ["x", "y", "z"]


def test_get_or_create_gives_the_same_object(context):
    one = DeclCamera.get_or_create(name="A")
    assert DeclCamera.get_or_create(name="A") is one
    context.create_project("OTHER")
    context.set_project("OTHER")
    assert DeclCamera.get_or_create(name="A") is one
    chip = DeclChip.get_or_create(camera=one, name="c")
    assert DeclChip.get_or_create(camera=one, name="c") is chip
    chip.commit()
    assert one.is_committed
    assert DeclChip.get_or_create(camera=one, name="c") is chip
    assert len(DeclChip.select_all()) == 1
    with pytest.raises(AweTypeError, match="needs all that makes an object unique: camera and"):
        DeclChip.get_or_create(name="c")
    with pytest.raises(AweTypeError, match="nothing unique"):
        DeclTag.get_or_create(name="t")


# --- relations ---


def test_links_and_computed_lists_are_in_step(context):
    exposure = DeclExposure(name="e")
    first = DeclFrame(exposure=exposure)
    second = DeclFrame()
    assert exposure.frames == (first,)
    exposure.frames = [first, second]
    assert second.exposure is exposure
    context.commit(exposure, first, second)
    assert exposure.frames == (first, second)
    third = DeclFrame(exposure=exposure)
    assert exposure.frames == (first, second, third)
    first.exposure = None
    assert exposure.frames == (second, third)
    exposure.frames = [first]
    assert (first.exposure, second.exposure, third.exposure) == (exposure, None, None)
    context.refresh()
    assert exposure.frames == (first,)
    context.rollback()
    assert set(exposure.frames) == {first, second}
    first.exposure = None
    context.commit()
    left = second.object_id
    assert reread(context, exposure).frames == (DeclFrame[left],)


def test_a_computed_list_of_immutable_links_changes_all_or_nothing(context):
    class DeclFixed(DBObject):
        exposures = persistent("x", ["DeclExposureOfFixed"], inverse="fixed")

    class DeclExposureOfFixed(DBObject):
        fixed = persistent("x", DeclFixed, inverse="exposures")

    owner = DeclFixed()
    stored = DeclExposureOfFixed(fixed=owner).commit()
    new = DeclExposureOfFixed(fixed=owner)
    with pytest.raises(AwePermissionError, match="cannot change after commit"):
        owner.exposures = []
    assert owner.exposures == (stored, new)


def test_one_to_one_is_in_step_and_moves(context):
    exposure = DeclExposure(name="e")
    one, two = DeclReport(exposure=exposure), DeclReport()
    assert exposure.report is one
    two.exposure = exposure
    assert (one.exposure, exposure.report) == (None, two)
    context.commit(exposure, one, two)
    exposure.report = one
    assert (two.exposure, exposure.report) == (None, one)
    context.commit()
    assert exposure.report is one
    assert list(DeclExposure.report == one) == [exposure]
    assert list(DeclReport.exposure == exposure) == [one]
    assert list(DeclReport.exposure.name == "e") == [one]
    assert list(DeclReport.exposure.in_([exposure])) == [one]
    assert list(DeclReport.exposure != exposure) == [two]
    assert list(DeclReport.exposure == None) == [two]  # noqa: E711
    exposure.report = None
    context.commit()
    assert one.exposure is None
    assert list(DeclExposure.report == None) == [exposure]  # noqa: E711
    assert set(DeclReport.exposure == None) == {one, two}  # noqa: E711


def test_many_to_many_is_in_step(context):
    reports = [DeclReport(), DeclReport()]
    tag = DeclTag(name="t", reports=reports)
    other = DeclTag(name="u")
    reports[0].tags = [tag, other]
    assert other.reports == (reports[0],)
    context.commit(tag, other)
    reports[0].tags = [other]
    assert tag.reports == (reports[1],)
    context.commit()
    assert reports[0].tags == (other,)
    assert reports[1].tags == (tag,)
    assert list(DeclReport.tags.contains(tag)) == [reports[1]]
    assert list(DeclTag.reports.contains(reports[0])) == [other]


def test_queries_follow_computed_links(context):
    exposures = [DeclExposure(name=n) for n in "abc"]
    frames = [DeclFrame(name=n, exposure=e) for n, e in zip("xyz", exposures, strict=True)]
    report = DeclReport(exposure=exposures[1], tags=[DeclTag(name="t")])
    context.commit(frames, report)
    assert list(DeclExposure.frames.contains(frames[2])) == [exposures[2]]
    assert len(DeclExposure.frames.contains(DeclFrame())) == 0
    assert list(DeclFrame.exposure.report == report) == [frames[1]]
    assert list(DeclFrame.exposure.frames.contains(frames[0])) == [frames[0]]
    assert set(frames[0].exposure.inverse_objects()) == {frames[0]}
    assert set(report.inverse_objects()) == {exposures[1], report.tags[0]}
    assert DeclExposure.get(name="b") is exposures[1]
    assert list(DeclFrame.select(exposure="b")) == [frames[1]]
    assert list(DeclExposure.select(frames=frames[2])) == [exposures[2]]


def test_a_relation_without_a_stored_side_says_so(context):
    class DeclLoose(DBObject):
        others = persistent("x", ["DeclLoose"], inverse="nothing")

    with pytest.raises(AweTypeError, match=r"inverse is DeclLoose.nothing, which is no link"):
        DeclLoose().others  # noqa: B018


def test_help_tells_type_unit_and_meaning():
    text = DeclFrame.__doc__
    assert "value" in text
    assert "Value [s] (float)" in text
    assert "Chip (link to DeclChip)" in text
    assert "Inputs (list of DeclFrame)" in text
    assert DeclFrame.get_persistent_properties()[:3] == ["chip", "exposure", "flag"]


def test_a_class_of_awe_is_not_replaced():
    """Its objects are stored under its name: another class would read them wrongly."""
    from awe.store import User

    with pytest.raises(AweTypeError, match="User is a class of awe"):
        type("User", (DBObject,), {"__module__": "awe_user.mine"})
    assert registry.find_class("User") is User
