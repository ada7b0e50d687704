"""Tables of queries as files: ECSV, FITS, VOTable and Parquet, with units and times in UTC."""

import datetime
import os
import re
import uuid
import warnings

import numpy as np
from astropy.table import Column, MaskedColumn, Table

from awe.base.errors import AweError, AweTypeError, AweValueError
from awe.base.paths import typed_path

__all__ = ["write_table"]

_FORMATS = {
    ".ecsv": "ecsv", ".fits": "fits", ".fit": "fits", ".vot": "votable", ".vo": "votable",
    ".votable": "votable", ".xml": "votable", ".parquet": "parquet", ".pq": "parquet",
}  # fmt: skip
_LISTS = ("bool", "int", "float", "text")
# What XML 1.0 cannot hold.
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def write_table(table, file, format=None, *, overwrite=False, **options):
    """Write a table to a file.

    Parameters
    ----------
    table : astropy.table.Table
        The table.
    file : str or os.PathLike
        Its ending decides the format.
    format : str, optional
        Name of the format, for another ending.
    overwrite : bool, optional
        Whether a file that is there may be replaced. The default is False.
    **options
        Handed to astropy.

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    AweTypeError
        The format cannot hold a column; it is named.
    AweValueError
        There is such a file, it cannot be written, or the format is not known.
    """
    if not isinstance(file, (str, os.PathLike)):
        Table(_plain(table)).write(file, format=format, **options)
        return None
    path = typed_path(file).absolute()
    name = format or _FORMATS.get(path.suffix.lower(), "")
    name = {"ascii.ecsv": "ecsv"}.get(name, name)
    if path.exists() and not overwrite:
        msg = f"There is a file {path} already."
        raise AweValueError(msg, remedy=f"To replace it: write({str(file)!r}, overwrite=True)")
    # A file that is there stays until the new one is whole.
    part = path.with_name(f".{uuid.uuid4().hex[:8]}-{path.name}")
    try:
        _WRITERS.get(name, _other)(table, part, format=format, **options)
        part.replace(path)
    except OSError as err:
        msg = f"The table cannot be written to {path}: {err.strerror or err}."
        raise AweValueError(msg) from err
    finally:
        part.unlink(missing_ok=True)
    return path


# --- columns as files can hold them ---


class _Values:
    """The values of a column in one of the kinds that files know.

    Parameters
    ----------
    column : Column
        A column of a table.

    Attributes
    ----------
    kind : str
        'bool', 'int', 'float', 'text', 'time', 'list', or 'other' for what is left to astropy.
    values : numpy.ndarray
        Of texts, numbers or datetime64; of lists an array of objects.
    missing : numpy.ndarray of bool
        Where there is no value.
    item : str
        The kind of the items of lists, '' where there are none.
    note : str
        What the reader has to know of them.
    """

    def __init__(self, column):
        info = column.info
        self.name, self.description, self.note = info.name, info.description or "", ""
        self.unit = None if info.unit is None else str(info.unit)
        self.item = ""
        self.missing = np.zeros(len(column), bool)
        dtype = getattr(column, "dtype", None)
        if not isinstance(column, (Column, MaskedColumn)) or column.ndim != 1:
            self.kind, self.values = "other", column
            return
        if hasattr(column, "mask"):
            self.missing = np.array(column.mask)
        self.values = np.array(np.asarray(column))
        kinds = {"b": "bool", "i": "int", "u": "int", "f": "float", "U": "text", "M": "time"}
        self.kind = kinds.get(dtype.kind, "other")
        if dtype.kind == "M":
            self.missing |= np.isnat(self.values)
            self.values = self.values.astype("datetime64[us]")
        elif dtype.kind == "O":
            self._objects()
        if self.kind == "text":
            self.values[self.missing] = ""

    def _objects(self):
        """Make plain values of objects: links are told by their object_id."""
        values = [None if gone else v
                  for v, gone in zip(self.values.tolist(), self.missing, strict=True)]  # fmt: skip
        self.missing = np.array([v is None for v in values], bool)
        if any(isinstance(v, (tuple, list)) for v in values):
            self.kind = "list"
            plain = [tuple(map(self._plain, v or ())) for v in values]
            kinds = {_kind_of(each) for row in plain for each in row}
            if kinds == {"int", "float"}:
                kinds = {"float"}
            if len(kinds) > 1 or not kinds <= set(_LISTS):
                self._refuse("lists of different kinds of values")
            self.item = kinds.pop() if kinds else ""
            self.values = np.empty(len(plain), object)
            self.values[:] = plain
            self.missing = np.zeros(len(plain), bool)
            return
        plain = ["" if v is None else self._plain(v) for v in values]
        if not all(isinstance(v, str) for v in plain):
            self._refuse("values that are no numbers, texts, times, links or lists of them")
        self.kind = "text"
        self.values = np.array(plain, object)

    def _plain(self, value):
        if hasattr(value, "object_id"):
            self.note = "object_id of each"
            return value.object_id
        if isinstance(value, datetime.datetime):
            self.note = "UTC"
            return value.isoformat()
        return value

    def _refuse(self, what):
        msg = f"The column {self.name!r} has {what}, which no file can hold."
        raise AweTypeError(msg, remedy=_leave_out(self.name))

    @property
    def words(self):
        """Its description, with what the reader has to know."""
        return f"{self.description} ({self.note})" if self.note else self.description

    def iso(self):
        """Give times as ISO 8601 texts, '' where there is none."""
        texts = np.datetime_as_string(self.values, unit="us").astype("U26")
        texts[self.missing] = ""
        return texts


