"""Backups: what is saved comes back as it was, and what is wrong with one is found."""

import contextlib
import json
import os
import shutil
import stat
import subprocess

import pytest
from backup_lab import again, bring_back, files_of, flip, problems_of, records_of
from store_lab import LabFrame, LabNote, make_frame, open_new

from awe.base.errors import AweError
from awe.store.backup import backup
from awe.store.backup_folder import SUMS, BackupError
from awe.store.backup_records import RECORDS
from awe.store.backup_verify import verify_backup
from awe.store.files import sha256_of
from awe.store.verify import verify

# --- there and back ---


def test_all_comes_back_as_it_was(lab, tmp_path):
    before = records_of(lab, tmp_path / "before")
    files = files_of(tmp_path / "data")
    lab.close()
    shutil.rmtree(tmp_path / "store")
    shutil.rmtree(tmp_path / "data")
    report = bring_back(tmp_path / "saved", tmp_path, ".")
    assert (report.problems, report.files, report.objects) == ([], 6, 11)
    with contextlib.closing(open_new(tmp_path)) as context:
        assert records_of(context, tmp_path / "after") == before
        assert files_of(tmp_path / "data") == files
        frame = LabFrame.get(number=1)
        assert (frame.comment, frame.history()[0].why) == ("cloudy", "saw it")
        assert frame.header["K"] == 1
        assert LabFrame.get(number=10).inputs[1] is frame
        assert frame.path().read_bytes() == b"1.fits" * 20
        with pytest.raises(AweError, match="must be unique"):
            LabNote(name="first").commit()
        with pytest.raises(AweError, match="must be unique"):
            make_frame(tmp_path, "1.fits", b"other").commit()
        fill_more = [LabNote(name=f"n{k}", about=LabNote.get(name="first")) for k in range(50)]
        context.commit(fill_more)
        fresh = make_frame(tmp_path, "5.fits", number=5)
        fresh.commit()
        assert fresh._packed > frame._packed
        assert verify(context) == []
        after = records_of(context, tmp_path / "later")
        changed = {zoid for zoid, _, _ in after} - {zoid for zoid, _, _ in before}
        assert min(changed) > max(zoid for zoid, _, _ in before)


def test_a_restored_store_goes_on_with_its_backup(saved, tmp_path):
    bring_back(saved, tmp_path)
    with contextlib.closing(again(tmp_path)) as context:
        LabNote(name="later").commit()
        assert backup(context, saved).new == 0
    assert verify_backup(saved)[0] == []
    bring_back(saved, tmp_path, "third")
    with contextlib.closing(again(tmp_path, "third")):
        assert LabNote.get(name="later")


def test_only_what_is_new_is_copied(lab, saved, tmp_path):
    before = {p: (p.stat().st_ino, p.stat().st_mtime_ns) for p in (saved / "files").rglob("*.fits")}
    content = os.urandom(5000)
    make_frame(tmp_path, "new.fits", content, number=20).commit()
    report = backup(lab, saved)
    (records,) = saved.glob(f"state/*/{RECORDS}")
    assert (report.new, report.written) == (1, 5000 + records.stat().st_size)
    after = {p: (p.stat().st_ino, p.stat().st_mtime_ns) for p in (saved / "files").rglob("*.fits")}
    assert {p: s for p, s in after.items() if p in before} == before
    assert [p.read_bytes() for p in after if p not in before] == [content]
    lab.delete([LabFrame.get(number=20)])
    assert backup(lab, saved).new == 0
    assert set((saved / "files").rglob("*.fits")) == set(before)
    assert verify_backup(saved)[0] == []


def test_only_its_owner_may_enter(saved, tmp_path):
    modes = {p: stat.S_IMODE(p.stat().st_mode) for p in (saved, *saved.rglob("*"))}
    assert {m for p, m in modes.items() if p.is_dir()} == {0o700}
    assert {m for p, m in modes.items() if p.is_file()} == {0o600}
    bring_back(saved, tmp_path)
    folders = [p for p in (tmp_path / "again").rglob("*") if p.is_dir()]
    assert {stat.S_IMODE(p.stat().st_mode) for p in folders} == {0o700}
    files = (tmp_path / "again" / "data").rglob("*.fits")
    assert {stat.S_IMODE(p.stat().st_mode) for p in files} == {0o444}


