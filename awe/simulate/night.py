"""A night of raw frames with known truth: make it, open it, ask it."""

import datetime
import json
from dataclasses import dataclass
from pathlib import Path

from awe.base.errors import AweLookupError, AweValueError, did_you_mean
from awe.base.utc import to_utc
from awe.simulate.layout import PIXEL_SCALE, mosaic
from awe.simulate.run import WITH_TRUTH, run
from awe.simulate.scene import BETA, ZERO_POINT
from awe.simulate.settings import KINDS, Exposure, Settings, plan
from awe.simulate.truth import chip_path, frame_path, load_truth

__all__ = ["Night", "open_night", "simulate_night"]

_VERSION = 1


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
            The truth.

        Raises
        ------
        AweLookupError
            There is no such CCD or exposure.
        """
        if chip not in self.chips:
            msg = f"This night has no CCD {chip!r}.{did_you_mean(chip, self.chips)}"
            raise AweLookupError(msg)
        found = self._find(exposure)
        ccd = self.ccds[self.chips.index(chip)]
        return load_truth(
            chip_path(self.folder, ccd),
            frame_path(self.folder, found, ccd),
            chip=chip,
            filename=found.filename,
        )

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


def simulate_night(
    folder,
    *,
    instrument="OMEGACAM",
    ccds=32,
    shape=(128, 96),
    biases=5,
    domes=3,
    twilights=3,
    exposures=5,
    standards=0,
    start=datetime.datetime(2012, 6, 1, 8, 51, 44),
    exptime=360.0,
    filter="OCAM_r_SDSS",
    object="KIDS_341.2_-32.1",
    ra=341.2,
    dec=-32.1,
    project="TUTORIAL2015",
    seed=1,
    seeing=0.8,
    sky=4.0,
    stars=None,
    cosmic_rays=None,
    trail=True,
    hot=None,
    cold=None,
    overwrite=False,
):
    """Simulate a night of raw frames and keep the truth beside.

    Every frame depends on the seed, its kind, its place in its template and its
    CCD alone: more exposures or more CCDs leave the pixels of the others as they
    were, but for the trail, which goes to the middle exposure.

    Parameters
    ----------
    folder : str or pathlib.Path
        Where the raw files go, made where needed; the truth goes to its folder
        ``truth``.
    instrument : str, optional
        Only ``'OMEGACAM'``, the default.
    ccds : int, optional
        The first so many CCDs of the mosaic. The default is all 32.
    shape : tuple of int, optional
        Light-sensitive pixels of a CCD, `(ny, nx)`. The default is (128, 96);
        the real CCDs have (4100, 2048).
    biases, domes, twilights, exposures, standards : int, optional
        Number of exposures of bias, dome flat, twilight flat, science field and
        standard field. The defaults are 5, 3, 3, 5 and 0.
    start : datetime.datetime or str, optional
        Start of the science template, UTC. The default is 2012-06-01T08:51:44.
    exptime : float, optional
        Exposure time of the science frames in seconds. The default is 360.
    filter : str, optional
        Filter, with or without ``OCAM_``. The default is ``'OCAM_r_SDSS'``.
    object : str, optional
        Name of the target. The default is ``'KIDS_341.2_-32.1'``.
    ra, dec : float, optional
        Its position in degrees. The defaults are 341.2 and -32.1.
    project : str, optional
        Project that the night is meant for. The default is ``'TUTORIAL2015'``.
    seed : int, optional
        Seed of all random numbers. The default is 1.
    seeing : float, optional
        Full width at half maximum of a star in arcseconds. The default is 0.8.
    sky : float, optional
        Sky in electrons per second and pixel. The default is 4.
    stars : float, optional
        Mean number of stars per CCD. The default is one in 1000 pixels.
    cosmic_rays : float, optional
        Mean number of hits on a CCD in a science exposure. The default is 1.5
        per square centimetre and minute, and 8 at least.
    trail : bool, optional
        Whether a satellite crosses the middle exposure. The default is True.
    hot, cold : int, optional
        Number of single hot and cold pixels per CCD. The default is one in
        20,000 pixels, and 8 at least.
    overwrite : bool, optional
        Whether a night that is in the folder may be replaced. The default is
        False.

    Returns
    -------
    Night
        The files and their truth.

    Raises
    ------
    AweValueError
        An argument that makes no night, or a folder that holds one already.
    """
    mosaic(ccds, shape)
    settings = Settings.complete(
        instrument=instrument,
        ccds=ccds,
        shape=shape,
        biases=biases,
        domes=domes,
        twilights=twilights,
        exposures=exposures,
        standards=standards,
        start=start,
        exptime=exptime,
        filter=filter,
        object=object,
        ra=float(ra),
        dec=float(dec),
        project=project,
        seed=seed,
        seeing=float(seeing),
        sky=float(sky),
        stars=stars,
        cosmic_rays=cosmic_rays,
        trail=trail,
        hot=hot,
        cold=cold,
    )
    settings.check()
    night = Night(Path(folder), settings, tuple(plan(settings)))
    _make_room(night.folder, overwrite)
    run(night.folder, settings, night.exposures)
    # Last of all: a night that was broken off is not opened as a whole one.
    _description(night.folder).write_text(json.dumps(_described(night), indent=1) + "\n")
    return night


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
    for file in old.files + truths + [chip_path(folder, ccd) for ccd in old.ccds]:
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