def _kind_of(value):
    if isinstance(value, (bool, np.bool_)):
        return "bool"
    if isinstance(value, (int, np.integer)):
        return "int"
    if isinstance(value, (float, np.floating)):
        return "float"
    return "text" if isinstance(value, str) else type(value).__name__


def _leave_out(name):
    return f"Or leave it out: table.remove_column({name!r})"


def _columns(table):
    return [_Values(column) for column in table.itercols()]


def _made(each, values, missing=None, unit=True):
    """Make a column of a plain table."""
    missing = each.missing if missing is None else missing
    extra = {"name": each.name, "description": each.words or None}
    if unit and each.unit:
        extra["unit"] = each.unit
    if missing.any():
        return MaskedColumn(values, mask=missing, **extra)
    return Column(values, **extra)


def _texts(each):
    """Give texts as an array of fixed width, or of objects where a NUL would be lost."""
    values = each.values
    if values.dtype.kind == "O" and not any(v.endswith("\0") for v in values):
        values = values.astype(str)
    return values


def _plain(table):
    """Give the table for a format that knows only numbers and texts."""
    out = Table(meta=table.meta)
    for each in _columns(table):
        if each.kind == "other":
            out[each.name] = each.values
        elif each.kind == "time":
            out[each.name] = _made(each, each.iso())
        elif each.kind == "list":
            texts = [" ".join(map(str, row)) for row in each.values]
            out[each.name] = _made(each, np.array(texts, str))
        else:
            out[each.name] = _made(each, _texts(each) if each.kind == "text" else each.values)
    return out


# --- the formats ---


def _other(table, path, format=None, **options):
    from astropy.io.registry import IORegistryError

    try:
        _plain(table).write(path, format=format, **options)
    except (IORegistryError, ImportError, ValueError, TypeError) as err:
        msg = f"The table cannot be written as {format or path.suffix or 'a file without ending'}"
        known = "Let the name end with .ecsv, .fits, .vot or .parquet, or with .csv."
        raise AweValueError(f"{msg}: {str(err).splitlines()[0]}", remedy=known) from err


def _ecsv(table, path, format=None, **options):
    from astropy.time import Time

    out = Table(meta=table.meta)
    for each in _columns(table):
        if each.kind == "time":
            filled = np.where(each.missing, np.datetime64(0, "us"), each.values)
            time = Time(filled, format="datetime64", scale="utc")
            time.format, time.precision = "isot", 6
            if each.missing.any():
                time[each.missing] = np.ma.masked
            out[each.name] = time
            out[each.name].info.description = each.words or None
        elif each.kind == "list":
            values = np.empty(len(each.values), object)
            values[:] = [list(row) for row in each.values]
            out[each.name] = _made(each, values)
        elif each.kind == "text":
            texts = _texts(each).astype(str)
            empty = (texts == "") & ~each.missing
            # A mask beside the texts: otherwise empty ones would be read as missing.
            out[each.name] = MaskedColumn(_made(each, texts)) if empty.any() else _made(each, texts)
            if empty.any():
                out[each.name].mask = each.missing
                out[each.name].info.serialize_method["ecsv"] = "data_mask"
        else:
            out[each.name] = each.values if each.kind == "other" else _made(each, each.values)
    out.write(path, format="ascii.ecsv", **options)


def _fits(table, path, format=None, **options):
    from astropy.io import fits

    columns = []
    for each in _columns(table):
        if each.kind == "other":
            _not_here(each, "FITS")
        columns.append(_fits_column(each, fits))
    hdu = fits.BinTableHDU.from_columns(columns)
    if any(c.coord_type == "UTC" for c in columns):
        hdu.header["TIMESYS"] = ("UTC", "time scale")
    for number, each in enumerate(table.itercols(), start=1):
        if each.info.description:
            comment = each.info.description.encode("ascii", "replace").decode()
            hdu.header.comments[f"TTYPE{number}"] = comment
    with warnings.catch_warnings():
        # A comment that is too long for its card is cut.
        warnings.simplefilter("ignore", fits.verify.VerifyWarning)
        hdu.writeto(path, **options)


