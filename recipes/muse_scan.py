"""The files of MUSE exposures: what each is, what is new, and what goes together."""

import dataclasses
import os
import re

from awe.recipes.muse_read import primary_header, reason_unread, start_of

from awe.base.errors import AweError, AweValueError
from awe.base.progress import track
from awe.base.utc import to_utc
from awe.store.external import ExternalFile, state_of

__all__ = ["CONTENT", "EXPECTED", "UNREAD", "Found", "Scan", "check_roots", "scan"]

# How the note on a file begins that the system did not let us read: it is tried again.
UNREAD = "cannot be opened: "

# Kinds of file that make an exposure; of narrow-field exposures there are those of maoppy too.
EXPECTED = ("raw", "single", "prm", "psf", "catalog", "raman", "nightlog")
_MAOPPY = ("maoppy prm", "maoppy psf")
CONTENT = (*EXPECTED, *_MAOPPY)
_BY_NAME = ("prm", "psf", "catalog", "nightlog", *_MAOPPY)
_ENDINGS = (".fits", ".fits.fz", ".fits.gz", ".NL.txt", ".detections.cat")
# Names of folders that count for the root as well.
_SAYING = {"raw", "single", "maoppy"}
# Products on the way to a cube, and calibrations.
_IGNORED = re.compile(r"PIXTABLE|MASTER|LINES|SKY|STD_|TRACE")
_STAMP = re.compile(r"MUSE\.(\d{4}-\d\d-\d\dT\d\d[:_]\d\d[:_]\d\d(?:\.\d+)?)")


@dataclasses.dataclass
class Found:
    """A file of the tree.

    Attributes
    ----------
    path : str
        The file.
    root : str
        The folder below which it was found.
    kind : str or None
        Of `CONTENT`, or 'other'.
    group : str or None
        Start of the exposure that it belongs to, in the form of ISO 8601.
    note : str or None
        Why it belongs to none, or cannot be read.
    raw_name : str or None
        Of a cube the name of its raw file.
    is_new : bool
        Whether it is new or changed since it was stored.
    is_stored : bool
        Whether the store knows it.
    stored_group : str or None
        The exposure to which it belonged when it was stored.
    has_checksum : bool
        Whether the store knows its checksum.
    """

    path: str
    root: str
    kind: str | None = None
    group: str | None = None
    note: str | None = None
    raw_name: str | None = None
    is_new: bool = True
    is_stored: bool = False
    stored_group: str | None = None
    has_checksum: bool = False

    @property
    def is_to_read(self):
        """Whether its exposure does not know it yet as it is now."""
        return self.is_new or self.group != self.stored_group

    @property
    def name(self):
        """Its name without the folder."""
        return os.path.basename(self.path)

    @property
    def folders(self):
        """The names of its folders, as a set."""
        return set(self.path.split(os.sep)[:-1])

    @property
    def own_folders(self):
        """The names of its folders below the root, which say what lies in them."""
        # What is above was named by somebody who had something else in mind.
        below = os.path.relpath(os.path.dirname(self.path), self.root).split(os.sep)
        return {*below, *({os.path.basename(self.root)} & _SAYING)}


@dataclasses.dataclass
class Scan:
    """What a tree holds.

    Attributes
    ----------
    files : list of Found
        All files.
    groups : dict of str to dict of str to Found
        For each exposure its files by kind.
    lost : dict of str to str
        Files and folders that could not be looked at, and why.
    """

    files: list
    groups: dict
    lost: dict


