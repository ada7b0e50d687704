"""Tables that users bring along: standard stars, and residuals that were measured elsewhere."""

from pathlib import Path

import numpy as np

from awe.base.errors import AweLookupError, AweTypeError, AweValueError, did_you_mean
from awe.base.paths import typed_path
from awe.process import ProcessTarget
from awe.store import persistent
from awe.store.files import DataObject, sha256_of

__all__ = ["ResidualTable", "StandardCatalog", "UserTable"]

_FORMATS = {
    ".csv": "ascii.csv", ".ecsv": "ascii.ecsv", ".fits": "fits", ".fit": "fits", ".cat": "ascii",
    ".dat": "ascii", ".tbl": "ascii", ".txt": "ascii",
}  # fmt: skip


class UserTable(DataObject, ProcessTarget):
    """A table in a file that a user brought along; it is kept as it is, like a raw frame.

    Attributes
    ----------
    needed, possible : tuple of str
        Columns that it must and may have, in any case of letters.
    """

    abstract = True
    needed = ()
    possible = ()
    rows = persistent("Number of rows", int)
    origin = persistent("Name of the file as the user had it", str)

    @classmethod
    def of(cls, source, folder=None):
        """Take a table from a file, from memory, or as it is.

        Parameters
        ----------
        source : str, pathlib.Path, astropy.table.Table or UserTable
            A file (.csv, .ecsv, .fits, or columns of text in .txt, .dat, .cat, .tbl), or a table.
        folder : pathlib.Path, optional
            Where a table in memory is written to.

        Returns
        -------
        UserTable
            The one in the store where there is one of the same content, else a new one.

        Raises
        ------
        AweTypeError
            It is none of these.
        AweLookupError
            There is no such file.
        AweValueError
            A column is missing, a number is not finite, or the file is no table.
        """
        if isinstance(source, cls):
            return source
        if hasattr(source, "colnames"):
            path = Path(folder or ".") / f"{cls.__name__}.ecsv"
            source.write(path, format="ascii.ecsv", overwrite=True)
        elif isinstance(source, (str, Path)):
            path = typed_path(source)
        else:
            msg = f"A {cls.__name__} is a file, a Table or a {cls.__name__}, not {source!r}."
            raise AweTypeError(msg)
        if not path.is_file():
            msg = f"There is no file {path} to take a {cls.__name__} from."
            raise AweLookupError(msg)
        digest, _ = sha256_of(path)
        stored = (cls.sha256 == digest) & (cls.is_valid > 0)
        if stored.exists():
            return stored[0]
        made = cls(origin=path.name)
        table = made.read(path)
        made.rows = len(table)
        # Other content under the same name is another table.
        made.attach(path, f"{path.stem}-{digest[:12]}{path.suffix}")
        return made

    def table(self):
        """Read the table.

        Returns
        -------
        astropy.table.Table
            The columns `needed` and those of `possible` that there are, in lower case.
        """
        return self.read(self.path())

    def read(self, path):
        """Read a table from a file and check it.

        Parameters
        ----------
        path : pathlib.Path
            The file.

        Returns
        -------
        astropy.table.Table
            As `table`.
        """
        from astropy.table import Table

        name = type(self).__name__
        suffix = path.suffix.lower()
        if suffix not in _FORMATS:
            msg = f"{path.name} is no {name}: expected one of {', '.join(_FORMATS)}."
            raise AweValueError(msg)
        try:
            table = Table.read(path, format=_FORMATS[suffix])
        except (ValueError, OSError, TypeError, KeyError) as err:
            msg = f"{path.name} cannot be read as a table: {err}"
            raise AweValueError(msg) from err
        lower = {column.lower(): column for column in table.colnames}
        for column in self.needed:
            if column not in lower:
                msg = f"{path.name} has no column {column!r}.{did_you_mean(column, lower)}"
                raise AweValueError(msg, remedy=f"A {name} needs: {', '.join(self.needed)}.")
        wanted = [c for c in (*self.needed, *self.possible) if c in lower]
        kept = Table({c: table[lower[c]] for c in wanted})
        if not len(kept):
            raise AweValueError(f"{path.name} has no rows.")
        for column in kept.colnames:
            _check_numbers(kept[column], column, path)
        return kept

    def summary(self):
        """Give the words for `repr`.

        Returns
        -------
        str
            What tells the object from others of its class.
        """
        return f"{self.origin} {self.rows} rows"


def _check_numbers(values, column, path):
    """Refuse text where numbers are needed, and what is not finite."""
    if column in ("chip", "exposure"):
        return
    if values.dtype.kind not in "iuf":
        msg = f"{path.name}: column {column!r} holds no numbers."
        raise AweValueError(msg)
    bad = ~np.isfinite(np.ma.filled(np.ma.asarray(values, dtype=float), np.nan))
    if bad.any():
        msg = f"{path.name}: {column} of row {int(np.flatnonzero(bad)[0]) + 1} is not a number."
        raise AweValueError(msg)
    if column == "error" and not np.all(np.asarray(values) > 0):
        rows = np.flatnonzero(~(np.asarray(values) > 0))
        msg = (
            f"{path.name}: error of {len(rows)} rows is not above 0; that of row {rows[0] + 1} is "
            f"{values[rows[0]]:g}."
        )
        raise AweValueError(msg, remedy="Leave the column out where errors are not known.")


class StandardCatalog(UserTable):
    """A catalog of standard stars: ra and dec in degrees, mag in the band of the filter."""

    abstract = False
    needed = ("ra", "dec", "mag")


class ResidualTable(UserTable):
    """Residuals of standard stars by place on the CCDs, as they were measured elsewhere.

    Columns: chip (name), x and y (pixels of the reduced frame, counted from 0), residual
    (measured minus catalog magnitude), and where there are any error (magnitudes) and exposure
    (stars of one exposure and CCD have one zero point).
    """

    abstract = False
    needed = ("chip", "x", "y", "residual")
    possible = ("error", "exposure")
