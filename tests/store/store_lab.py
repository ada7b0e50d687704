"""Classes and helpers of the store's tests; run as a script it is another process on a store."""

import atexit
import datetime
import functools
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from awe.store import DBObject, OwnedRecord, current, persistent
from awe.store.context import Context
from awe.store.files import DataObject

__all__ = ["LabChip", "LabFrame", "LabInstrument", "LabNote", "LabStat"]


class LabInstrument(DBObject):
    """An instrument."""

    abstract = False
    vocabulary = True
    name = persistent("Name", str, unique=True)


class LabChip(DBObject):
    """A chip."""

    abstract = False
    vocabulary = True
    name = persistent("Name", str)
    instrument = persistent("Instrument", LabInstrument)
    unique_together = (("instrument", "name"),)


class LabStat(OwnedRecord):
    """Statistics."""

    mean = persistent("Mean", float)
    count = persistent("Count", int)


class LabFrame(DataObject):
    """A frame with a file."""

    abstract = False
    number = persistent("Number", int)
    batch = persistent("Which commit made it", str)
    EXPTIME = persistent("Exposure time", float, unit="s")
    DATE_OBS = persistent("Time of observation", datetime.datetime)
    chip = persistent("Chip", LabChip)
    imstat = persistent("Statistics", LabStat)
    header = persistent("Header", dict)
    inputs = persistent("Made from", ["LabFrame"])
    is_valid = persistent("Whether it is good", int, 1, mutable=True)
    comment = persistent("Comment", str, mutable=True)
    tags = persistent("Tags", [str], mutable=True)


class LabNote(DBObject):
    """A plain object without a file."""

    abstract = False
    name = persistent("Name", str, unique=True)
    value = persistent("Value", float, mutable=True)
    text = persistent("Text", str, mutable=True)
    about = persistent("What it is about", "LabNote", mutable=True)
    extra = persistent("More", dict, mutable=True)


@functools.cache
def _empty_store(user):
    folder = Path(tempfile.mkdtemp(prefix="awe-tests-"))
    atexit.register(shutil.rmtree, folder)
    Context(folder / "store", folder / "data", user).close()
    return folder / "store"


def open_new(folder, user="me", **options):
    """Open a store; where there is none a copy of an empty one, which takes a tenth of the time."""
    store = Path(folder) / "store"
    if not store.exists():
        shutil.copytree(_empty_store(user), store)
    return Context(store, Path(folder) / "data", user, **options)


def open_lab(folder, user="me", **options):
    """Open the test's store, made by the way that a user's is."""
    return Context(Path(folder) / "store", Path(folder) / "data", user, **options)


def open_url(url, folder, user="me", **options):
    """Open a store on a server."""
    return Context(url, Path(folder) / "data", user, **options)


def make_frame(folder, name, content=None, **values):
    """Make a new frame with a small file of its own."""
    path = Path(folder) / name
    path.write_bytes(name.encode() * 20 if content is None else content)
    frame = LabFrame(**values)
    frame.attach(path)
    return frame


