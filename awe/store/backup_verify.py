"""Checking a backup: every byte of it, and what its records say."""

import contextlib

from awe.base.progress import track
from awe.store.backup_contents import contents_of, former_note
from awe.store.backup_folder import BackupError
from awe.store.backup_records import RECORDS, CopySession
from awe.store.backup_restore import finished_backup
from awe.store.plain import DAMAGES, HostileRecordError
from awe.store.storage import StoreError, is_storage_failure
from awe.store.verify import check_records

__all__ = ["verify_backup"]


def verify_backup(folder):
    """Compare everything in a backup with its list of checksums and with its records.

    Parameters
    ----------
    folder : str or pathlib.Path
        What `backup` wrote.

    Returns
    -------
    problems : list of str
        What is wrong, a sentence each; empty where nothing is.
    notes : list of str
        What is as it may be, but good to know.

    Raises
    ------
    BackupError
        There is no backup, or one is being written.
    """
    target, _ = finished_backup(folder)
    with target.reading():
        # Read anew: a backup may have ended in between.
        sums = target.sums()
        problems = [
            target.problem(name, sums[name])
            for name in track(sorted(sums), "Verify the backup", len(sums))
        ]
        problems = [problem for problem in problems if problem is not None]
        foreign, notes = _others(target, sums)
        problems += foreign
        try:
            note, state = former_note(target, sums)
        except BackupError as err:
            return [*dict.fromkeys([*problems, str(err)])], notes
        if not note:
            return [*problems, f"The list of the backup {target.path} names no records."], notes
        problems += _records(target, sums, f"{state}/{RECORDS}", note)
        notes.append(
            f"Made {note['made'][:19]} UTC from {note['store']}: {note['objects']} objects, "
            f"{note['files']} files, {len(note['external'])} files outside of the store."
        )
        return problems, notes


def _others(target, sums):
    """Find files that the backup does not have, and those that an unfinished one left."""
    others = [name for name in target.names() if name not in sums]
    planned = target.planned()
    foreign = [f"The backup does not have the file {target.path / name}."
               for name in others if name not in planned]  # fmt: skip
    if not target.unfinished.exists():
        return foreign, []
    left = len(others) - len(foreign)
    return foreign, [
        f"A later backup was interrupted ({left} files of it are there); this is the one before. "
        "`awe backup` goes on with it."
    ]


def _records(target, sums, name, note):
    """Check the records, and that all files that they name are there."""
    if target.problem(name, sums.get(name)) is not None:
        return []
    try:
        with contextlib.closing(CopySession(target.path / name)) as session:
            problems, _, _ = check_records(session)
            found = contents_of(session)
    except (HostileRecordError, StoreError, *DAMAGES) as err:
        return [f"The records of the backup: {err}"]
    except Exception as err:
        if not is_storage_failure(err):
            raise
        return [f"The records of the backup cannot be read: {err}."]
    listed = {(n.rpartition("/")[2], digest) for n, digest in sums.items() if n[:6] == "files/"}
    problems += [
        f"The file {filename} with the checksum {sha256} is not in the backup."
        for filename, sha256 in found.files
        if (filename, sha256) not in listed
    ]
    if found.objects != note["objects"]:
        problems.append(
            f"The records have {found.objects} objects, the backup was made of {note['objects']}."
        )
    return problems
