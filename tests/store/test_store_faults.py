"""Commits that fail leave objects, store and files as they were."""

import contextlib
import datetime
import errno
import os
import random
import resource
import signal
import subprocess
import sys
import threading
import time
import weakref

import pytest
from store_lab import LabFrame, LabNote, make_frame, open_lab, open_new

from awe.base.errors import AwePermissionError
from awe.base.interrupts import press_again
from awe.store.commit import UniqueError
from awe.store.files import FileStore, FileStoreError
from awe.store.staging import DESK_LOCK
from awe.store.storage import StoreError
from awe.store.verify import verify


@pytest.fixture
def lab(tmp_path):
    """Give the context of a new store."""
    context = open_new(tmp_path)
    yield context
    context.close()


def _files(folder):
    """Give the files in their places, and those that wait."""
    found = [p for p in (folder / "data").rglob("*") if p.is_file() and p.name != DESK_LOCK]
    waiting = [p for p in found if "incoming" in p.parts]
    return [p for p in found if p not in waiting], waiting


@contextlib.contextmanager
def _largest_file(size):
    """Let no file of this process grow beyond a size: the kernel refuses, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


# --- read-only ---


def test_a_store_that_may_only_be_read(lab, tmp_path, monkeypatch):
    frame = make_frame(tmp_path, "a.fits", b"a" * 1000, number=1)
    note = LabNote(text="x")

    def refused(path, *rest):
        raise OSError(errno.EROFS, "Read-only file system", str(path))

    with monkeypatch.context() as patched:
        patched.setattr("os.open", refused)
        with pytest.raises(FileStoreError, match=r"a\.fits could not be written .* Read-only"):
            frame.commit()
        with pytest.raises(StoreError, match=r"You may read the store .*, not write it: Read-only"):
            note.commit()
    assert [frame.is_committed, note.is_committed] == [False, False]
    lab.commit(frame, note)
    assert frame.is_committed
    assert len(LabNote.text == "x") == 1


# --- full disk ---


def test_a_file_that_does_not_fit(lab, tmp_path):
    frames = [
        make_frame(tmp_path, "a.fits", b"a" * 1000, number=1),
        make_frame(tmp_path, "b.fits", b"b" * 200_000, number=2),
    ]
    with (
        _largest_file(100_000),
        pytest.raises(FileStoreError, match=r"b\.fits could not be written"),
    ):
        lab.commit(frames)
    placed, waiting = _files(tmp_path)
    assert placed == []
    assert len(waiting) == 1
    assert not any(f.is_committed for f in frames)
    assert len(LabFrame.select_all()) == 0
    lab.commit(frames)
    assert [f.path().stat().st_size for f in frames] == [1000, 200_000]
    assert _files(tmp_path)[1] == []
    assert verify(lab) == []


def test_a_database_that_cannot_grow(lab, tmp_path):
    kept = make_frame(tmp_path, "kept.fits", number=0)
    kept.commit()
    kept.comment = "edited"
    frame = make_frame(tmp_path, "a.fits", number=1, header={"long": "x" * 6_000_000})
    log = tmp_path / "store" / "main.sqlite3-wal"
    with (
        _largest_file(log.stat().st_size + 1_000_000),
        pytest.raises(StoreError, match="could not be written") as caught,
    ):
        lab.commit(frame, kept)
    assert "commit again" in str(caught.value)
    assert not frame.is_committed
    assert frame._packed == 0
    assert kept.is_edited
    assert kept.comment == "edited"
    assert kept.stored_value("comment") is None
    assert len(LabFrame.select_all()) == 1
    assert len(_files(tmp_path)[0]) == 1
    lab.commit(frame, kept)
    assert frame.is_committed
    assert not kept.is_edited
    assert [c.new for c in kept.history()] == ["edited"]
    assert len(frame.header["long"]) == 6_000_000
    assert len(LabFrame.select_all()) == 2
    assert verify(lab) == []


def test_a_full_disk(tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", small], capture_output=True, text=True
    )
    if mounted.returncode:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.strip()}")
    try:
        with contextlib.closing(open_lab(small)) as context:
            ballast = small / "ballast"
            notes = [LabNote(name=f"n{k}", extra={"x": os.urandom(20_000).hex()}) for k in range(9)]
            frame = make_frame(tmp_path, "a.fits", number=1)
            room = os.statvfs(small)
            ballast.write_bytes(b"0" * (room.f_bavail * room.f_frsize - 150_000))
            with pytest.raises(StoreError, match="could not be written"):
                context.commit(notes, frame)
            assert not any(n.is_committed for n in (*notes, frame))
            assert len(LabNote.select_all()) == 0
            ballast.unlink()
            context.commit(notes, frame)
            assert len(LabNote.select_all()) == 9
            assert verify(context) == []
    finally:
        subprocess.run(["umount", "-l", small], check=True)


# --- refusals ---


def test_a_name_that_is_taken(lab, tmp_path):
    first = make_frame(tmp_path, "a.fits", number=1)
    first.commit()
    again = make_frame(tmp_path, "a.fits", b"other", number=2)
    other = make_frame(tmp_path, "b.fits", number=3)
    with pytest.raises(UniqueError, match=r"filename = 'a\.fits' must be unique.*a\.fits"):
        lab.commit(other, again)
    assert not again.is_committed
    assert not other.is_committed
    assert len(_files(tmp_path)[0]) == 1
    again.attach(tmp_path / "a.fits", filename="c.fits")
    lab.commit(other, again)
    assert sorted(f.filename for f in LabFrame.select_all()) == ["a.fits", "b.fits", "c.fits"]
    assert again.path().read_bytes() == b"other"
    assert _files(tmp_path)[1] == []
    assert verify(lab) == []


def test_two_new_objects_with_one_name(lab):
    twins = [LabNote(name="same", value=1.0), LabNote(name="same", value=2.0)]
    with pytest.raises(UniqueError, match="of the same commit has it"):
        lab.commit(twins)
    assert not any(t.is_committed for t in twins)
    assert len(LabNote.select_all()) == 0
    twins[0].commit()
    assert LabNote.get(name="same") is twins[0]


def test_what_is_unique_is_free_again_after_an_edit_and_a_deletion(lab):
    class LabBadge(LabNote):
        """A kind of note with a number that may change."""

        number = LabNote.__dict__["value"].__class__(
            "Number", float, None, unit=None, mutable=True, unique=True, required=False,
            inverse=None,
        )  # fmt: skip

    badge = LabBadge(name="a", number=1.0)
    badge.commit()
    with pytest.raises(UniqueError):
        LabBadge(name="b", number=1.0).commit()
    badge.number = 2.0
    badge.commit()
    LabBadge(name="b", number=1.0).commit()
    # NaN equals nothing, not even NaN; -0.0 and 0 are one number.
    lab.commit([LabBadge(name=f"nan{k}", number=float("nan")) for k in range(2)])
    LabBadge(name="zero", number=0.0).commit()
    with pytest.raises(UniqueError):
        LabBadge(name="minus", number=-0.0).commit()
    lab.delete([badge])
    LabBadge(name="a", number=2.0).commit()
    assert verify(lab) == []


def test_an_error_in_the_middle_moves_files_back(lab, tmp_path):
    frames = [make_frame(tmp_path, f"{k}.fits", number=k) for k in range(6)]
    # Something else has the place of the last one's folder.
    last = frames[-1]
    obstacle = tmp_path / "data" / last.sha256[:2]
    others = [f for f in frames if f.sha256[:2] != last.sha256[:2]]
    obstacle.write_bytes(b"")
    with pytest.raises(StoreError):
        lab.commit([*others, last])
    obstacle.unlink()
    placed, waiting = _files(tmp_path)
    assert placed == []
    assert len(waiting) == len(others) + 1
    assert len(LabFrame.select_all()) == 0
    lab.commit(frames)
    assert len(_files(tmp_path)[0]) == 6
    assert _files(tmp_path)[1] == []
    assert verify(lab) == []


def test_a_file_that_changed_since_it_was_attached(lab, tmp_path):
    frame = make_frame(tmp_path, "a.fits", number=1)
    (tmp_path / "a.fits").write_bytes(b"something else")
    with pytest.raises(FileStoreError, match="has changed since"):
        frame.commit()
    assert _files(tmp_path) == ([], [])
    (tmp_path / "a.fits").unlink()
    with pytest.raises(FileStoreError, match="has vanished"):
        frame.commit()
    assert len(LabFrame.select_all()) == 0


def test_files_that_nobody_waits_for_are_removed(lab, tmp_path):
    frame = make_frame(tmp_path, "a.fits", number=1)
    frame.prepare_files(lab)
    assert len(_files(tmp_path)[1]) == 1
    del frame
    assert _files(tmp_path)[1] == []


# --- Ctrl-C ---


def _press_soon(rng):
    def press():
        time.sleep(rng.uniform(0.0005, 0.012))
        os.kill(os.getpid(), signal.SIGINT)

    return threading.Thread(target=press)


def test_ctrl_c_is_not_lost_where_python_cannot_raise_it(monkeypatch):
    class Kept:
        pass

    monkeypatch.setattr(sys, "unraisablehook", press_again)
    kept = Kept()
    callback = weakref.ref(kept, lambda gone: signal.raise_signal(signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):  # noqa: PT012  # it comes a little later
        del kept
        time.sleep(5.0)
    assert callback() is None


def test_what_python_cannot_raise_is_printed(monkeypatch, capsys):
    class Kept:
        pass

    monkeypatch.setattr(sys, "unraisablehook", press_again)
    kept = Kept()
    callback = weakref.ref(kept, lambda gone: 1 / 0)
    del kept
    assert callback() is None
    assert "ZeroDivisionError" in capsys.readouterr().err


def test_an_interrupted_commit_is_whole_or_not_there(lab, tmp_path, monkeypatch):
    # It takes the warnings too of files that were interrupted between `open` and `with`.
    monkeypatch.setattr(sys, "unraisablehook", press_again)
    rng = random.Random(3)
    landed = refused = 0
    for number in range(300):
        # On a busy machine the keys may come too late for a long time.
        if number >= 25 and landed and refused:
            break
        frames = [make_frame(tmp_path, f"{number}-{k}.fits", number=number) for k in range(3)]
        thread = _press_soon(rng)
        with pytest.raises(KeyboardInterrupt):  # noqa: PT012  # it may come at any moment
            thread.start()
            lab.commit(frames)
            thread.join()
            time.sleep(1.0)
        thread.join()
        there = len(LabFrame.number == number)
        assert there in (0, 3)
        assert [f.is_committed for f in frames] == [there == 3] * 3
        landed += there == 3
        refused += there == 0
        if not there:
            lab.commit(frames)
    assert landed
    assert refused
    assert len(LabFrame.select_all()) == 3 * (landed + refused)
    assert verify(lab) == []
    del frames
    assert _files(tmp_path)[1] == []


# --- the answer is lost ---


def _lose_the_answer(session, monkeypatch):
    """Let the next commit land, but tell that the connection broke."""
    commit = session.commit_transaction

    def broken():
        commit()
        monkeypatch.undo()
        raise ConnectionResetError("the server hung up")

    monkeypatch.setattr(session, "commit_transaction", broken)


def test_a_commit_that_landed_counts_although_its_call_failed(lab, tmp_path, monkeypatch):
    frame = make_frame(tmp_path, "a.fits", number=1)
    _lose_the_answer(lab.session, monkeypatch)
    frame.commit()
    assert frame.is_committed
    frame.comment = "edited"
    _lose_the_answer(lab.session, monkeypatch)
    frame.commit()
    assert not frame.is_edited
    assert frame.comment == "edited"
    _lose_the_answer(lab.session, monkeypatch)
    lab.delete([frame])
    assert _files(tmp_path) == ([], [])
    assert verify(lab) == []


@pytest.mark.parametrize("landed", [True, False])
def test_what_became_of_a_commit_is_found_out_later(lab, tmp_path, monkeypatch, landed):
    frame = make_frame(tmp_path, "a.fits", number=1)
    session = lab.session
    commit, begin = session.commit_transaction, session.begin

    def broken():
        if landed:
            commit()
        monkeypatch.setattr(session, "begin", gone)
        raise ConnectionResetError("the server hung up")

    def gone():
        raise StoreError("nobody answers")

    monkeypatch.setattr(session, "commit_transaction", broken)
    with pytest.raises(StoreError, match="Whether it was stored is found out"):
        frame.commit()
    assert not frame.is_committed
    assert frame._packed == 0
    monkeypatch.setattr(session, "begin", begin)
    monkeypatch.setattr(session, "commit_transaction", commit)
    frame.commit()
    assert frame.is_committed
    assert len(LabFrame.select_all()) == 1
    assert frame.path().exists()
    assert _files(tmp_path)[1] == []
    assert verify(lab) == []


# --- deletion ---


def test_a_deletion_commits_first(lab, tmp_path):
    frame = make_frame(tmp_path, "a.fits", number=1)
    frame.commit()
    path = frame.path()
    log = tmp_path / "store" / "main.sqlite3-wal"
    with _largest_file(log.stat().st_size), pytest.raises(StoreError):
        lab.delete([frame])
    assert path.exists()
    assert frame.number == 1
    assert len(LabFrame.select_all()) == 1
    lab.delete([frame], why="no use")
    assert not path.exists()
    assert len(LabFrame.select_all()) == 0
    with pytest.raises(LookupError, match=r"was deleted by me .* no use"):
        frame.number  # noqa: B018
    assert verify(lab) == []


def test_one_file_of_two_projects(lab, tmp_path):
    mine = lab.get_current_project()
    first = make_frame(tmp_path, "raw.fits", number=1)
    first.commit()
    lab.create_project("OTHER")
    lab.set_project("OTHER")
    second = make_frame(tmp_path, "raw.fits", number=2)
    second.commit()
    assert first.path() == second.path()
    assert len(_files(tmp_path)[0]) == 1
    assert _files(tmp_path)[1] == []
    assert verify(lab) == []
    lab.delete([second])
    assert first.path().read_bytes() == b"raw.fits" * 20
    lab.set_project(mine)
    lab.delete([first])
    assert _files(tmp_path) == ([], [])


def test_what_others_use_is_not_deleted(lab, tmp_path):
    raw = make_frame(tmp_path, "raw.fits", number=1)
    product = make_frame(tmp_path, "red.fits", number=2, inputs=[raw])
    product.commit()
    with pytest.raises(AwePermissionError, match=r"depend on .*raw\.fits"):
        lab.delete([raw])
    assert raw.path().exists()
    lab.delete([raw], dependents=True)
    assert _files(tmp_path) == ([], [])
    assert verify(lab) == []


# --- time and rights ---


def test_store_time_never_runs_backwards(lab, monkeypatch):
    times = []
    clock = datetime.datetime(2030, 1, 1)
    monkeypatch.setattr("awe.store.commit.now", lambda: clock)
    for number in range(6):
        note = LabNote(name=f"n{number}")
        note.commit()
        times.append(note.committed_at)
        clock -= datetime.timedelta(days=1)
        note.value = 1.0
        note.commit()
        times.append(note.history()[-1].when)
    assert times[0] == datetime.datetime(2030, 1, 1)
    assert times == sorted(set(times))
    assert times[-1] - times[0] == datetime.timedelta(microseconds=11)
    assert [n.name for n in LabNote.select_all()] == [f"n{k}" for k in range(6)]


def test_folders_and_files_are_the_users_own(lab, tmp_path):
    frame = make_frame(tmp_path, "a.fits", number=1)
    frame.commit()
    assert (tmp_path / "store").stat().st_mode & 0o777 == 0o700
    assert frame.path().stat().st_mode & 0o777 == 0o444
    assert FileStore(tmp_path / "data").place("a.fits", frame.sha256) == frame.path()
    assert frame.path() == tmp_path / "data" / frame.globalname


def test_closing_twice_and_using_what_is_closed(tmp_path):
    context = open_new(tmp_path)
    session = context.session
    context.close()
    session.close()
    session.end()
    with pytest.raises(StoreError, match="was closed"):
        session.begin()
