"""Geometry from lit frames, where the header's prescan and overscan contradict them."""

import numpy as np

from awe.base.errors import AweError
from awe.model.base import LazyImage
from awe.pixels import lit_section

__all__ = ["lit_corrections"]

_LIT_KINDS = ("dome", "twilight")
_MOST = 3


def lit_corrections(described):
    """Find where the lit frames of a batch contradict the headers.

    Parameters
    ----------
    described : list of (pathlib.Path, tuple)
        Each file with its HDUs, CCDs, instrument and notes.

    Returns
    -------
    dict
        Amplifiers as `awe.instruments.CcdFrame` has them, by (instrument, chip, read mode);
        only for CCDs of one amplifier whose sections are wrong.
    """
    groups = {}
    for path, (hdus, ccds, _, _) in described:
        for ccd in ccds:
            if ccd.kind in _LIT_KINDS and len(ccd.amplifiers) == 1:
                key = (ccd.instrument, ccd.chip, ccd.read_mode)
                hdu = hdus[ccd.amplifiers[0]["hdu"]]
                groups.setdefault(key, []).append((path, hdu, ccd))
    corrections = {}
    for key, members in groups.items():
        corrected = _corrected(members[:_MOST])
        if corrected is not None:
            corrections[key] = (corrected,)
    return corrections


def _corrected(members):
    """Give the amplifier as the lit frames show it, or None where the header is right."""
    amplifier = members[0][2].amplifiers[0]
    shape = members[0][1].shape
    images = [np.asarray(LazyImage(path, hdu)) for path, hdu, _ in members]
    images = [image for image in images if image.shape == shape]
    try:
        lit = lit_section(images)
    except AweError:
        # Frames without a clear edge say nothing against the header.
        return None
    return None if _agrees(lit, amplifier) else _resectioned(amplifier, lit, shape)


def _agrees(lit, amplifier):
    """Tell whether the data of the header lie in the light, and its scans in the dark."""
    y0, y1, x0, x1 = amplifier["data"]
    inside = lit[0] <= y0 and y1 <= lit[1] and lit[2] <= x0 and x1 <= lit[3]
    return inside and not any(_is_lit(amplifier[n], lit) for n in _SCANS)


_SCANS = ("prescan_x", "overscan_x", "prescan_y", "overscan_y")


def _is_lit(section, lit):
    if section is None:
        return False
    y0, y1, x0, x1 = section
    return max(y0, lit[0]) < min(y1, lit[1]) and max(x0, lit[2]) < min(x1, lit[3])


def _resectioned(amplifier, lit, shape):
    """Give the amplifier with sections along the lit part; the first pixel beside it is left."""
    y0, y1, x0, x1 = lit
    ny, nx = shape
    sections = {
        "prescan_x": (y0, y1, 0, x0 - 1) if x0 > 2 else None,
        "overscan_x": (y0, y1, x1 + 1, nx) if nx - x1 > 2 else None,
        "prescan_y": (0, y0 - 1, x0, x1) if y0 > 2 else None,
        "overscan_y": (y1 + 1, ny, x0, x1) if ny - y1 > 2 else None,
    }
    return {**amplifier, **sections, "data": (y0, y1, x0, x1), "x": 0, "y": 0}


