"""Building a MUSE exposure, or completing a stored one, from its files."""

import os

from awe.recipes.muse_read import READERS, identity, read_sky, reason_unread
from awe.recipes.muse_scan import CONTENT, EXPECTED, UNREAD

from awe.base.errors import AweError
from awe.base.utc import to_utc
from awe.instruments import recognise
from awe.model import Exposure, Instrument, Target
from awe.store.external import ExternalFile, state_of

__all__ = ["ExposureBuilder", "muse", "stored_file"]

_MAOPPY = ("maoppy prm", "maoppy psf", "catalog")
_HEADERS = ("datacube_header", "raw_exposure_header")


def muse():
    """Give the instrument.

    Returns
    -------
    Instrument
        The stored one, or a new one.
    """
    known = recognise([{}], "MUSE")
    return Instrument.get_or_create(
        name=known.name, telescope_name=known.telescope, latitude=known.latitude,
        longitude=known.longitude, elevation=known.elevation,
    )  # fmt: skip


def stored_file(path, kind, group, note, *, is_stored, checksum):
    """Give the object of a file.

    Parameters
    ----------
    path : str
        The file.
    kind, group, note : str or None
        As a scan found them.
    is_stored : bool
        Whether the store may know it already.
    checksum : bool
        Whether to compute its checksum.

    Returns
    -------
    ExternalFile
        A new one, or the stored one with its changes staged.
    """
    file = ExternalFile.at(path, checksum=checksum, is_new=not is_stored)
    for name, value in (("kind", kind), ("group", group), ("note", note)):
        if getattr(file, name) != value:
            setattr(file, name, value)
    return file


