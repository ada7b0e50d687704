"""Which files an ingest reads: files, patterns and folders."""

import glob
import os
from pathlib import Path

from awe.base.errors import AweTypeError
from awe.base.paths import typed_path

__all__ = ["find_files"]

_ENDINGS = tuple(
    f"{plain}{packed}" for plain in (".fits", ".fit", ".fts") for packed in ("", ".gz", ".fz", ".z")
)


def find_files(paths):
    """Find the files that a user means.

    Parameters
    ----------
    paths : iterable of str or os.PathLike
        Files, patterns with ``*``, ``?`` or ``[]``, and folders, which are searched to any depth
        for names that end as FITS files do; hidden files there are left out.

    Returns
    -------
    files : list of pathlib.Path
        Each once, in the order given, those of a folder by name.
    missing : list of pathlib.Path
        What does not exist, and patterns that nothing fits.

    Raises
    ------
    AweTypeError
        A path is neither a text nor a path.
    """
    found, missing = {}, []
    for given in paths:
        if not isinstance(given, (str, os.PathLike)):
            msg = f"IngestTask: paths holds {type(given).__name__} {given!r}, which is no path."
            raise AweTypeError(msg)
        path = typed_path(given)
        matching = [path]
        if not path.exists():
            matching = sorted(Path(p) for p in glob.glob(str(path), recursive=True))
        if not matching:
            missing.append(path)
        for each in matching:
            for file in _below(each) if each.is_dir() else [each]:
                found.setdefault(file.resolve(), file)
    return list(found.values()), missing


def _below(folder):
    return sorted(
        p
        for p in folder.rglob("*")
        if p.name.lower().endswith(_ENDINGS) and not p.name.startswith(".") and p.is_file()
    )
