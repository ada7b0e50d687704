"""Files as streams of bytes, decompressed where they are gzipped."""

import bz2
import contextlib
import gzip
import os
import zlib

from awe.fits.errors import FitsError, FitsFileError

__all__ = ["open_stream", "skip"]

_CHUNK = 1 << 20
_PACKED = {b"\x1f\x9d": "compress (.Z)", b"PK": "zip", b"\xfd7": "xz"}


@contextlib.contextmanager
def open_stream(path):
    """Open a file for reading, through gzip or bzip2 where it is so packed.

    Parameters
    ----------
    path : str or os.PathLike
        The file.

    Yields
    ------
    tuple of (file object, bool)
        The stream, and whether it is decompressed on the way.

    Raises
    ------
    FitsFileError
        The file does not exist or may not be read.
    FitsError
        The file is empty, packed in another way, or its packing is damaged.
    """
    try:
        plain = open(path, "rb")  # noqa: SIM115 - closed by the next statement
    except OSError as err:
        msg = f"{os.fspath(path)} cannot be read: {err.strerror or err}."
        raise FitsFileError(msg) from err
    with plain:
        opener = _opener(plain, path)
        if opener is None:
            yield plain, False
            return
        try:
            with opener(plain) as stream:
                yield stream, True
        except (EOFError, zlib.error, OSError) as err:
            # An error with a number is of the system, not of the packing.
            if getattr(err, "errno", None) is not None or isinstance(err, FitsError):
                raise
            msg = f"{os.fspath(path)} is damaged or truncated: {err}."
            raise FitsError(msg) from err


def _opener(plain, path):
    """Give what unpacks a file, None where it is plain."""
    magic = plain.read(2)
    plain.seek(0)
    if not magic:
        msg = f"{os.fspath(path)} is empty."
        raise FitsError(msg)
    if magic in _PACKED:
        msg = f"{os.fspath(path)} is packed with {_PACKED[magic]}, which is not read here."
        raise FitsError(msg, remedy="Unpack it first, or pack it with gzip.")
    return {b"\x1f\x8b": _gunzip, b"BZ": bz2.BZ2File}.get(magic)


def _gunzip(plain):
    return gzip.GzipFile(fileobj=plain)


def skip(stream, count, packed):
    """Move a stream forward.

    Parameters
    ----------
    stream : file object
        As `open_stream` gives it.
    count : int
        Bytes to leave out.
    packed : bool
        Whether the stream is decompressed on the way, so that bytes can only
        be left out by reading them.

    Returns
    -------
    int
        Bytes that were there to be left out: fewer at the end of the file.
    """
    if not packed:
        here = stream.tell()
        end = os.fstat(stream.fileno()).st_size
        stream.seek(min(here + count, end))
        return stream.tell() - here
    left = count
    while left > 0:
        got = len(stream.read(min(left, _CHUNK)))
        if got == 0:
            break
        left -= got
    return count - left
