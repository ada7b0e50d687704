"""What a query says when it is used wrongly, and what explain prints."""

import datetime
import operator

import numpy as np
import pytest

from awe.base.errors import (
    AweAttributeError,
    AweLookupError,
    AweTypeError,
    AweValueError,
    AweWarning,
)
from awe.store import DBObject, OwnedRecord, persistent
from awe.store.context import Context


class MisuseStat(OwnedRecord):
    """A record."""

    mean = persistent("Mean", float)


class MisuseFilter(DBObject):
    """What a frame links to."""

    name = persistent("Name", str)


class MisuseFrame(DBObject):
    """What is asked for."""

    name = persistent("Name", str)
    EXPTIME = persistent("Exposure time", float, unit="s")
    count = persistent("Count", int)
    flag = persistent("Flag", bool)
    DATE_OBS = persistent("When", datetime.datetime)
    filter = persistent("Filter", MisuseFilter)
    stat = persistent("Statistics", MisuseStat)
    inputs = persistent("Inputs", ["MisuseFrame"])
    tags = persistent("Tags", [str])
    parts = persistent("Parts", [MisuseStat])
    header = persistent("Header", dict)
    key_columns = {"header": {"RA": float}}


class MisuseOther(DBObject):
    """Another class."""

    name = persistent("Name", str)


class MisuseScience(MisuseFrame):
    """A subclass."""

    seeing = persistent("Seeing", float)


F = MisuseFrame


@pytest.fixture(scope="module", autouse=True)
def context(tmp_path_factory):
    """Give a store with a few frames."""
    folder = tmp_path_factory.mktemp("misuse")
    context = Context(folder / "store", folder / "data", "ann")
    band = MisuseFilter(name="OCAM_r_SDSS")
    for number in range(6):
        F(
            name=f"f{number}", EXPTIME=number * 10, count=number, filter=band,
            header={"RA": number, "N": number, "NAME": "abc"}, tags=["t"],
        ).commit()  # fmt: skip
    yield context
    context.close()


def ask(text):
    """Evaluate what a user types."""
    names = {"F": F, "S": MisuseScience, "O": MisuseOther, "np": np, "q": F.EXPTIME > 5}
    return eval(text, names)  # noqa: S307


MISUSE = [
    ("bool(q)", "neither true nor false. Combine conditions with & | ~"),
    ("bool(q)", r"q.exists\(\) or len\(q\)"),
    ("not q", "neither true nor false"),
    ("q and q", "neither true nor false"),
    ("q or q", "neither true nor false"),
    ("0 < F.EXPTIME < 5", "not as 0 < X.a < 5"),
    ("F.EXPTIME > 0 & (F.count == 1)", r"Python reads `0 & .*` first: parentheses are missing"),
    ("F.EXPTIME > 0 & F.count == 1", "Python reads `0 & MisuseFrame.count` first"),
    ("(F.EXPTIME > 0) & F.count == 1", r"Python reads `\.\.\. & MisuseFrame.count` first"),
    ("F.EXPTIME > 0 | F.count == 1", r"Python reads `0 \| MisuseFrame.count` first"),
    ("(F.EXPTIME > 0) | F.count == 1", r"\| MisuseFrame.count` first"),
    ("F.flag & q", "parentheses are missing"),
    ("q & F.flag", "parentheses are missing"),
    ("q & True", "parentheses are missing"),
    ("q ^ q", "Combine conditions with & | ~"),
    ("~F.flag", "only a condition can be negated"),
    ("bool(F.flag)", "stands for all objects at once"),
    ("F.EXPTIME * 2 > 6", "compared as it stands"),
    ("100 - F.EXPTIME > 6", r"Compute on the other side"),
    (
        "abs(F.EXPTIME) > 6",
        r"all objects at once.\n  The values of a query q: q.table\('EXPTIME'\)",
    ),
    ("list(F.EXPTIME)", "stands for all objects at once"),
    ("len(F.filter)", "stands for all objects at once"),
    ("'x' in F.name", r"MisuseFrame.name.contains\(value\) or .in_"),
    ("q & (O.name == 'x')", "have no objects in common"),
    ("(S.seeing > 1) | q", "joins queries on one class"),
    ("F.EXPTIME == '5'", r"MisuseFrame.EXPTIME == takes a number \(float\), not str '5'"),
    ("F.EXPTIME == True", "not bool True"),
    ("F.EXPTIME > None", "ask MisuseFrame.EXPTIME == None"),
    ("F.EXPTIME == F.count", "compared with a value, not with the attribute MisuseFrame.count"),
    ("F.name == 5", r"a text \(str\), not int 5"),
    ("F.name > 5", r"a text \(str\)"),
    ("F.count == np.array([1, 2])", "not ndarray"),
    ("F.flag == 1", "True or False, not int 1"),
    ("F.DATE_OBS > 5", "ISO 8601"),
    ("F.filter == 'r'", "a MisuseFilter object, not str 'r'"),
    ("F.filter == 'r'", r"By its name: MisuseFrame\.filter\.name == 'r'"),
    ("F.filter > 5", "link to MisuseFilter, which has no >. Go on to .* name"),
    ("F.filter.like('x')", "has no like"),
    ("F.stat == 5", "can be compared with None; compare its fields"),
    ("F.stat < 5", "Go on to one of its attributes: mean"),
    ("F.header == {}", "can be compared with None"),
    ("F.inputs == []", r"is a list, which has no ==; ask MisuseFrame.inputs.contains\(value\)"),
    ("F.inputs == None", "is a list"),
    ("F.tags != 'x'", "is a list"),
    ("F.tags > 'x'", "is a list, which has no >"),
    ("F.tags.like('x')", "is a list, which has no like"),
    ("F.tags.in_(['x'])", "is a list, which has no in_"),
    ("F.tags.contains(5)", "text"),
    ("F.tags.contains(None)", "not None"),
    ("F.name.contains('x')", "is no list .* use =="),
    ("F.parts.contains(5)", "list of records; ask one of their fields"),
    ("F.inputs.contains('x')", "a MisuseFrame object"),
    ("F.name.in_('abc')", r"takes a list of values, not 'abc'"),
    ("F.name.in_(5)", "takes a list of values"),
    ("F.name.in_(['a', 5])", "text"),
    ("F.name.like(5)", r"takes a text with \* and \?"),
    ("F.count.like('x')", "has no like"),
    ("F.count.between(None, 5)", "not None"),
    ("F.flag.between(True, False)", "has no between"),
    ("F.name['x']", "is no dict"),
    ("F.header[5]", "The keys of MisuseFrame.header are texts"),
    ("q.order_by('filter')", "order_by takes a number, text or time; .* link to MisuseFilter"),
    ("q.order_by(5)", "no attribute of MisuseFrame"),
    ("q.order_by(O.name)", "no attribute of MisuseFrame"),
    ("q.max('inputs')", "max takes"),
    ("q.stats('name')", "stats takes a number"),
    ("q.table()", "takes the names of attributes"),
    ("q.table('stat')", "Name its fields: stat.mean"),
    ("q.table('header')", "Read it from the objects"),
    ("q['x']", "indexed by whole numbers and slices"),
    ("F.select(name=5)", "text"),
]


