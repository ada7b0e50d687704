"""Backups: what is saved comes back as it was, and what is wrong with one is found."""

import contextlib
import errno
import json
import os
import shutil
import sqlite3
import stat
import subprocess
from pathlib import Path

import pytest
from store_lab import LabChip, LabFrame, LabInstrument, LabNote, LabStat, make_frame, open_new

from awe.base.errors import AweError
from awe.store import backup as backups
from awe.store import backup_folder, backup_restore, current
from awe.store.backup import backup
from awe.store.backup_folder import SUMS, BackupError, BackupFolder
from awe.store.backup_records import RECORDS, save_records
from awe.store.backup_restore import restore
from awe.store.backup_verify import verify_backup
from awe.store.context import Context
from awe.store.external import ExternalFile
from awe.store.files import FileStoreError, sha256_of
from awe.store.verify import verify


def fill(context, folder):
    """Make some of everything: frames, links, records beside, edits, a deletion."""
    chip = LabChip(name="c1", instrument=LabInstrument(name="OMEGACAM"))
    frames = [
        make_frame(folder, f"{k}.fits", number=k, chip=chip, imstat=LabStat(mean=float(k)),
                   header={"K": k}, tags=[str(k)])
        for k in range(6)
    ]  # fmt: skip
    context.commit(frames)
    frames[1].comment = "cloudy"
    context.commit(why="saw it")
    context.delete([frames[5]], why="not needed")
    make_frame(folder, "made.fits", number=10, inputs=frames[:2]).commit()
    LabNote(name="first", value=1.0, extra={"a": (1, 2)}).commit()


def records_of(context, path):
    """Give all records of a store as they are, byte by byte."""
    context.session.end()
    save_records(context.session.where, path)
    with contextlib.closing(sqlite3.connect(path)) as database:
        return list(database.execute("SELECT zoid, tid, state FROM object_state ORDER BY zoid"))


