"""Geometry of a CCD: where each amplifier's pixels lie in the raw arrays and on the chip."""

from typing import NamedTuple

import numpy as np

from awe.base.errors import AweValueError
from awe.pixels.backend import kernels

__all__ = ["Amplifier", "amplifier_map", "assemble", "assemble_stored", "ccd_shape"]


class Amplifier(NamedTuple):
    """One amplifier of a CCD.

    Parameters
    ----------
    hdu : int
        Index of the raw array in the list of arrays of the frame.
    data : tuple of int
        Section of the light-sensitive pixels in the raw array, as
        ``(y0, y1, x0, x1)``, counted from 0, half-open. All sections are so.
    prescan_x, overscan_x, prescan_y, overscan_y : tuple of int or None
        Sections without light beside (x) and below or above (y) the data.
    flip_x, flip_y : bool
        Whether the data are mirrored before they are placed on the CCD.
    x, y : int
        Place of the lower left pixel of the (flipped) data on the assembled
        CCD, counted from 0.
    gain : float or None
        Electrons per ADU.
    read_noise : float or None
        Read noise in electrons.
    name : str
        What messages call it; by default its number.
    """

    hdu: int
    data: tuple
    prescan_x: tuple | None = None
    overscan_x: tuple | None = None
    prescan_y: tuple | None = None
    overscan_y: tuple | None = None
    flip_x: bool = False
    flip_y: bool = False
    x: int = 0
    y: int = 0
    gain: float | None = None
    read_noise: float | None = None
    name: str = ""

    @property
    def shape(self):
        """Give the shape ``(ny, nx)`` of the data section.

        Returns
        -------
        tuple of int
            Height and width in pixels.
        """
        y0, y1, x0, x1 = self.data
        return y1 - y0, x1 - x0

    @property
    def place(self):
        """Give the slices of the assembled CCD that the data fill.

        Returns
        -------
        tuple of slice
            Rows and columns.
        """
        ny, nx = self.shape
        return slice(self.y, self.y + ny), slice(self.x, self.x + nx)


def amplifier_label(amplifiers, index):
    """Give the words by which a message names an amplifier.

    Parameters
    ----------
    amplifiers : sequence of Amplifier
        All amplifiers of the CCD.
    index : int
        Which one, counted from 0.

    Returns
    -------
    str
        Its number, counted from 1, and its name.
    """
    name = amplifiers[index].name
    return f"amplifier {index + 1} of {len(amplifiers)}" + (f" ({name})" if name else "")


def ccd_shape(amplifiers):
    """Give the shape of the CCD that the amplifiers make up.

    Parameters
    ----------
    amplifiers : sequence of Amplifier
        All amplifiers of the CCD.

    Returns
    -------
    tuple of int
        Shape ``(ny, nx)`` of the assembled, trimmed CCD.

    Raises
    ------
    AweValueError
        There is none, one is empty, two overlap, or they leave a gap.
    """
    if not amplifiers:
        msg = "A CCD needs at least one amplifier, but the list of amplifiers is empty."
        raise AweValueError(msg)
    for i, amp in enumerate(amplifiers):
        if min(amp.shape) < 1 or min(amp.x, amp.y) < 0 or min(amp.data) < 0:
            msg = (
                f"The data section {amp.data} of {amplifier_label(amplifiers, i)}, placed at "
                f"x={amp.x}, y={amp.y}, is no area of pixels: (y0, y1, x0, x1) needs "
                "0 <= y0 < y1 and 0 <= x0 < x1, and x, y must not be negative."
            )
            raise AweValueError(msg)
    ny = max(amp.place[0].stop for amp in amplifiers)
    nx = max(amp.place[1].stop for amp in amplifiers)
    for i, amp in enumerate(amplifiers):
        for j in range(i):
            if _overlap(amp.place, amplifiers[j].place):
                msg = (
                    f"On the assembled CCD {amplifier_label(amplifiers, i)} lies over "
                    f"{amplifier_label(amplifiers, j)}: their x, y or data sections are wrong."
                )
                raise AweValueError(msg)
    if sum(amp.shape[0] * amp.shape[1] for amp in amplifiers) != ny * nx:
        msg = (
            f"The {len(amplifiers)} amplifiers leave a gap on the assembled CCD of "
            f"{nx} x {ny} pixels: their x, y or data sections are wrong."
        )
        raise AweValueError(msg)
    return ny, nx


def _overlap(a, b):
    """Tell whether two areas, each a pair of slices, share a pixel."""
    return all(p.start < q.stop and q.start < p.stop for p, q in zip(a, b, strict=True))