@pytest.mark.parametrize(("text", "message"), MISUSE)
def test_misuse_says_what_is_wrong(text, message):
    with pytest.raises((AweTypeError, AweValueError), match=message):
        ask(text)


UNKNOWN = [
    ("F.EXPTIM > 5", "MisuseFrame has no attribute 'EXPTIM'. Did you mean 'EXPTIME'"),
    ("F.filter.nme == 'x'", "MisuseFrame.filter .* has no attribute 'nme'. Did you mean 'name'"),
    ("F.stat.maen == 5", "has no attribute 'maen'. Did you mean 'mean'"),
    ("F.inputs.name == 'x'", r"list of links; ask with MisuseFrame.inputs.contains\(object\)"),
    ("F.name.length", "has no attribute 'length'"),
    ("q.order_by('-EXPTIM')", "has no attribute 'EXPTIM'. Did you mean 'EXPTIME'"),
    ("q.table('name', 'filter.nam')", "has no attribute 'nam'"),
    ("q.max('EXPTIM')", "has no attribute 'EXPTIM'"),
    ("F.select(EXPTIM=5)", "no attribute 'EXPTIM' to select by. Did you mean 'EXPTIME'"),
    ("q.name", r"\[x.name for x in query\]"),
    ("q.ordr_by('x')", "no attribute 'ordr_by'. Did you mean 'order_by'"),
    ("F.seeing > 1", "no attribute 'seeing'"),
]


@pytest.mark.parametrize(("text", "message"), UNKNOWN)
def test_an_unknown_attribute_names_the_nearest(text, message):
    with pytest.raises(AweAttributeError, match=message):
        ask(text)


def test_get_names_the_nearest_and_the_many():
    with pytest.raises(AweLookupError, match=r"No MisuseFrame .* name='f33'. Did you mean 'f3'"):
        F.get(name="f33")
    with pytest.raises(AweLookupError, match="6 objects of MisuseFrame have filter='OCAM_r_SDSS'"):
        F.get(filter="OCAM_r_SDSS")
    with pytest.raises(AweLookupError, match="Did you mean 'OCAM_r_SDSS'"):
        F.get(filter="OCAM_r_SDS")
    with pytest.raises(AweLookupError, match="No MisuseFrame"):
        F.get(filter=MisuseFilter(name="new"))
    assert F.get(name="f3").count == 3
    assert F.get(name="f3", filter="OCAM*").count == 3


