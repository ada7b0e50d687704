"""Sources of a PSF fit: one table with a source id in each row, and a table for each source."""

import functools

import numpy as np

from awe.base.errors import AweValueError, NoKeyError
from awe.store.coded import Codec, register_codec
from awe.store.kinds_child import TableKind

__all__ = ["SourcesCodec", "SourcesKind", "join_sources"]

_ID = "source_id"
_PREFIX = "PM_"
_GREATEST = np.iinfo(np.int64).max


def join_sources(tables):
    """Join the tables of single sources.

    Parameters
    ----------
    tables : dict of str to mapping
        By name, 'PM_' and the id of the source; each gives columns of equal length by name.

    Returns
    -------
    dict of str to numpy.ndarray
        The columns, 'source_id' first; what a source does not have is NaN.

    Raises
    ------
    AweValueError
        A name is of another form, or the columns of a source hold no numbers or are not equally
        long.
    """
    ids, columns = [], {}
    lengths = []
    for name, table in tables.items():
        number = name.removeprefix(_PREFIX)
        if not name.startswith(_PREFIX) or not number.isdigit():
            msg = f"A source is named PM_ and its id, such as PM_7, not {name!r}."
            raise AweValueError(msg)
        if int(number) > _GREATEST:
            msg = f"The id of the source {name} is beyond whole numbers of 64 bits."
            raise AweValueError(msg)
        values = {str(k): _numbers(name, k, table[k]) for k in table}
        found = {len(v) for v in values.values()}
        if len(found) > 1:
            msg = f"The columns of the source {name} have {sorted(found)} values, not equally many."
            raise AweValueError(msg)
        lengths.append(found.pop() if found else 0)
        ids.append(int(number))
        for key, value in values.items():
            columns.setdefault(key, {})[len(ids) - 1] = value
    joined = {_ID: np.repeat(np.array(ids, np.int64), lengths)}
    for key, parts in columns.items():
        empty = [np.full(n, np.nan) for n in lengths]
        joined[key] = np.concatenate([parts.get(at, empty[at]) for at in range(len(ids))])
    return joined


def _numbers(source, name, values):
    try:
        return np.atleast_1d(np.asarray(values, float))
    except (TypeError, ValueError, OverflowError) as err:
        msg = f"The column {name} of the source {source} holds no numbers."
        raise AweValueError(msg) from err


@functools.cache
def _table_class():
    # astropy's tables are imported when there is one.
    from astropy.table import Table

    class Sources(Table):
        """Sources of a PSF fit; ``sources['PM_7']`` are the rows of source 7."""

        def __getitem__(self, item):
            if _is_source(item) and item not in self.colnames:
                rows = np.asarray(super().__getitem__(_ID)) == int(item.removeprefix(_PREFIX))
                if not rows.any():
                    raise NoKeyError(item, self.per_source())
                found = Table(self, copy=False)[rows]
                found.remove_column(_ID)
                return found
            return super().__getitem__(item)

        def per_source(self):
            """Give the table of each source.

            Returns
            -------
            dict of str to astropy.table.Table
                By 'PM_' and the id of the source.
            """
            ids = dict.fromkeys(np.asarray(self[_ID]).tolist())
            return {f"{_PREFIX}{each}": self[f"{_PREFIX}{each}"] for each in ids}

    return Sources


def _is_source(item):
    return isinstance(item, str) and item.startswith(_PREFIX) and item[3:].isdigit()


class SourcesKind(TableKind):
    """A table of sources; takes one with source ids, or a dict of the tables of each source."""

    takes = "an astropy Table with a column source_id, or a dict of tables by PM_ and source id"

    def coerce(self, value, where):
        """Take a table with source ids, or a mapping of tables by source."""
        if value is None:
            return None
        if not hasattr(value, "colnames") and hasattr(value, "items") and _ID not in value:
            try:
                value = join_sources({k: _columns(v) for k, v in value.items()})
            except (TypeError, ValueError) as err:
                msg = f"{where}: {err}"
                raise AweValueError(msg) from err
        table = super().coerce(value, where)
        if _ID not in table.colnames:
            return self.wrong(value, where)
        return _table_class()(table, copy=False)

    def unpack(self, data):
        """Give a new table."""
        return _table_class()(super().unpack(data), copy=False)

    def editable(self, value):
        """Give the tables by source, each of which may be replaced."""
        return {} if value is None else value.per_source()


def _columns(table):
    """Give the columns of the table of one source."""
    if hasattr(table, "colnames"):
        return {name: table[name] for name in table.colnames}
    if not hasattr(table, "items"):
        msg = f"a source is a table or a dict of columns, not {type(table).__name__}."
        raise AweValueError(msg)
    return dict(table)


class SourcesCodec(Codec):
    """Lets a dict hold tables of sources."""

    name = "sources"

    def takes(self, type_):
        """Tell whether a type is that of tables of sources."""
        return type_.__name__ == "Sources" and type_.__module__ == __name__

    def freeze(self, value, where):
        """Give a copy."""
        return SourcesKind().coerce(value, where)

    def give(self, value):
        """Give a copy."""
        return value.copy()

    def pack(self, value):
        """Give the bytes that an attribute of sources has."""
        return SourcesKind().pack(value)

    def unpack(self, packed):
        """Give a new table."""
        return SourcesKind().unpack(packed)


register_codec(SourcesCodec())