def scan(roots):
    """Look through trees, and read the primary header of what is new or changed.

    Parameters
    ----------
    roots : list of str
        The folders.

    Returns
    -------
    Scan
        What was found.
    """
    known = _known_files()
    files, lost = [], {}
    for root in roots:
        for path, size, mtime in _walk(root, lost):
            stored = known.get(path)
            if stored is None or stored[:2] != (size, mtime) or _is_unread(stored[4]):
                files.append(Found(path, root, is_stored=stored is not None))
            else:
                kind, group, note, sha256 = stored[2:]
                files.append(
                    Found(path, root, kind, group, note, is_new=False, is_stored=True,
                          stored_group=group, has_checksum=sha256 is not None)
                )  # fmt: skip
    files = list({f.path: f for f in files}.values())
    new = [f for f in files if f.is_new]
    for each in track(new, "Read headers") if new else ():
        _classify(each)
    _group(files)
    groups = {}
    for each in sorted(files, key=lambda f: (f.is_new, f.path)):
        if each.group is None or each.kind not in CONTENT:
            continue
        first = groups.setdefault(each.group, {}).setdefault(each.kind, each)
        if first is not each and each.is_new:
            each.note = f"{each.kind} of the same exposure as {first.path}"
            each.kind, each.group = "other", None
    ordered = {
        group: {kind: by_kind[kind] for kind in CONTENT if kind in by_kind}
        for group, by_kind in groups.items()
    }
    return Scan(files, ordered, lost)


def _is_unread(note):
    return note is not None and note.startswith(UNREAD)


def _known_files():
    query = ExternalFile.select_all().project_only()
    rows = query.values("path", "size", "mtime", "kind", "group", "note", "sha256")
    return {row[0]: row[1:] for row in rows}


def _walk(root, lost):
    """Give path, size and time of change of all files that may be of an exposure."""
    waiting, seen = [os.path.abspath(root)], set()
    while waiting:
        folder = waiting.pop()
        for entry in _entries(folder, lost):
            try:
                if entry.is_dir():
                    here = entry.stat()
                    # A link to a folder above would lead round and round.
                    if (here.st_dev, here.st_ino) not in seen:
                        seen.add((here.st_dev, here.st_ino))
                        waiting.append(entry.path)
                elif entry.name.endswith(_ENDINGS) and entry.is_file():
                    entry.path.encode()
                    yield entry.path, *state_of(entry)
            except OSError as err:
                lost[entry.path] = err.strerror
            except UnicodeEncodeError:
                lost[entry.path] = "its name is no text in UTF-8"


def _entries(folder, lost):
    """Give what is in a folder, by name, but for what is hidden."""
    try:
        with os.scandir(folder) as entries:
            return sorted((e for e in entries if e.name[0] != "."), key=lambda e: e.name)
    except OSError as err:
        lost[folder] = err.strerror
        return []


# --- what a file is ---


def _classify(file):
    """Find out what a file is, and when its exposure began, where its header says it."""
    name = file.name
    if name.endswith(".NL.txt"):
        file.kind = "nightlog"
    elif name.endswith(".detections.cat"):
        file.kind = "catalog"
    elif ".prm" in name or ".psf" in name:
        model = "maoppy " if any("maoppy" in f.lower() for f in file.own_folders) else ""
        file.kind = model + ("prm" if ".prm" in name else "psf")
    elif _IGNORED.search(name):
        file.kind = "other"
    else:
        _by_header(file)


def _by_header(file):
    file.kind = _kind_by_folder(file)
    try:
        header = primary_header(file.path)
    except OSError as err:
        file.note = f"{UNREAD}{reason_unread(err, file.path)}"
        return
    except AweError as err:
        file.note = f"cannot be read: {str(err).splitlines()[0].replace(file.path, 'it')}"
        return
    file.kind = _kind_by_header(header, file.kind)
    if file.kind not in CONTENT:
        return
    file.raw_name = _text(header.get("PROV1"))
    try:
        file.group = start_of(header)
    except AweError as err:
        file.note = str(err).splitlines()[0]


def _text(value):
    return value.strip() if isinstance(value, str) and value.strip() else None


def _kind_by_folder(file):
    folders = file.own_folders
    if "raw" in folders or file.name.endswith(".fz"):
        return "raw"
    return "single" if "single" in folders else "other"


