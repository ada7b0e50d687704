"""Multi-extension FITS written one extension at a time, with checksums."""

import numpy as np

__all__ = ["insert_image", "seal", "write_primary"]

_BLOCK = 2880


def write_primary(path, header):
    """Begin a file: write its empty primary HDU.

    Parameters
    ----------
    path : pathlib.Path
        The file; replaced where it exists.
    header : astropy.io.fits.Header
        Complete header without CHECKSUM and DATASUM.

    Returns
    -------
    int
        Number of bytes of the primary HDU.
    """
    return path.write_bytes(_sealed(header, b""))


def insert_image(path, header, data, *, primary, extension):
    """Write an image of unsigned 16-bit integers into its place in a file.

    Several processes may fill one file: all its extensions are of one size, so
    that each knows where it stands.

    Parameters
    ----------
    path : pathlib.Path
        A file begun by `write_primary`.
    header : astropy.io.fits.Header
        Complete header (BITPIX 16, BZERO 32768) without CHECKSUM and DATASUM.
    data : numpy.ndarray
        Image of type uint16, `(ny, nx)`.
    primary : int
        Number of bytes of the primary HDU.
    extension : int
        Number of the extension, from 1.
    """
    # Unsigned values less 2**15 as signed ones: flip the highest bit.
    body = (data ^ np.uint16(0x8000)).astype(">u2").tobytes()
    body += bytes(-len(body) % _BLOCK)
    head = _sealed(header, body)
    with path.open("r+b") as file:
        file.seek(primary + (extension - 1) * (len(head) + len(body)))
        file.write(head)
        file.write(body)


def seal(header, datasum):
    """Set the checksum in the bytes of a header.

    Parameters
    ----------
    header : bytes
        The whole header of an HDU, padded, with a card CHECKSUM of 16 letters.
    datasum : int
        Sum of its data, as in the card DATASUM.

    Returns
    -------
    bytes
        The header with the checksum of the HDU.
    """
    start = header.index(b"CHECKSUM= '") + 11
    blank = header[:start] + b"0" * 16 + header[start + 16 :]
    letters = _encoded(_ones_complement_sum(blank, datasum))
    return blank[:start] + letters + blank[start + 16 :]


def _sealed(header, body):
    datasum = _ones_complement_sum(body)
    header = header.copy()
    header["CHECKSUM"] = ("0" * 16, "HDU checksum")
    header["DATASUM"] = (str(datasum), "data unit checksum")
    return seal(header.tostring().encode("ascii"), datasum)


def _ones_complement_sum(data, start=0):
    total = start + int(np.frombuffer(data, ">u4").sum(dtype=np.uint64))
    while total >> 32:
        total = (total & 0xFFFFFFFF) + (total >> 32)
    return total


def _encoded(total):
    """Encode the complement of a sum as 16 letters (FITS standard 4.0, appendix J)."""
    value = ~total & 0xFFFFFFFF
    letters = bytearray(16)
    for place in range(4):
        byte = value >> (24 - 8 * place) & 0xFF
        quarter, rest = divmod(byte, 4)
        four = [quarter + rest + 48, *[quarter + 48] * 3]
        while any(_is_punctuation(letter) for letter in four):
            for pair in (0, 2):
                if _is_punctuation(four[pair]) or _is_punctuation(four[pair + 1]):
                    four[pair] += 1
                    four[pair + 1] -= 1
        for repeat in range(4):
            letters[4 * repeat + place] = four[repeat]
    return bytes(letters[-1:] + letters[:-1])


def _is_punctuation(letter):
    return 0x3A <= letter <= 0x40 or 0x5B <= letter <= 0x60
