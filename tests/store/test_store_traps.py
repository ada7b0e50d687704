"""Traps of the storage that were met before, each with its cure."""

import contextlib
import os
import random
import shutil
import sqlite3
import traceback
from pathlib import Path

import numpy as np
import pytest
from store_lab import LabNote, LabStat, finish, make_frame, open_lab, open_new, start

from awe.store import blocks, plain, storage
from awe.store.storage import StoreError, file_system_of
from awe.store.verify import reindex, verify


@pytest.fixture
def lab(tmp_path):
    """Give the context of a new store."""
    context = open_new(tmp_path)
    yield context
    context.close()


# --- the file with the numbers of records ---


@pytest.mark.parametrize(
    "damage", ["old", *(pytest.param(d, marks=pytest.mark.heavy) for d in ("lost", "empty"))]
)
def test_numbers_of_records_are_never_given_twice(tmp_path, damage):
    store = tmp_path / "store"
    with contextlib.closing(open_lab(tmp_path)) as context:
        context.commit([LabNote(name=f"a{k}", extra={"k": k}) for k in range(50)])
    shutil.copy(store / "oids.sqlite3", tmp_path / "old")
    with contextlib.closing(open_lab(tmp_path)) as context:
        context.commit([LabNote(name=f"b{k}", extra={"k": k}) for k in range(500)])
    if damage == "lost":
        (store / "oids.sqlite3").unlink()
    elif damage == "old":
        shutil.copy(tmp_path / "old", store / "oids.sqlite3")
    else:
        (store / "oids.sqlite3").write_bytes(b"")
    for name in ("c", "d"):
        with contextlib.closing(open_lab(tmp_path)) as context:
            context.commit([LabNote(name=f"{name}{k}", extra={"k": -k}) for k in range(300)])
            note = LabNote.get(name=f"{name}0")
            note.value = 7.0
            context.commit()
    with contextlib.closing(open_lab(tmp_path)) as context:
        assert len(LabNote.select_all()) == 1150
        for letter, count, sign in (("a", 50, 1), ("b", 500, 1), ("c", 300, -1), ("d", 300, -1)):
            for k in range(0, count, 49):
                assert LabNote.get(name=f"{letter}{k}").extra == {"k": sign * k}
        assert len(LabNote.value == 7.0) == 2
        assert verify(context) == []


# --- the write-ahead log ---


def test_an_idle_session_does_not_pin_the_log(lab, tmp_path):
    log = tmp_path / "store" / "main.sqlite3-wal"
    main = tmp_path / "store" / "main.sqlite3"
    assert len(LabNote.select_all()) == 0
    pinned = main.stat().st_size
    finish(start("notes", "-", tmp_path, "w", 150))
    # SQLite folds the log back at 4 MB, but not under a snapshot that somebody holds.
    assert main.stat().st_size == pinned
    held = log.stat().st_size
    assert held > 4_200_000
    assert len(LabNote.select_all()) == 0
    lab.session.end()
    assert not lab.session.in_snapshot
    finish(start("notes", "-", tmp_path, "v", 50))
    assert main.stat().st_size > pinned
    # What was folded back is written over; the log grows no further.
    assert log.stat().st_size <= held + 100_000
    assert len(LabNote.select_all()) == 200


# --- fork ---


