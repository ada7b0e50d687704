"""Stores that were written by other versions of the classes."""

import contextlib
import os
import subprocess
import sys
import textwrap

import pytest
from BTrees.IOBTree import IOBTree
from BTrees.OOBTree import OOBTree
from store_lab import LabNote, open_lab

from awe.store import records
from awe.store.records import Page, Shelf, Tree
from awe.store.storage import StoreError
from awe.store.verify import verify

_SETUP = """
import datetime, json, sys, warnings
from awe.base.errors import AweWarning
from awe.store import DBObject, OwnedRecord, UnknownObject, persistent
from awe.store import blocks
from awe.store.context import Context
from awe.store.verify import reindex, verify

blocks.TAIL_ROWS, blocks.LEVELS, blocks.LARGEST = 8, (8, 32, 128), 128
sys.path.insert(0, ".")


def value_of(obj, path):
    for name in path.split("."):
        obj = None if obj is None else getattr(obj, name)
    return obj


def agree(cls, *paths):
    '''Compare queries with a loop over the objects.'''
    everything = list(cls.select_all())
    for path in paths:
        term = value_of(cls, path)
        values = [value_of(o, path) for o in everything]
        for value in {v for v in values if v is not None}:
            for op in ("__eq__", "__le__", "__gt__"):
                wanted = [
                    o for o, v in zip(everything, values) if v is not None and getattr(v, op)(value)
                ]
                assert list(getattr(term, op)(value)) == wanted, (path, op, value)
        assert list(term == None) == [o for o, v in zip(everything, values) if v is None], path
        column = cls.select_all().table(path)[path]
        got = [None if m else v for v, m in zip(column.tolist(), column_mask(column))]
        assert got == values, (path, got, values)
    return everything


def clean():
    problems = verify(context)
    assert not problems, problems


def column_mask(column):
    return getattr(column, "mask", [False] * len(column))
"""

_FIRST = """
class Lamp(DBObject):
    abstract = False
    name = persistent("Name", str, unique=True)

class Part(OwnedRecord):
    gain = persistent("Gain", float)

class Stat(OwnedRecord):
    mean = persistent("Mean", float)
    count = persistent("Count", int)

class Frame(DBObject):
    pass

class Shot(Frame):
    abstract = False
    name = persistent("Name", str, unique=True)
    number = persistent("Number", int)
    mark = persistent("A mark", str, mutable=True)
    weight = persistent("Weight", int, unique=True)
    sizes = persistent("Sizes", [int])
    stat = persistent("Statistics", Stat)
    parts = persistent("Parts", [Part])
    lamp = persistent("Lamp", Lamp)
    comment = persistent("Comment", str, mutable=True)
"""

_SECOND = """
from lamps import Lamp

class Part(OwnedRecord):
    noise = persistent("Noise", float, 2.0)
    gain = persistent("Gain", float)

class Stat(OwnedRecord):
    noise = persistent("Noise", float, 0.5)
    mean = persistent("Mean", float)
    count = persistent("Count", float)

class Frame(DBObject):
    pass

class Shot(Frame):
    abstract = False
    name = persistent("Name", str, unique=True)
    number = persistent("Number", int)
    quality = persistent("Quality", int, 5, mutable=True)
    flags = persistent("Flags", [str], ["new"])
    weight = persistent("Weight", float, unique=True)
    sizes = persistent("Sizes", [float])
    stat = persistent("Statistics", Stat)
    parts = persistent("Parts", [Part])
    lamp = persistent("Lamp", Lamp)
    comment = persistent("Comment", str, mutable=True)
"""

_THIRD = (
    _SECOND.replace("class Shot(Frame):", "class Exposure(Frame):\n    former_names = ('Shot',)")
    .replace("int, 5, mutable", "int, 9, mutable".replace("'", '"'))
    .replace("float, 0.5)", "float, 0.7)")
    .replace("float, 2.0)", "float, 3.0)")
    .replace('["new"]', '["newer"]')
)

_MAKE = """
lamp = Lamp.select(name="L")[:1]
lamp = lamp[0] if lamp else Lamp(name="L")
def make(first, last, **values):
    made = [
        Shot(name=f"s{k}", number=k, weight=k, sizes=[k, k + 1][: k % 3],
             lamp=lamp if k % 2 else None,
             stat=Stat(mean=float(k), count=k) if k % 3 else None,
             parts=[Part(gain=float(k))] * (k % 4), **values)
        for k in range(first, last)
    ]
    context.commit(made)
    return made
"""


