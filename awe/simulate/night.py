"""A night of raw frames with known truth: make it, open it, ask it."""

import datetime
import json
from dataclasses import dataclass
from pathlib import Path

from awe.base.errors import AweLookupError, AweValueError, did_you_mean
from awe.base.utc import to_utc
from awe.simulate.detector import make_detector
from awe.simulate.exposures import KINDS, WITH_TRUTH, Exposure, plan
from awe.simulate.layout import PIXEL_SCALE, mosaic
from awe.simulate.light import expose, star_fields
from awe.simulate.run import run
from awe.simulate.scene import BETA, ZERO_POINT
from awe.simulate.settings import Settings
from awe.simulate.standards import read_standards, standards_path, write_standards
from awe.simulate.truth import (
    chip_path,
    chip_truth,
    chip_values,
    frame_path,
    frame_values,
    load,
    make_truth,
)

__all__ = ["Night", "open_night", "simulate_night"]

_VERSION = 2


@dataclass(frozen=True)
class Night:
    """The files of a simulated night and what is true of them.

    Parameters
    ----------
    folder : pathlib.Path
        Where the files are; the truth is in its folder ``truth``.
    settings : awe.simulate.settings.Settings
        What the night is made of.
    exposures : tuple of awe.simulate.settings.Exposure
        In the order of time.
    """

    folder: Path
    settings: Settings
    exposures: tuple

    def __repr__(self):
        kinds = [e.kind for e in self.exposures]
        counts = ", ".join(f"{kinds.count(k)} {k}" for k in KINDS if k in kinds)
        return f"<Night of {counts} x {self.settings.ccds} CCDs in {self.folder}>"

    @property
    def chips(self):
        """Names of the CCDs, in the order of the extensions."""
        return tuple(ccd.name for ccd in self.ccds)

    @property
    def ccds(self):
        """Layout of the CCDs, in the order of the extensions."""
        return mosaic(self.settings.ccds, self.settings.shape)

    @property
    def files(self):
        """All raw files, in the order of time."""
        return [self.folder / e.filename for e in self.exposures]

    @property
    def biases(self):
        """Files of the biases."""
        return self.of_kind("bias")

    @property
    def domes(self):
        """Files of the dome flats."""
        return self.of_kind("dome")

    @property
    def twilights(self):
        """Files of the twilight flats."""
        return self.of_kind("twilight")

    @property
    def science(self):
        """Files of the science exposures."""
        return self.of_kind("science")

    @property
    def standards(self):
        """Files of the exposures of a standard field."""
        return self.of_kind("standard")

    @property
    def darks(self):
        """Files of the darks."""
        return self.of_kind("dark")

    @property
    def gain_pairs(self):
        """Files of the flats for the gain: two of each exposure time, one after the other."""
        return self.of_kind("gain")

    @property
    def standard_file(self):
        """File of the catalog of standard stars, an ECSV table."""
        return standards_path(self.folder)

    @property
    def standard_catalog(self):
        """Table of the standard stars: `ra`, `dec` in degrees and `mag`.

        It holds stars of the standard field from 15 to 20 mag; None where
        the night has no standard exposures. `id` is that of the stars of a truth.
        """
        return read_standards(self.folder)

    @property
    def project(self):
        """Name of the project that the night is meant for."""
        return self.settings.project

    def of_kind(self, kind):
        """List the files of a kind.

        Parameters
        ----------
        kind : str
            One of `KINDS`.

        Returns
        -------
        list of pathlib.Path
            In the order of time.
        """
        return [self.folder / e.filename for e in self.exposures if e.kind == kind]

    def truth(self, chip, exposure):
        """Read what is true of one CCD in one exposure.

        Parameters
        ----------
        chip : str
            Name of the CCD, such as ``'ESO_CCD_#65'``.
        exposure : int, str, pathlib.Path or datetime.datetime
            Number of a science exposure from 0; or the raw file, or a name that
            begins with its name; or the start of the exposure (DATE-OBS).

        Returns
        -------
        awe.simulate.truth.Truth
            The truth; where it was not kept, it is made again from the seed.

        Raises
        ------
        AweLookupError
            There is no such CCD or exposure.
        """
        ccd = self._ccd(chip)
        found = self._find(exposure)
        known, frame = self._kept_chip(ccd), load(frame_path(self.folder, found, ccd), "stars")
        if known is None or frame is None:
            detector = make_detector(ccd, self.settings)
            fields = star_fields(self.settings, [e for e in self.exposures if e.kind == found.kind])
            known = chip_values(detector)
            frame = frame_values(expose(self.settings, found, detector, fields))
        return make_truth(known, frame, chip=chip, filename=found.filename)

    def chip(self, chip):
        """Give what is true of one CCD in every exposure.

        Parameters
        ----------
        chip : str
            Name of the CCD, such as ``'ESO_CCD_#65'``.

        Returns
        -------
        awe.simulate.truth.ChipTruth
            The truth; where it was not kept, it is made again from the seed.

        Raises
        ------
        AweLookupError
            There is no such CCD.
        """
        ccd = self._ccd(chip)
        known = self._kept_chip(ccd)
        if known is None:
            known = chip_values(make_detector(ccd, self.settings))
        return chip_truth(known, chip)

    def simulate(self, exposure, *, truth=True, processes=1):
        """Write the raw file of one exposure.

        So a night too large for the disk can be made file by file, and each
        removed when it is ingested.

        Parameters
        ----------
        exposure : awe.simulate.exposures.Exposure
            One of `exposures`.
        truth : bool or sequence of str, optional
            As for `simulate_night`. The default is True.
        processes : int, optional
            As for `simulate_night`. The default is 1.

        Returns
        -------
        pathlib.Path
            The file; one that is there is replaced by the same.

        Raises
        ------
        AweLookupError
            The night has no such exposure, or `truth` names no CCD of it.
        AweValueError
            The number of processes is not 1 or more.
        """
        if exposure not in self.exposures:
            msg = f"{exposure!r} is no exposure of this night of {len(self.exposures)}."
            raise AweLookupError(msg, remedy="Take one of night.exposures.")
        self._write((exposure,), truth, processes)
        return self.folder / exposure.filename

    def _write(self, wanted, truth, processes):
        keep = _kept(truth, self.chips)
        _check_processes(processes)
        run(self.folder, self.settings, self.exposures, wanted, keep=keep, processes=processes)

    def _ccd(self, chip):
        if chip not in self.chips:
            msg = f"This night has no CCD {chip!r}.{did_you_mean(chip, self.chips)}"
            raise AweLookupError(msg)
        return self.ccds[self.chips.index(chip)]

    def _kept_chip(self, ccd):
        return load(chip_path(self.folder, ccd), "dark_rate")

    def _find(self, wanted):
        known = [e for e in self.exposures if e.kind in WITH_TRUTH]
        if isinstance(wanted, int):
            if 0 <= wanted < len(known):
                return known[wanted]
        elif isinstance(wanted, datetime.datetime):
            for exposure in known:
                if exposure.date_obs == to_utc(wanted):
                    return exposure
        else:
            for exposure in known:
                if Path(wanted).name.startswith(exposure.stem):
                    return exposure
        msg = (
            f"There is no truth of an exposure {wanted!r}: this night has {len(known)} exposures "
            f"with truth, 0 to {len(known) - 1} or by file name: "
            f"{', '.join(e.filename for e in known[:3])} ..."
        )
        raise AweLookupError(msg)