def _kind_by_header(header, by_folder):
    """Give the kind that a header says; where it says nothing that of the folder counts."""
    if header.get("INSTRUME") not in ("MUSE", None):
        return "other"
    product = _text(header.get("ESO PRO CATG"))
    if product is not None:
        if product == "RAMAN_IMAGES":
            return "raman"
        # A cube of several exposures has the names of several raw files.
        return "single" if product == "DATACUBE_FINAL" and "PROV2" not in header else "other"
    category = _text(header.get("ESO DPR CATG"))
    if category is not None:
        return "raw" if category == "SCIENCE" and header.get("ESO DPR TYPE") != "SKY" else "other"
    return by_folder


# --- what goes together ---


def _group(files):
    """Give each file that has none the exposure that it belongs to, where that can be told."""
    singles = [f for f in files if f.kind == "single"]
    raws = {}
    for raw in (f for f in files if f.kind == "raw"):
        raws.setdefault(_key(raw.name), []).append(raw)
    for single in singles:
        named = raws.get(_key(single.raw_name), []) if single.raw_name else []
        for raw in named:
            # The cube says when its exposure began; else its raw file does. What is stored of
            # the raw file stays one exposure.
            known = raw.stored_group if single.stored_group is None else None
            single.group = known or single.group or raw.group
            raw.group = single.group if len(named) == 1 or raw.group is None else raw.group
    for group in (f for each in raws.values() for f in each if f.group is None):
        group.group = _stamp_of(group.name)
    stems = {}
    for single in singles:
        stems.setdefault(single.name.removesuffix(".fits"), []).append(single)
    apart = _folders_apart([*singles, *(raw for named in raws.values() for raw in named)])
    for file in files:
        if file.group is None and file.kind in _BY_NAME:
            _by_name(file, stems, raws, apart)


def _folders_apart(files):
    """Give the names of folders that tell nights, or what else, apart."""
    if not files:
        return set()
    folders = [file.folders for file in files]
    return set.union(*folders) - set.intersection(*folders) - {"raw", "single"}


def _key(name):
    """Give the name of a raw file without its endings."""
    for ending in (".fz", ".gz", ".NL.txt", ".fits"):
        name = name.removesuffix(ending)
    return name


def _stamp_of(name):
    found = _STAMP.match(name)
    return to_utc(found[1].replace("_", ":")).isoformat() if found else None


def _by_name(file, stems, raws, apart):
    if file.kind == "nightlog":
        candidates = raws.get(_key(file.name), [])
        beside = [c for c in candidates if c.folders == file.folders]
        found, what = beside or candidates, "raw file"
    else:
        mine = file.folders & apart
        named = stems.get(_stem(file, stems), [])
        # A cube of the same name in the folder of another night is another one.
        found = [c for c in named if not mine or not c.folders & apart or c.folders & mine]
        what = "cube"
    groups = {c.group for c in _nearest(file, found)} - {None}
    if len(groups) == 1:
        file.group, file.note = groups.pop(), None
    elif groups:
        file.note = f"more than one {what} has its name"
    elif found and file.kind != "nightlog":
        file.note = "its cube cannot be used"
    elif file.kind == "nightlog" and _stamp_of(file.name):
        file.group = _stamp_of(file.name)
    else:
        file.note = f"there is no {what} of its name"


def _stem(file, stems):
    """Give the name of the cube that a file goes with."""
    if file.kind == "catalog":
        # Catalogues have the name of the cube and perhaps more after it.
        fitting = [s for s in stems if re.match(rf"{re.escape(s)}(?![0-9A-Za-z])", file.name)]
        return max(fitting, key=len, default=None)
    return re.split(r"\.(?:prm|psf)", file.name)[0]


def _nearest(file, candidates):
    """Give those candidates that share most folders with a file."""
    shared = [len(c.folders & file.folders) for c in candidates]
    return [c for c, n in zip(candidates, shared, strict=True) if n == max(shared)]


def check_roots(roots):
    """Raise where a root is no folder.

    Parameters
    ----------
    roots : list of str
        The folders.

    Raises
    ------
    AweValueError
        One of them is none.
    """
    for root in roots:
        if not os.path.isdir(root):
            msg = f"{root} is no folder; MUSE exposures are collected from a folder with all files."
            raise AweValueError(msg, remedy="Give the folder that holds raw, single and analysis.")