def start(command, *arguments, **options):
    """Start this file as another process."""
    return subprocess.Popen(
        [sys.executable, "-W", "error", __file__, str(os.getpid()), command, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def finish(process, timeout=120):
    """Wait for a process of `start`; give its lines, or fail with what it said."""
    out, err = process.communicate(timeout=timeout)
    assert process.returncode == 0, err
    return out.splitlines()


def _open(where, folder):
    if where == "-":
        return open_lab(folder)
    return open_url(where, folder)


def write(where, folder, name, batches, size):
    """Commit frames, `size` in each transaction; 'done N' for each."""
    context = _open(where, folder)
    work = Path(folder) / f"work-{name}"
    work.mkdir(exist_ok=True)
    instrument = LabInstrument.get_or_create(name="OMEGACAM")
    chips = [LabChip.get_or_create(name=f"c{k}", instrument=instrument) for k in range(4)]
    for batch in range(int(batches)):
        frames = [
            make_frame(
                work, f"{name}-{batch}-{k}.fits", number=batch * int(size) + k,
                batch=f"{name}-{batch}", EXPTIME=float(k), chip=chips[k % 4],
                imstat=LabStat(mean=float(batch), count=k) if k % 2 else None,
                header={"K": k}, tags=[name, str(k)],
            )
            for k in range(int(size))
        ]  # fmt: skip
        context.commit(frames)
        print(f"done {batch}", flush=True)
    context.close()


def watch(where, folder, size, flag):
    """Query in a loop until a file appears; whole transactions only."""
    context = _open(where, folder)
    size, rounds, before = int(size), 0, 0
    while not os.path.exists(flag) or rounds == 0:
        context.refresh()
        everything = LabFrame.select_all()
        count = len(everything)
        assert count % size == 0, count
        assert count >= before, (count, before)
        # All of this line sees one snapshot.
        assert len(list(everything)) == count
        assert len(LabFrame.EXPTIME == 0.0) * size == count
        assert len((LabFrame.chip.name == "c1") & (LabFrame.imstat.count == 1)) * size == count
        table = everything.table("batch", "number", "chip.instrument.name") if count else ()
        assert len(table) == count
        if count:
            last = everything[-1]
            assert last.path().read_bytes() == last.filename.encode() * 20
            assert len(LabFrame.batch == last.batch) == size
        before = count
        rounds += 1
        context.session.end()
    print(rounds, before)
    context.close()


def check(where, folder, flag):
    """Verify in a loop until a file appears."""
    from awe.store.verify import verify

    context = _open(where, folder)
    rounds = 0
    while not os.path.exists(flag) or rounds < 2:
        problems = verify(context)
        assert problems == [], problems
        rounds += 1
    print(rounds)
    context.close()


def notes(where, folder, name, count):
    """Commit notes as fast as it goes, each twice: made and edited."""
    context = _open(where, folder)
    for k in range(int(count)):
        note = LabNote(name=f"{name}-{k}", value=float(k))
        note.commit()
        note.value = -float(k)
        note.commit()
    print(len(LabNote.select_all()))
    context.close()


def shared(where, folder, name, count):
    """Edit one note that others edit too; say what they were told."""
    from awe.store.edits import StaleEditError

    context = _open(where, folder)
    note, done, stale = LabNote.get(name="shared"), 0, 0
    while done < int(count):
        context.refresh()
        note.value = note.value + 1.0
        try:
            context.commit(why=name)
            done += 1
        except StaleEditError:
            context.rollback()
            stale += 1
    print(done, stale)
    context.close()


def until_killed(where, folder, name):
    """Commit, edit and delete frames for ever; say what has landed."""
    context = _open(where, folder)
    work = Path(folder) / f"work-{name}"
    work.mkdir()
    number = 0
    while True:
        batch = f"{name}-{number}"
        frames = [make_frame(work, f"{batch}-{k}.fits", batch=batch, number=k) for k in range(3)]
        context.commit(frames)
        print("made", batch, flush=True)
        for frame in frames:
            frame.comment = batch
        context.commit()
        print("edited", batch, flush=True)
        if number % 4 == 3:
            print("deleting", batch, flush=True)
            context.delete(frames)
            print("deleted", batch, flush=True)
        number += 1


def first_start(where, folder):
    """Open a store that may not exist yet."""
    context = _open(where, folder)
    print(len(context.projects()), context.user_name)
    context.close()
    assert not current.has_context()


def _end_with(parent):
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


if __name__ == "__main__":
    # A test run that is killed cannot end its processes.
    threading.Thread(target=_end_with, args=(int(sys.argv[1]),), daemon=True).start()
    # The classes of this process belong to the module, not to __main__'s copy.
    import store_lab

    getattr(store_lab, sys.argv[2])(*sys.argv[3:])