def test_odd_names_and_sha256sum(lab, saved, tmp_path):
    for number, name in enumerate(
        ["a b", "new\nline", "back\\slash\\n", "ä\r", "\udcff"], start=30
    ):
        path = tmp_path / "odd"
        path.write_bytes(name.encode("utf-8", "surrogateescape"))
        frame = LabFrame(number=number)
        frame.attach(path, filename=name) if name != "\udcff" else frame.attach(path, "plain")
        frame.commit()
    backup(lab, saved)
    assert verify_backup(saved)[0] == []
    told = subprocess.run(["sha256sum", "-c", "--strict", SUMS], cwd=saved, capture_output=True)
    assert told.returncode == 0, told.stderr
    bring_back(saved, tmp_path)
    with contextlib.closing(again(tmp_path)):
        assert LabFrame.get(number=31).path().read_bytes() == b"new\nline"


# --- what is wrong with a backup is found ---


def test_flipped_bytes_anywhere(saved):
    assert problems_of(saved) == []
    for path in sorted(p for p in saved.rglob("*") if p.is_file() and p.name != "lock"):
        size = path.stat().st_size
        places = range(0, size, 97) if path.name == SUMS else (0, size // 2, size - 1)
        for at in places:
            flip(path, at)
            assert any(str(saved) in p for p in problems_of(saved)), (path, at)
            flip(path, at)
    assert problems_of(saved) == []


def test_missing_cut_and_foreign_files(saved, tmp_path):
    path = next((saved / "files").rglob("2.fits"))
    content = path.read_bytes()
    path.unlink()
    assert problems_of(saved) == [f"The file {path} of the backup is missing."]
    path.symlink_to("/etc/passwd")
    assert problems_of(saved) == [f"The file {path} of the backup is no plain file."]
    path.unlink()
    path.write_bytes(content[:-1])
    assert len(problems_of(saved)) == 1
    path.write_bytes(content)
    for name in ("stray", "files/stray", "state/x/y"):
        stray = saved / name
        stray.parent.mkdir(exist_ok=True)
        stray.write_text("?")
        assert problems_of(saved) == [f"The backup does not have the file {stray}."]
        stray.unlink()
    lines = (saved / SUMS).read_text().splitlines(keepends=True)
    (saved / SUMS).write_text("".join(line for line in lines if "2.fits" not in line))
    assert [p.split(" of ")[0].split(" with ")[0] for p in problems_of(saved)] == [
        f"The backup does not have the file {path}.", "The file 2.fits",
    ]  # fmt: skip
    (saved / SUMS).write_text("../" + lines[0])
    assert "damaged: line 1" in problems_of(saved)[0]
    (saved / SUMS).write_text(lines[0][:66] + "files/../../x\n")
    assert "damaged: line 1" in problems_of(saved)[0]
    with pytest.raises(BackupError, match="line 1"):
        bring_back(saved, tmp_path)


def test_an_index_that_disagrees(lab, tmp_path):
    ghost = LabNote.get(name="first")._packed + 99
    lab.session.begin_writing()
    lab.session.root.unique["LabNote:name"].tree["somewhere\0ghost"] = ghost
    lab.session.root.clock.time += 1
    lab.session.commit_transaction()
    report = backup(lab, tmp_path / "saved")
    assert report.problems == []
    (problem,) = problems_of(tmp_path / "saved")
    assert "ghost" in problem


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"format": "awe backup 99"}, "this awe reads 'awe backup 1'"),
        ({"objects": "many"}, "is not what awe writes"),
        ({"external": [{"path": "/etc/passwd"}]}, "is not what awe writes"),
        ({"external": [{"file": "../x"}]}, "is not what awe writes"),
    ],
)
def test_a_note_that_others_wrote(lab, saved, tmp_path, change, words):
    (note,) = saved.glob("state/*/backup.json")
    former = sha256_of(note)[0]
    note.write_text(json.dumps({**json.loads(note.read_text()), **change}))
    (saved / SUMS).write_text((saved / SUMS).read_text().replace(former, sha256_of(note)[0]))
    (problem,) = problems_of(saved)
    assert words in problem
    with pytest.raises(BackupError, match=words):
        bring_back(saved, tmp_path)
    if "format" in change:
        with pytest.raises(BackupError, match=words):
            backup(lab, saved)
    else:
        assert words in backup(lab, saved).problems[0]
        assert problems_of(saved) == []


def test_no_backup_at_all(tmp_path):
    for make in (verify_backup, lambda folder: bring_back(folder, tmp_path)):
        with pytest.raises(BackupError, match="There is no folder"):
            make(tmp_path / "none")
        with pytest.raises(BackupError, match="is no backup"):
            make(tmp_path)


def test_what_is_damaged_in_the_backup_is_copied_anew(lab, saved):
    path = next((saved / "files").rglob("2.fits"))
    flip(path, 3)
    path.unlink()
    (saved / SUMS).write_bytes(b"nonsense\n")
    report = backup(lab, saved)
    assert (report.new, report.files) == (1, 6)
    assert "made anew" in report.problems[0]
    left = problems_of(saved)
    assert all("state/" in p for p in left), left
