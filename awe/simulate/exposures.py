"""The exposures of a night, and when each begins."""

import datetime
from dataclasses import asdict, dataclass

import numpy as np

from awe.base.errors import AweValueError
from awe.simulate.layout import FULL_SHAPE, PIXEL_SCALE
from awe.simulate.sphere import LATITUDE, deproject, night_of, sidereal_time

__all__ = ["KINDS", "SKY_KINDS", "WITH_TRUTH", "Exposure", "plan"]

KINDS = ("bias", "dome", "twilight", "science", "standard", "dark", "gain")
"""Kinds of exposure; the place of each is part of its random seeds."""

WITH_TRUTH = ("science", "standard")
"""Kinds of exposure of which each has a truth."""

SKY_KINDS = ("twilight", *WITH_TRUTH)
"""Kinds of exposure that look at the sky."""

_READOUT = datetime.timedelta(seconds=40)
_ACQUISITION = datetime.timedelta(seconds=24, milliseconds=318)
_PAUSE = datetime.timedelta(minutes=5)
# Local mean time, hours after noon, in the order of the day.
_HOURS = {"bias": 3.0, "dome": 3.75, "gain": 4.3, "dark": 4.8, "twilight": 5.7}
_LAST_HOUR = 18.6
_STANDARD_AFTER = datetime.timedelta(minutes=47, seconds=12)
# Steps of the dither on the real mosaic, in pixels: 25" and 85".
_DITHER = (25 / PIXEL_SCALE, 85 / PIXEL_SCALE)
_NO_SKY = {"bias": "BIAS", "dark": "DARK", "dome": "FLAT,DOME", "gain": "FLAT,DOME"}


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
    counts = _counts(settings)
    for kind, hour in _HOURS.items():
        start = max(noon + datetime.timedelta(hours=hour), free)
        exposures += _template(settings, kind, counts[kind], start.replace(microsecond=0))
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
    return {
        "bias": settings.biases,
        "dome": settings.domes,
        "gain": 2 * len(settings.gain_pairs),
        "dark": settings.darks,
        "twilight": settings.twilights,
    }


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
    if kind == "twilight":
        return 4.0 + 3.0 * index
    if kind == "gain":
        return settings.gain_pairs[index // 2]
    times = {"bias": 0.0, "dome": 10.0, "dark": settings.dark_exptime, "standard": 60.0}
    return times.get(kind, settings.exptime)


def _target(settings, kind, index, start):
    if kind in _NO_SKY:
        return round(sidereal_time(start), 6), LATITUDE, _NO_SKY[kind]
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
