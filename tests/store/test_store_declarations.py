"""What a class declares: kinds of value, coercion, uniqueness, relations, read-only containers."""

import copy
import datetime

import numpy as np
import pytest
from astropy.table import Table as AstropyTable
from astropy.time import Time
from declared_lab import DeclCamera, DeclExposure, DeclFrame, DeclStat, reread

from awe.base.errors import (
    AweAttributeError,
    AwePermissionError,
    AweTypeError,
    AweValueError,
)
from awe.store import DBObject, OwnedRecord, persistent, registry

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
