"""Positions on the sky: tangent plane, sidereal time, airmass and nights."""

import datetime
import math

import numpy as np

__all__ = [
    "LATITUDE",
    "LONGITUDE",
    "altitude_azimuth",
    "deproject",
    "modified_julian_date",
    "night_of",
    "project",
    "sidereal_time",
]

LATITUDE = -24.6157
"""Latitude of the telescope in degrees, north positive."""

LONGITUDE = -70.3976
"""Longitude of the telescope in degrees, east positive."""


def project(ra, dec, ra0, dec0):
    """Project positions onto the tangent plane (gnomonic, FITS code TAN).

    Parameters
    ----------
    ra, dec : array_like
        Positions in degrees.
    ra0, dec0 : float
        Point of contact in degrees.

    Returns
    -------
    tuple of numpy.ndarray
        Standard coordinates `(xi, eta)` in degrees, east and north positive
        (Calabretta and Greisen 2002, A&A 395, 1077, section 5.1.3).
    """
    ra, dec, ra0, dec0 = (np.radians(value) for value in (ra, dec, ra0, dec0))
    away = ra - ra0
    along = np.sin(dec0) * np.sin(dec) + np.cos(dec0) * np.cos(dec) * np.cos(away)
    xi = np.cos(dec) * np.sin(away) / along
    eta = (np.cos(dec0) * np.sin(dec) - np.sin(dec0) * np.cos(dec) * np.cos(away)) / along
    return np.degrees(xi), np.degrees(eta)


def deproject(xi, eta, ra0, dec0):
    """Give the position of a point of the tangent plane: the inverse of `project`.

    Parameters
    ----------
    xi, eta : array_like
        Standard coordinates in degrees.
    ra0, dec0 : float
        Point of contact in degrees.

    Returns
    -------
    tuple of numpy.ndarray
        `(ra, dec)` in degrees, right ascension from 0 to 360.
    """
    xi, eta, ra0, dec0 = (np.radians(value) for value in (xi, eta, ra0, dec0))
    x = np.cos(dec0) - eta * np.sin(dec0)
    ra = ra0 + np.arctan2(xi, x)
    dec = np.arctan2(np.sin(dec0) + eta * np.cos(dec0), np.hypot(xi, x))
    return np.degrees(ra) % 360, np.degrees(dec)


def modified_julian_date(when):
    """Convert a time to the modified Julian date.

    Parameters
    ----------
    when : datetime.datetime
        Naive, in UTC.

    Returns
    -------
    float
        Days since 1858-11-17T00:00:00.
    """
    return (when - datetime.datetime(1858, 11, 17)) / datetime.timedelta(days=1)


def sidereal_time(when):
    """Give the mean sidereal time at the telescope.

    Parameters
    ----------
    when : datetime.datetime
        Naive, in UTC.

    Returns
    -------
    float
        Degrees, 0 to 360 (Meeus 1998, Astronomical Algorithms, equation 12.4,
        without its terms of higher order).
    """
    days = modified_julian_date(when) - 51544.5
    return (280.46061837 + 360.98564736629 * days + LONGITUDE) % 360


def altitude_azimuth(ra, dec, when):
    """Give the place in the local sky, without refraction.

    Parameters
    ----------
    ra, dec : float
        Position in degrees.
    when : datetime.datetime
        Naive, in UTC.

    Returns
    -------
    tuple of float
        Altitude and azimuth in degrees; azimuth south 0, west 90 as at ESO.
    """
    hour = math.radians(sidereal_time(when) - ra)
    dec, lat = math.radians(dec), math.radians(LATITUDE)
    up = math.sin(lat) * math.sin(dec) + math.cos(lat) * math.cos(dec) * math.cos(hour)
    west = math.cos(dec) * math.sin(hour)
    south = math.sin(lat) * math.cos(dec) * math.cos(hour) - math.cos(lat) * math.sin(dec)
    return math.degrees(math.asin(up)), math.degrees(math.atan2(west, south)) % 360


def night_of(when):
    """Give the noon at which the night of a time begins, by local mean time.

    Parameters
    ----------
    when : datetime.datetime
        Naive, in UTC.

    Returns
    -------
    datetime.datetime
        That noon, naive, in UTC.
    """
    east = datetime.timedelta(hours=LONGITUDE / 15)
    half_day = datetime.timedelta(hours=12)
    day = (when + east - half_day).date()
    return datetime.datetime(day.year, day.month, day.day) + half_day - east
