"""What the constructors of objects and of owned records take, and how they refuse the rest."""

import datetime

import numpy as np
import pytest

from awe.base.errors import AweAttributeError, AweTypeError, AweValueError
from awe.store import DBObject, OwnedRecord, persistent


class MadeStat(OwnedRecord):
    """Statistics with a default."""

    mean = persistent("Mean", float, unit="adu")
    count = persistent("Count", int, 7)


class MadeFrame(DBObject):
    """A class whose attributes bear the names of Python's own types and functions."""

    values = persistent("Several", [int])
    take = persistent("Statistics", MadeStat)
    cls = persistent("The frame before", "MadeFrame")
    flag = persistent("A flag", bool)
    when = persistent("When", datetime.datetime)
    type = persistent("Kind of frame", str, "science")
    float = persistent("A number", float)
    int = persistent("A whole number", int, 3)
    datetime = persistent("Remark", str)


def test_attributes_may_bear_the_names_of_types():
    when = datetime.datetime(2012, 6, 1)
    before = MadeFrame()
    frame = MadeFrame(
        type="bias", when=when, float=1.5, int=4, flag=True, values=[1, 2],
        take=MadeStat(mean=2.0), cls=before, datetime="none",
    )  # fmt: skip
    given = (frame.type, frame.when, frame.float, frame.int, frame.flag, frame.values)
    assert given == ("bias", when, 1.5, 4, True, (1, 2))
    assert frame.take == MadeStat(mean=2.0, count=7)
    assert frame.cls is before


def test_what_is_not_given_has_its_default():
    frame = MadeFrame()
    assert (frame.type, frame.int, frame.float, frame.values) == ("science", 3, None, ())
    assert MadeFrame(type=None, int=None, values=None).type is None
    assert MadeFrame(values=None).values == ()
    assert MadeStat().count == 7
    assert MadeStat(count=None).count is None


def test_values_are_coerced_without_loss():
    east = datetime.timezone(datetime.timedelta(hours=2))
    frame = MadeFrame(
        type=np.str_("Ωμέγα"), when=datetime.datetime(2012, 6, 1, 2, tzinfo=east), float=3,
        int=np.int16(5), flag=np.True_, values=np.arange(3), take={"mean": 1},
    )  # fmt: skip
    kinds = [type(v) for v in (frame.type, frame.float, frame.int, frame.flag, frame.take.mean)]
    assert kinds == [str, float, int, bool, float]
    assert frame.type == "Ωμέγα"
    assert frame.when == datetime.datetime(2012, 6, 1)
    assert frame.values == (0, 1, 2)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"type": 5}, r"MadeFrame.type takes a text \(str\), not int 5"),
        ({"type": "\ud800"}, "lone surrogate"),
        ({"float": "x"}, r"MadeFrame.float takes a number \(float\)"),
        ({"float": True}, "not bool True"),
        ({"float": 2**60 + 1}, "cannot hold 1152921504606846977 exactly"),
        ({"int": 1.0}, "not float 1.0"),
        ({"int": 2**63}, "beyond them"),
        ({"int": -(2**63) - 1}, "beyond them"),
        ({"flag": 1}, "True or False, not int 1"),
        ({"when": "gestern"}, "ISO 8601"),
        ({"values": 5}, "takes a list"),
        ({"take": 5}, "takes a MadeStat, not int 5"),
        ({"take": {"mean": "x"}}, "MadeStat.mean takes a number"),
        ({"cls": MadeStat()}, "takes a MadeFrame object"),
    ],
)
def test_other_values_are_refused(values, message):
    with pytest.raises((AweTypeError, AweValueError), match=message):
        MadeFrame(**values)


def test_limits_of_whole_numbers_are_taken():
    for number in (-(2**63), 2**63 - 1):
        assert MadeFrame(int=number).int == number


def test_unknown_names_are_refused_with_the_nearest():
    with pytest.raises(AweAttributeError, match=r"no attribute 'typ'\. Did you mean 'type'"):
        MadeFrame(typ="x")
    with pytest.raises(AweAttributeError, match=r"no field 'meen'\. Did you mean 'mean'"):
        MadeStat(meen=1.0)
    with pytest.raises(AweAttributeError, match=r"no field 'meen'\. Did you mean 'mean'"):
        MadeStat().meen  # noqa: B018  # the reading itself is what fails
    assert not hasattr(MadeStat(), "_private")


@pytest.mark.parametrize("name", ["a b", "class", "1st", "x=0):pass#"])
def test_names_that_python_would_not_write_are_refused(name):
    with pytest.raises(AweTypeError, match="as Python writes it"):
        type(DBObject)("MadeBadly", (DBObject,), {name: persistent("Some number", float)})