def simulate_night(folder, *, write=True, truth=True, processes=1, overwrite=False, **settings):
    """Simulate a night of raw frames and keep the truth beside.

    Every frame depends on the seed, its kind, its place in its template and its
    CCD alone: more exposures or more CCDs leave the pixels of the others as they
    were, but for the trail, which goes to the middle exposure.

    Parameters
    ----------
    folder : str or pathlib.Path
        Where the raw files go, made where needed; the truth goes to its folder
        ``truth``.
    write : bool, optional
        Whether to write all raw files now, the default; False to write them one
        by one with `Night.simulate`.
    truth : bool or sequence of str, optional
        Whether the truth is kept in files, or of which CCDs. What is not kept is
        made again from the seed when it is asked for, which takes as long as
        the frame itself. The default is True.
    processes : int, optional
        How many CCDs are simulated at a time, each in a process of its own. The
        default is 1.
    overwrite : bool, optional
        Whether a night that is in the folder may be replaced. The default is
        False.
    **settings
        What the night is made of: the arguments of
        `awe.simulate.settings.Settings`, such as ``ccds``, ``shape``,
        ``exposures`` and ``seed``.

    Returns
    -------
    Night
        The files and their truth.

    Raises
    ------
    AweValueError
        An argument that makes no night, or a folder that holds one already.
    AweLookupError
        `truth` names a CCD that the night has not.
    """
    complete = Settings.complete(**settings)
    night = Night(Path(folder), complete, tuple(plan(complete)))
    _kept(truth, night.chips)
    _check_processes(processes)
    _make_room(night.folder, overwrite)
    if complete.standards:
        write_standards(night.folder, star_fields(complete, night.exposures)["standard"])
    if write:
        night._write(night.exposures, truth, processes)
    # Last of all: a night that was broken off is not opened as a whole one.
    _description(night.folder).write_text(json.dumps(_described(night), indent=1) + "\n")
    return night


