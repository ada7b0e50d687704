"""Files read to their end: copies and checksums."""

import hashlib
import os

__all__ = ["UnreadableError", "copy_file", "private", "sha256_of"]

_CHUNK = 1 << 20


def sha256_of(path):
    """Compute the checksum of a file.

    Parameters
    ----------
    path : str or pathlib.Path
        The file.

    Returns
    -------
    digest : str
        SHA-256 in hexadecimal digits.
    size : int
        Bytes.
    """
    digest, size = hashlib.sha256(), 0
    with open(path, "rb") as stream:
        while block := stream.read(_CHUNK):
            digest.update(block)
            size += len(block)
    return digest.hexdigest(), size


class UnreadableError(Exception):
    """The file that was to be copied cannot be read."""


def copy_file(source, target, mode=0o600):
    """Copy a file, sync it, and compute its checksum on the way.

    Parameters
    ----------
    source, target : pathlib.Path
        From and to; the target must not exist.
    mode : int, optional
        Permissions of the copy. By default its owner reads and writes it.

    Returns
    -------
    sha256 : str
        The checksum.
    size : int
        Bytes.

    Raises
    ------
    UnreadableError
        The trouble is with the source.
    """
    digest, size = hashlib.sha256(), 0
    with open(target, "xb", opener=private) as copy:
        for block in _blocks(source):
            digest.update(block)
            copy.write(block)
            size += len(block)
        copy.flush()
        os.fsync(copy.fileno())
    if mode != 0o600:
        os.chmod(target, mode)
    return digest.hexdigest(), size


def _blocks(source):
    try:
        with open(source, "rb") as stream:
            while block := stream.read(_CHUNK):
                yield block
    except OSError as err:
        raise UnreadableError(err.strerror) from err


def private(path, flags):
    """Open a new file that only its owner may read, as an opener for `open`.

    Parameters
    ----------
    path : str or pathlib.Path
        The file.
    flags : int
        As `os.open` takes them.

    Returns
    -------
    int
        The descriptor.
    """
    return os.open(path, flags, 0o600)
