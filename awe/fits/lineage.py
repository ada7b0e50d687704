"""The record of where a product came from, as its FITS file carries it."""

import dataclasses
import os

from awe.fits.checksums import encode_checksum, ones_sum
from awe.fits.errors import FitsError
from awe.fits.headers import BLOCK

__all__ = ["EXTENSION", "FileRecord", "TextTable", "read_record", "table_bytes"]

EXTENSION = "LINEAGE"
"""EXTNAME of the table in a product's file."""

_KEYWORDS = {
    "AWECLASS": "class_name",
    "AWEID": "object_id",
    "AWEKEY": "content_key",
    "AWECODE": "code_version",
    "AWEVERS": "package_version",
    "AWEKERN": "kernel",
    "AWEBY": "made_by",
    "DATE": "made_at",
}


@dataclasses.dataclass(frozen=True)
class TextTable:
    """A table of texts to be written as one HDU.

    Parameters
    ----------
    columns : tuple of str
        The names of the columns.
    rows : list of tuple of str
        The values, one for each column; what is not printable ASCII is escaped.
    name : str
        EXTNAME.
    """

    columns: tuple
    rows: list
    name: str


def table_bytes(table):
    """Give a table of texts as the bytes of a binary table extension with checksums.

    Parameters
    ----------
    table : TextTable
        The table.

    Returns
    -------
    bytes
        The whole HDU, each column as wide as its longest text. By astropy's classes for tables
        of any kind this takes ten times as long.
    """
    texts = [[value.encode("unicode_escape") for value in row] for row in table.rows]
    widths = [max([1, *map(len, column)]) for column in zip(*texts, strict=True)]
    data = b"".join(
        value.ljust(width) for row in texts for value, width in zip(row, widths, strict=True)
    )
    total = ones_sum(data + bytes(-len(data) % BLOCK))
    cards = [
        ("XTENSION", "BINTABLE", "binary table extension"),
        ("BITPIX", 8, "array data type"),
        ("NAXIS", 2, "number of array dimensions"),
        ("NAXIS1", sum(widths), "bytes of a row"),
        ("NAXIS2", len(texts), "number of rows"),
        ("PCOUNT", 0, "number of group parameters"),
        ("GCOUNT", 1, "number of groups"),
        ("TFIELDS", len(widths), "number of columns"),
    ]
    for number, (name, width) in enumerate(zip(table.columns, widths, strict=True), start=1):
        cards += [(f"TTYPE{number}", name, ""), (f"TFORM{number}", f"{width}A", "")]
    cards += [("EXTNAME", table.name, "name of the extension"),
              ("CHECKSUM", "0" * 16, "HDU checksum"),
              ("DATASUM", str(total), "data unit checksum")]  # fmt: skip
    zero = _header(cards)
    summed = encode_checksum(ones_sum(zero, total)).encode("ascii")
    header = zero.replace(b"'" + b"0" * 16 + b"'", b"'" + summed + b"'")
    return header + data + bytes(-len(data) % BLOCK)


def _header(cards):
    """Give the header of simple cards: texts and whole numbers."""
    lines = []
    for keyword, value, comment in cards:
        shown = f"'{value:<8}'" if isinstance(value, str) else f"{value:>20}"
        lines.append(f"{keyword:<8}= {shown:<20}{f' / {comment}' if comment else ''}".ljust(80))
    text = "".join([*lines, "END".ljust(80)]).encode("ascii")
    return text + b" " * (-len(text) % BLOCK)


@dataclasses.dataclass(frozen=True)
class FileRecord:
    """What the file of a product says of its origin.

    Attributes
    ----------
    facts : dict of str to str
        class_name, object_id, content_key, code_version, package_version, kernel, made_by and
        made_at (UTC), as far as the file has them.
    inputs : list of dict
        What it was made from: role, class_name, name, object_id, sha256 of the file (empty where
        it has none) and content_key.
    raw : list of dict
        The raw files at the bottom, in the same form; those among `inputs` are not repeated.
    parameters : list of dict
        name, value, unit and origin.
    software : list of dict
        name and version.
    notes : list of str
        Steps that were not done, inputs that the user gave.
    """

    facts: dict
    inputs: list
    raw: list
    parameters: list
    software: list
    notes: list

    def __str__(self):
        facts = self.facts
        made = f"made {facts.get('made_at', '?')} UTC by {facts.get('made_by', '?')}"
        lines = [
            f"{facts.get('class_name', '?')} {facts.get('object_id', '?')}, {made}",
            f"code {facts.get('code_version', '?')}, awe {facts.get('package_version', '?')}, "
            f"{facts.get('kernel', '?')}, content key {facts.get('content_key', '?')}",
        ]
        for title, entries in (("inputs", self.inputs), ("raw files below them", self.raw)):
            lines += [f"{title}:"] if entries else []
            for entry in entries:
                check = entry["sha256"] or f"no file, content key {entry['content_key']}"
                lines.append(f"  {entry['role']}: {entry['class_name']} {entry['name']}  {check}")
        lines += ["parameters:"] if self.parameters else []
        for entry in self.parameters:
            unit = f" {entry['unit']}" if entry["unit"] else ""
            lines.append(f"  {entry['name']} = {entry['value']}{unit} ({entry['origin']})")
        versions = ", ".join(f"{entry['name']} {entry['version']}" for entry in self.software)
        return "\n".join([*lines, f"software: {versions}", *self.notes])

    def __repr__(self):
        return str(self)


def read_record(path):
    """Read what the file of a product says of its origin; no store is needed.

    Parameters
    ----------
    path : str or os.PathLike
        A FITS file that awe has made.

    Returns
    -------
    FileRecord
        Printing it shows it.

    Raises
    ------
    FitsError
        The file cannot be read, or has no such record.
    """
    from astropy.io import fits

    path = os.fspath(path)
    try:
        with fits.open(path) as hdus:
            headers = [hdu.header for hdu in hdus]
            rows = _rows(hdus[EXTENSION].data) if EXTENSION in hdus else None
    except (OSError, ValueError, TypeError, fits.VerifyError) as err:
        msg = f"{path} cannot be read: {err}."
        raise FitsError(msg) from err
    header = next((h for h in headers if "AWECLASS" in h), None)
    if header is None or rows is None:
        msg = f"{path} carries no record of its origin: awe has not made it."
        raise FitsError(msg)
    facts = {name: str(header[key]) for key, name in _KEYWORDS.items() if key in header}
    return _record(facts, rows)


def _rows(data):
    names = data.dtype.names
    return [
        {name: str(row[name]).encode("ascii").decode("unicode_escape") for name in names}
        for row in data
    ]


def _record(facts, rows):
    found = FileRecord(facts, [], [], [], [], [])
    for row in rows:
        kind, name, value = row["KIND"], row["NAME"], row["VALUE"]
        if kind in ("input", "raw"):
            entry = {
                "role": name, "class_name": row["CLASS"], "name": value, "object_id": row["ID"],
                "sha256": row["SHA256"], "content_key": row["KEY"],
            }  # fmt: skip
            (found.inputs if kind == "input" else found.raw).append(entry)
        elif kind == "parameter":
            entry = {"name": name, "value": value, "unit": row["UNIT"], "origin": row["ORIGIN"]}
            found.parameters.append(entry)
        elif kind == "software":
            found.software.append({"name": name, "version": value})
        else:
            found.notes.append(f"{name}: {value}")
    return found
