"""Images written as FITS files with checksums."""

import dataclasses
import math
import os
import warnings

import numpy as np

from awe.fits.checksums import write_with_checksums
from awe.fits.errors import FitsError
from awe.fits.lineage import table_bytes
from awe.fits.plio import is_map, map_table

__all__ = ["Image", "sha256", "write_hdus", "write_image"]

_METHODS = ("RICE_1", "GZIP_1", "GZIP_2", "PLIO_1", "HCOMPRESS_1")
_CHUNK = 1 << 20
_TILE_ROWS = 64
# Kinds of numbers that FITS holds as they are, without BZERO.
_PLAIN = ("u1", "i2", "i4", "i8", "f4", "f8")


@dataclasses.dataclass(frozen=True)
class Image:
    """An image to be written as one HDU.

    Parameters
    ----------
    array : numpy.ndarray or None
        The pixels, ``(ny, nx)``; None for a header without image.
    cards : iterable, optional
        Keyword and value, or keyword, value and comment, or an astropy
        Header.
    name : str, optional
        EXTNAME.
    compress : str, optional
        Method of tile compression, such as ``'RICE_1'`` or ``'PLIO_1'``.
    """

    array: np.ndarray | None
    cards: object = ()
    name: str = ""
    compress: str | None = None


def write_image(path, array, header_cards=(), *, compress=None):
    """Write one image as a FITS file with CHECKSUM and DATASUM.

    Parameters
    ----------
    path : str or os.PathLike
        The file; it is overwritten where it exists. Nothing is synced here.
    array : numpy.ndarray
        The pixels, shape ``(ny, nx)``; unsigned integers are kept.
    header_cards : iterable, optional
        Keyword and value, or keyword, value and comment, or an astropy
        Header. A keyword longer than 8 letters must begin with HIERARCH.
    compress : str, optional
        Method of tile compression, such as ``'RICE_1'`` or ``'PLIO_1'``; the
        image is then in HDU 1. Floating-point images are compressed without
        loss only by ``'GZIP_1'`` and ``'GZIP_2'``.

    Raises
    ------
    FitsError
        FITS cannot hold a card or the kind of number.
    """
    image = Image(array, header_cards, compress=compress)
    write_hdus(path, [Image(None), image] if compress else [image])


def write_hdus(path, images, tables=()):
    """Write several images as one FITS file with checksums.

    Parameters
    ----------
    path : str or os.PathLike
        The file; it is overwritten where it exists.
    images : iterable of Image
        The first is the primary HDU; it cannot be compressed.
    tables : iterable of TextTable, optional
        Tables of texts behind the images. By default none.

    Raises
    ------
    FitsError
        FITS cannot hold a card or the kind of number.
    """
    from astropy.io import fits

    with warnings.catch_warnings():
        warnings.simplefilter("error", fits.verify.VerifyWarning)
        try:
            _write(path, list(images))
            with open(path, "ab") as file:
                file.writelines(table_bytes(table) for table in tables)
        except FitsError as err:
            msg = f"{os.fspath(path)} cannot be written: {err}"
            raise FitsError(msg) from err
        except (fits.VerifyError, fits.verify.VerifyWarning, KeyError) as err:
            msg = f"{os.fspath(path)} cannot be written: {err}."
            raise FitsError(msg) from err


def _write(path, images):
    """Write images with checksums, in one pass where the pixels need no other change."""
    from astropy.io import fits

    maps = [number > 0 and is_map(image) for number, image in enumerate(images)]
    plain = all(
        mapped or (image.compress is None and (image.array is None or _is_plain(image.array.dtype)))
        for image, mapped in zip(images, maps, strict=True)
    )
    hdus = fits.HDUList([
        _hdu(image, first=number == 0)
        for number, (image, mapped) in enumerate(zip(images, maps, strict=True))
        if not (plain and mapped)
    ])  # fmt: skip
    if not plain:
        hdus.writeto(path, overwrite=True, checksum=True)
        return
    hdus.update_extend()
    hdus.verify("exception")
    others = iter([(hdu.header, hdu.data) for hdu in hdus])
    parts = [
        map_table(image.array, _header(image.cards), image.name) if mapped else next(others)
        for image, mapped in zip(images, maps, strict=True)
    ]
    write_with_checksums(path, parts)


def _is_plain(dtype):
    return dtype.kind == "b" or dtype.str[1:] in _PLAIN


def _hdu(image, *, first):
    from astropy.io import fits

    array = image.array
    if array is not None and array.dtype == bool:
        array = array.astype(np.uint8)
    header = _header(image.cards)
    if image.compress is None:
        kind = fits.PrimaryHDU if first else fits.ImageHDU
        return kind(array, header, **({"name": image.name} if image.name else {}))
    if image.compress not in _METHODS or first:
        msg = (
            "the primary image cannot be compressed."
            if first
            else f"{image.compress!r} is not one of {', '.join(_METHODS)}."
        )
        raise FitsError(msg)
    lossless = {"quantize_level": 0.0} if image.compress.startswith("GZIP") else {}
    # Tiles of one row, the default, take five times as long to write and to read.
    tile = (min(_TILE_ROWS, array.shape[0]), array.shape[1])
    return fits.CompImageHDU(
        array, header, name=image.name or None, compression_type=image.compress, tile_shape=tile,
        **lossless,
    )  # fmt: skip


def _header(cards):
    from astropy.io import fits

    header = fits.Header()
    for entry in cards.cards if isinstance(cards, fits.Header) else cards:
        keyword, value, comment = (*entry, "")[:3]
        if isinstance(value, float | np.floating) and not math.isfinite(value):
            msg = f"the header cannot hold {keyword} = {value}."
            raise FitsError(msg)
        if isinstance(value, np.generic):
            value = value.item()
        if len(keyword) > 8 and not keyword.upper().startswith("HIERARCH ") and " " not in keyword:
            msg = f"the keyword {keyword} is longer than 8 letters; write HIERARCH before it."
            raise FitsError(msg)
        try:
            if " " in keyword and not keyword.upper().startswith("HIERARCH "):
                keyword = "HIERARCH " + keyword
            header.append(fits.Card(keyword, value, comment), end=True)
        except ValueError as err:
            msg = f"the header cannot hold {keyword} = {value!r}: {err}."
            raise FitsError(msg) from err
    return header


def sha256(path):
    """Compute the SHA-256 of a file.

    Parameters
    ----------
    path : str or os.PathLike
        The file.

    Returns
    -------
    tuple of (str, int)
        The digest as 64 hexadecimal digits, and the size in bytes.
    """
    import hashlib

    digest, size = hashlib.sha256(), 0
    with open(path, "rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            size += len(chunk)
    return digest.hexdigest(), size
