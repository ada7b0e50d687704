"""Images written with the FITS checksums CHECKSUM and DATASUM in one pass over their pixels."""

import contextlib
import os
import sys

import numpy as np

from awe.fits.headers import BLOCK

__all__ = ["compile_all", "encode_checksum", "ones_sum", "write_with_checksums"]

_CHUNK = 1 << 16
_EXCLUDED = (*range(0x3A, 0x41), *range(0x5B, 0x61))


def ones_sum(content, total=0):
    """Add 32-bit words as the FITS standard does (4.4.2.7): with the carry added at the low end.

    Parameters
    ----------
    content : bytes or array
        A multiple of four bytes.
    total : int, optional
        What is added to. The default is 0.

    Returns
    -------
    int
        The sum, less than 2**32.
    """
    total += int(np.frombuffer(content, dtype=">u4").sum(dtype=np.uint64))
    return _fold(total)


def _fold(total):
    while total >> 32:
        total = (total & 0xFFFFFFFF) + (total >> 32)
    return total


def encode_checksum(total):
    """Encode the complement of a sum as the 16 letters of CHECKSUM.

    Parameters
    ----------
    total : int
        What `ones_sum` gives for the HDU with '0' * 16 as CHECKSUM.

    Returns
    -------
    str
        The letters; with them the sum of the HDU is -0 (FITS standard, appendix J).
    """
    letters = bytearray(16)
    for place, byte in enumerate((0xFFFFFFFF - total).to_bytes(4, "big")):
        four = [byte // 4 + 0x30] * 4
        four[0] += byte % 4
        while any(letter in _EXCLUDED for letter in four):
            for i in (0, 2):
                if four[i] in _EXCLUDED or four[i + 1] in _EXCLUDED:
                    four[i] += 1
                    four[i + 1] -= 1
        for i, letter in enumerate(four):
            letters[4 * i + place] = letter
    return (letters[-1:] + letters[:-1]).decode("ascii")


def write_with_checksums(path, parts):
    """Write HDUs as a new file.

    Parameters
    ----------
    path : str or os.PathLike
        The file; it is replaced where it exists.
    parts : sequence of (astropy.io.fits.Header, array or None)
        The header of each HDU, complete but for the checksums, which are set in
        it; its pixels, as FITS holds them but for the order of the bytes.
    """
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    offset = 0
    with open(path, "wb", buffering=0) as file:
        for header, array in parts:
            header.set("CHECKSUM", "0" * 16, "HDU checksum")
            header.set("DATASUM", "0", "data unit checksum")
            start = offset + len(header.tostring())
            # The header comes last, when the sum is known; its length does not change.
            file.seek(start)
            total, offset = 0, start
            if array is not None:
                total = _write_data(file, np.ascontiguousarray(array).reshape(-1))
                offset = start + array.nbytes
                rest = -array.nbytes % BLOCK
                _write_all(file, bytes(rest))
                offset += rest
            header["DATASUM"] = str(total)
            text = header.tostring().encode("ascii")
            header["CHECKSUM"] = encode_checksum(ones_sum(text, total))
            file.seek(start - len(text))
            _write_all(file, header.tostring().encode("ascii"))


def _write_all(file, content):
    """Write bytes; one call of the system may take only a part."""
    content = memoryview(content).cast("B")
    while len(content):
        content = content[file.write(content) :]


def _write_data(file, values):
    """Write numbers with the most significant byte first; give their sum."""
    # Not for this alone: to load the compiler takes longer than it saves here.
    fast = values.dtype.itemsize == 4 and values.dtype.isnative and "numba" in sys.modules
    if fast and sys.byteorder == "little":
        return _write_words(file, values.view(np.uint32))
    total = 0
    for start in range(0, values.size, _CHUNK):
        part = values[start : start + _CHUNK]
        part = part.astype(part.dtype.newbyteorder(">"), copy=False)
        _write_all(file, part)
        content = part.tobytes()
        total = ones_sum(content + bytes(-len(content) % 4), total)
    return total


def _write_words(file, words):
    """Write words of four bytes by the compiled kernel; give their sum."""
    from awe.base.compiled import can_compile

    if not can_compile():
        return _write_data(file, words.astype(">u4"))
    from awe.fits.kernels import swap_and_sum

    buffer = np.empty(min(_CHUNK, words.size), dtype=np.uint32)
    total = 0
    for start in range(0, words.size, _CHUNK):
        part = words[start : start + _CHUNK]
        total += int(swap_and_sum(part, buffer))
        _write_all(file, buffer[: part.size])
    return _fold(total)


def compile_all():
    """Compile the kernels of reading and writing, or load them from the cache."""
    from awe.base.compiled import can_compile

    if can_compile():
        from awe.fits.kernels import swap_and_sum, swap_in_place

        swap_and_sum(np.zeros(1, dtype=np.uint32), np.zeros(1, dtype=np.uint32))
        swap_in_place(np.zeros(1, dtype=np.uint16), np.uint16(0))
