"""Restoring: nothing is overwritten, nothing comes back by half, files outside stay in place."""

import contextlib
import shutil
import sqlite3
from pathlib import Path

import pytest
from backup_lab import again, bring_back, flip, problems_of, raiser
from store_lab import LabFrame

from awe.store import backup_restore
from awe.store.backup import backup
from awe.store.backup_folder import BackupError
from awe.store.backup_records import RECORDS
from awe.store.backup_verify import verify_backup
from awe.store.external import ExternalFile
from awe.store.verify import verify

# --- restoring ---


def test_nothing_is_overwritten(lab, saved, tmp_path):
    with pytest.raises(BackupError, match="There is a store"):
        bring_back(saved, tmp_path, ".")
    stray = tmp_path / "again" / "data" / "mine.fits"
    stray.parent.mkdir(parents=True)
    stray.write_text("mine")
    with pytest.raises(BackupError, match=r"mine.fits is there"):
        bring_back(saved, tmp_path)
    stray.unlink()
    frame = LabFrame.get(number=1)
    place = stray.parent / frame.globalname
    place.parent.mkdir(parents=True)
    place.write_text("other")
    with pytest.raises(BackupError, match=r"not as the backup has it"):
        bring_back(saved, tmp_path)
    assert [p for p in stray.parent.rglob("*") if p.is_file()] == [place]
    assert place.read_text() == "other"
    assert not (tmp_path / "again" / "store" / "main.sqlite3").exists()
    # A copy of the same is no hindrance: the files of a store that moves to another database.
    place.write_bytes(frame.path().read_bytes())
    assert bring_back(saved, tmp_path).files == 6


def test_nothing_is_restored_by_half(saved, tmp_path, monkeypatch):
    monkeypatch.setattr(backup_restore, "load_records", raiser(sqlite3.OperationalError("full")))
    with pytest.raises(BackupError, match="Nothing was restored"):
        bring_back(saved, tmp_path)
    monkeypatch.undo()
    path = next((saved / "files").rglob("2.fits"))
    flip(path, 1)
    with pytest.raises(BackupError, match=r"nothing was restored.\n.*2.fits.*checksum"):
        bring_back(saved, tmp_path)
    (records,) = saved.glob(f"state/*/{RECORDS}")
    flip(records, 5000)
    with pytest.raises(BackupError, match=f"{RECORDS}.*Nothing can be restored"):
        bring_back(saved, tmp_path, incomplete=True)
    flip(records, 5000)
    usage = shutil.disk_usage(saved)._replace(free=100)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    with pytest.raises(BackupError, match="100 are free"):
        bring_back(saved, tmp_path)
    monkeypatch.undo()
    left = [p for p in (tmp_path / "again").rglob("*") if p.is_file()]
    assert [p.name for p in left] == ["write.lock"]
    report = bring_back(saved, tmp_path, incomplete=True)
    assert report.files == 5
    assert "2.fits" in report.problems[0]
    with contextlib.closing(again(tmp_path)) as context:
        assert "2.fits" in verify(context)[0]


def test_parts_of_the_home(lab, tmp_path):
    home, new = tmp_path / "home", tmp_path / "again"
    (home / "recipes").mkdir(parents=True)
    (home / "recipes" / "mine.py").write_text("x = 1")
    (home / "Environment.cfg").write_text("project = X\n")
    parts = ["recipes/mine.py", "Environment.cfg"]
    backup(lab, tmp_path / "saved", home=home, parts=parts)
    bring_back(tmp_path / "saved", tmp_path, home=new)
    assert (new / "recipes" / "mine.py").read_text() == "x = 1"
    assert (new / "Environment.cfg").read_text() == "project = X\n"
    # What leads to the former store, or would replace something, stays in the backup.
    (home / "Environment.cfg").write_text("[global]\nstore = postgresql://x/y\n")
    backup(lab, tmp_path / "saved", home=home, parts=parts)
    (tmp_path / "third" / "recipes").mkdir(parents=True)
    (tmp_path / "third" / "recipes" / "mine.py").write_text("x = 2")
    report = bring_back(tmp_path / "saved", tmp_path, "third", home=tmp_path / "third")
    assert [Path(p).name for p in report.kept] == ["Environment.cfg", "mine.py"]
    assert (tmp_path / "third" / "recipes" / "mine.py").read_text() == "x = 2"
    assert not (tmp_path / "third" / "Environment.cfg").exists()
    assert verify_backup(tmp_path / "saved")[0] == []


# --- files outside of the store ---


@pytest.fixture
def outside(lab, tmp_path):
    """Give files that stay where they were collected."""
    (tmp_path / "tree").mkdir()
    paths = [tmp_path / "tree" / name for name in ("a.fits", "b.log", "c.cat")]
    for number, path in enumerate(paths):
        path.write_text(path.name * 50)
        ExternalFile.at(path, checksum=number == 0).commit()
    return paths


def test_files_outside_of_the_store(lab, outside, saved, tmp_path):
    report = backup(lab, saved)
    assert (report.outside, report.left, report.new) == (0, 3, 0)
    report = backup(lab, saved, external=True)
    assert (report.outside, report.left, report.new, report.problems) == (3, 0, 3, [])
    assert backup(lab, saved, external=True).new == 0
    # Those that were taken stay in it, whatever is said later.
    report = backup(lab, saved)
    assert (report.outside, report.left, report.new) == (3, 0, 0)
    assert verify_backup(saved)[0] == []
    times = [p.stat().st_mtime_ns // 1000 for p in outside]
    shutil.rmtree(tmp_path / "tree")
    assert bring_back(saved, tmp_path, "second").left == 3
    assert not (tmp_path / "tree").exists()
    (tmp_path / "tree").mkdir()
    outside[2].write_text("another")
    report = bring_back(saved, tmp_path, external=True)
    assert report.outside == 2
    assert "c.cat is there" in report.problems[0]
    assert outside[2].read_text() == "another"
    assert [p.stat().st_mtime_ns // 1000 for p in outside[:2]] == times[:2]
    assert {p.name for p in (tmp_path / "tree").iterdir()} == {p.name for p in outside}
    with contextlib.closing(again(tmp_path)):
        assert [f.problem(checksum=True) for f in ExternalFile.select_all()][:2] == [None, None]


def test_files_outside_that_are_gone_or_changed(lab, outside, tmp_path):
    outside[0].unlink()
    outside[1].write_text("longer than it was when it was read" * 20)
    report = backup(lab, tmp_path / "saved", external=True)
    assert (report.outside, report.new) == (1, 1)
    assert "cannot be read" in report.problems[0]
    assert "has changed since it was read" in report.problems[1]
    assert verify_backup(tmp_path / "saved")[0] == []
    path = next((tmp_path / "saved" / "external").rglob("c.cat"))
    flip(path, 0)
    assert len(problems_of(tmp_path / "saved")) == 1