def _kept(truth, chips):
    """Give the names of the CCDs whose truth is kept."""
    if isinstance(truth, bool):
        return chips if truth else ()
    for chip in truth:
        if chip not in chips:
            msg = f"There is no CCD {chip!r} to keep the truth of.{did_you_mean(chip, chips)}"
            raise AweLookupError(msg)
    return tuple(truth)


def _check_processes(processes):
    if not isinstance(processes, int) or processes < 1:
        raise AweValueError(f"processes is a whole number, 1 or more, not {processes!r}.")


def _make_room(folder, overwrite):
    """Make the folder, and remove the night that is in it where that is allowed."""
    path = _description(folder)
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        return
    if not overwrite:
        msg = f"{folder} holds a simulated night already."
        raise AweValueError(msg, remedy="Give another folder, or overwrite=True.")
    old = open_night(folder)
    path.unlink()
    truths = [frame_path(folder, e, ccd) for e in old.exposures for ccd in old.ccds]
    truths += [chip_path(folder, ccd) for ccd in old.ccds]
    for file in [*old.files, *truths, standards_path(folder)]:
        file.unlink(missing_ok=True)


def _description(folder):
    return folder / "truth" / "night.json"


def open_night(folder):
    """Open a night that `simulate_night` made.

    Parameters
    ----------
    folder : str or pathlib.Path
        Where its raw files are.

    Returns
    -------
    Night
        The files and their truth.

    Raises
    ------
    AweLookupError
        The folder holds no simulated night.
    AweValueError
        A newer version of awe wrote it.
    """
    path = _description(Path(folder))
    if not path.is_file():
        msg = f"{folder} holds no simulated night: there is no {path}."
        raise AweLookupError(msg, remedy=f"simulate_night({str(folder)!r}) makes one.")
    described = json.loads(path.read_text())
    if described["version"] > _VERSION:
        msg = f"{path} was written by a newer awe (version {described['version']} of its form)."
        raise AweValueError(msg)
    exposures = tuple(Exposure.from_json(values) for values in described["exposures"])
    return Night(Path(folder), Settings.from_json(described["settings"]), exposures)


def _described(night):
    return {
        "version": _VERSION,
        "settings": night.settings.as_json(),
        "units": "ra, dec: degrees; seeing: arcsec; sky: electrons/s/pixel; exptime: s; times: UTC",
        "zero_point": ZERO_POINT,
        "moffat_beta": BETA,
        "pixel_scale": PIXEL_SCALE,
        "exposures": [exposure.as_json() for exposure in night.exposures],
    }
