"""Pixels of a FITS file as arrays: whole images or blocks of rows."""

import mmap
import os
import sys
import warnings

import numpy as np

from awe.base.compiled import can_compile
from awe.base.errors import did_you_mean
from awe.fits.errors import FitsError, FitsFileError
from awe.fits.headers import DTYPES, Hdu, iterate_hdus
from awe.fits.streams import open_stream, skip

__all__ = ["StoredRows", "find_hdu", "read_image", "read_rows"]

_AT_ONCE = 1 << 30


def find_hdu(path, hdu):
    """Find where an HDU lies without parsing its header.

    Parameters
    ----------
    path : str or os.PathLike
        A FITS file.
    hdu : int, str or Hdu
        Index, EXTNAME, or the description that `read_headers` gave, which is
        given back as it is.

    Returns
    -------
    Hdu
        The description.

    Raises
    ------
    FitsError
        There is no such HDU, or the file cannot be read.
    """
    if isinstance(hdu, Hdu):
        return hdu
    names = []
    for found, _ in iterate_hdus(path):
        if hdu in (found.index, found.name):
            return found
        names.append(found.name)
    msg = f"{os.fspath(path)} has no HDU {hdu!r}; it has {len(names)}.{did_you_mean(hdu, names)}"
    raise FitsError(msg)


def read_image(path, hdu):
    """Read the image of one HDU.

    Parameters
    ----------
    path : str or os.PathLike
        A FITS file, plain or gzipped.
    hdu : int, str or Hdu
        Index, EXTNAME, or the description that `read_headers` gave; with a
        description no header is read again.

    Returns
    -------
    numpy.ndarray
        Shape ``(ny, nx)`` for an image of two axes, else as the header says.
        Native byte order, BZERO and BSCALE applied: integers stay integers,
        16-bit with BZERO 32768 becomes uint16.

    Raises
    ------
    FitsError
        The HDU has no image, or the file is truncated or damaged.
    """
    hdu = _with_image(path, hdu)
    return _read(path, hdu, 0, hdu.shape[0])


def read_rows(path, hdu, y0, y1, x0=0, x1=None):
    """Read some rows of an image of two axes, or a part of them.

    Parameters
    ----------
    path : str or os.PathLike
        A FITS file; of a plain one only the bytes of these rows are read.
    hdu : int, str or Hdu
        As for `read_image`.
    y0, y1 : int
        First row, and the one after the last, counted from 0.
    x0, x1 : int, optional
        First column, and the one after the last. By default all; of a plain
        file only the bytes of these columns are touched.

    Returns
    -------
    numpy.ndarray
        Shape ``(y1 - y0, x1 - x0)``, otherwise as `read_image`.

    Raises
    ------
    FitsError
        The HDU is no image of two axes, or the rows or columns do not exist.
    """
    hdu = _with_image(path, hdu)
    if len(hdu.shape) == 2 and (x0, x1) not in ((0, None), (0, hdu.shape[1])):
        return _read_columns(path, hdu, y0, y1, x0, hdu.shape[1] if x1 is None else x1)
    if len(hdu.shape) != 2 or not 0 <= y0 <= y1 <= hdu.shape[0]:
        msg = (
            f"{os.fspath(path)}: rows {y0} to {y1} do not exist in HDU {hdu.index}, "
            f"whose shape is {hdu.shape}."
        )
        raise FitsError(msg)
    return _read(path, hdu, y0, y1)


def _read_columns(path, hdu, y0, y1, x0, x1):
    """Read a part of some rows, from a plain file only the bytes of that part."""
    if not 0 <= x0 <= x1 <= hdu.shape[1]:
        msg = f"{os.fspath(path)}: columns {x0} to {x1} do not exist in HDU {hdu.index}."
        raise FitsError(msg)
    narrow = 2 * (x1 - x0) <= hdu.shape[1] and 0 <= y0 < y1 <= hdu.shape[0] and x1 > x0
    if not narrow or hdu.compressed or hdu.packed:
        return read_rows(path, hdu, y0, y1)[:, x0:x1]
    stored = np.dtype(DTYPES[hdu.bitpix]).newbyteorder(">")
    start = hdu.offset + y0 * hdu.shape[1] * stored.itemsize
    count = (y1 - y0) * hdu.shape[1]
    with open_stream(path) as (stream, is_packed):
        if is_packed or os.fstat(stream.fileno()).st_size < start + count * stored.itemsize:
            return read_rows(path, hdu, y0, y1)[:, x0:x1]
        with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            rows = np.frombuffer(mapped, stored, count, start).reshape(y1 - y0, hdu.shape[1])
            part = rows[:, x0:x1].copy()
            # The map cannot be closed as long as an array looks at it.
            del rows
    return _scaled(part, hdu)


