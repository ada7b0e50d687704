"""Backups beside writers, of killed processes, between SQLite and PostgreSQL, at the command."""

import contextlib
import os
import random
import resource
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from backup_lab import bring_back, files_of, fill, records_of
from store_lab import LabFrame, LabNote, make_frame, open_lab, open_url, start
from test_store_postgresql import server, url  # noqa: F401  # fixtures

from awe.store import backup_records, current
from awe.store.backup import backup
from awe.store.backup_folder import BackupError
from awe.store.backup_restore import restore
from awe.store.backup_verify import verify_backup
from awe.store.context import Context
from awe.store.storage import StoreError
from awe.store.verify import verify

pytestmark = pytest.mark.heavy


@contextlib.contextmanager
def writers(where, folder, count=4):
    """Let processes commit, edit and delete frames until the end of the block."""
    running = [start("until_killed", where, folder, f"w{k}") for k in range(count)]
    # A pipe that nobody reads would stop its writer.
    readers = [threading.Thread(target=process.stdout.read) for process in running]
    try:
        for process, reader in zip(running, readers, strict=True):
            assert process.stdout.readline(), process.stderr.read()
            reader.start()
        yield
        assert all(process.poll() is None for process in running)
    finally:
        for process, reader in zip(running, readers, strict=True):
            process.kill()
            if reader.ident is not None:
                reader.join()
            process.communicate()


def batches(context):
    """Give how many frames each batch has, and their comments."""
    context.refresh()
    table = LabFrame.select_all().table("batch", "comment", "filename")
    found = {}
    for batch, comment, _ in table:
        found.setdefault(str(batch), []).append(str(comment))
    return found


def check_batches(context, before, after):
    """Compare what was restored with what was there before and after the backup."""
    found = batches(context)
    assert set(before) & set(after) <= set(found)
    for batch, comments in found.items():
        assert len(comments) == 3, batch
        assert len(set(comments)) == 1, batch
    edited = {b for b, comments in before.items() if comments[0] == b}
    assert all(found[b][0] == b for b in edited & set(found))
    for frame in LabFrame.select_all():
        assert frame.path().read_bytes() == frame.filename.encode() * 20


def go_on(context, folder):
    """Commit, edit and delete in a restored store."""
    note = LabNote(name="after the restore")
    note.commit()
    note.value = 5.0
    note.commit()
    with pytest.raises(ValueError, match="must be unique"):
        LabNote(name="after the restore").commit()
    frames = [make_frame(folder, f"new{k}.fits", batch="n", number=k) for k in range(40)]
    context.commit(frames)
    context.delete(frames[:3])
    assert verify(context) == []


def backup_beside_writers(context, target):
    """Back up while others write; give their batches as they were before and after it.

    On a busy machine a backup may end before any of them is at it again: it is done again then.
    """
    for _ in range(20):
        before = batches(context)
        assert backup(context, target).problems == []
        after = batches(context)
        assert verify_backup(target)[0] == []
        if after != before:
            return before, after
    raise AssertionError("nobody wrote during twenty backups")


def test_under_load(tmp_path):
    folder = tmp_path / "home"
    folder.mkdir()
    with contextlib.closing(open_lab(folder)) as context:
        fill(context, tmp_path)
        context.delete(list(LabFrame.select_all())[::-1])
        with writers("-", folder):
            for number in range(3):
                before, after = backup_beside_writers(context, tmp_path / "saved")
                bring_back(tmp_path / "saved", tmp_path, f"r{number}")
                with contextlib.closing(
                    Context(
                        tmp_path / f"r{number}" / "store", tmp_path / f"r{number}" / "data", "me"
                    )
                ) as restored:
                    assert verify(restored) == []
                    check_batches(restored, before, after)
                    go_on(restored, tmp_path)
                current.set_context(context)
        for problem in verify(context, repair=True):
            assert problem.startswith("Moved "), problem
        backup(context, tmp_path / "saved")
        records = records_of(context, tmp_path / "before")
        files = files_of(folder / "data")
    shutil.rmtree(folder)
    bring_back(tmp_path / "saved", folder, ".")
    with contextlib.closing(open_lab(folder)) as context:
        assert records_of(context, tmp_path / "after") == records
        files = {name: data for name, data in files.items() if name.parts[0] != "lost+found"}
        assert files_of(folder / "data") == files
        assert LabNote.get(name="first").extra["a"] == (1, 2)
        go_on(context, tmp_path)


