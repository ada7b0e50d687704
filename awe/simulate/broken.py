"""Files that an ingest must survive, made from a good one."""

from pathlib import Path

from awe.base.errors import AweLookupError, did_you_mean
from awe.simulate.mef import seal

__all__ = [
    "BROKEN",
    "all_broken",
    "break_file",
    "change_cards",
    "truncate",
]

_BLOCK = 2880
_CARD = 80

_DATES = (
    "DATE-OBS",
    "MJD-OBS",
    "UTC",
    "LST",
    "DATE",
    "ARCFILE",
    "HIERARCH ESO TPL START",
    "HIERARCH ESO OBS START",
    "TIMESYS",
)


def truncate(source, target, fraction=0.5):
    """Copy the first part of a file, as a transfer that was broken off leaves it.

    Parameters
    ----------
    source, target : str or pathlib.Path
        The good file and the one to write.
    fraction : float, optional
        How much to copy. The default is a half.

    Returns
    -------
    pathlib.Path
        The file written.
    """
    data = Path(source).read_bytes()
    target = Path(target)
    target.write_bytes(data[: int(len(data) * fraction)])
    return target


def change_cards(source, target, cards, *, extensions=(0,)):
    """Copy a file with cards of a header replaced as they stand.

    The checksum of the changed HDU is made right again, where it has one: the
    file is as its writer might have written it.

    Parameters
    ----------
    source, target : str or pathlib.Path
        The good file and the one to write.
    cards : dict of str to (bytes or None)
        Keyword (with ``HIERARCH ESO`` where it has it) and the bytes to put
        into the place of its card, filled to 80; None blanks the card. No rule
        of FITS is checked.
    extensions : sequence of int, optional
        In which HDUs. The default is the primary one.

    Returns
    -------
    pathlib.Path
        The file written.

    Raises
    ------
    AweLookupError
        A header has no card of such a keyword, or the file no such HDU.
    """
    data = bytearray(Path(source).read_bytes())
    starts = _hdus(data)
    for extension in extensions:
        if extension >= len(starts):
            raise AweLookupError(f"{source} has {len(starts)} HDUs, none of number {extension}.")
        places, stop = _places(data, starts[extension])
        for keyword, card in cards.items():
            if keyword not in places:
                hint = did_you_mean(keyword, places)
                raise AweLookupError(f"{source} has no card {keyword!r} in its header.{hint}")
            start = places[keyword]
            data[start : start + _CARD] = (card or b"")[:_CARD].ljust(_CARD)
        if "CHECKSUM" in places:
            datasum = places["DATASUM"]
            total = int(data[datasum : datasum + _CARD].split(b"'")[1])
            data[starts[extension] : stop] = seal(bytes(data[starts[extension] : stop]), total)
    target = Path(target)
    target.write_bytes(data)
    return target


def _hdus(data):
    blocks = range(_BLOCK, len(data), _BLOCK)
    return [0] + [start for start in blocks if data[start : start + 9] == b"XTENSION="]


def _places(data, start=0):
    """Give where each card of a header stands, and where the header ends."""
    places = {}
    for place in range(start, len(data), _CARD):
        card = bytes(data[place : place + _CARD])
        if card.startswith(b"END     "):
            break
        keyword = card.split(b"=")[0] if card.startswith(b"HIERARCH") else card[:8]
        places.setdefault(keyword.decode("latin-1").strip(), place)
    return places, place + _BLOCK - place % _BLOCK


def _empty(source, target):
    target.write_bytes(b"")
    return target


def _text(source, target):
    target.write_text(f"<html><body>{source.name} was not found on this server</body></html>\n")
    return target


def _cut_header(source, target):
    # Ends within the first header, before its END card.
    target.write_bytes(source.read_bytes()[:_BLOCK])
    return target


def _no_date(source, target):
    known, _ = _places(source.read_bytes())
    return change_cards(source, target, {name: None for name in _DATES if name in known})


def _illegal_value(source, target):
    return change_cards(source, target, {"OBSERVER": b"OBSERVER= 'no closing quote / Name"})


def _illegal_exptime(source, target):
    return change_cards(source, target, {"EXPTIME": b"EXPTIME =              12,5 s / [s] Time"})


def _not_ascii(source, target):
    name = "PI-COI  = 'Müller  '           / PI-COI name.".encode("latin-1")
    return change_cards(source, target, {"PI-COI": name})


def _illegal_keyword(source, target):
    return change_cards(source, target, {"TIMESYS": b"time?sys= 'UTC     '"})


def _impossible_date(source, target):
    card = b"DATE-OBS= '2012-06-31T25:61:00.000' / Date of observation"
    return change_cards(source, target, {"DATE-OBS": card})


def _other_instrument(source, target):
    return change_cards(source, target, {"INSTRUME": b"INSTRUME= 'NOSUCHCAM'  / Instrument used."})


def _no_overscan(source, target):
    # The header calls the whole frame lit: only lit frames show that it is not.
    count = len(_hdus(source.read_bytes()))
    cards = {}
    for axis in "XY":
        for scan in ("PRSC", "OVSC"):
            keyword = f"HIERARCH ESO DET OUT1 {scan}{axis}"
            cards[keyword] = f"{keyword} = 0 / Wrong".encode()
    return change_cards(source, target, cards, extensions=range(1, count))


def _flipped_bit(source, target):
    data = bytearray(source.read_bytes())
    # Within the data of the last extension: sizes and headers remain right.
    data[-_BLOCK - 100] ^= 0x10
    target.write_bytes(data)
    return target


BROKEN = {
    "truncated": truncate,
    "cut_header": _cut_header,
    "empty": _empty,
    "not_fits": _text,
    "no_date": _no_date,
    "impossible_date": _impossible_date,
    "illegal_value": _illegal_value,
    "illegal_exptime": _illegal_exptime,
    "illegal_keyword": _illegal_keyword,
    "not_ascii": _not_ascii,
    "other_instrument": _other_instrument,
    "no_overscan": _no_overscan,
    "flipped_bit": _flipped_bit,
}
"""Ways to break a file: name and function of the good file and the one to write."""


def break_file(how, source, target):
    """Copy a file and break the copy.

    Parameters
    ----------
    how : str
        One of the names in `BROKEN`.
    source, target : str or pathlib.Path
        The good file and the one to write.

    Returns
    -------
    pathlib.Path
        The file written.

    Raises
    ------
    AweLookupError
        No such way to break a file is known.
    """
    if how not in BROKEN:
        raise AweLookupError(f"No file is broken as {how!r}.{did_you_mean(how, BROKEN)}")
    return BROKEN[how](Path(source), Path(target))


def all_broken(source, folder):
    """Break a file in every way.

    Parameters
    ----------
    source : str or pathlib.Path
        A good raw file.
    folder : str or pathlib.Path
        Where the broken ones go, made where needed; each bears the name of how
        it is broken.

    Returns
    -------
    dict of str to pathlib.Path
        How it is broken, and the file.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    return {how: break_file(how, source, folder / f"{how}.fits") for how in BROKEN}