@pytest.fixture
def run(tmp_path):
    """Give a function that runs code in a new process, on one store."""
    (tmp_path / "lamps.py").write_text(
        "from awe.store import DBObject, persistent\n"
        "class Lamp(DBObject):\n"
        "    abstract = False\n"
        "    name = persistent('Name', str, unique=True)\n"
    )

    def call(*parts, warn="error"):
        opened = "context = Context('store', 'data', 'me')\n"
        code = "\n".join([_SETUP, *map(textwrap.dedent, parts[:1]), opened, *parts[1:]])
        (tmp_path / "script.py").write_text(code)
        done = subprocess.run(
            [sys.executable, "-W", warn, "script.py"],
            cwd=tmp_path, capture_output=True, text=True, timeout=100, env=os.environ,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout.split()

    return call


@pytest.fixture
def old_store(run):
    """Make a store by the first version of the classes."""
    run(_FIRST, _MAKE, "make(0, 12, mark='m'); make(12, 20); clean()")
    return run


_PATHS = '"number", "weight", "stat.mean", "stat.count", "comment", "lamp.name"'


def test_the_second_version_reads_the_first(old_store):
    old_store(
        _SECOND,
        _MAKE,
        f"""
everything = agree(Shot, {_PATHS}, "quality", "stat.noise")
assert len(everything) == 20
assert {{s.quality for s in everything}} == {{5}}
assert all(s.flags == ("new",) for s in everything)
assert all(s.stat is None or s.stat.noise == 0.5 for s in everything)
assert all(type(s.weight) is float for s in everything)
assert all(type(x) is float for s in everything for x in s.sizes)
assert everything[7].sizes == (7.0,) and everything[7].parts[2].gain == 7.0
assert {{p.noise for s in everything for p in s.parts}} == {{2.0}}
assert len(Shot.flags.contains("new")) == 20
assert len(Shot.sizes.contains(7.0)) == 1, len(Shot.sizes.contains(7.0))
assert not hasattr(everything[0], "mark")
clean()
""",
    )


@pytest.mark.heavy
def test_rows_of_both_versions_stand_together(old_store):
    check = f"""
everything = agree(Shot, {_PATHS}, "quality", "stat.noise")
assert [s.quality for s in everything] == [5] * 20 + [7] * 15, [s.quality for s in everything]
assert sum(len(s.parts) for s in everything) == sum(k % 4 for k in range(35))
clean()
"""
    old_store(
        _SECOND,
        _MAKE,
        "make(20, 24, quality=7)",
        "make(24, 35, quality=7)",
        check,
        "assert reindex(context) > 35",
        check,
        "Shot(name='x', number=1, weight=3.5, stat=Stat(noise=0.1)).commit()",
        "assert [s.name for s in (Shot.stat.noise < 0.2)] == ['x']",
        "import pytest\nwith pytest.raises(ValueError): Shot(name='y', weight=3.0).commit()",
        "clean()",
    )


def test_a_default_counts_from_the_day_it_was_added(old_store):
    # Any commit of the second version records its defaults, also one of another class.
    old_store(_SECOND, "Lamp(name='other').commit()")
    old_store(
        _THIRD,
        f"""
everything = agree(Exposure, {_PATHS}, "quality", "stat.noise")
assert len(everything) == 20
assert {{s.quality for s in everything}} == {{5}}
assert {{s.flags for s in everything}} == {{("new",)}}
assert {{p.noise for s in everything for p in s.parts}} == {{2.0}}
assert {{s.stat.noise for s in everything if s.stat}} == {{0.5}}
Exposure(name="e", weight=100).commit()
Exposure(name="f", weight=101, stat=Stat(mean=1.0), parts=[Part(gain=1.0)]).commit()
last = Exposure.get(name="f")
assert (last.quality, last.flags, last.stat.noise, last.parts[0].noise) == (9, ("newer",), 0.7, 3.0)
first = Exposure.get(name="s1")
assert first.quality == 5 and first.lamp.name == "L"
first.quality = 6
first.commit()
assert first.stat.noise == 0.5
assert len(Exposure.quality == 5) == 19 and len(Exposure.quality == 9) == 2
agree(Exposure, {_PATHS}, "quality", "stat.noise")
assert len(Frame.select_all()) == 22
clean()
reindex(context)
agree(Exposure, {_PATHS}, "quality", "stat.noise")
clean()
""",
    )


@pytest.mark.heavy
def test_older_code_loses_nothing_of_what_newer_code_wrote(old_store):
    old_store(_SECOND, _MAKE, "make(20, 23, quality=7)")
    old_store(
        _FIRST,
        _MAKE,
        """
shot = Shot.get(name="s21")
shot.comment = "by older code"
shot.mark = "m21"
shot.commit()
make(23, 40)
clean()
""",
    )
    old_store(
        _SECOND,
        _MAKE,
        f"""
everything = agree(Shot, {_PATHS}, "quality", "stat.noise")
assert [s.quality for s in everything] == [5] * 20 + [7] * 3 + [5] * 17
assert Shot.get(name="s21").comment == "by older code"
shot = Shot.get(name="s21")
shot.comment = "by newer code"
shot.commit()
clean()
""",
    )
    old_store(
        _FIRST,
        """
shot = Shot.get(name="s21")
assert (shot.mark, shot.comment) == ("m21", "by newer code")
assert len(Shot.mark == "m21") == 1
assert len(Shot.mark == "m") == 12
root = context.session.root
assert len(root.schemas["Shot"].layouts) <= 6, len(root.schemas["Shot"].layouts)
clean()
""",
    )


def test_a_class_of_somebody_else_is_absent(old_store):
    without = """
class Frame(DBObject):
    pass

class Plan(DBObject):
    abstract = False
    name = persistent("Name", str)
    frame = persistent("Frame", Frame)
"""
    old_store(
        _FIRST + without.replace("class Frame(DBObject):\n    pass\n", ""),
        "Plan(name='p', frame=Shot.get(name='s3')).commit()",
    )
    told = old_store(
        without,
        """
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    assert len(Frame.select_all()) == 0
    assert list(Frame.select_all()) == []
(warning,) = caught
assert issubclass(warning.category, AweWarning)
assert "20 objects of the class Shot, a kind of Frame, are left out" in str(warning.message)
plan = Plan.get(name="p")
unknown = plan.frame
assert isinstance(unknown, UnknownObject), unknown
assert "Shot" in repr(unknown) and "not known here" in repr(unknown)
assert unknown.values()["name"] == "s3"
assert unknown.class_name == "Shot"
assert Frame[unknown.object_id] is unknown
clean()
reindex(context)
clean()
print(unknown.object_id)
""",
        warn="default",
    )
    old_store(
        _FIRST,
        f"shot = Shot[{told[-1]!r}]",
        f"assert shot.name == 's3'; agree(Shot, {_PATHS}); clean()",
    )


@pytest.mark.heavy
def test_a_type_that_cannot_be_read_as_another_is_refused(old_store):
    changed = _FIRST.replace('"Number", int', '"Number", str')
    nested = _FIRST.replace('"Mean", float', '"Mean", str')
    for classes, name in ((changed, "Shot.number"), (nested, "Shot.stat")):
        old_store(
            classes,
            f"""
import pytest
with pytest.raises(TypeError, match={name!r}) as caught:
    Shot(name="x").commit()
assert "another name" in str(caught.value)
""",
        )


@pytest.mark.heavy
def test_an_attribute_that_comes_back(old_store):
    without = _FIRST.replace('    number = persistent("Number", int)\n', "")
    back = _FIRST.replace('"Number", int', '"Number", int, 8')
    old_store(without, "Shot(name='a', weight=100).commit()")
    old_store(back, "Shot(name='b', weight=101).commit(); assert Shot.get(name='a').number == 8")
    old_store(
        _FIRST.replace('"Number", int', '"Number", int, 9'),
        """
assert [Shot.get(name=n).number for n in ("s3", "a", "b")] == [3, 8, 8]
assert len(Shot.number == 8) == 3
clean()
""",
    )


def test_a_store_of_a_newer_version_is_refused(run):
    run("", "context.session.root.version = 99; context.session.commit_transaction()")
    run(
        """
import pytest
from awe.store.storage import StoreError
with pytest.raises(StoreError) as caught:
    Context('store', 'data', 'me')
sentence = str(caught.value).splitlines()[0]
assert "newer awe (version 99" in sentence and sentence.count(". ") == 0, sentence
sys.exit(0)
"""
    )


def test_a_class_that_is_declared_again_takes_the_place_of_the_first(run):
    run(
        _FIRST,
        "Shot(name='a', weight=1).commit()",
        _SECOND,
        "assert Shot.get(name='a').quality == 5",
        "assert type(Shot.get(name='a')) is Shot and type(Shot.get(name='a').weight) is float",
        "Shot(name='b', weight=2).commit(); assert len(Shot.quality == 5) == 2",
        "clean()",
    )


_KEYED = """
class Plate(DBObject):
    abstract = False
    name = persistent("Name", str, unique=True)
    header = persistent("Header", dict, mutable=True)
    key_columns = {"header": {"RA": float, "ESO DET.ID": int, "GONE": str}}
"""


def test_a_key_column_declared_later_has_the_values_of_old_rows(run):
    before = _KEYED.replace("key_columns", "_not_yet")
    made = """
def make(first, last):
    context.commit([
        Plate(name=f"p{n}", header={"RA": n / 2, "ESO DET.ID": n, "GONE": n} if n % 5 else None)
        for n in range(first, last)
    ])

def right():
    plates = list(Plate.select_all())
    for key, type_ in (("RA", float), ("ESO DET.ID", int), ("GONE", str)):
        values = [None if p.header is None else p.header[key] for p in plates]
        values = [v if type(v) is type_ else None for v in values]
        assert list(Plate.header[key] == None) == [p for p, v in zip(plates, values) if v is None]
        if type_ is not str:
            above = [p for p, v in zip(plates, values) if v is not None and v > 3]
            assert list(Plate.header[key] > 3) == above, key
    clean()
    return len(plates)
"""
    run(before, made, "make(0, 18); context.delete([Plate.get(name='p6')], why='so')")
    # Older rows in segments and in the tail, then rows of both kinds joined in one segment.
    run(
        _KEYED, made, "assert right() == 17; make(18, 19); assert right() == 18",
        "p = Plate.get(name='p7'); p.header = {'RA': 99.0, 'ESO DET.ID': 7, 'GONE': 7}",
        "context.commit(); assert [p] == list(Plate.header['RA'] == 99.0)",
        "make(19, 45); assert right() == 44",
    )  # fmt: skip
    run("", "assert reindex(context) > 40")
    run(_KEYED, made, "assert right() == 44; assert reindex(context) > 40; assert right() == 44")


def _as_version(folder, version, change):
    """Make a store, and give it the records that a former version had."""
    with contextlib.closing(open_lab(folder)) as context:
        context.commit([LabNote(name=f"n{k}", value=float(k)) for k in range(200)])
        session = context.session
        change(session)
        session.root.version = version
        session.commit_transaction()


def test_a_store_of_version_1_is_refused_in_one_sentence(tmp_path):
    def change(session):
        session.root.names, session.root.extents = IOBTree(), IOBTree()
        session.root.schemas, session.root.unique = OOBTree(), OOBTree()

    _as_version(tmp_path, 1, change)
    with pytest.raises(StoreError, match=r"trial version of awe .version 1 ") as caught:
        open_lab(tmp_path)
    sentence, remedy = str(caught.value).splitlines()
    assert ". " not in sentence
    assert "AWE_HOME" in remedy


def test_a_store_of_version_2_is_read_and_written(tmp_path):
    def change(session):
        extent = session.extent(LabNote)
        tree = Tree("L")
        tree.tree.update({n: extent.page(n) for n in range(7)})
        extent._pages, extent._last_pages = tree, {}

    _as_version(tmp_path, 2, change)
    with contextlib.closing(open_lab(tmp_path)) as context:
        assert context.session.root.version == 2
        assert LabNote.get(name="n199").value == 199.0
        context.commit([LabNote(name=f"m{k}") for k in range(100)])
        assert context.session.root.version == 3
        assert len(LabNote.name == "m99") == len(LabNote.name == "n99") == 1
        assert verify(context) == []


def test_pages_stand_in_a_tree_that_grows(monkeypatch):
    monkeypatch.setattr(records, "_WIDTH", 3)
    shelf = Shelf()
    for number in range(40):
        assert shelf.get(number) is None
        shelf[number] = page = Page()
        assert shelf[number] is page
    pages = [shelf[number] for number in range(40)]
    assert len(set(map(id, pages))) == 40
    assert shelf.get(-1) is None
    with pytest.raises(KeyError):
        shelf[40]
