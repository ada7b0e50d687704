"""A store that the tests save and bring back, and ways to spoil a backup."""

import contextlib
import sqlite3

from store_lab import LabChip, LabInstrument, LabNote, LabStat, make_frame

from awe.store.backup_folder import BackupError
from awe.store.backup_records import save_records
from awe.store.backup_restore import restore
from awe.store.backup_verify import verify_backup
from awe.store.context import Context


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


def again(folder, name="again"):
    """Open the store that was restored below a folder."""
    return Context(folder / name / "store", folder / name / "data", "me")


def bring_back(saved, folder, name="again", **options):
    """Restore a backup below a folder."""
    return restore(saved, str(folder / name / "store"), folder / name / "data", **options)


def flip(path, at):
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


def problems_of(saved):
    try:
        return verify_backup(saved)[0]
    except BackupError as err:
        return [str(err)]


def raiser(error):
    def function(*arguments, **options):
        raise error

    return function