def _in_child(function):
    """Run a function in a child of fork(); give what it returned or raised, as text."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            told = function()
        except BaseException:  # noqa: BLE001  # the parent gets it
            told = traceback.format_exc()
        os.write(writing, str(told).encode()[:4000])
        os._exit(0)
    os.close(writing)
    with open(reading, "rb") as stream:
        told = stream.read().decode()
    os.waitpid(pid, 0)
    return told


def test_a_handle_is_not_used_on_both_sides_of_a_fork(lab, tmp_path):
    note = LabNote(name="before", value=1.0)
    note.commit()
    lab.refresh()

    told = _in_child(lambda: len(LabNote.select_all()))
    assert "StoreError" in told
    assert "context.reopen()" in told
    assert "StoreError" in _in_child(lambda: LabNote(name="x").commit())
    assert "StoreError" in _in_child(lab.refresh)
    assert _in_child(lab.session.end) == "None"

    def work():
        lab.reopen()
        LabNote(name="child", value=2.0).commit()
        found = sorted(n.name for n in LabNote.select_all())
        lab.close()
        return found

    assert _in_child(work) == "['before', 'child']"
    assert note.value == 1.0
    LabNote(name="after").commit()
    assert sorted(n.name for n in LabNote.select_all()) == ["after", "before", "child"]
    assert verify(lab) == []


def test_a_child_leaves_the_files_that_wait_in_the_parent(lab, tmp_path):
    frame = make_frame(tmp_path, "a.fits", number=1)
    (staged,) = frame.prepare_files(lab)

    def drop():
        nonlocal frame, staged
        frame = staged = None
        return "gone"

    assert _in_child(drop) == "gone"
    assert staged.temporary.exists()
    frame.commit()
    assert frame.path().read_bytes() == b"a.fits" * 20
    assert not staged.temporary.exists()


# --- a crash of the machine ---


def test_what_was_acknowledged_outlives_it(waits_for_the_disk, tmp_path, monkeypatch):
    """On the disk are the file's bytes, the folder that names it, and the log of the database."""
    sync, setting = waits_for_the_disk
    synced = []

    def keep(descriptor):
        synced.append(Path(os.readlink(f"/proc/self/fd/{descriptor}")))
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", keep)
    monkeypatch.setitem(storage._PRAGMAS, "synchronous", setting)
    with contextlib.closing(open_lab(tmp_path)) as context:
        frame = make_frame(tmp_path, "a.fits", number=1).commit()
        assert [p.parent.parent.name for p in synced[:1]] == ["incoming"]
        assert frame.path().parent in synced
        manager = context.session._connection._storage._adapter.connmanager
        connection, cursor = manager.open_for_store()
        assert cursor.execute("PRAGMA synchronous").fetchall() == [(2,)]
        manager.close(connection, cursor)


# --- network file systems ---

