"""Copies of single HDUs into files of their own, byte for byte."""

import contextlib
import os
import warnings

from awe.fits.errors import FitsError
from awe.fits.headers import BLOCK, iterate_hdus
from awe.fits.streams import open_stream, skip

__all__ = ["copy_hdus", "split_hdus"]

_CARD = 80
_CHUNK = 1 << 22
_OF_DATA = ("BSCALE", "BZERO", "BLANK", "DATASUM", "CHECKSUM", "DATAMIN", "DATAMAX")


def copy_hdus(source, hdus, destination, extra_cards=()):
    """Write some HDUs of a file, as they were read, into a new file.

    Parameters
    ----------
    source : str or os.PathLike
        The FITS file; a gzipped one is decompressed, tile-compressed images
        stay compressed.
    hdus : iterable of int
        Indices of the HDUs to copy. The primary header always goes along;
        its image only if 0 is among them.
    destination : str or os.PathLike
        The file to write; it is overwritten where it exists.
    extra_cards : iterable of tuple of (str, object, str), optional
        Keyword, value and comment of cards to add to the primary header.

    Returns
    -------
    int
        Size of the file written, in bytes.

    Raises
    ------
    FitsError
        An index does not exist, or the source cannot be read.
    """
    return split_hdus(source, [(hdus, destination)], extra_cards)[0]


def split_hdus(source, parts, extra_cards=()):
    """Write several sets of HDUs into files of their own, reading the source once.

    Parameters
    ----------
    source : str or os.PathLike
        The FITS file.
    parts : iterable of tuple of (iterable of int, str or os.PathLike)
        Indices of HDUs, and the file to write, as for `copy_hdus`.
    extra_cards : iterable of tuple of (str, object, str), optional
        Cards to add to each primary header.

    Returns
    -------
    list of int
        Size of each file written, in bytes.

    Raises
    ------
    FitsError
        An index does not exist, or the source cannot be read.
    """
    layout = list(iterate_hdus(source))
    parts = [({int(index) for index in hdus}, target) for hdus, target in parts]
    if not all(wanted for wanted, _ in parts):
        msg = f"No HDU of {os.fspath(source)} was named that should be copied."
        raise FitsError(msg)
    absent = set().union(*(wanted for wanted, _ in parts)) - {hdu.index for hdu, _ in layout}
    if absent:
        msg = f"{os.fspath(source)} has no HDU {min(absent)}; it has {len(layout)}."
        raise FitsError(msg)
    extra = [_card(*entry) for entry in extra_cards]
    sizes = [0] * len(parts)
    with open_stream(source) as (stream, packed), contextlib.ExitStack() as stack:
        targets = {}
        position = 0
        for hdu, _ in layout:
            takers = [i for i, (wanted, _) in enumerate(parts) if hdu.index in wanted]
            for i in set(takers) - set(targets):
                targets[i] = stack.enter_context(open(parts[i][1], "wb"))
                targets[i].write(_primary_header(layout, parts[i][0], extra))
            if not takers:
                continue
            start = hdu.offset if hdu.index == 0 else hdu.header_offset
            skip(stream, start - position, packed)
            position = hdu.offset + -(-hdu.size // BLOCK) * BLOCK
            _copy_bytes(stream, [targets[i] for i in takers], position - start)
            for i in takers:
                sizes[i] = targets[i].tell()
                if hdu.index == max(parts[i][0]):
                    # Files of many CCDs are not all kept open.
                    targets[i].close()
    return sizes


def _copy_bytes(stream, targets, count):
    """Copy bytes and fill up with zeros what the last block lacks."""
    while count > 0:
        chunk = stream.read(min(count, _CHUNK)) or bytes(count)
        for target in targets:
            target.write(chunk)
        count -= len(chunk)


def _primary_header(layout, wanted, extra):
    """Give the blocks of the primary header, changed only where it must be."""
    primary, text = layout[0]
    keep_data = 0 in wanted or primary.size == 0
    extensions = len(wanted - {0})
    cards = [text[i : i + _CARD] for i in range(0, len(text), _CARD)]
    cards = cards[: next(i for i, card in enumerate(cards) if card.rstrip(b" \0") == b"END")]
    keys = [card[:8].rstrip().decode("latin-1") for card in cards]
    extend = extensions > 0 and not any(
        key == "EXTEND" and b"T" in card[9:30] for key, card in zip(keys, cards, strict=True)
    )
    count_wrong = "NEXTEND" in keys and extensions != len(layout) - 1
    if keep_data and not extend and not extra and not count_wrong:
        return text
    changed = []
    for key, card in zip(keys, cards, strict=True):
        if key == "CHECKSUM" or (key == "EXTEND" and extend):
            continue
        if not keep_data and (key in _OF_DATA or (key.startswith("NAXIS") and key != "NAXIS")):
            continue
        if key == "NAXIS" and not keep_data:
            card = _card("NAXIS", 0, "the image was not copied")
        if key == "NEXTEND" and count_wrong:
            card = _card("NEXTEND", extensions, "number of extensions")
        changed.append(card)
    if extend:
        last_axis = max(i for i, card in enumerate(changed) if card.startswith(b"NAXIS"))
        changed.insert(last_axis + 1, _card("EXTEND", True, "there are extensions"))
    changed += extra
    changed.append(b"END".ljust(_CARD))
    joined = b"".join(changed)
    return joined.ljust(-(-len(joined) // BLOCK) * BLOCK)


def _card(keyword, value, comment=""):
    """Give a card as bytes, a multiple of 80 where the value is long."""
    from astropy.io import fits

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            return str(fits.Card(keyword, value, comment)).encode("ascii")
        except (ValueError, fits.VerifyError, UserWarning) as err:
            msg = f"FITS cannot hold the card {keyword} = {value!r}: {err}."
            raise FitsError(msg) from err