def _fits_column(each, fits):
    extra = {"name": each.name, "unit": _fits_unit(each.unit)}
    count = len(each.values)
    if each.kind == "time":
        return fits.Column(format="26A", array=each.iso(), coord_type="UTC", **extra)
    if each.kind == "text":
        texts = _texts(each)
        if not all(text.isascii() and "\0" not in text for text in np.unique(texts.astype(str))):
            _not_here(each, "FITS", "texts that are not ASCII", others=".ecsv, .vot or .parquet")
        width = max(texts.astype(str).dtype.itemsize // 4, 1)
        return fits.Column(format=f"{width}A", array=texts.astype(str), **extra)
    if each.kind == "list":
        code, dtype = {"bool": ("L", bool), "int": ("K", "i8"), "float": ("D", "f8"),
                       "": ("D", "f8")}.get(each.item, (None, None))  # fmt: skip
        if code is None:
            _not_here(each, "FITS", "lists of texts")
        rows = np.empty(count, object)
        rows[:] = [np.array(row, dtype) for row in each.values]
        return fits.Column(format=f"P{code}()", array=rows, **extra)
    if each.kind == "float":
        values = np.where(each.missing, np.nan, each.values)
        return fits.Column(format="D" if values.dtype == "f8" else "E", array=values, **extra)
    if each.kind == "bool" and not each.missing.any():
        return fits.Column(format="L", array=each.values, **extra)
    # A logical that is missing cannot be told from False by readers: it becomes 0, 1 or null.
    code, dtype = ("I", np.int16) if each.kind == "bool" else ("K", np.int64)
    if not each.missing.any():
        return fits.Column(format=code, array=each.values.astype(dtype), **extra)
    null = int(np.iinfo(dtype).min)
    values = np.where(each.missing, null, each.values.astype(dtype))
    return fits.Column(format=code, null=null, array=values, **extra)


def _fits_unit(unit):
    """Give a unit as FITS writes it; one that FITS does not know as it is."""
    if not unit:
        return None
    from astropy.units import Unit

    try:
        return Unit(unit).to_string("fits")
    except ValueError:
        return unit.replace(" ", "")


def _votable(table, path, format=None, **options):
    from astropy.io.votable import from_table
    from astropy.io.votable.tree import TimeSys

    out, times = Table(), []
    for each in _columns(table):
        if each.kind == "other":
            _not_here(each, "VOTable")
        values = each.values
        if each.kind == "time":
            values = each.iso()
            times.append(each.name)
        elif each.kind == "text":
            values = _texts(each).astype(str)
            if any(_NOT_XML.search(text) for text in np.unique(values)):
                _not_here(each, "VOTable", "control characters", others=".ecsv or .parquet")
        elif each.kind == "list":
            values = _votable_lists(each)
        missing = np.zeros(len(values), bool) if each.kind in ("time", "text", "float") else None
        if each.kind == "float":
            values = np.where(each.missing, np.nan, values)
        out[each.name] = _made(each, values, missing, unit=False)
    with warnings.catch_warnings():
        # Units that the standard does not know, such as electron, are written as they are.
        warnings.simplefilter("ignore")
        made = from_table(out)
        resource = made.resources[0]
        if times:
            system = TimeSys(ID="utc", timescale="UTC", refposition="UNKNOWN")
            resource.time_systems.append(system)
        for field, each in zip(resource.tables[0].fields, table.itercols(), strict=True):
            if field.name in times:
                field.xtype, field.ref = "timestamp", "utc"
            if each.info.unit is not None:
                field.unit = str(each.info.unit).replace(" ", "")
        made.to_xml(str(path), **{"tabledata_format": "tabledata", **options})


def _votable_lists(each):
    if each.item == "text":
        _not_here(each, "VOTable", "lists of texts")
    dtype = {"bool": bool, "int": "i8"}.get(each.item, "f8")
    rows = np.empty(len(each.values), object)
    rows[:] = [np.array(row, dtype) for row in each.values]
    return rows


def _parquet(table, path, format=None, **options):
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError as err:
        msg = "Parquet files need pyarrow, which is not installed."
        raise AweError(msg, remedy="Type in a terminal: pip install 'awe[parquet]'") from err
    arrays, fields = [], []
    for each in _columns(table):
        if each.kind == "other":
            _not_here(each, "Parquet")
        if each.kind == "time":
            stamps = pa.array(each.values, mask=each.missing)
            made = stamps.cast(pa.timestamp("us", tz="UTC"))
        elif each.kind == "list":
            items = {"bool": pa.bool_(), "int": pa.int64(), "text": pa.string()}
            kind = pa.list_(items.get(each.item, pa.float64()))
            made = pa.array([list(row) for row in each.values], type=kind)
        elif each.kind == "text":
            made = pa.array(each.values.astype(object), type=pa.string(), mask=each.missing)
        else:
            made = pa.array(each.values, mask=each.missing)
        told = {"unit": each.unit, "description": each.words}
        fields.append(pa.field(each.name, made.type, metadata={k: v for k, v in told.items() if v}))
        arrays.append(made)
    parquet.write_table(pa.table(arrays, schema=pa.schema(fields)), path, **options)


def _not_here(each, where, what="values of a kind of its own", others=".ecsv or .parquet"):
    msg = f"The column {each.name!r} has {what}, which {where} cannot hold."
    raise AweTypeError(msg, remedy=f"Write {others}. {_leave_out(each.name)}")


_WRITERS = {"ecsv": _ecsv, "fits": _fits, "votable": _votable, "parquet": _parquet}