_MOUNTS = """\
/dev/sda1 / ext4 rw 0 0
server:/home /home nfs4 rw 0 0
/dev/sdb1 /home/local xfs rw 0 0
me@host: /mnt/with\\040space fuse.sshfs rw 0 0
broken line
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/tmp/x", "ext4"),
        ("/home/me/.awe", "nfs4"),
        ("/homestead", "ext4"),
        ("/home/local/awe", "xfs"),
        ("/mnt/with space/awe", "fuse.sshfs"),
    ],
)
def test_file_systems_are_told_from_the_table_of_mounts(tmp_path, path, kind):
    table = tmp_path / "mounts"
    table.write_text(_MOUNTS)
    assert file_system_of(path, table) == kind
    assert file_system_of(path, tmp_path / "none") == ""


def test_a_store_on_a_network_file_system_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("awe.store.storage.file_system_of", lambda path: "nfs4")
    with pytest.raises(StoreError, match=r"network file system \(nfs4\)") as caught:
        open_lab(tmp_path)
    assert "AWE_STORE" in str(caught.value)
    assert not (tmp_path / "store" / "main.sqlite3").exists()


# --- NumPy scalars ---


def test_numpy_scalars_never_reach_a_record(lab, tmp_path):
    notes = [
        LabNote(
            name=np.str_(f"n{k}"), value=np.float32(k),
            extra={"f": np.float64(k), "i": np.int16(k), "b": np.bool_(True), "a": np.arange(2)},
        )
        for k in range(3)
    ]  # fmt: skip
    lab.commit(notes)
    frame = make_frame(
        tmp_path, "a.fits", number=np.int64(3), EXPTIME=np.float64(1.5),
        DATE_OBS=np.str_("2012-01-01"), imstat=LabStat(mean=np.float32(0.5), count=np.uint8(4)),
        tags=np.array(["a", "b"]), inputs=[], is_valid=np.int32(1),
    )  # fmt: skip
    frame.commit()
    frame.is_valid = np.int8(0)
    frame.tags = [np.str_("c")]
    notes[0].value = np.float64(9.0)
    notes[1].edit("extra")["g"] = np.float32(2.0)
    lab.commit(why=np.str_("because"))
    lab.delete([notes[2]], why=np.str_("no use"))
    reindex(lab)
    lab.session._connection.cacheMinimize()
    lab.refresh()
    assert verify(lab) == []
    assert frame.history()[0].why == "because"
    assert notes[1].extra["g"] == 2.0
    path = tmp_path / "store" / "main.sqlite3"
    with contextlib.closing(sqlite3.connect(path)) as database:
        for (state,) in database.execute("SELECT state FROM object_state"):
            assert b"numpy" not in state


@pytest.mark.parametrize("value", [np.float64(2.5), np.int64(3), np.bool_(True), np.str_("x")])
def test_plain_records_hold_python_values_only(value):
    read = plain.loads(plain.dumps(((value,), {"a": [value]})))
    inner = read[0][0]
    assert inner == value
    assert type(inner).__module__ == "builtins"


@pytest.mark.parametrize("value", [object(), 1j, print, np.zeros, type])
def test_what_could_not_be_read_back_is_not_written(value):
    with pytest.raises(TypeError):
        plain.dumps((value,))


# --- columns that were read before ---


@pytest.mark.parametrize("seed", [1, *(pytest.param(k, marks=pytest.mark.heavy) for k in (2, 3))])
def test_columns_in_memory_are_never_stale(lab, tmp_path, monkeypatch, seed):
    monkeypatch.setattr(blocks, "TAIL_ROWS", 7)
    monkeypatch.setattr(blocks, "LEVELS", (7, 28, 112))
    monkeypatch.setattr(blocks, "LARGEST", 112)
    rng = random.Random(seed)
    known, alive = {}, []
    for number in range(120):
        action = rng.random()
        if action < 0.55 or not alive:
            made = [
                LabNote(
                    name=f"{number}-{k}", value=rng.choice([None, float("nan"), rng.random()]),
                    text=rng.choice(["a", "b", None, f"t{number}"]),
                    about=rng.choice([*alive, None]),
                )
                for k in range(rng.choice([1, 1, 2, 9]))
            ]  # fmt: skip
            lab.commit(made)
            alive += made
            known |= {n.name: n for n in made}
        elif action < 0.9:
            note = rng.choice(alive)
            note.value = rng.random()
            note.text = rng.choice(["c", "d", None])
            note.extra = {"n": number}
            lab.commit()
        else:
            lonely = [n for n in alive if not n.inverse_objects()]
            note = rng.choice(lonely)
            alive.remove(note)
            del known[note.name]
            lab.delete([note])
        if number % 7 == 0:
            _compare_with_the_objects(known)
    assert verify(lab) == []
    _compare_with_the_objects(known)
    with contextlib.closing(open_lab(tmp_path)):
        table = LabNote.select_all().table("name", "text")
        assert sorted(table["name"]) == sorted(known)


def _compare_with_the_objects(known):
    everything = LabNote.select_all()
    assert len(everything) == len(known)
    table = everything.table("name", "value", "text", "about.name")
    for row in table:
        note = known[row["name"]]
        assert row["text"] is np.ma.masked if note.text is None else row["text"] == note.text
        about = None if note.about is None else note.about.name
        assert row["about.name"] is np.ma.masked if about is None else row["about.name"] == about
        missing = note.value is None or note.value != note.value
        assert row["value"] is np.ma.masked if missing else row["value"] == note.value
    for text in ("a", "b", "c", None):
        wanted = {n.name for n in known.values() if n.text == text}
        assert {n.name for n in (LabNote.text == text)} == wanted
    assert len(LabNote.value > 0.5) == sum(
        n.value is not None and n.value > 0.5 for n in known.values()
    )