# --- killed ---


def _save(folder, target):
    with contextlib.closing(open_lab(folder)) as context:
        print("begun", flush=True)
        print(backup(context, target).new, flush=True)


def _bring(folder, target):
    print("begun", flush=True)
    bring_back(Path(target), Path(folder), ".")


def _run(what, *arguments, **options):
    command = [sys.executable, "-W", "error", __file__, what, *map(str, arguments)]
    # Some of what this file imports lies in the folder above.
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment,
        **options,
    )  # fmt: skip


def _killed_after(process, seconds):
    """Kill a process a while after it has begun; give whether it was done before."""
    assert process.stdout.readline() == "begun\n", process.stderr.read()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(seconds)
    process.kill()
    _, err = process.communicate()
    assert process.returncode in (0, -9), err
    return process.returncode == 0


@pytest.fixture
def large(tmp_path):
    """Make a home with many files, and a backup of the first ones; give what it then had."""
    with contextlib.closing(open_lab(tmp_path)) as context:
        for batch in range(10):
            context.commit([
                make_frame(tmp_path, f"{batch}-{k}.fits", os.urandom(200_000)) for k in range(20)
            ])  # fmt: skip
            if batch == 0:
                backup(context, tmp_path / "saved")
    return tmp_path


def test_killed_backups_go_on(large):
    rng = random.Random(11)
    rounds = limit = done = 0
    counts = {20}
    while not done:
        done = _killed_after(_run("save", large, large / "saved"), limit)
        rounds, limit = rounds + 1, limit + rng.uniform(0, 0.15)
        problems, notes = verify_backup(large / "saved")
        assert problems == []
        counts.add(int(notes[-1].partition(" files, ")[0].split()[-1]))
    assert rounds > 2
    assert counts == {20, 200}
    with contextlib.closing(open_lab(large)) as context:
        assert backup(context, large / "saved").new == 0
    assert not (large / "saved" / "unfinished").exists()


def test_killed_restores_go_on(large):
    with contextlib.closing(open_lab(large)) as context:
        backup(context, large / "saved")
        records = records_of(context, large / "before")
    files = files_of(large / "data")
    rng = random.Random(12)
    again = large / "again"
    rounds = limit = done = 0
    while not done:
        done = _killed_after(_run("bring", again, large / "saved"), limit)
        rounds, limit = rounds + 1, limit + rng.uniform(0, 0.15)
        assert done or not (again / "store" / "main.sqlite3").exists() or _is_whole(again, files)
        done = done or (again / "store" / "main.sqlite3").exists()
    assert rounds > 2
    with contextlib.closing(open_lab(again)) as context:
        assert records_of(context, large / "after") == records
        assert verify(context, repair=True) == []
    assert files_of(again / "data") == files


def _is_whole(folder, files):
    kept = files_of(folder / "data")
    return {name: kept.get(name) for name in files} == files


def test_a_limit_of_the_file_system(large):
    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    for what, folder, words in (
        ("save", large, "What was there before is whole"),
        ("bring", large / "again", "Nothing was restored"),
    ):
        process = _run(what, folder, large / "saved", preexec_fn=limit)
        _, err = process.communicate()
        assert process.returncode == 1
        assert "BackupError" in err
        assert words in err
    assert verify_backup(large / "saved")[0] == []
    assert not list((large / "again" / "data").rglob("*.fits"))
    assert not (large / "again" / "store" / "main.sqlite3").exists()


# --- PostgreSQL ---


def test_from_sqlite_to_postgresql_and_back(url, tmp_path):  # noqa: F811
    with contextlib.closing(open_lab(tmp_path)) as context:
        fill(context, tmp_path)
        backup(context, tmp_path / "saved")
        first = records_of(context, tmp_path / "r1")
    # The files are there already, and serve.
    assert restore(tmp_path / "saved", url, tmp_path / "data").files == 6
    with contextlib.closing(open_url(url, tmp_path)) as context:
        assert records_of(context, tmp_path / "r2") == first
        assert verify(context) == []
        assert LabFrame.get(number=1).history()[0].why == "saw it"
        go_on(context, tmp_path)
        assert backup(context, tmp_path / "saved").problems == []
        second = records_of(context, tmp_path / "r3")
        assert {zoid for zoid, _, _ in second} > {zoid for zoid, _, _ in first}
        files = files_of(tmp_path / "data")
    assert verify_backup(tmp_path / "saved")[0] == []
    with pytest.raises(BackupError, match="There is a store"):
        restore(tmp_path / "saved", url, tmp_path / "elsewhere")
    bring_back(tmp_path / "saved", tmp_path)
    with contextlib.closing(open_lab(tmp_path / "again")) as context:
        assert records_of(context, tmp_path / "r4") == second
        assert files_of(tmp_path / "again" / "data") == files
        assert LabNote.get(name="after the restore").value == 5.0
        context.delete([LabNote.get(name="after the restore")])
        assert verify(context) == []