class ExposureBuilder:
    """Makes one exposure of its files, or adds to a stored one what it lacked.

    Parameters
    ----------
    group : str
        When it began, in the form of ISO 8601.
    files : dict of str to dict
        For each kind path, note, and whether the store knows it.
    changed : list of str or None
        The kinds that are to be read; None for those that the stored exposure does not know.
    checksum : bool, optional
        Whether to compute the checksums of the files. The default is False.
    """

    def __init__(self, group, files, changed, checksum=False):
        self._time = to_utc(group)
        self._group = group
        self._files = files
        self._changed = None if changed is None else set(changed)
        self._checksum = checksum
        self._values = {}
        self._problems = {}

    def build(self):
        """Read what is to be read.

        Returns
        -------
        list of DBObject
            The exposure, where it is new or has changed, then stored files that have changed.

        Raises
        ------
        UnidentifiedError
            Neither cube nor raw file says what the exposure must have.
        """
        instrument = muse()
        exposure = self._stored()
        if self._changed is None:
            self._changed = self._unknown_to(exposure)
        for kind in ("single", "raw", "prm", "psf", "catalog", "raman"):
            if kind in self._changed and kind in self._files:
                self._take(kind, READERS[kind])
        headers = [self._header(exposure, name) for name in _HEADERS]
        found, lacking = identity([h for h in headers if h is not None])
        if headers[0] is not None and "single" in self._problems:
            self._problems["single"] += [f"no {key}, taken from the raw file" for key in lacking]
        if exposure is None:
            exposure = Exposure(instrument=instrument, observation_time=self._time, kind="science")
        self._sky(exposure, headers)
        self._maoppy(exposure)
        self._names(exposure)
        if exposure.target is None or exposure.target.target_name != found["target"]:
            self._values["target"] = Target.get_or_create(target_name=found["target"])
        for name in ("obs_id", "ins_mode", "EXPTIME"):
            self._values[name] = found.get(name)
        for name, value in self._values.items():
            setattr(exposure, name, value)
        if self._changed & {"single", "raw"}:
            exposure.derive()
        files = self._link(exposure)
        exposure.problems = self._all_problems(exposure)
        changed = [exposure] if exposure.is_edited or not exposure.is_committed else []
        return changed + [f for f in files if f.is_edited]

    def _stored(self):
        when = Exposure.observation_time == self._time
        found = (when & (Exposure.instrument.name == "MUSE")).project_only()[:1]
        return found[0] if found else None

    def _unknown_to(self, exposure):
        """Give the kinds of file that a stored exposure does not have, or not as they are now."""
        files = () if exposure is None else exposure.files
        known, unknown = {f.path: f for f in files}, set()
        for kind, file in self._files.items():
            stored = known.get(file["path"])
            if stored is None or (stored.size, stored.mtime) != state_of(file["path"]):
                unknown.add(kind)
            else:
                file["note"] = stored.note
        return unknown

    def _header(self, exposure, name):
        if name in self._values:
            return self._values[name]
        return None if exposure is None else getattr(exposure, name)

    def _take(self, kind, reader):
        """Read one file; what is wrong with it is kept for the exposure."""
        path = self._files[kind]["path"]
        try:
            values, problems = reader(path)
        except OSError as err:
            self._problems[kind] = [f"{UNREAD}{reason_unread(err, path)}"]
            return None
        except AweError as err:
            reason = str(err).splitlines()[0].replace(path, "it").rstrip(".")
            self._problems[kind] = [f"cannot be used: {reason}"]
            return None
        self._problems[kind] = list(problems)
        self._values.update({n: v for n, v in values.items() if v is not None})
        return values

    def _sky(self, exposure, headers):
        """Compare the night log with the exposure; a raw file that came later decides anew."""
        if "nightlog" not in self._files or not self._changed & {"nightlog", "raw", "single"}:
            return
        cube, raw = headers
        self._take("nightlog", lambda path: read_sky(path, raw or cube))

    def _maoppy(self, exposure):
        """Read the second model of the PSF as a whole, where one of its files is to be read."""
        if not self._changed & set(_MAOPPY) or not set(_MAOPPY[:2]) & set(self._files):
            return
        data, before = {}, dict(self._values)
        for kind in _MAOPPY:
            if kind in self._files:
                data.update(self._take(kind, READERS[kind.removeprefix("maoppy ")]) or {})
        # The same reader gives the attributes of the first model, which are not meant here.
        self._values = before | ({"maoppy_data": data} if data else {})

    def _names(self, exposure):
        """Name the raw file and that of the PSF parameters, so that no two have one name."""
        for kind, name, folder in (
            ("raw", "raw_exposure_filename", "raw"),
            ("prm", "prm_filename", "analysis"),
        ):
            if kind not in self._files:
                continue
            path = self._files[kind]["path"]
            short = os.path.basename(path)
            if kind == "prm":
                # Cubes of two nights may have one name, but not in one folder.
                short = path.rpartition(f"{os.sep}{folder}{os.sep}")[2] or short
            term = getattr(Exposure, name)
            others = (term == short).project_only()[:1]
            taken = bool(others) and others[0] is not exposure
            wanted = path if taken else short
            if getattr(exposure, name) != wanted:
                self._values[name] = wanted

    def _link(self, exposure):
        files = [
            stored_file(f["path"], kind, self._group, self._note_on(kind),
                        is_stored=f["stored"], checksum=self._checksum)
            for kind, f in self._files.items()
        ]  # fmt: skip
        # What a file said that lies elsewhere, or is gone, still comes from it.
        linked = {f.kind: f for f in (*exposure.files, *files)}
        linked = [linked[kind] for kind in CONTENT if kind in linked]
        if [f.path for f in exposure.files] != [f.path for f in linked]:
            exposure.files = linked
        return files

    def _note_on(self, kind):
        if kind in self._problems:
            return "; ".join(self._problems[kind]) or None
        return self._files[kind]["note"]

    def _all_problems(self, exposure):
        """Give what is wrong now: of what was not read again as it was before."""
        told = [f"{kind}: {text}" for kind, texts in self._problems.items() for text in texts]
        kept = [p for p in exposure.problems if self._still_holds(p)]
        mode = self._values.get("ins_mode") or exposure.ins_mode or ""
        expected = CONTENT if mode.startswith("NFM") else EXPECTED
        there = {f.kind for f in exposure.files}
        missing = [f"{kind}: missing" for kind in expected if kind not in there]
        found = dict.fromkeys([*told, *kept, *missing])
        return sorted(found, key=lambda p: CONTENT.index(p.partition(":")[0]))

    def _still_holds(self, problem):
        kind, _, text = problem.partition(": ")
        return kind not in self._problems and text != "missing"