def check_arrays(arrays, amplifiers):
    """Check that the raw arrays hold every section of the amplifiers.

    Parameters
    ----------
    arrays : sequence of array
        The raw arrays of one frame.
    amplifiers : sequence of Amplifier
        All amplifiers of the CCD.

    Raises
    ------
    AweValueError
        An array is absent, or smaller than a section in it.
    """
    for i, amp in enumerate(amplifiers):
        label = amplifier_label(amplifiers, i)
        if not 0 <= amp.hdu < len(arrays):
            msg = f"{label} is in array {amp.hdu}, but the frame has {len(arrays)} array(s)."
            raise AweValueError(msg[0].upper() + msg[1:])
        ny, nx = arrays[amp.hdu].shape
        for kind in ("data", "prescan_x", "overscan_x", "prescan_y", "overscan_y"):
            section = getattr(amp, kind)
            if section is None:
                continue
            y0, y1, x0, x1 = section
            if not (0 <= y0 < y1 <= ny and 0 <= x0 < x1 <= nx):
                msg = (
                    f"The {kind} section (y0, y1, x0, x1) = {tuple(section)} of {label} does not "
                    f"lie in its raw array of shape (ny, nx) = ({ny}, {nx})."
                )
                raise AweValueError(msg)


def amplifier_map(amplifiers, values, dtype=np.float32):
    """Spread one value per amplifier over the assembled CCD.

    Parameters
    ----------
    amplifiers : sequence of Amplifier
        All amplifiers of the CCD.
    values : sequence of float
        One value for each amplifier, such as its gain.
    dtype : dtype, optional
        Type of the result. The default is float32.

    Returns
    -------
    array
        Shape ``(ny, nx)`` of the CCD.
    """
    result = np.empty(ccd_shape(amplifiers), dtype=dtype)
    for amp, value in zip(amplifiers, values, strict=True):
        result[amp.place] = value
    return result


def assemble(arrays, amplifiers, levels=None, rows=None):
    """Place the data of all amplifiers on the CCD and subtract their overscan levels.

    Parameters
    ----------
    arrays : sequence of array
        The raw arrays of one frame, any real type; only slices are taken of
        them, so that an array on disk is read where it is needed.
    amplifiers : sequence of Amplifier
        All amplifiers of the CCD.
    levels : sequence of OverscanLevel, optional
        What `overscan_levels` gives. By default nothing is subtracted.
    rows : tuple of int, optional
        Rows ``(y0, y1)`` of the assembled CCD, half-open. By default all.

    Returns
    -------
    array of float32
        Shape ``(y1 - y0, nx)``, in ADU.
    """
    ny, nx = ccd_shape(amplifiers)
    first, last = (0, ny) if rows is None else rows
    result = np.empty((last - first, nx), dtype=np.float32)
    for i, amp in enumerate(amplifiers):
        start, stop = max(amp.y, first), min(amp.y + amp.shape[0], last)
        if start >= stop:
            continue
        # Rows of the raw data section that land on rows start..stop of the CCD.
        near, far = start - amp.y, stop - amp.y
        if amp.flip_y:
            near, far = amp.shape[0] - far, amp.shape[0] - near
        y0, _, x0, x1 = amp.data
        block = np.asarray(arrays[amp.hdu][y0 + near : y0 + far, x0:x1])
        target = result[start - first : stop - first, amp.place[1]]
        target = target[:: -1 if amp.flip_y else 1, :: -1 if amp.flip_x else 1]
        if levels is None:
            target[...] = block
            continue
        profile = levels[i].profile
        if profile.shape[0] > 1:
            profile = profile[near:far]
        np.subtract(block, profile, out=target, dtype=np.float32, casting="unsafe")
    return result


def assemble_stored(stored, amplifiers, levels, rows, out, buffer, bias=None):
    """Do what `assemble` does with rows as they are stored in files, and subtract a bias.

    Parameters
    ----------
    stored : sequence
        One for each raw array: has `shape`, `zero`, and ``read(y0, y1, out)``, which
        gives rows of big-endian 16-bit integers with a sign, to which `zero` is to
        be added.
    amplifiers : sequence of Amplifier
        All amplifiers of the CCD.
    levels : sequence of OverscanLevel
        What `overscan_levels` gives.
    rows : tuple of int
        Rows ``(y0, y1)`` of the assembled CCD, half-open.
    out : array of float32
        Shape ``(y1 - y0, nx)``; filled.
    buffer : array of uint16
        Room for so many rows of any raw array.
    bias : array, optional
        Bias of the whole CCD, in ADU. By default none.
    """
    first, last = rows
    plane = np.empty((0, 0), dtype=np.float32)
    if bias is not None:
        plane = np.ascontiguousarray(bias, dtype=np.float32)
    for amp, level in zip(amplifiers, levels, strict=True):
        start, stop = max(amp.y, first), min(amp.y + amp.shape[0], last)
        if start >= stop:
            continue
        near, far = start - amp.y, stop - amp.y
        if amp.flip_y:
            near, far = amp.shape[0] - far, amp.shape[0] - near
        source = stored[amp.hdu]
        raw = source.read(amp.data[0] + near, amp.data[0] + far, buffer)
        profile = level.profile if level.profile.shape[0] == 1 else level.profile[near:far]
        kernels("reduce").unpack(
            raw, np.float32(source.zero), amp.data[2], (amp.flip_y, amp.flip_x),
            profile.astype(np.float32), plane,
            (first, start - first, amp.place[1].start, amp.place[1].stop), out,
        )  # fmt: skip
