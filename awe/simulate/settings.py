"""What a simulated night is made of, and when each exposure begins."""

import datetime
from dataclasses import asdict, dataclass

import numpy as np

from awe.base.errors import AweValueError, did_you_mean
from awe.base.utc import to_utc
from awe.simulate.layout import FULL_SHAPE, PIXEL_SCALE
from awe.simulate.sphere import LATITUDE, deproject, night_of, sidereal_time

__all__ = ["KINDS", "Exposure", "Settings", "plan"]

KINDS = ("bias", "dome", "twilight", "science", "standard")
"""Kinds of exposure in the order in which a night takes them."""

_WHOLE = ("biases", "domes", "twilights", "exposures", "standards", "hot", "cold", "seed")
_PIXEL_CM = 0.0015
_READOUT = datetime.timedelta(seconds=40)
_ACQUISITION = datetime.timedelta(seconds=24, milliseconds=318)
_PAUSE = datetime.timedelta(minutes=5)
# Local mean time, hours after noon: bias, dome, twilight.
_HOURS = {"bias": 3.0, "dome": 3.75, "twilight": 5.7}
_LAST_HOUR = 18.6
_STANDARD_AFTER = datetime.timedelta(minutes=47, seconds=12)
# Steps of the dither on the real mosaic, in pixels: 25" and 85".
_DITHER = (25 / PIXEL_SCALE, 85 / PIXEL_SCALE)


