"""Geometry from lit frames, where the header's prescan and overscan contradict them."""

import dataclasses

import numpy as np

from awe.base.errors import AweError
from awe.model.base import LazyImage
from awe.pixels import lit_section

__all__ = ["LitGeometry", "agrees", "key_of", "lit_geometries"]

_LIT_KINDS = ("dome", "twilight")
_MOST = 3
_SCANS = ("prescan_x", "overscan_x", "prescan_y", "overscan_y")


@dataclasses.dataclass(frozen=True)
class LitGeometry:
    """Where the flats of a batch are lit in one read-out mode of a CCD.

    Attributes
    ----------
    lit : tuple of int
        ``(y0, y1, x0, x1)``, from 0, half-open.
    sections : dict
        Data, prescans and overscans: of a header that agrees with the light, else along it.
    names : tuple of str
        The files of the flats.
    """

    lit: tuple
    sections: dict
    names: tuple

    def correct(self, amplifier):
        """Give the amplifier of a header as the light shows it.

        Parameters
        ----------
        amplifier : dict
            As in `awe.instruments.CcdFrame.amplifiers`.

        Returns
        -------
        dict or None
            The amplifier with other sections; None where the header is right.
        """
        if agrees(self.lit, amplifier):
            return None
        return {**amplifier, **self.sections, "x": 0, "y": 0}

    @property
    def reason(self):
        """Why a header is not believed, in words."""
        y0, y1, x0, x1 = self.lit
        return (
            f"the lit frames ({', '.join(self.names)}) contradict the header's pre- and overscan: "
            f"light falls on rows {y0} to {y1 - 1} and columns {x0} to {x1 - 1}, counted from 0"
        )


def lit_geometries(described):
    """Find where the flats of a batch are lit, for CCDs of one amplifier.

    Parameters
    ----------
    described : list of (pathlib.Path, tuple)
        Each file with its HDUs, CCDs, instrument and notes.

    Returns
    -------
    dict of tuple to LitGeometry
        By instrument, chip, read mode and shape; what is missing has no flats with clear edges.
    """
    groups = {}
    for path, (hdus, ccds, _, _) in described:
        for ccd in ccds:
            if ccd.kind in _LIT_KINDS and len(ccd.amplifiers) == 1 and len(ccd.raw_shape) == 2:
                hdu = hdus[ccd.amplifiers[0]["hdu"]]
                groups.setdefault(key_of(ccd), []).append((path, hdu, ccd.amplifiers[0]))
    found = {key: _geometry(members, key[-1]) for key, members in groups.items()}
    return {key: geometry for key, geometry in found.items() if geometry is not None}


def key_of(ccd):
    """Give what frames of one read-out geometry have in common.

    Parameters
    ----------
    ccd : awe.instruments.CcdFrame
        What a header says.

    Returns
    -------
    tuple
        Instrument, chip, read mode and shape.
    """
    return ccd.instrument, ccd.chip, ccd.read_mode, ccd.raw_shape


def _geometry(members, shape):
    images = [np.asarray(LazyImage(path, hdu)) for path, hdu, _ in members[:_MOST]]
    try:
        lit = lit_section(images)
    except AweError:
        # Frames without a clear edge say nothing against the header.
        return None
    right = next((a for _, _, a in members if agrees(lit, a)), None)
    if right is not None:
        sections = {name: right[name] for name in ("data", *_SCANS)}
    else:
        sections = _along(lit, shape)
    return LitGeometry(lit, sections, tuple(path.name for path, _, _ in members[:_MOST]))


def agrees(lit, amplifier):
    """Tell whether the data of a header lie in the light, and its scans in the dark.

    Parameters
    ----------
    lit : tuple of int
        ``(y0, y1, x0, x1)``.
    amplifier : dict
        With its sections.

    Returns
    -------
    bool
        True where nothing contradicts the header.
    """
    y0, y1, x0, x1 = amplifier["data"]
    inside = lit[0] <= y0 and y1 <= lit[1] and lit[2] <= x0 and x1 <= lit[3]
    return inside and not any(_is_lit(amplifier[n], lit) for n in _SCANS)


def _is_lit(section, lit):
    if not section:
        return False
    y0, y1, x0, x1 = section
    return max(y0, lit[0]) < min(y1, lit[1]) and max(x0, lit[2]) < min(x1, lit[3])


def _along(lit, shape):
    """Give sections along the lit part; the first pixel beside it is left."""
    y0, y1, x0, x1 = lit
    ny, nx = shape
    return {
        "data": lit,
        "prescan_x": (y0, y1, 0, x0 - 1) if x0 > 2 else None,
        "overscan_x": (y0, y1, x1 + 1, nx) if nx - x1 > 2 else None,
        "prescan_y": (0, y0 - 1, x0, x1) if y0 > 2 else None,
        "overscan_y": (y1 + 1, ny, x0, x1) if ny - y1 > 2 else None,
    }
