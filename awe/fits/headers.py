"""Where the parts of a FITS file lie, and what its headers say."""

import dataclasses
import itertools
import os
import sys
import warnings

import numpy as np

from awe.fits.errors import FitsError
from awe.fits.streams import open_stream, skip

__all__ = ["BLOCK", "DTYPES", "Hdu", "iterate_hdus", "lines_of", "read_headers"]

BLOCK = 2880
_CARD = 80
DTYPES = {8: "u1", 16: "i2", 32: "i4", 64: "i8", -32: "f4", -64: "f8"}
_UNSIGNED = {8: (-128, "i1"), 16: (1 << 15, "u2"), 32: (1 << 31, "u4"), 64: (1 << 63, "u8")}
_MAX_HEADER = 4000 * BLOCK
_LEGAL = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_- "


@dataclasses.dataclass(frozen=True)
class Hdu:
    """One header and data unit of a FITS file: where it lies and what it is.

    Parameters
    ----------
    index : int
        Place in the file; the primary HDU is 0.
    name : str
        EXTNAME, or ``''``.
    kind : str
        ``'image'``, ``'compressed'`` (a tile-compressed image) or ``'table'``.
    shape : tuple of int or None
        Shape of the image, ``(ny, nx)`` for two axes; None without an image.
    dtype : numpy.dtype or None
        What `read_image` gives: BZERO and BSCALE applied, native byte order.
    header_offset, offset, size : int
        First byte of header and of data, and bytes of data without padding,
        in the decompressed file.
    bitpix : int
        Kind of number in the file, as FITS counts it.
    bscale, bzero : float
        Scale and zero point.
    blank : int or None
        Integer that stands for an undefined pixel.
    packed : bool
        Whether the whole file is gzipped, so that offsets cannot be used.
    header : astropy.io.fits.Header or None
        The header; that of the image where it is tile-compressed.
    text : str
        The cards as they stand in the file, one a line, without END.
    warnings : tuple of str
        What was illegal but could be read.
    """

    index: int
    name: str
    kind: str
    shape: tuple | None
    dtype: np.dtype | None
    header_offset: int
    offset: int
    size: int
    bitpix: int = 8
    bscale: float = 1.0
    bzero: float = 0.0
    blank: int | None = None
    packed: bool = False
    header: object = dataclasses.field(default=None, compare=False, repr=False)
    text: str = dataclasses.field(default="", compare=False, repr=False)
    warnings: tuple = ()

    @property
    def compressed(self):
        """Whether the HDU is a tile-compressed image."""
        return self.kind == "compressed"

    @property
    def unsigned(self):
        """Whether BZERO only says that the integers have the other sign."""
        zero, _ = _UNSIGNED.get(self.bitpix, (None, None))
        return self.bscale == 1 and self.bzero == zero


def read_headers(path):
    """Read all headers of a FITS file and check that its data is complete.

    Parameters
    ----------
    path : str or os.PathLike
        A FITS file; it may be gzipped, and images may be tile-compressed.

    Returns
    -------
    list of Hdu
        One per HDU, in the order of the file, headers parsed. Illegal cards
        that can be read are read; `Hdu.warnings` says which.

    Raises
    ------
    FitsError
        The file is empty, not FITS, truncated or damaged; the message names
        the file and the reason.
    """
    found = []
    for hdu, text in iterate_hdus(path):
        header, complaints = _parse(text)
        found.append(
            dataclasses.replace(
                hdu, header=header, text=lines_of(text), warnings=hdu.warnings + tuple(complaints)
            )
        )
    if any(hdu.compressed for hdu in found):
        found = _with_image_headers(path, found)
    return found