@dataclass(frozen=True)
class Settings:
    """Arguments of a night, complete: nothing is left to choose.

    Parameters
    ----------
    instrument, filter, object, project : str
        Names.
    ccds : int
        Number of CCDs.
    shape : tuple of int
        Light-sensitive pixels of a CCD, `(ny, nx)`.
    biases, domes, twilights, exposures, standards : int
        Number of exposures.
    start : datetime.datetime
        Start of the science template, naive, in UTC.
    exptime : float
        Seconds.
    ra, dec : float
        Degrees.
    seed : int
        Seed of all random numbers.
    seeing : float
        Full width at half maximum in arcseconds.
    sky : float
        Electrons per second and pixel.
    stars, cosmic_rays : float
        Mean number per CCD.
    trail : bool
        Whether a satellite crosses the middle exposure.
    hot, cold : int
        Number of single pixels per CCD.
    """

    instrument: str
    filter: str
    object: str
    project: str
    ccds: int
    shape: tuple
    biases: int
    domes: int
    twilights: int
    exposures: int
    standards: int
    start: datetime.datetime
    exptime: float
    ra: float
    dec: float
    seed: int
    seeing: float
    sky: float
    stars: float
    cosmic_rays: float
    trail: bool
    hot: int
    cold: int

    @classmethod
    def complete(cls, *, shape, start, exptime, stars, cosmic_rays, hot, cold, **others):
        """Fill in what depends on the size of the CCDs.

        Parameters
        ----------
        shape : tuple of int
            Light-sensitive pixels of a CCD, `(ny, nx)`.
        start : datetime.datetime or str
            Start of the science template, UTC.
        exptime : float
            Seconds.
        stars, cosmic_rays, hot, cold : float or None
            Number per CCD; None for one that befits the size.
        **others
            The other attributes.

        Returns
        -------
        Settings
            The settings, not checked.
        """
        pixels = shape[0] * shape[1]
        # The sky over Paranal: 1.5 hits per square centimetre and minute.
        hits = max(8.0, 1.5 * exptime / 60 * pixels * _PIXEL_CM**2)
        defects = max(8, pixels // 20_000)
        return cls(
            shape=tuple(int(n) for n in shape),
            start=to_utc(start),
            exptime=float(exptime),
            stars=pixels / 1000 if stars is None else float(stars),
            cosmic_rays=hits if cosmic_rays is None else float(cosmic_rays),
            hot=defects if hot is None else hot,
            cold=defects if cold is None else cold,
            **others,
        )

    def as_json(self):
        """Give the settings as values that JSON knows.

        Returns
        -------
        dict
            Names and values.
        """
        return asdict(self) | {"start": self.start.isoformat(), "shape": list(self.shape)}

    @classmethod
    def from_json(cls, values):
        """Make settings from what `as_json` gave.

        Parameters
        ----------
        values : dict
            Names and values.

        Returns
        -------
        Settings
            The same settings.
        """
        start = datetime.datetime.fromisoformat(values["start"])
        return cls(**values | {"start": start, "shape": tuple(values["shape"])})

    def check(self):
        """Refuse what cannot be simulated.

        Raises
        ------
        AweValueError
            An unknown instrument, a negative number, or nothing to do.
        """
        if self.instrument != "OMEGACAM":
            hint = did_you_mean(self.instrument, ["OMEGACAM"])
            msg = f"Only the instrument 'OMEGACAM' can be simulated, not {self.instrument!r}.{hint}"
            raise AweValueError(msg)
        for name in _WHOLE:
            value = getattr(self, name)
            if not isinstance(value, int) or value < 0:
                raise AweValueError(f"{name} is a whole number, 0 or more, not {value!r}.")
        for name in ("object", "filter", "project"):
            value = getattr(self, name)
            if not (isinstance(value, str) and value.isascii() and value.isprintable()):
                raise AweValueError(f"{name} is a text of ASCII letters, not {value!r}.")
        if max(self.hot, self.cold) > self.shape[0] * self.shape[1]:
            raise AweValueError(f"A CCD of {self.shape} pixels cannot have so many hot or cold.")
        for name in ("exptime", "sky", "stars", "cosmic_rays"):
            if not getattr(self, name) >= 0:
                raise AweValueError(f"{name} is 0 or more, not {getattr(self, name)!r}.")
        if not self.seeing * 2 > PIXEL_SCALE:
            msg = f"seeing is in arcseconds, above {PIXEL_SCALE / 2}, not {self.seeing!r}."
            raise AweValueError(msg)


@dataclass(frozen=True)
class Exposure:
    """One exposure of the night.

    Parameters
    ----------
    kind : str
        One of `KINDS`.
    index : int
        Place within its template, from 0.
    count : int
        Number of exposures of the template.
    template_start : datetime.datetime
        Start of the template, naive, in UTC.
    date_obs : datetime.datetime
        Start of the exposure, naive, in UTC, to the millisecond.
    exptime : float
        Seconds.
    ra, dec : float
        Pointing in degrees.
    object : str
        Name of the target.
    """

    kind: str
    index: int
    count: int
    template_start: datetime.datetime
    date_obs: datetime.datetime
    exptime: float
    ra: float
    dec: float
    object: str

    @property
    def stem(self):
        """Name of the file without its ending."""
        return f"OMEGA.{self.date_obs.isoformat(timespec='milliseconds')}"

    @property
    def filename(self):
        """Name of the file."""
        return self.stem + ".fits"

    def as_json(self):
        """Give the exposure as values that JSON knows.

        Returns
        -------
        dict
            Names and values.
        """
        times = {name: getattr(self, name).isoformat() for name in ("template_start", "date_obs")}
        return asdict(self) | times

    @classmethod
    def from_json(cls, values):
        """Make an exposure from what `as_json` gave.

        Parameters
        ----------
        values : dict
            Names and values.

        Returns
        -------
        Exposure
            The same exposure.
        """
        parse = datetime.datetime.fromisoformat
        times = {name: parse(values[name]) for name in ("template_start", "date_obs")}
        return cls(**values | times)


def plan(settings):
    """Lay out the exposures of a night in time.

    Parameters
    ----------
    settings : Settings
        What to take.

    Returns
    -------
    list of Exposure
        In the order of time.

    Raises
    ------
    AweValueError
        The science template begins before the twilight flats are done, or in
        the light of the morning.
    """
    noon = night_of(settings.start)
    exposures = []
    free = noon
    for kind, count in zip(KINDS[:3], _counts(settings)[:3], strict=True):
        start = max(noon + datetime.timedelta(hours=_HOURS[kind]), free)
        exposures += _template(settings, kind, count, start.replace(microsecond=0))
        free = _end(exposures, free)
    free = max(free, noon + datetime.timedelta(hours=_HOURS["twilight"]))
    last = noon + datetime.timedelta(hours=_LAST_HOUR)
    if not free <= settings.start <= last:
        msg = (
            f"The science template cannot begin at {settings.start.isoformat()}: on this night "
            f"it is dark and the calibrations are done between {free.isoformat()} and "
            f"{last.isoformat()} (UTC)."
        )
        raise AweValueError(msg)
    exposures += _template(settings, "science", settings.exposures, settings.start)
    start = max(_end(exposures, free), settings.start + _STANDARD_AFTER)
    exposures += _template(settings, "standard", settings.standards, start.replace(microsecond=0))
    return exposures


def _counts(settings):
    return (
        settings.biases,
        settings.domes,
        settings.twilights,
        settings.exposures,
        settings.standards,
    )


def _end(exposures, free):
    if not exposures:
        return free
    last = exposures[-1]
    return last.date_obs + datetime.timedelta(seconds=last.exptime) + _READOUT + _PAUSE


def _template(settings, kind, count, start):
    exposures = []
    when = start + _ACQUISITION
    for index in range(count):
        exptime = _exptime(settings, kind, index)
        ra, dec, name = _target(settings, kind, index, start)
        exposures.append(Exposure(kind, index, count, start, when, exptime, ra, dec, name))
        # No two read-outs take the same time to the millisecond.
        jitter = datetime.timedelta(milliseconds=(index * 377 + 211) % 1000)
        when += datetime.timedelta(seconds=exptime) + _READOUT + jitter
    return exposures


def _exptime(settings, kind, index):
    if kind == "bias":
        return 0.0
    if kind == "dome":
        return 10.0
    if kind == "twilight":
        return 4.0 + 3.0 * index
    return settings.exptime if kind == "science" else 60.0


def _target(settings, kind, index, start):
    if kind in ("bias", "dome"):
        name = "BIAS" if kind == "bias" else "FLAT,DOME"
        return round(sidereal_time(start), 6), LATITUDE, name
    zoom_y, zoom_x = (min(a / b, 1) for a, b in zip(settings.shape, FULL_SHAPE, strict=True))
    east = -_DITHER[0] * zoom_x * index * PIXEL_SCALE / 3600
    north = _DITHER[1] * zoom_y * index * PIXEL_SCALE / 3600
    if kind == "twilight":
        ra0, dec0, name = round(sidereal_time(start)), -30.0, "FLAT,SKY"
    elif kind == "standard":
        ra0, dec0, name = 325.375, 0.499, "STD,ZEROPOINT"
    else:
        ra0, dec0, name = settings.ra, settings.dec, settings.object
    ra, dec = deproject(np.float64(east), np.float64(north), ra0, dec0)
    return round(float(ra), 6), round(float(dec), 6), name
