"""Headers as text: mappings of which each value is parsed when it is asked for."""

import re
from collections.abc import Mapping

from awe.base.errors import NoKeyError

__all__ = ["HeaderText"]

_COMMENTARY = frozenset({"COMMENT", ""})
_CARD = re.compile(r"^(?:(.{8})=|HIERARCH ([^=\n]*)=|HISTORY )", re.MULTILINE)
# Of the header of a tile-compressed image: what belongs to the table that it is packed in.
_OF_TABLE = re.compile(
    r"XTENSION|BITPIX|NAXIS\d*|PCOUNT|GCOUNT|TFIELDS|T(TYPE|FORM|UNIT|NULL|DIM|DISP|SCAL|ZERO)\d+"
    r"|ZIMAGE|ZCMPTYPE|ZTILE\d+|ZNAME\d+|ZVAL\d+|ZQUANTIZ|ZDITHER0|ZMASKCMP|CHECKSUM|DATASUM"
)
_OF_IMAGE = re.compile(r"Z(BITPIX|NAXIS\d*|PCOUNT|GCOUNT|SIMPLE|EXTEND|BLOCKED)")
_RENAMED = {"ZTENSION": "XTENSION", "ZHECKSUM": "CHECKSUM", "ZDATASUM": "DATASUM"}


class HeaderText(Mapping):
    """A FITS header as a mapping of keywords to typed values.

    Cards without a value and COMMENT are left out, HISTORY is one text, ``HIERARCH`` is no part
    of a keyword. Of a tile-compressed image it is the header of the image. Of a keyword that
    stands there more than once the first value counts.

    Parameters
    ----------
    text : str
        The cards, one a line, without END.
    """

    def __init__(self, text):
        self.text = text
        self._where = None
        self._values = {}

    def _index(self):
        if self._where is None:
            where = {}
            for match in _CARD.finditer(self.text):
                plain, long = match.groups()
                key = plain.rstrip() if plain else long.strip().upper() if long else "HISTORY"
                if key not in where and key not in _COMMENTARY:
                    where[key] = match.start()
            self._where = _of_image(where) if "ZIMAGE" in where else where
        return self._where

    def __getitem__(self, key):
        if key not in self._values:
            at = self._index().get(key)
            if at is None:
                raise NoKeyError(key, self)
            self._values[key] = self._history() if key == "HISTORY" else self._parse(at)
        return self._values[key]

    def __iter__(self):
        return iter(self._index())

    def __len__(self):
        return len(self._index())

    def __contains__(self, key):
        return key in self._index()

    def __repr__(self):
        return f"<Header of {len(self)} keywords>"

    def _history(self):
        lines = self.text.split("\n")
        return "\n".join(line[8:].strip() for line in lines if line[:8] == "HISTORY ")

    def _parse(self, at):
        line, after = self._line(at)
        raw = line[line.index("=") + 1 :].strip()
        if not raw.startswith("'"):
            return _plain_value(raw.split("/", 1)[0].strip())
        value = _quoted(raw)
        # A long text goes on in the next cards.
        while value.endswith("&") and self.text.startswith("CONTINUE  ", after):
            line, after = self._line(after)
            value = value[:-1] + _quoted(line[8:].strip())
        return value

    def _line(self, at):
        """Give the card that begins at a place, and where the next one does."""
        end = self.text.find("\n", at)
        end = len(self.text) if end < 0 else end
        return self.text[at:end], end + 1


def _of_image(where):
    """Give the keywords that the image had before it was packed."""
    found = {}
    for key, at in where.items():
        if _OF_IMAGE.fullmatch(key):
            found[key[1:]] = at
        elif key in _RENAMED:
            found[_RENAMED[key]] = at
        elif not _OF_TABLE.fullmatch(key):
            found[key] = at
    return found


def _quoted(raw):
    """Give a text in quotes; two quotes inside stand for one."""
    end = 1
    while (end := raw.find("'", end)) >= 0 and raw[end : end + 2] == "''":
        end += 2
    inner = raw[1:] if end < 0 else raw[1:end]
    return inner.replace("''", "'").rstrip()


def _plain_value(raw):
    if raw in ("T", "F"):
        return raw == "T"
    if not raw or raw.lower().lstrip("+-") in ("nan", "inf", "infinity"):
        return None
    if "_" in raw:
        return raw
    try:
        return int(raw)
    except ValueError:
        pass
    try:
        return float(raw.upper().replace("D", "E"))
    except ValueError:
        # Complex numbers are rare, and what is illegal is read as text.
        return raw
