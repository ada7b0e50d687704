"""The tree of files of MUSE exposures with adaptive optics, with known contents and flaws."""

import dataclasses
import datetime
from pathlib import Path

from awe.base.errors import AweValueError, did_you_mean
from awe.simulate import muse_files

__all__ = ["FLAWS", "MuseExposure", "MuseSize", "MuseTree", "simulate_muse"]

_SKY = (
    ("22:40", "PHO", ""), ("23:10", "CLR", ""), ("00:40", "PHO", "calm"),
    ("01:10", "THN", "cirrus from west"), ("01:35", "THK", ""),
)  # fmt: skip
_MODES = ("WFM-AO-N", "WFM-NOAO-N", "NFM-AO-N", "WFM-AO-E")
_EXPTIME, _STEP = 1200.0, datetime.timedelta(minutes=25)
_FIRST = datetime.timedelta(hours=22, minutes=55)
_DAY = datetime.timedelta(days=1)
_KINDS = ("raw", "single", "prm", "psf", "catalog", "raman", "nightlog", "maoppy prm", "maoppy psf")
# What may be wrong with an exposure: a file is not there, or what is there cannot be used.
FLAWS = (
    *(f"no {kind}" for kind in _KINDS),
    *(f"empty {kind}" for kind in _KINDS),
    *(f"truncated {kind}" for kind in _KINDS if kind not in ("catalog", "nightlog")),
    *(f"unreadable {kind}" for kind in _KINDS),
    "no PROV1", "no OBJECT", "no ESO OBS ID", "no ESO INS MODE", "no DATE-OBS",
    "prm without PSFPARS", "prm with NaN", "psf without sources", "damaged table",
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class MuseSize:
    """How large the files are.

    Attributes
    ----------
    channels : int
        Channels of a raw file; the instrument has 24.
    channel_cards, header_cards : int
        Cards without a meaning in the header of a channel, and in a primary header.
    wavelengths : int
        Wavelengths of the PSF parameters.
    layers : int
        Rows of the table of a source.
    """

    channels: int = 3
    channel_cards: int = 5
    header_cards: int = 10
    wavelengths: int = 3681
    layers: int = 5

    @classmethod
    def real(cls):
        """Give the size of real files, but for the pixels.

        Returns
        -------
        MuseSize
            24 channels of 200 cards, primary headers of 1700.
        """
        return cls(24, 180, 1670, 3681, 100)


@dataclasses.dataclass
class MuseExposure:
    """What is true of one exposure.

    Attributes
    ----------
    observation_time : datetime.datetime
        Its start, UTC.
    target, ins_mode : str
        What was observed, and in which mode.
    obs_id : int
        Number of the observing block.
    exptime : float
        Seconds.
    worse : float
        What is added to the seeing of the golden exposure, arcsec.
    sources : tuple of int
        Ids of the PSF stars.
    flaw : str or None
        What is wrong, of `FLAWS`.
    raw_name, name : str
        Name of the raw file; that of the cube without its ending.
    files : dict of str to pathlib.Path
        The files by kind; those that are there.
    has_provenance : bool
        Whether the cube names its raw file.
    """

    observation_time: datetime.datetime
    target: str
    ins_mode: str
    obs_id: int
    exptime: float
    worse: float
    sources: tuple
    flaw: str | None
    raw_name: str
    name: str
    files: dict
    has_provenance: bool = True

    @property
    def has_maoppy(self):
        """Whether there is a maoppy model of the PSF besides the Moffat one."""
        return self.ins_mode.startswith("NFM")


@dataclasses.dataclass
class MuseTree:
    """A tree of files and what is true of it.

    Attributes
    ----------
    root : pathlib.Path
        The folder.
    exposures : list of MuseExposure
        In the order of time.
    """

    root: Path
    exposures: list

    def files(self):
        """Give all files.

        Returns
        -------
        list of pathlib.Path
            By name.
        """
        return sorted(p for p in self.root.rglob("*") if p.is_file())


def simulate_muse(folder, *, exposures=8, nights=("2019-05-30", "2019-05-31"), modes=_MODES,
                  targets=("NGC 6266", "IC 4406"), flaws=None, size=None):  # fmt: skip
    """Write a tree of MUSE exposures.

    The first exposure is the golden one by which the formulas are checked; those of a night are
    25 minutes apart from 22:55 on, so that the third goes over midnight.

    Parameters
    ----------
    folder : str or os.PathLike
        The root, which gets `raw`, `single`, `analysis`, `catalogs` and `raman`.
    exposures : int, optional
        How many. The default is 8; they are shared by the nights in turn.
    nights : sequence of str, optional
        Dates of the evenings. Each has a folder of its own, with the same names of cubes in it.
    modes : sequence of str, optional
        Modes of the instrument, taken in turn.
    targets : sequence of str, optional
        Targets, taken in turn.
    flaws : dict of int to str, optional
        What is wrong with some exposures, by their number from 0. By default nothing is.
    size : MuseSize, optional
        How large the files are. By default small ones.

    Returns
    -------
    MuseTree
        The files and what is true of them.

    Raises
    ------
    AweValueError
        There is no such flaw.
    """
    flaws = flaws or {}
    for flaw in flaws.values():
        if flaw not in FLAWS:
            msg = f"There is no flaw {flaw!r}.{did_you_mean(flaw, FLAWS)}"
            raise AweValueError(msg)
    root, size, made = Path(folder), size or MuseSize(), []
    for number in range(exposures):
        night = nights[number % len(nights)]
        within = number // len(nights)
        exposure = _plan(number, night, within, modes, targets, flaws.get(number))
        _write(root, night, exposure, size)
        made.append(exposure)
    return MuseTree(root, sorted(made, key=lambda e: e.observation_time))


def _plan(number, night, within, modes, targets, flaw):
    # An observing night has room for 26 of them; what comes after it goes on with seconds between.
    laps, place = divmod(within, 26)
    start = datetime.datetime.fromisoformat(night) + _FIRST + place * _STEP
    start += datetime.timedelta(seconds=laps, milliseconds=123)
    stamp = start.isoformat(timespec="milliseconds")
    return MuseExposure(
        observation_time=start,
        target=targets[number % len(targets)],
        ins_mode=modes[number % len(modes)],
        obs_id=1_755_413 + number,
        exptime=_EXPTIME,
        worse=round(0.01 * (number % 100), 4),
        sources=(7, 12),
        flaw=flaw,
        raw_name=f"MUSE.{stamp}.fits.fz",
        name=f"EXP_{within + 1:03d}",
        files={},
        has_provenance=flaw != "no PROV1",
    )


def _write(root, night, exposure, size):
    kinds = {
        "raw": (f"raw/{night}/{exposure.raw_name}", lambda: muse_files.raw(exposure, size)),
        "nightlog": (f"raw/{night}/{exposure.raw_name.removesuffix('fits.fz')}NL.txt",
                     lambda: muse_files.nightlog(_SKY)),
        "single": (f"single/{night}/{exposure.name}.fits", lambda: _cube(exposure, size)),
        "catalog": (f"catalogs/{night}/{exposure.name}.detections.cat",
                    lambda: muse_files.catalog(exposure)),
        "raman": (f"raman/{night}/RAMAN_{exposure.name}.fits", lambda: muse_files.raman(exposure)),
    }  # fmt: skip
    moffat = f"analysis/moffat/{night}" if exposure.has_maoppy else f"analysis/{night}"
    for model, folder in (("moffat", moffat), ("maoppy", f"analysis/maoppy/{night}")):
        before = "" if model == "moffat" else "maoppy "
        if model == "moffat" or exposure.has_maoppy:
            kinds[f"{before}prm"] = (
                f"{folder}/{exposure.name}.prm.fits",
                lambda model=model: muse_files.prm(exposure, size, model),
            )
            kinds[f"{before}psf"] = (
                f"{folder}/{exposure.name}.psf.fits",
                lambda: muse_files.psf(exposure, size),
            )
    for kind, (name, make) in kinds.items():
        path = root / name
        content = _spoilt(make(), kind, exposure.flaw)
        if content is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            exposure.files[kind] = path


def _cube(exposure, size):
    content = muse_files.cube(exposure, size)
    flaw = exposure.flaw or ""
    if flaw.startswith("no ") and (flaw[3:].isupper() or flaw == "no DATE-OBS"):
        key = flaw[3:]
        named = f"{key:<8}=" if len(key) <= 8 and " " not in key else f"HIERARCH {key} ="
        at = content.find(named.encode())
        if at >= 0 and key != "PROV1":
            content = content[:at] + b"COMMENT".ljust(80) + content[at + 80 :]
    return content


def _spoilt(content, kind, flaw):
    """Give the contents of a file with its flaw; None where it is not there."""
    if flaw == f"no {kind}":
        return None
    if flaw == f"empty {kind}":
        return b""
    if flaw == f"truncated {kind}":
        # Of a Raman image there is no data: its header is cut.
        return content[: -2880 if len(content) > 2 * 2880 else 1000]
    if flaw == f"unreadable {kind}":
        return bytes(range(128, 192)) + b"\n not what it should be\n" * 20
    if flaw == "damaged table" and kind == "raw":
        return content.replace(b"TFORM2  = '1J", b"TFORM2  = '9J", 1)
    return content