class StoredRows:
    """Rows of an image as they are stored, for those who decode them on the way.

    Parameters
    ----------
    path : str or os.PathLike
        A plain FITS file.
    hdu : Hdu
        An image of two axes of 16-bit integers, for which `possible` is true.
    keep_open : bool, optional
        Whether the file stays open between two reads. The default is True.
    """

    dtype = np.dtype(">i2")

    def __init__(self, path, hdu, keep_open=True):
        self.path = path
        self.shape = hdu.shape
        self.zero = int(hdu.bzero)
        self._offset = hdu.offset
        self._keep_open = keep_open
        self._file = None

    @staticmethod
    def possible(hdu):
        """Tell whether the image is stored as plain 16-bit integers.

        Parameters
        ----------
        hdu : Hdu
            The image.

        Returns
        -------
        bool
            Whether it can be read so.
        """
        plain = hdu.shape is not None and len(hdu.shape) == 2 and hdu.bitpix == 16
        plain = plain and not (hdu.compressed or hdu.packed) and hdu.blank is None
        return plain and hdu.bscale == 1 and hdu.bzero in (0, 1 << 15)

    def read(self, y0, y1, out):
        """Read rows.

        Parameters
        ----------
        y0, y1 : int
            First row, and the one after the last.
        out : array
            Filled with the numbers as they are stored: big-endian, without
            `zero`. Any type of two bytes, C-contiguous, at least as large.

        Returns
        -------
        array
            The part of `out` that was filled, shape ``(y1 - y0, nx)``.

        Raises
        ------
        FitsError
            The file is not there or is truncated.
        """
        part = out.reshape(-1)[: (y1 - y0) * self.shape[1]]
        buffer = memoryview(part.view(np.uint8))
        start = self._offset + 2 * y0 * self.shape[1]
        try:
            if self._file is None:
                self._file = os.open(self.path, os.O_RDONLY)
            got = 0
            while got < len(buffer):
                count = _read_at(self._file, buffer[got:], start + got)
                if count == 0:
                    break
                got += count
        except OSError as err:
            msg = f"{os.fspath(self.path)} cannot be read: {err.strerror or err}."
            raise FitsFileError(msg) from err
        if not self._keep_open:
            self.close()
        if got < len(buffer):
            msg = f"{os.fspath(self.path)} is truncated: {got} bytes of {len(buffer)} were there."
            raise FitsError(msg)
        return part.reshape(y1 - y0, self.shape[1])

    def close(self):
        """Close the file, if it is open."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def __del__(self):
        self.close()


def _with_image(path, hdu):
    hdu = find_hdu(path, hdu)
    if hdu.shape is None:
        msg = f"{os.fspath(path)}: HDU {hdu.index} has no image."
        raise FitsError(msg)
    return hdu


def _read(path, hdu, y0, y1):
    """Read elements y0 to y1 of the first axis."""
    shape = (y1 - y0, *hdu.shape[1:])
    if hdu.compressed:
        return _read_compressed(path, hdu, y0, y1)
    raw_type = np.dtype(DTYPES[hdu.bitpix]).newbyteorder(">")
    row = int(np.prod(hdu.shape[1:], dtype=np.int64)) * raw_type.itemsize
    raw = np.empty(shape, raw_type)
    start = hdu.offset + y0 * row
    got = _fill(path, hdu.packed, start, raw) if raw.size else 0
    if got < raw.nbytes:
        msg = f"{os.fspath(path)} is truncated: {got} bytes of {raw.nbytes} in HDU {hdu.index}."
        raise FitsError(msg)
    return _scaled(raw, hdu)


def _fill(path, packed, start, raw):
    """Read bytes into an array; give how many there were."""
    # A view as bytes of an array of one or more axes, not copied.
    buffer = memoryview(raw.reshape(-1).view(np.uint8))
    with open_stream(path) as (stream, is_packed):
        if packed or is_packed:
            skip(stream, start, True)
            return stream.readinto(buffer) if is_packed else 0
        got = 0
        while got < len(buffer):
            count = _read_at(stream.fileno(), buffer[got:], start + got)
            if count == 0:
                break
            got += count
        return got


def _read_at(descriptor, buffer, place):
    """Read bytes from a place in a file; give how many came in one call."""
    # Linux reads at most 2 GiB in one call, macOS refuses to read more.
    buffer = buffer[:_AT_ONCE]
    if hasattr(os, "preadv"):
        return os.preadv(descriptor, [buffer], place)
    # macOS before 11.
    found = os.pread(descriptor, len(buffer), place)
    buffer[: len(found)] = found
    return len(found)


def _scaled(raw, hdu):
    """Bring numbers as they lie in the file to what they mean."""
    if hdu.bitpix == 16 and hdu.unsigned and "numba" in sys.modules and can_compile():
        from awe.fits.kernels import swap_in_place

        image = raw.view(np.uint16)
        swap_in_place(image.reshape(-1), np.uint16(1 << 15))
        return image
    if raw.dtype.itemsize > 1 and sys.byteorder == "little":
        raw = raw.byteswap(inplace=True)
    image = raw.view(raw.dtype.newbyteorder("="))
    if hdu.unsigned:
        # The same bits with the highest one turned over, exactly.
        image = image.view(hdu.dtype)
        top = image.dtype.type(1 << (8 * image.itemsize - 1)) if image.dtype.kind == "u" else None
        return np.bitwise_xor(image, top if top is not None else np.int8(-128), out=image)
    if hdu.bscale == 1 and hdu.bzero == 0 and (hdu.blank is None or image.dtype.kind == "f"):
        return image
    scaled = image.astype(hdu.dtype)
    if image.dtype.kind != "f" and hdu.blank is not None:
        scaled[image == hdu.blank] = np.nan
    scaled *= hdu.dtype.type(hdu.bscale)
    scaled += hdu.dtype.type(hdu.bzero)
    return scaled


def _read_compressed(path, hdu, y0, y1):
    from astropy.io import fits

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with fits.open(path, memmap=False) as hdus:
                image = hdus[hdu.index].section[y0:y1]
    # Damage is met wherever astropy happens to use it, with any exception; that
    # of its decoder in C has no public name.
    except Exception as err:
        msg = f"{os.fspath(path)}: the tile-compressed HDU {hdu.index} cannot be read: {err}."
        raise FitsError(msg) from err
    if image.shape != (y1 - y0, *hdu.shape[1:]):
        msg = f"{os.fspath(path)}: the tile-compressed HDU {hdu.index} has an unexpected shape."
        raise FitsError(msg)
    return np.ascontiguousarray(image, dtype=image.dtype.newbyteorder("="))
