"""Nights from noon to noon of local mean time, and sidereal time."""

import datetime

from awe.base.utc import to_utc

__all__ = ["night_interval", "night_of", "sidereal_seconds"]

_DAY = datetime.timedelta(days=1)
_J2000 = datetime.datetime(2000, 1, 1, 12)


def _ahead(longitude):
    """Give how much local mean time is ahead of UTC."""
    return datetime.timedelta(microseconds=round(longitude * 240e6))


def night_of(date_obs, longitude):
    """Find the night in which an exposure was taken.

    Parameters
    ----------
    date_obs : datetime.datetime or str
        Time of the exposure, UTC.
    longitude : float
        Longitude of the site in degrees, east positive.

    Returns
    -------
    datetime.date
        Date on which the night begins; a night runs from noon to noon of
        local mean time.
    """
    return (to_utc(date_obs) + _ahead(longitude) - _DAY / 2).date()


def night_interval(date, longitude):
    """Give begin and end of a night.

    Parameters
    ----------
    date : datetime.date or str
        Date on which the night begins.
    longitude : float
        Longitude of the site in degrees, east positive.

    Returns
    -------
    tuple of (datetime.datetime, datetime.datetime)
        The noon before and the noon after in local mean time, in UTC; the
        second no longer belongs to the night.
    """
    midnight = to_utc(date).replace(hour=0, minute=0, second=0, microsecond=0)
    start = midnight + _DAY / 2 - _ahead(longitude)
    return start, start + _DAY


def sidereal_seconds(date_obs, longitude):
    """Compute the local mean sidereal time.

    Parameters
    ----------
    date_obs : datetime.datetime
        Time, UTC; its difference from UT1, below 0.9 s, is neglected.
    longitude : float
        Longitude of the site in degrees, east positive.

    Returns
    -------
    float
        Seconds of sidereal time, 0 to 86400, by the linear terms of the
        expression of Aoki et al. 1982, A&A 105, 359.
    """
    days = (date_obs - _J2000) / _DAY
    degrees = 280.46061837 + 360.98564736629 * days + longitude
    return degrees % 360.0 * 240.0
