"""Kinds of frames, and the keywords that most headers use."""

from awe.base.errors import AweValueError, did_you_mean

__all__ = ["KEYWORDS", "KINDS", "check_purpose"]

KINDS = ("bias", "dark", "dome", "twilight", "science")
"""Kinds that have a class of their own."""

_OTHER_KINDS = ("arc", "slit flat", "spectrum", "acquisition", "cube", "focus", "unknown")
KEYWORDS = {
    "DATE_OBS": ["DATE-OBS"],
    "TIME_OBS": ["TIME-OBS", "UTC-OBS", "UT", "UTC"],
    "MJD_OBS": ["MJD-OBS"],
    "DATE": ["DATE"],
    "UTC": ["UTC"],
    "LST": ["LST", "ST"],
    "EXPTIME": ["EXPTIME", "EXPOSURE"],
    "OBJECT": ["OBJECT"],
    "OBSERVER": ["OBSERVER"],
    "RA": ["RA"],
    "DEC": ["DEC"],
    "AIRMSTRT": ["AIRMASS"],
    "AIRMEND": [],
    "TYPE": ["IMAGETYP", "OBSTYPE"],
    "filter": ["FILTER"],
    "lamp": [],
    "chip": [],
    "gain": [],
    "read_noise": [],
    "saturation": [],
    "telescope": ["TELESCOP"],
    "longitude": [],
    "latitude": [],
    "elevation": [],
}
"""What a frame needs, and the keywords tried for it in turn."""


def check_purpose(purpose):
    """Give the kind of frame that a user's purpose means.

    Parameters
    ----------
    purpose : str
        What the user gave as purpose.

    Returns
    -------
    str
        One of the known kinds.
    """
    kind = str(purpose).strip().lower()
    if kind not in KINDS + _OTHER_KINDS:
        known = ", ".join(KINDS + _OTHER_KINDS)
        msg = f"There is no purpose {purpose!r}.{did_you_mean(kind, KINDS + _OTHER_KINDS)}"
        raise AweValueError(f"{msg} Known: {known}.")
    return kind
