"""Binary tables as they lie in a file, decoded when they are asked for."""

import re

import numpy as np

from awe.fits.errors import FitsError
from awe.fits.headers import BLOCK, iterate_hdus, lines_of
from awe.fits.mapping import HeaderText
from awe.fits.streams import open_stream, skip

__all__ = ["TableBytes", "read_parts"]

_FORM = re.compile(r"(\d*)([LBIJKEDACM])")
_DTYPES = {
    "L": "u1", "B": "u1", "I": ">i2", "J": ">i4", "K": ">i8", "E": ">f4", "D": ">f8",
    "C": ">c8", "M": ">c16", "A": "S1",
}  # fmt: skip


class TableBytes:
    """A binary table as header and bytes.

    Parameters
    ----------
    text : str
        The cards of its header, one a line, without END.
    data : bytes
        Its data, with what stands behind the rows.

    Attributes
    ----------
    header : HeaderText
        The header.
    names : tuple of str
        The columns.

    Raises
    ------
    FitsError
        The header does not describe the data.
    """

    def __init__(self, text, data):
        self.header = HeaderText(text)
        self.text = text
        self.data = data
        try:
            count = self.header["TFIELDS"]
            self._width, self._rows = self.header["NAXIS1"], self.header["NAXIS2"]
            forms = [self.header[f"TFORM{i}"] for i in range(1, count + 1)]
            self.names = tuple(str(self.header.get(f"TTYPE{i}", f"col{i}")).strip()
                               for i in range(1, count + 1))  # fmt: skip
        except (KeyError, TypeError) as err:
            msg = f"a table's header has no usable {err.args[0] if err.args else 'TFIELDS'}."
            raise FitsError(msg) from err
        self._forms = dict(zip(self.names, forms, strict=True))
        self._dtype = self._find_dtype(forms)
        if len(data) < self._width * self._rows:
            msg = f"a table of {self._rows} rows of {self._width} bytes has {len(data)} bytes."
            raise FitsError(msg)

    def __len__(self):
        return self._rows

    def _find_dtype(self, forms):
        """Give the dtype of a row; None where astropy must decode the table."""
        fields = []
        for number, (name, form) in enumerate(zip(self.names, forms, strict=True), 1):
            match = _FORM.fullmatch(str(form).strip())
            special = any(f"{k}{number}" in self.header for k in ("TSCAL", "TZERO", "TDIM"))
            if match is None or special or len(set(self.names)) < len(self.names):
                return None
            repeat, code = int(match[1] or 1), match[2]
            if code == "A":
                fields.append((name, f"S{repeat}"))
            else:
                fields.append((name, _DTYPES[code], () if repeat == 1 else (repeat,)))
        dtype = np.dtype(fields)
        if dtype.itemsize != self._width:
            msg = f"the columns of a table need {dtype.itemsize} bytes a row, not {self._width}."
            raise FitsError(msg)
        return dtype

    def check(self):
        """Raise where the table cannot be decoded.

        Raises
        ------
        FitsError
            The header describes columns that there cannot be.
        """
        if self._dtype is None:
            self._by_astropy()

    def column(self, name):
        """Give the values of a column.

        Parameters
        ----------
        name : str
            The column.

        Returns
        -------
        numpy.ndarray
            One row for each of the table's, in native byte order; texts as str.

        Raises
        ------
        KeyError
            There is no such column.
        """
        if name not in self.names:
            raise KeyError(name)
        if self._dtype is None:
            return np.asarray(self.table()[name])
        rows = np.frombuffer(self.data, self._dtype, self._rows)[name]
        code = _FORM.fullmatch(str(self._forms[name]).strip())[2]
        if code == "A":
            return np.char.rstrip(np.char.decode(rows, "latin-1"))
        if code == "L":
            return rows == ord("T")
        return rows.astype(rows.dtype.newbyteorder("="))

    def unit(self, name):
        """Give the unit of a column.

        Parameters
        ----------
        name : str
            The column.

        Returns
        -------
        str or None
            As the header has it.
        """
        return self.header.get(f"TUNIT{self.names.index(name) + 1}")

    def table(self):
        """Give the table as an astropy Table.

        Returns
        -------
        astropy.table.Table
            A new one; its meta is empty, the keywords stand in `header`.
        """
        from astropy.table import Column, Table

        if self._dtype is None:
            return self._by_astropy()
        table = Table()
        for name in self.names:
            table[name] = Column(self.column(name), name=name, unit=self._known_unit(name))
        return table

    def _known_unit(self, name):
        """Give the unit where astropy knows it."""
        from astropy.units import Unit

        unit = self.unit(name)
        return None if unit is None else Unit(str(unit), parse_strict="silent")

    def _by_astropy(self):
        import warnings

        from astropy.io import fits
        from astropy.table import Table

        cards = "".join(line.ljust(80) for line in [*self.text.split("\n"), "END"])
        size = -(-len(cards) // BLOCK) * BLOCK
        padded = -(-len(self.data) // BLOCK) * BLOCK
        raw = cards.ljust(size).encode("latin-1") + self.data.ljust(padded, b"\0")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                table = Table.read(fits.BinTableHDU.fromstring(raw))
        except (ValueError, TypeError, KeyError, IndexError, OSError, fits.VerifyError) as err:
            msg = f"a table cannot be decoded: {err}."
            raise FitsError(msg) from err
        table.meta.clear()
        for name in table.colnames:
            dtype = table[name].dtype
            if not dtype.isnative:
                table[name] = table[name].astype(dtype.newbyteorder("="))
        return table


def read_parts(path, wanted=None):
    """Read the headers of a file as text, and the bytes of some of its tables.

    Parameters
    ----------
    path : str or os.PathLike
        A FITS file; it may be gzipped.
    wanted : callable, optional
        Called with an `Hdu`; tells whether its data is read. By default none is.

    Yields
    ------
    tuple of (Hdu, str, bytes or None)
        The HDU, its cards one a line, and its data.

    Raises
    ------
    FitsError
        As `awe.fits.read_headers`; what comes before the damage was given already.
    """
    with open_stream(path) as (stream, packed):
        position = 0
        for hdu, blocks in iterate_hdus(path):
            data = None
            if wanted is not None and wanted(hdu):
                skip(stream, hdu.offset - position, packed)
                data = stream.read(hdu.size)
                position = hdu.offset + len(data)
            yield hdu, lines_of(blocks), data