def files_of(folder):
    """Give all files below a folder with their contents."""
    found = {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    return {name: data for name, data in found.items() if name.parts[0] != "incoming"}


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """Make a store and a backup of it; give the folder with `store`, `data` and `saved`."""
    folder = tmp_path_factory.mktemp("filled")
    with contextlib.closing(open_new(folder)) as context:
        fill(context, folder)
        report = backup(context, folder / "saved")
        assert (report.problems, report.files, report.new) == ([], 6, 6)
    assert verify_backup(folder / "saved")[0] == []
    return folder


@pytest.fixture
def lab(filled, tmp_path):
    """Give the context of a copy of that store; a copy of the backup is beside it."""
    shutil.copytree(filled, tmp_path, dirs_exist_ok=True)
    context = open_new(tmp_path)
    yield context
    context.close()


@pytest.fixture
def saved(filled, tmp_path):
    """Give a copy of the backup."""
    return Path(shutil.copytree(filled / "saved", tmp_path / "saved", dirs_exist_ok=True))


def again(folder, name="again"):
    """Open the store that was restored below a folder."""
    return Context(folder / name / "store", folder / name / "data", "me")


def bring_back(saved, folder, name="again", **options):
    """Restore a backup below a folder."""
    return restore(saved, str(folder / name / "store"), folder / name / "data", **options)


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


def _flip(path, at):
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


def _problems(saved):
    try:
        return verify_backup(saved)[0]
    except BackupError as err:
        return [str(err)]


def test_flipped_bytes_anywhere(saved):
    assert _problems(saved) == []
    for path in sorted(p for p in saved.rglob("*") if p.is_file() and p.name != "lock"):
        size = path.stat().st_size
        places = range(0, size, 97) if path.name == SUMS else (0, size // 2, size - 1)
        for at in places:
            _flip(path, at)
            assert any(str(saved) in p for p in _problems(saved)), (path, at)
            _flip(path, at)
    assert _problems(saved) == []


def test_missing_cut_and_foreign_files(saved, tmp_path):
    path = next((saved / "files").rglob("2.fits"))
    content = path.read_bytes()
    path.unlink()
    assert _problems(saved) == [f"The file {path} of the backup is missing."]
    path.symlink_to("/etc/passwd")
    assert _problems(saved) == [f"The file {path} of the backup is no plain file."]
    path.unlink()
    path.write_bytes(content[:-1])
    assert len(_problems(saved)) == 1
    path.write_bytes(content)
    for name in ("stray", "files/stray", "state/x/y"):
        stray = saved / name
        stray.parent.mkdir(exist_ok=True)
        stray.write_text("?")
        assert _problems(saved) == [f"The backup does not have the file {stray}."]
        stray.unlink()
    lines = (saved / SUMS).read_text().splitlines(keepends=True)
    (saved / SUMS).write_text("".join(line for line in lines if "2.fits" not in line))
    assert [p.split(" of ")[0].split(" with ")[0] for p in _problems(saved)] == [
        f"The backup does not have the file {path}.", "The file 2.fits",
    ]  # fmt: skip
    (saved / SUMS).write_text("../" + lines[0])
    assert "damaged: line 1" in _problems(saved)[0]
    (saved / SUMS).write_text(lines[0][:66] + "files/../../x\n")
    assert "damaged: line 1" in _problems(saved)[0]
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
    (problem,) = _problems(tmp_path / "saved")
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
    (problem,) = _problems(saved)
    assert words in problem
    with pytest.raises(BackupError, match=words):
        bring_back(saved, tmp_path)
    if "format" in change:
        with pytest.raises(BackupError, match=words):
            backup(lab, saved)
    else:
        assert words in backup(lab, saved).problems[0]
        assert _problems(saved) == []


def test_no_backup_at_all(tmp_path):
    for make in (verify_backup, lambda folder: bring_back(folder, tmp_path)):
        with pytest.raises(BackupError, match="There is no folder"):
            make(tmp_path / "none")
        with pytest.raises(BackupError, match="is no backup"):
            make(tmp_path)


def test_what_is_damaged_in_the_backup_is_copied_anew(lab, saved):
    path = next((saved / "files").rglob("2.fits"))
    _flip(path, 3)
    path.unlink()
    (saved / SUMS).write_bytes(b"nonsense\n")
    report = backup(lab, saved)
    assert (report.new, report.files) == (1, 6)
    assert "made anew" in report.problems[0]
    left = _problems(saved)
    assert all("state/" in p for p in left), left


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
    assert _problems(saved) == []


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
    monkeypatch.setattr(backup_folder, "copy_file", _raiser(full))
    with pytest.raises(BackupError, match=r"No space left.*\n.*is whole"):
        backup(lab, saved)
    monkeypatch.undo()
    monkeypatch.setattr(backups, "save_records", _raiser(sqlite3.OperationalError("disk is full")))
    with pytest.raises(BackupError, match="disk is full"):
        backup(lab, saved)
    monkeypatch.undo()
    kept = files_of(saved)
    assert {name: kept.get(name) for name in before} == before
    assert verify_backup(saved)[0] == []
    assert backup(lab, saved).new == 1


def _raiser(error):
    def function(*arguments, **options):
        raise error

    return function


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
    _flip(wrong, 0)
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
    assert len(_problems(tmp_path / "new")) == 2
    restored = bring_back(tmp_path / "new", tmp_path)
    assert sorted(restored.problems) == [first, second]
    with contextlib.closing(again(tmp_path)):
        with pytest.raises(FileStoreError, match="missing"):
            LabFrame.get(number=2).path()
        assert LabFrame.get(number=1).path().exists()


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
    monkeypatch.setattr(backup_restore, "load_records", _raiser(sqlite3.OperationalError("full")))
    with pytest.raises(BackupError, match="Nothing was restored"):
        bring_back(saved, tmp_path)
    monkeypatch.undo()
    path = next((saved / "files").rglob("2.fits"))
    _flip(path, 1)
    with pytest.raises(BackupError, match=r"nothing was restored.\n.*2.fits.*checksum"):
        bring_back(saved, tmp_path)
    (records,) = saved.glob(f"state/*/{RECORDS}")
    _flip(records, 5000)
    with pytest.raises(BackupError, match=f"{RECORDS}.*Nothing can be restored"):
        bring_back(saved, tmp_path, incomplete=True)
    _flip(records, 5000)
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
    _flip(path, 0)
    assert len(_problems(tmp_path / "saved")) == 1
