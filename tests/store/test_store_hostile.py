"""A record that asks for code is refused and never run, wherever it lies."""

import contextlib
import logging
import os
import pickle
import shutil
import sqlite3

import pytest
from relstorage.adapters.sqlite.batch import Sqlite3RowBatcher
from store_lab import LabNote, open_lab
from ZODB.utils import u64

from awe.store import plain
from awe.store.housekeeping import sweep
from awe.store.plain import HostileRecordError
from awe.store.storage import make_transaction_manager, open_database
from awe.store.verify import reindex, verify


class _Attack:
    """Pickles to a call of os.system."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return os.system, (f"touch {self.marker}",)


def _call(marker):
    return pickle.dumps(_Attack(marker), protocol=3)


def _class_of(name):
    return b"\x80\x03cawe.store.records\n" + name + b"\nq\x00."


def _as_class(marker, name):
    """Give a record whose class is the outcome of a call."""
    return _call(marker) + pickle.dumps({}, protocol=3)


def _as_state(marker, name):
    """Give a record of the right class whose state is the outcome of a call."""
    return _class_of(name) + _call(marker)


def _as_reference(marker, name):
    """Give a record that refers to another whose class is a function of os."""
    reference = b"\x80\x03C\x08\0\0\0\0\0\0\0\x01cposix\nsystem\n\x86Q."
    return _class_of(name) + reference


def _as_new_object(marker, name):
    """Give a record that makes its class out of a name and calls it."""
    command = f"touch {marker}".encode()
    made = b"\x80\x03cos\nsystem\nX" + len(command).to_bytes(4, "little") + command + b"\x85\x81."
    return made + pickle.dumps({}, protocol=3)


_FORMS = [_as_class, _as_state, _as_reference, _as_new_object]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """Make a store that has something of everything; give it and its records' numbers."""
    folder = tmp_path_factory.mktemp("prepared")
    with contextlib.closing(open_lab(folder)) as context:
        first = LabNote(name="first", extra={"a": 1}, value=1.0)
        context.commit([LabNote(name=f"n{k}", value=float(k), about=first) for k in range(1100)])
        first.value = 2.0
        context.commit(why="so")
        lonely = LabNote(name="lonely")
        lonely.commit()
        context.delete([lonely])
        session = context.session
        root, extent = session.root, session.extent(LabNote)
        records = {
            "zodb root": session._connection.root(),
            "root": root,
            "clock": root.clock,
            "schema": session.schema(LabNote),
            "extent": extent,
            "page": extent.pages[0],
            "segment": extent.segments[0],
            "column": extent.segments[0].columns["name"],
            "child": session.children(first._packed)["extra"],
            "unique": root.unique["LabNote:name"],
            "tree": root.names,
        }
        numbers = {name: (u64(r._p_oid), type(r).__name__) for name, r in records.items()}
    return folder, numbers


@pytest.fixture
def victim(prepared, tmp_path):
    """Give a copy of the prepared store, and its records' numbers."""
    folder, numbers = prepared
    shutil.copytree(folder / "store", tmp_path / "store")
    return tmp_path, numbers


def _poison(folder, number, state):
    with contextlib.closing(sqlite3.connect(folder / "store" / "main.sqlite3")) as database:
        done = database.execute(
            "UPDATE object_state SET state = ?, state_size = ? WHERE zoid = ?",
            (state, len(state), number),
        )
        assert done.rowcount == 1
        database.commit()


def _use_everything(folder):
    """Do all that a user can; give what was refused."""
    refused = []

    def attempt(function, *arguments):
        try:
            answer = function(*arguments)
        except HostileRecordError as err:
            refused.append(str(err))
            return None
        if function is verify:
            refused.extend(p for p in answer if "was not" in p)
        return answer

    context = attempt(open_lab, folder)
    if context is None:
        return refused
    try:
        attempt(lambda: len(LabNote.select_all()))
        attempt(lambda: len(LabNote.name == "n7"))
        attempt(lambda: len(LabNote.about.name == "first"))
        attempt(lambda: [(n.name, n.extra, n.history()) for n in LabNote.name.like("f*")])
        attempt(lambda: LabNote.select_all().table("name", "value"))
        attempt(lambda: LabNote(name="more").commit())
        attempt(lambda: LabNote(name="n7").commit() if not refused else None)
        attempt(verify, context)
        attempt(sweep, context)
        attempt(reindex, context)
    except (TypeError, AttributeError, KeyError, ValueError) as err:
        # Once the store is in pieces what is left of it need not make sense.
        if not refused:
            raise AssertionError(f"{type(err).__name__}: {err}") from err
    finally:
        context.close()
    return refused


_RECORDS = [
    "zodb root", "root", "clock", "schema", "extent", "page", "segment", "column", "child",
    "unique",
]  # fmt: skip


