"""Backups in the way of trouble: folders that cannot be used, interruptions, full disks."""

import contextlib
import errno
import os
import shutil
import sqlite3

import pytest
from backup_lab import again, bring_back, files_of, flip, problems_of, raiser
from store_lab import LabFrame, make_frame

from awe.store import backup as backups
from awe.store import backup_folder, current
from awe.store.backup import backup
from awe.store.backup_folder import BackupError, BackupFolder
from awe.store.backup_verify import verify_backup
from awe.store.context import Context
from awe.store.files import FileStoreError
from awe.store.verify import verify

# --- folders that cannot be used ---


def test_refused_folders(lab, saved, tmp_path):
    for place in ("store", "store/x", "data/y", "home/../data/z", "."):
        with pytest.raises(BackupError, match="cannot lie in"):
            backup(lab, tmp_path / place, home=tmp_path / "home")
    (tmp_path / "link").symlink_to(tmp_path / "data")
    with pytest.raises(BackupError, match="cannot lie in"):
        backup(lab, tmp_path / "link" / "x")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.tex").write_text("all of it")
    with pytest.raises(BackupError, match="has other things in it"):
        backup(lab, tmp_path / "other")
    with pytest.raises(BackupError, match="is a file"):
        backup(lab, tmp_path / "other" / "thesis.tex")
    with (
        contextlib.closing(Context(tmp_path / "s2", tmp_path / "d2", "me")) as second,
        pytest.raises(BackupError, match="of another store"),
    ):
        backup(second, saved)
    current.set_context(lab)
    assert problems_of(saved) == []


def test_two_at_once(lab, saved, tmp_path):
    for use in (backup, verify_backup, bring_back):
        arguments = {backup: (lab, saved), bring_back: (saved, tmp_path)}.get(use, (saved,))
        with BackupFolder(saved).writing(), pytest.raises(BackupError, match="in use"):
            use(*arguments)
    with BackupFolder(saved).reading():
        assert verify_backup(saved)[0] == []
        with pytest.raises(BackupError, match="in use"):
            backup(lab, saved)


# --- trouble on the way ---


class _Killed(BaseException):
    """What no code catches, as none sees a kill."""


@pytest.mark.parametrize(
    "after", [3, *(pytest.param(n, marks=pytest.mark.heavy) for n in (0, 1, 4, 5, 6, 7))]
)
def test_interrupted_at_any_step(lab, saved, tmp_path, monkeypatch, after):
    for k in range(5):
        make_frame(tmp_path, f"later{k}.fits", number=40 + k).commit()
    lab.delete([LabFrame.get(number=4)])
    steps = []

    def step(real):
        def wrapped(*arguments):
            if len(steps) == after:
                raise _Killed
            steps.append(1)
            return real(*arguments)

        return wrapped

    monkeypatch.setattr(BackupFolder, "move_in", step(BackupFolder.move_in))
    monkeypatch.setattr(BackupFolder, "_remove", step(BackupFolder._remove))
    with pytest.raises(_Killed):
        backup(lab, saved)
    monkeypatch.undo()
    problems, notes = verify_backup(saved)
    assert problems == []
    assert any("interrupted" in note for note in notes)
    bring_back(saved, tmp_path)
    with contextlib.closing(again(tmp_path)) as context:
        # Taking away what is old comes after the new backup counts.
        assert len(LabFrame.number >= 40) == (5 if after > 5 else 0)
        assert verify(context) == []
    current.set_context(lab)
    report = backup(lab, saved)
    assert (report.problems, report.new) == ([], 5 - min(after, 5))
    assert verify_backup(saved)[0] == []
    assert not list((saved / "files").rglob("4.fits"))


def test_a_full_disk(lab, saved, tmp_path, monkeypatch):
    make_frame(tmp_path, "big.fits", os.urandom(5000), number=50).commit()
    before = files_of(saved)
    usage = shutil.disk_usage(saved)._replace(free=4000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    with pytest.raises(BackupError, match=r"needs 5,000 more bytes, and 4,000 are free"):
        backup(lab, saved)
    with pytest.raises(BackupError, match="more bytes"):
        backup(lab, tmp_path / "other")
    with pytest.raises(BackupError, match="before it was finished"):
        bring_back(tmp_path / "other", tmp_path)
    monkeypatch.undo()
    full = OSError(errno.ENOSPC, "No space left on device")
    monkeypatch.setattr(backup_folder, "copy_file", raiser(full))
    with pytest.raises(BackupError, match=r"No space left.*\n.*is whole"):
        backup(lab, saved)
    monkeypatch.undo()
    monkeypatch.setattr(backups, "save_records", raiser(sqlite3.OperationalError("disk is full")))
    with pytest.raises(BackupError, match="disk is full"):
        backup(lab, saved)
    monkeypatch.undo()
    kept = files_of(saved)
    assert {name: kept.get(name) for name in before} == before
    assert verify_backup(saved)[0] == []
    assert backup(lab, saved).new == 1


def test_a_file_that_is_deleted_meanwhile(lab, tmp_path, monkeypatch):
    take, left = BackupFolder.take, [0, 1, 2]

    def deleting(self, *arguments):
        if left:
            lab.delete([LabFrame.get(number=10)] if len(left) == 3 else
                       [LabFrame.get(number=left[-1] + 1)])  # fmt: skip
            left.pop()
        return take(self, *arguments)

    monkeypatch.setattr(BackupFolder, "take", deleting)
    report = backup(lab, tmp_path / "new")
    assert report.problems == []
    assert not left
    assert verify_backup(tmp_path / "new")[0] == []
    assert report.files == len(LabFrame.select_all()) == 3


def test_damaged_and_missing_files_of_the_store(lab, tmp_path):
    wrong, gone = LabFrame.get(number=2).path(), LabFrame.get(number=3).path()
    wrong.chmod(0o644)
    flip(wrong, 0)
    gone.unlink()
    # What an earlier backup has whole stays in it.
    assert backup(lab, tmp_path / "saved").problems == []
    assert verify_backup(tmp_path / "saved")[0] == []
    report = backup(lab, tmp_path / "new")
    first, second = sorted(report.problems)
    assert first.startswith(f"The file {gone} cannot be read") or first.startswith(
        f"The file {wrong}"
    )
    assert {"2.fits", "3.fits"} == {p.split()[2].rpartition("/")[2] for p in (first, second)}
    assert report.files == 4
    assert len(problems_of(tmp_path / "new")) == 2
    restored = bring_back(tmp_path / "new", tmp_path)
    assert sorted(restored.problems) == [first, second]
    with contextlib.closing(again(tmp_path)):
        with pytest.raises(FileStoreError, match="missing"):
            LabFrame.get(number=2).path()
        assert LabFrame.get(number=1).path().exists()