def test_one_tells_how_many_there_are():
    assert (F.count == 3).one().name == "f3"
    with pytest.raises(AweLookupError, match=r"2 objects .* not one"):
        (F.count < 2).one()
    with pytest.raises(AweLookupError, match=r"0 objects .*\n.*explain"):
        (F.count == 77).one()


def test_select_by_plain_names():
    assert [f.name for f in F.select(name="f[3]")] == []
    assert [f.name for f in F.select(name="f?", count=[1, 2])] == ["f1", "f2"]
    assert len(F.select(filter="OCAM_*", flag=None)) == 6
    assert len(F.select(tags="t")) == 6
    assert len(F.select()) == 6


def test_explain_prints_the_count_after_each_term(capsys):
    query = (F.filter.name == "OCAM_r_SDSS") & (F.EXPTIME > 20) & (F.count > 99) & (F.stat == None)  # noqa: E711
    counts = query.steps()
    query.explain()
    assert counts == [
        ("all MisuseFrame you may see", 6),
        ("MisuseFrame.filter.name == 'OCAM_r_SDSS'", 6),
        ("MisuseFrame.EXPTIME > 20", 3),
        ("MisuseFrame.count > 99", 0),
        ("MisuseFrame.stat == None", 0),
    ]
    lines = capsys.readouterr().out.splitlines()
    assert lines[2].split() == ["3", "MisuseFrame.EXPTIME", ">", "20"]
    assert lines[3].endswith("MisuseFrame.count > 99  <- leaves none")
    assert sum("leaves none" in line for line in lines) == 1


def test_explain_of_a_class_without_objects(capsys):
    (MisuseOther.name == "x").explain()
    assert "all MisuseOther you may see  <- leaves none" in capsys.readouterr().out


def test_text_of_conditions_is_what_was_typed():
    query = ~(F.count.in_([1, 2]) | F.name.like("a*")) & (F.count != 5)
    text = repr(query)
    assert "~((MisuseFrame.count.in_([1, 2])) | (MisuseFrame.name.like('a*')))" in text
    assert "(MisuseFrame.count != 5)" in text


@pytest.mark.parametrize("number", [np.float64(20), np.int16(20), 20, 20.0])
def test_numbers_may_stand_on_the_left(number):
    assert [f.count for f in (number < F.EXPTIME)] == [3, 4, 5]
    assert [f.count for f in (number == F.EXPTIME)] == [2]
    assert [f.count for f in (number >= F.EXPTIME)] == [0, 1, 2]
    with pytest.raises(AweTypeError, match="parentheses are missing"):
        operator.and_(np.int64(0), F.count == 1)


@pytest.mark.parametrize("key", ["RA", "N"])
@pytest.mark.filterwarnings("ignore:.*this key has no column:awe.base.errors.AweWarning")
def test_keys_of_a_dict_with_and_without_a_column(key):
    term = F.header[key]
    assert [f.count for f in (term > 3)] == [4, 5]
    assert [f.count for f in (term >= 3.5)] == [4, 5]
    assert [f.count for f in (term < np.float64(0.5))] == [0]
    assert [f.count for f in (term == 2)] == [2]
    assert [f.count for f in (term != 2)] == [0, 1, 3, 4, 5]
    assert [f.count for f in term.between(1, 2.5)] == [1, 2]
    assert [f.count for f in term.in_([1, 5, 77])] == [1, 5]
    assert len(term == None) == 0  # noqa: E711
    assert len(F.header["MISSING"] == None) == 6  # noqa: E711
    assert len((F.header["NAME"] > 5) | (F.header["MISSING"] > 5)) == 0
    assert len(F.header["NAME"].like("a*")) == 6
    with pytest.raises(AweTypeError, match="parentheses are missing"):
        operator.and_(0, term)
    with pytest.raises(AweTypeError, match="stands for all objects"):
        bool(term)
    with pytest.raises(AweTypeError, match="== None"):
        term > None  # noqa: B015


def test_a_key_without_a_column_says_that_it_loads_the_objects():
    with pytest.warns(AweWarning, match=r"every object is loaded.*key_columns"):
        F.header["N"] > 3  # noqa: B015


def test_terms_and_queries_tell_what_they_are():
    assert repr(F.EXPTIME) == "<MisuseFrame.EXPTIME: Exposure time [s] (float)>"
    assert "name" in dir(F.filter)
    assert "like" in dir(F.filter.name)
    assert "mean" in dir(F.parts)
    assert repr(F.count > 3) == "<Query on MisuseFrame: MisuseFrame.count > 3; 2 objects>"