def _cases():
    """Give each record with each form; a few are quick."""
    for at, record in enumerate(_RECORDS):
        for number, form in enumerate(_FORMS):
            quick = at in (0, 5, 7, 8) and number == at % len(_FORMS)
            marks = () if quick else (pytest.mark.heavy,)
            name = f"{record.replace(' ', '-')}-{form.__name__.strip('_')}"
            yield pytest.param(record, form, marks=marks, id=name)


@pytest.mark.parametrize(("record", "form"), list(_cases()))
def test_a_record_written_past_awe_is_refused(victim, record, form, caplog):
    folder, numbers = victim
    caplog.set_level(logging.CRITICAL)
    marker = folder / "owned"
    number, name = numbers[record]
    state = form(marker, name.encode())
    if name == "PersistentMapping":
        state = state.replace(b"awe.store.records", b"persistent.mapping")
    _poison(folder, number, state)
    refused = _use_everything(folder)
    assert not marker.exists()
    assert refused
    assert any("system" in text for text in refused)


def _nested(kind, marker):
    """Give the state of a record whose bytes hold a call."""
    call = _call(marker)
    return {
        "page": (b"Page", (call, None)),
        "column": (b"ColumnRecord", {"_packed": call}),
        "child": (b"Child", call),
    }[kind]


@pytest.mark.heavy
@pytest.mark.parametrize("kind", ["page", "column", "child"])
def test_bytes_inside_a_record_are_not_run(victim, kind, caplog):
    folder, numbers = victim
    marker = folder / "owned"
    name, state = _nested(kind, marker)
    _poison(folder, numbers[kind][0], _class_of(name) + pickle.dumps(state, protocol=3))
    refused = _use_everything(folder)
    assert not marker.exists()
    assert any("system" in text for text in refused)


def test_resolution_of_conflicts_runs_nothing(victim, caplog):
    caplog.set_level(logging.CRITICAL)
    folder, numbers = victim
    marker = folder / "owned"
    database = open_database(folder / "store")
    manager = make_transaction_manager()
    connection = database.open(manager)
    manager.begin()
    names = connection.root()["awe"].names
    names[999] = "mine"
    number, _ = numbers["tree"]
    hostile = b"\x80\x03cBTrees.IOBTree\nIOBTree\nq\x00." + _call(marker)
    with contextlib.closing(sqlite3.connect(folder / "store" / "main.sqlite3")) as other:
        other.execute(
            "UPDATE object_state SET state = ?, state_size = ?, tid = tid + 1 WHERE zoid = ?",
            (hostile, len(hostile), number),
        )
        other.commit()
    with pytest.raises(Exception, match=r"onflict|posix\.system"):
        manager.commit()
    manager.abort()
    connection.close()
    manager.begin()
    database.close()
    assert not marker.exists()


def test_plain_bytes_build_values_only(tmp_path):
    marker = tmp_path / "owned"
    for data in (_call(marker), b"\x80\x04\x95junk", b"", b"(lp0\nP1\n.", b"cos\nsystem\n."):
        with pytest.raises(HostileRecordError):
            plain.loads(data)
    assert not marker.exists()


def test_the_attack_of_these_tests_works_where_nobody_guards(tmp_path):
    marker = tmp_path / "owned"
    pickle.loads(_call(marker))  # noqa: S301  # on purpose
    assert marker.exists()


@pytest.mark.heavy
def test_sweep_writes_its_batches_whole(tmp_path, monkeypatch):
    # RelStorage's own batches end in an INSERT without values where they are full at the wrong
    # moment, as those of a large store are somewhere; batches of a few values are at once.
    monkeypatch.setattr(Sqlite3RowBatcher, "bind_limit", 6)
    with contextlib.closing(open_lab(tmp_path)) as context:
        context.commit([LabNote(name=f"n{k}", value=float(k)) for k in range(1200)])
        LabNote.get(name="n7").value = -1.0
        context.commit()
        with pytest.raises(sqlite3.OperationalError):
            context.session._database.pack()
        assert sweep(context) >= 1
        assert len(LabNote.select_all()) == 1200
        assert verify(context) == []


@pytest.mark.heavy
def test_reindex_leaves_no_former_columns(tmp_path):
    with contextlib.closing(open_lab(tmp_path)) as context:
        context.commit([LabNote(name=f"n{k}", value=float(k)) for k in range(1200)])
        before = context.session._database.objectCount()
        for _ in range(3):
            reindex(context)
        assert context.session._database.objectCount() <= before
        assert sweep(context) == 0


@pytest.mark.heavy
def test_sweep_removes_what_nothing_refers_to(tmp_path):
    with contextlib.closing(open_lab(tmp_path)) as context:
        context.commit([LabNote(name=f"n{k}", value=float(k)) for k in range(1200)])
        note = LabNote.get(name="n7")
        for k in range(20):
            note.value = float(-k)
            context.commit()
        assert sweep(context) >= 15
        assert sweep(context) == 0
        assert note.value == -19.0
        assert verify(context) == []