def iterate_hdus(path):
    """Walk over the HDUs of a file without parsing more than their structure.

    Parameters
    ----------
    path : str or os.PathLike
        A FITS file.

    Yields
    ------
    tuple of (Hdu, bytes)
        The HDU without parsed header, and the blocks of its header.

    Raises
    ------
    FitsError
        As `read_headers`.
    """
    with open_stream(path) as (stream, packed):
        position, index = 0, 0
        while True:
            text = _read_header_blocks(stream, path, index)
            if text is None:
                if packed:
                    # Only at its end does a packed file tell whether it is damaged.
                    skip(stream, sys.maxsize, packed)
                return
            hdu = _describe(text, index, position, packed, path)
            padded = -(-hdu.size // BLOCK) * BLOCK
            got = skip(stream, padded, packed)
            if got < hdu.size:
                msg = (
                    f"{os.fspath(path)} is truncated: HDU {index} needs {hdu.size} bytes of "
                    f"data, the file has {got}."
                )
                raise FitsError(msg)
            if got < padded:
                note = "the last block of data is not filled up to 2880 bytes"
                hdu = dataclasses.replace(hdu, warnings=(*hdu.warnings, note))
            yield hdu, text
            position = hdu.offset + padded
            index += 1


def _read_header_blocks(stream, path, index):
    """Give the bytes of the next header, or None where the HDUs end."""
    blocks = []
    while True:
        block = stream.read(BLOCK)
        if not blocks:
            if index > 0 and not block.startswith(b"XTENSION"):
                # The standard allows special records after the last HDU.
                return None
            if index == 0 and not block.startswith(b"SIMPLE  ="):
                msg = f"{os.fspath(path)} is not a FITS file: it does not begin with SIMPLE."
                raise FitsError(msg)
        if _has_end(block):
            blocks.append(block.ljust(BLOCK))
            return b"".join(blocks)
        blocks.append(block)
        if len(block) < BLOCK or len(blocks) * BLOCK > _MAX_HEADER:
            msg = f"{os.fspath(path)} is truncated: the header of HDU {index} has no END."
            raise FitsError(msg)


def _has_end(block):
    """Tell whether a block holds the card END and nothing else in that card."""
    at = block.find(b"END")
    while at >= 0:
        if at % _CARD == 0 and block[at : at + _CARD].rstrip(b" \x00") == b"END":
            return True
        at = block.find(b"END", at + 1)
    return False


_STRUCTURE = {
    *("XTENSION", "BITPIX", "NAXIS", "PCOUNT", "GCOUNT", "EXTNAME", "BSCALE", "BZERO"),
    *("BLANK", "GROUPS", "ZIMAGE", "ZBITPIX", "ZNAXIS", "ZBLANK"),
}
_BEGINNINGS = frozenset(key[:2].encode() for key in _STRUCTURE)


def _structure(text, path, index):
    """Give the cards that say how the data lies, as texts and numbers."""
    values = {}
    for start in range(0, len(text), _CARD):
        # Headers have hundreds of cards, of which few matter here.
        if text[start : start + 2] not in _BEGINNINGS or text[start + 8 : start + 9] != b"=":
            continue
        card = text[start : start + _CARD]
        key = card[:8].rstrip().decode("latin-1")
        if key in _STRUCTURE or (key.startswith(("NAXIS", "ZNAXIS")) and key[-1].isdigit()):
            if key in values:
                continue
            raw = card[9:].decode("latin-1").strip()
            values[key] = _value(raw, key, path, index)
    return values


def _value(raw, key, path, index):
    if key in ("XTENSION", "EXTNAME"):
        return raw[1:].split("'")[0].rstrip() if raw.startswith("'") else raw.split("/")[0].strip()
    raw = raw.split("/")[0].strip()
    if key in ("GROUPS", "ZIMAGE"):
        return raw == "T"
    try:
        if key in ("BSCALE", "BZERO"):
            return float(raw.replace("D", "E"))
        return int(raw)
    except ValueError as err:
        if key in ("BLANK", "ZBLANK"):
            return None
        msg = f"{os.fspath(path)}: in HDU {index}, {key} = {raw!r} is not a number."
        raise FitsError(msg) from err


def _describe(text, index, position, packed, path):
    """Make the description of one HDU from its header blocks."""
    cards = _structure(text, path, index)
    try:
        axes = [cards[f"NAXIS{i}"] for i in range(1, cards["NAXIS"] + 1)]
        tiled = [cards[f"ZNAXIS{i}"] for i in range(1, cards.get("ZNAXIS", 0) + 1)]
        item = abs(cards["BITPIX"]) // 8
    except KeyError as err:
        msg = f"{os.fspath(path)}: HDU {index} has no {err.args[0]} in its header."
        raise FitsError(msg) from err
    grouped = axes and axes[0] == 0 and cards.get("GROUPS") is True
    count = int(np.prod([int(n) for n in axes[grouped:]], dtype=object)) if axes else 0
    size = item * cards.get("GCOUNT", 1) * (cards.get("PCOUNT", 0) + count)
    kind = "image"
    bitpix, blank = cards["BITPIX"], cards.get("BLANK")
    impossible = size < 0 or bitpix not in DTYPES or any(n < 0 for n in axes)
    if cards.get("ZIMAGE") is True:
        kind, bitpix, blank = "compressed", cards.get("ZBITPIX"), cards.get("ZBLANK", blank)
        axes = tiled
        impossible = impossible or bitpix not in DTYPES or any(n < 0 for n in axes)
        count = int(np.prod(axes, dtype=object)) if axes else 0
    if impossible:
        msg = f"{os.fspath(path)}: HDU {index} has impossible BITPIX, NAXIS or PCOUNT cards."
        raise FitsError(msg)
    if kind == "image" and (grouped or cards.get("XTENSION", "IMAGE") not in ("IMAGE", "IUEIMAGE")):
        kind, count = "table", 0
    hdu = Hdu(
        index=index,
        name=str(cards.get("EXTNAME") or ""),
        kind=kind,
        shape=tuple(reversed(axes)) if count else None,
        dtype=None,
        header_offset=position,
        offset=position + len(text),
        size=size,
        bitpix=bitpix,
        bscale=cards.get("BSCALE", 1.0),
        bzero=cards.get("BZERO", 0.0),
        blank=blank,
        packed=packed,
    )
    return dataclasses.replace(hdu, dtype=_result_dtype(hdu)) if count else hdu


def _result_dtype(hdu):
    """Give the dtype that an image has once its scale is applied."""
    if hdu.unsigned:
        return np.dtype(_UNSIGNED[hdu.bitpix][1])
    plain = np.dtype(DTYPES[hdu.bitpix])
    if (hdu.bscale == 1 and hdu.bzero == 0 and hdu.blank is None) or plain.kind == "f":
        return plain
    return np.dtype("f4" if hdu.bitpix in (8, 16) else "f8")


def lines_of(text):
    """Give the cards of header blocks as lines of text.

    Parameters
    ----------
    text : bytes
        The blocks.

    Returns
    -------
    str
        One card a line, without END.
    """
    decoded = text.decode("latin-1")
    cards = (decoded[i : i + _CARD].rstrip() for i in range(0, len(decoded), _CARD))
    return "\n".join(itertools.takewhile(lambda card: card != "END", cards))


def _parse(text):
    """Make an astropy Header of header blocks, mending what can be mended."""
    from astropy.io import fits

    complaints = []
    if text.translate(None, bytes(range(32, 127))):
        complaints.append("characters that FITS does not allow in a header were replaced")
        text = bytes(b if 32 <= b < 127 else (32 if b == 0 else 63) for b in text)
    text = _with_legal_keywords(text, complaints)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        header = fits.Header.fromstring(text.decode("ascii"))
        _check(header, complaints)
    return header, complaints


def _with_legal_keywords(text, complaints):
    """Give header blocks whose keywords have only the signs that are allowed in them."""
    for start in range(0, len(text), _CARD):
        keyword = text[start : start + 8]
        if text[start + 8 : start + 9] == b"=" and keyword.translate(None, _LEGAL):
            legal = bytes(c if c in _LEGAL else 95 for c in keyword.upper())
            told = [k.decode("ascii").rstrip() for k in (keyword, legal)]
            complaints.append(f"the illegal keyword {told[0]!r} is read as {told[1]}")
            text = text[:start] + legal + text[start + 8 :]
    return text


def _check(header, complaints):
    """Parse all cards of a header, so that nobody meets an illegal one later."""
    from astropy.io import fits

    for number, card in enumerate(header.cards):
        try:
            card.value, card.comment  # noqa: B018 - both are parsed when asked for
            continue
        except (fits.VerifyError, ValueError):
            image = card.image
        _mend(header, number, image, complaints)


def _mend(header, number, image, complaints):
    """Replace a card that cannot be parsed by one that holds its text."""
    keyword, _, raw = image.partition("=")
    raw = raw.split(" /")[0].strip().strip("'").strip()
    keyword = keyword.strip().removeprefix("HIERARCH ").strip()
    shown = f"{keyword} = {raw}" if raw else image.strip()
    if raw.lower().lstrip("+-") in ("nan", "inf", "infinity"):
        complaints.append(f"the illegal card '{shown}' is read as undefined")
        raw = None
    else:
        complaints.append(f"the illegal card '{shown}' is read as text")
    legal = "".join(c if c.isalnum() or c in "-_ " else "_" for c in keyword.upper()) or "COMMENT"
    if len(legal) > 8 or " " in legal:
        legal = "HIERARCH " + legal
    from astropy.io import fits

    del header[number]
    header.insert(number, fits.Card(legal, raw))


def _with_image_headers(path, found):
    """Replace the table headers of tile-compressed images by the images' own."""
    from astropy.io import fits

    done = []
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with fits.open(path, memmap=False) as hdus:
                for hdu in found:
                    if hdu.compressed:
                        header = hdus[hdu.index].header.copy()
                        _check(header, [])
                        hdu = dataclasses.replace(hdu, header=header)
                    done.append(hdu)
    # Damage is met wherever astropy happens to use it, with any exception.
    except Exception as err:
        msg = f"{os.fspath(path)}: the header of a tile-compressed image cannot be used: {err}."
        raise FitsError(msg) from err
    return done
