"""What travels by value in the folder of a job: objects that are not stored, with their files."""

import json
import os
import shutil
from pathlib import Path

from awe.dpu.jobs import DpuUnit
from awe.process.choice import at_level_one
from awe.store import parcels
from awe.store.commit import closure

__all__ = [
    "carry_over",
    "is_of_use",
    "made_by",
    "read_carried",
    "read_parcel",
    "write_parcel",
]

_CARRIED = "carried.json"


def made_by(unit, attempt):
    """Give the name of the parcel, and of the folder with the files, of what a unit has made.

    Parameters
    ----------
    unit : str
        Its object_id.
    attempt : int
        Which attempt: a later one never meets the files of an earlier one.

    Returns
    -------
    str
        The name.
    """
    return f"{unit}-{attempt}"


def write_parcel(folder, name, objects):
    """Write objects by value into the folder of a job.

    Parameters
    ----------
    folder : pathlib.Path
        The job's folder.
    name : str
        Of what.
    objects : list of DBObject
        New ones.
    """
    path = folder / "made" / f"{name}.parcel"
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = path.with_suffix(".part")
    temporary.write_bytes(parcels.pack(objects))
    temporary.rename(path)


def read_parcel(folder, name):
    """Read the objects that `write_parcel` wrote.

    Parameters
    ----------
    folder : pathlib.Path
        The job's folder.
    name : str
        Of what.

    Returns
    -------
    list of DBObject
        Empty where there are none.
    """
    path = folder / "made" / f"{name}.parcel"
    if not path.exists():
        return []
    found = parcels.unpack(path.read_bytes())
    for obj in closure(found):
        # It may have come here by another job, which was forgotten since.
        local = getattr(obj, "_local_path", None)
        if local is not None and not local.exists():
            _find_file(obj, folder / "made")
    return found


def is_of_use(made_for, group):
    """Tell whether what was made for a CCD is of use for a unit.

    Parameters
    ----------
    made_for : str
        The CCD; empty for what belongs to none.
    group : str
        The unit's CCD; empty for a unit that works on all of them.

    Returns
    -------
    bool
        True where either belongs to no CCD.
    """
    return not group or made_for in ("", group)


# --- jobs that go on with what another one has made ---


def carry_over(context, old, job):
    """Copy what a job has that is not stored into the folder of another one, which goes on with it.

    Parameters
    ----------
    context : Context
        The context.
    old, job : DpuJob
        The two jobs. The old one can be forgotten afterwards.
    """
    source, target = Path(old.folder) / "made", Path(job.folder) / "made"
    entries = _carried(Path(old.folder))
    if not old.stores:
        with at_level_one(context):
            done = [u for u in (DpuUnit.job == old) & (DpuUnit.state == "done") if u.results]
        entries += [(u.step, u.group, made_by(u.object_id, u.attempt)) for u in done]
    names = ["arguments", *(name for _, _, name in entries)]
    names = [name for name in names if (source / f"{name}.parcel").exists()]
    if not names:
        return
    target.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in names:
        shutil.copy2(source / f"{name}.parcel", target)
        if (source / name).exists():
            shutil.copytree(source / name, target / name, copy_function=_link, dirs_exist_ok=True)
    (target / _CARRIED).write_text(json.dumps(entries))


def _link(source, target):
    # The same bytes: nobody writes into a file that a parcel names.
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def _carried(folder):
    path = folder / "made" / _CARRIED
    return [tuple(entry) for entry in json.loads(path.read_text())] if path.exists() else []


def read_carried(folder, steps, group):
    """Read what an earlier job has made, with which this one goes on.

    Parameters
    ----------
    folder : pathlib.Path
        The job's folder.
    steps : list of int
        The steps whose products are wanted.
    group : str
        The CCD of the unit that wants them.

    Returns
    -------
    list of DBObject
        Empty where the job is no other one's second run.
    """
    found = []
    for step, made_for, name in _carried(folder):
        if step in steps and is_of_use(made_for, group):
            found += read_parcel(folder, name)
    for obj in closure(found):
        _find_file(obj, folder / "made")
    return found


def _find_file(obj, made):
    """Let the file of an object that was carried over be the copy in this job's folder."""
    local = getattr(obj, "_local_path", None)
    if local is None or local.is_relative_to(made):
        return
    copy = made / local.parent.name / local.name
    if copy.exists():
        object.__setattr__(obj, "_local_path", copy)