def test_nothing_half_restored_on_a_server(url, tmp_path, monkeypatch):  # noqa: F811
    with contextlib.closing(open_lab(tmp_path)) as context:
        fill(context, tmp_path)
        backup(context, tmp_path / "saved")
    real = backup_records.track

    def breaks(rows, what, total=None):
        for number, row in enumerate(real(rows, what, total)):
            if number == 5:
                raise KeyboardInterrupt
            yield row

    monkeypatch.setattr(backup_records, "track", breaks)
    with pytest.raises(KeyboardInterrupt):
        restore(tmp_path / "saved", url, tmp_path / "elsewhere")
    monkeypatch.undo()
    assert files_of(tmp_path / "elsewhere") == {}
    assert restore(tmp_path / "saved", url, tmp_path / "elsewhere").files == 6
    with contextlib.closing(Context(url, tmp_path / "elsewhere", "me")) as context:
        assert verify(context) == []


def test_a_server_under_load(url, tmp_path):  # noqa: F811
    with contextlib.closing(open_url(url, tmp_path)) as context, writers(url, tmp_path):
        for number in range(2):
            before, after = backup_beside_writers(context, tmp_path / "saved")
            folder = tmp_path / f"r{number}"
            bring_back(tmp_path / "saved", tmp_path, folder.name)
            with contextlib.closing(open_lab(folder)) as restored:
                assert verify(restored) == []
                check_batches(restored, before, after)
                go_on(restored, tmp_path)
            current.set_context(context)


def test_a_server_that_is_away(server, url, tmp_path):  # noqa: F811
    with contextlib.closing(open_url(url, tmp_path)) as context:
        fill(context, tmp_path)
        backup(context, tmp_path / "saved")
        server.stop()
        try:
            with pytest.raises((BackupError, StoreError)):
                backup(context, tmp_path / "saved")
            with pytest.raises(StoreError, match="cannot be reached"):
                restore(tmp_path / "saved", url, tmp_path / "elsewhere")
        finally:
            server.start()
        assert verify_backup(tmp_path / "saved")[0] == []


# --- the command ---


def _awe(home, *arguments):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("AWE_")}
    done = subprocess.run(
        [Path(sys.executable).parent / "awe", *map(str, arguments)],
        env={**environment, "AWE_HOME": str(home)}, capture_output=True, text=True,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


def test_the_command(tmp_path):
    home, saved = tmp_path / "home", tmp_path / "saved"
    status, out, err = _awe(home, "-c", "Target(target_name='M 13').commit()")
    assert (status, err) == (0, "")
    (home / "recipes").mkdir()
    (home / "recipes" / "own.py").write_text('"""Mine."""\n')
    status, out, _ = _awe(home, "backup", saved)
    assert status == 0
    assert "objects and 0 files are in" in out
    status, out, _ = _awe(home, "verify", saved)
    assert (status, out.splitlines()[-1]) == (0, "Nothing is wrong.")
    shutil.rmtree(home)
    status, out, _ = _awe(home, "restore", saved)
    assert status == 0
    assert "as of 20" in out
    assert (home / "recipes" / "own.py").exists()
    status, _, err = _awe(home, "restore", saved)
    assert status == 2
    assert "There is a store" in err
    assert _awe(home, "-c", "print(Target.get(target_name='M 13').target_name)")[1] == "M 13\n"
    assert _awe(tmp_path / "third", "verify", home)[0] == 0
    assert not (tmp_path / "third").exists()
    (saved / "stray").write_text("?")
    status, out, _ = _awe(home, "verify", saved)
    assert status == 1
    assert "stray" in out
    assert _awe(home, "backup", home / "x")[0] == 2
    status, _, err = _awe(tmp_path / "fourth", "restore", tmp_path)
    assert status == 2
    assert not (tmp_path / "fourth").exists()


if __name__ == "__main__":
    {"save": _save, "bring": _bring}[sys.argv[1]](*map(Path, sys.argv[2:]))
