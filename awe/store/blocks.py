"""Blocks of rows as a query sees them: the segments of an extent, and its tail."""

import numpy as np

from awe.store.columns import (
    ListColumn,
    NumberColumn,
    column_from_values,
    columns_from_rows,
    concatenate,
    constant_column,
)
from awe.store.late_keys import is_key
from awe.store.layouts import (
    all_fields,
    fields_of,
    initial_raw,
    merged_spec,
    normalised,
    spec_at,
)
from awe.store.records import ColumnRecord, Segment
from awe.store.rows import fields_of_rows, raws_of, rows_between, system_columns

__all__ = [
    "SegmentBlock",
    "TailBlock",
    "blocks_of",
    "compact",
    "fields_of",
    "initial_raw",
    "normalised",
    "set_value",
    "update_segments",
]

# A tail of this many rows becomes a segment; eight small segments become one, up to the largest.
TAIL_ROWS = 1024
LEVELS = (1024, 8192, 65536)
LARGEST = LEVELS[-1]


class SegmentBlock:
    """One segment of an extent, with defaults for attributes that are newer than it.

    Parameters
    ----------
    session : Session
        The session.
    extent : Extent
        The extent.
    segment : Segment
        The segment.
    """

    def __init__(self, session, extent, segment):
        self._session = session
        self._extent = extent
        self._segment = segment
        self._zones = segment.zones
        self.code = extent.code
        self.start = segment.start
        self.count = segment.count

    def zone(self, path):
        """Give (least, greatest, any missing, all one value) of a path, or None.

        Parameters
        ----------
        path : str
            The column: an attribute, or a field of one, such as ``'imstat.max'``.

        Returns
        -------
        tuple or None
            From the zones of the segment.
        """
        return self._zones.get(path)

    def column(self, path):
        """Give the column of a path.

        Parameters
        ----------
        path : str
            The column: an attribute, or a field of one, such as ``'imstat.max'``.

        Returns
        -------
        NumberColumn, TextColumn or ListColumn
            One value for each row.
        """
        segment = self._segment
        record = segment.columns.get(path)
        if record is None and path not in segment.specs:
            if is_key(path):
                question = ("key", self.code, self.start, path)
                return self._session.remembered(question, lambda: self._key_column(path))
            return self._newer_column(path)
        if record is None:
            spec, low = segment.specs[path], segment.zones[path][0]
            column = constant_column(spec, low, self.count)
        else:
            spec, column = segment.specs[path], record.column
        if spec in ("int", ("list", "int")) and not path.startswith("$"):
            return _as_spec(column, self._session.spec_of(self.code, path) or spec)
        return column

    def _key_column(self, path):
        """Give the column of a key that is newer than the segment, from the dicts."""
        schema = self._session.schema_of_code(self.code)
        field = (path, dict(all_fields(self._session, schema))[path])
        rows = rows_between(self._extent, self.start, self.start + self.count)
        raws = raws_of(self._session, self._extent, self.start, rows, (field,))
        return columns_from_rows((field,), raws)[path][1]

    def _newer_column(self, path):
        """Give the column of an attribute that is newer than the segment: its default."""
        names = path.split(".")
        known = 0
        while ".".join(names[: known + 1]) in self._segment.specs:
            known += 1
        added, rest = ".".join(names[: known + 1]), ".".join(names[known:])
        schema = self._session.schema_of_code(self.code)
        spec = spec_at(all_fields(self._session, schema), added)
        if spec is None:
            msg = f"the class {schema.name} has no column {path}"
            raise KeyError(msg)
        raw = initial_raw(self._session, schema, added, spec)
        made = columns_from_rows(((names[known], spec),), [(raw,)])
        column_spec, one = made[rest]
        value = one.to_list()[0]
        if known == 0:
            return constant_column(column_spec, value, self.count)
        owner = self.column(".".join(names[:known]))
        if isinstance(owner, ListColumn):
            values = [tuple(value for _ in record) for record in owner.to_list()]
            return column_from_values(("list", column_spec), values)
        absent = () if _is_list(column_spec) else None
        values = [value if present else absent for present in owner.values.tolist()]
        return column_from_values(column_spec, values)


def _is_list(spec):
    return isinstance(spec, tuple) and spec[0] == "list"


class TailBlock:
    """The rows of an extent that stand in no segment yet, as columns made when asked.

    Parameters
    ----------
    session : Session
        The session.
    extent : Extent
        The extent.
    """

    def __init__(self, session, extent):
        self._session = session
        self._extent = extent
        self.code = extent.code
        self.start = extent.in_segments
        self.count = extent.count - extent.in_segments
        self._rows = rows_between(extent, self.start, extent.count)
        self._columns = None
        self._fields = None
        self._zones = {}

    def zone(self, path):
        """Give the zone of the domains, and of columns that were made already; None of all else.

        Parameters
        ----------
        path : str
            The column: an attribute, or a field of one, such as ``'imstat.max'``.

        Returns
        -------
        tuple or None
            As of a segment.
        """
        if path in self._zones:
            return self._zones[path]
        if path != "$domain" and not self._has(path):
            return None
        zone = self._zones[path] = self.column(path).zone()
        return zone

    def _has(self, path):
        return self._columns is not None and _field_of(path) in self._columns

    def column(self, path):
        """Give the column of a path.

        Parameters
        ----------
        path : str
            The column: an attribute, or a field of one, such as ``'imstat.max'``.

        Returns
        -------
        NumberColumn, TextColumn or ListColumn
            One value for each row.
        """
        if path.startswith("$"):
            return self._system()[path][1]
        return self._of_field(_field_of(path))[path][1]

    def _system(self):
        if self._columns is None:
            self._columns = {"$": system_columns(self._rows)}
        return self._columns["$"]

    def _of_field(self, name):
        self._system()
        if name not in self._columns:
            schema = self._session.schema_of_code(self._extent.code)
            if self._fields is None:
                self._fields = fields_of_rows(self._session, schema, self._rows)
            fields = tuple(f for f in self._fields if f[0] == name)
            raws = raws_of(self._session, self._extent, self.start, self._rows, fields)
            self._columns[name] = columns_from_rows(fields, raws)
        return self._columns[name]


def _field_of(path):
    return path if is_key(path) else path.split(".")[0]


def _block_of(session, extent, segment):
    """Give the block of a segment, the same one as long as the segment in memory is the same."""
    block = segment.__dict__.get("_v_block")
    if block is None:
        block = SegmentBlock(session, extent, segment)
        segment._v_block = block
    return block


def blocks_of(session, extent):
    """Give the blocks of an extent in the order of rows.

    Parameters
    ----------
    session : Session
        The session.
    extent : Extent
        The extent.

    Returns
    -------
    list of SegmentBlock or TailBlock
        Without the tail where it is empty.
    """
    blocks = [_block_of(session, extent, s) for s in extent.segments]
    if extent.count > extent.in_segments:
        blocks.append(session.tail(extent))
    return blocks


# --- writing, under the lock ---


def compact(session, extent):
    """Turn a long tail into a segment, and many small segments into larger ones.

    Parameters
    ----------
    session : Session
        The session; the lock is held.
    extent : Extent
        The extent.
    """
    while extent.count - extent.in_segments >= TAIL_ROWS:
        stop = min(extent.count, extent.in_segments + LARGEST)
        _append(extent, _segment_from_rows(session, extent, extent.in_segments, stop))
        extent.shorten_tail(stop)
        _merge(session, extent)


def _append(extent, segment):
    extent.segments = (*extent.segments, segment)


def _segment_from_rows(session, extent, start, stop):
    schema = session.schema_of_code(extent.code)
    rows = rows_between(extent, start, stop)
    fields = fields_of_rows(session, schema, rows)
    columns = columns_from_rows(fields, raws_of(session, extent, start, rows, fields))
    columns.update(system_columns(rows))
    return make_segment(start, stop - start, columns)


def make_segment(start, count, columns):
    """Make a segment of columns; a column of one value is kept in its zone alone.

    Parameters
    ----------
    start, count : int
        The run of rows.
    columns : dict of str to (spec, column)
        By path.

    Returns
    -------
    Segment
        The segment.
    """
    zones, specs, records = {}, {}, {}
    for path, (spec, column) in columns.items():
        specs[path] = spec
        zones[path] = zone = column.zone()
        if zone is None or not zone[3]:
            records[path] = ColumnRecord(column)
    return Segment(start, count, zones, specs, records)


def _merge(session, extent):
    """Join the last segments as soon as they fill one of the next level."""
    for level in LEVELS[1:]:
        run = []
        for segment in reversed(extent.segments):
            # One that is nearly full stays as it is, or each commit would write it once more.
            if segment.count > level - level // 4:
                break
            run.insert(0, segment)
        total = sum(s.count for s in run)
        if len(run) > 1 and total >= level:
            kept = extent.segments[: len(extent.segments) - len(run)]
            extent.segments = kept + tuple(_joined(session, extent, run))


def _joined(session, extent, run):
    """Join segments end to end, and cut them into ones of the largest size and a rest."""
    blocks = [SegmentBlock(session, extent, s) for s in run]
    stop = run[-1].start + run[-1].count
    for first in range(run[0].start, stop, LARGEST):
        last = min(first + LARGEST, stop)
        parts = []
        for block, segment in zip(blocks, run, strict=True):
            low, high = max(first, block.start), min(last, block.start + block.count)
            if low < high:
                parts.append((block, segment, slice(low - block.start, high - block.start)))
        if len(parts) == 1 and last - first == parts[0][0].count:
            yield parts[0][1]
        else:
            made = make_segment(first, last - first, _joined_columns(parts))
            # Who stores on and on would else hold all columns twice.
            for record in (*made.columns.values(), *_records_of(parts)):
                record.let_go()
            yield made


def _records_of(parts):
    return [record for _, segment, _ in parts for record in segment.columns.values()]


def _joined_columns(parts):
    """Give the columns of some parts of segments: (block, segment, slice of its rows)."""
    specs = {}
    for _, segment, _ in parts:
        for path, spec in segment.specs.items():
            specs[path] = merged_spec(spec, specs.get(path, spec))
    columns = {}
    for path, spec in specs.items():
        pieces = []
        for block, segment, rows in parts:
            column = _as_spec(block.column(path), spec)
            whole = rows.stop - rows.start == segment.count
            pieces.append(column if whole else column.take(rows))
        columns[path] = (spec, concatenate(pieces))
    return columns


def _as_spec(column, spec):
    """Give a column of whole numbers as one of doubles, where the kind says so."""
    if spec == "float" and column.spec == "int":
        return NumberColumn("float", column.values.astype(np.float64), column.nulls)
    if _is_list(spec) and spec[1] == "float" and column.items.spec == "int":
        return ListColumn(column.ends, _as_spec(column.items, "float"))
    return column


def update_segments(session, extent, row_number, changed):
    """Write changed values of one row into the columns of its segment.

    Parameters
    ----------
    session : Session
        The session; the lock is held.
    extent : Extent
        The extent.
    row_number : int
        The row.
    changed : dict of str to (spec, raw)
        Raw values by attribute, and system values by path.
    """
    if row_number >= extent.in_segments:
        return
    segment = next(s for s in extent.segments if s.start <= row_number < s.start + s.count)
    at = row_number - segment.start
    block = SegmentBlock(session, extent, segment)
    for name, (spec, raw) in changed.items():
        for path, (leaf_spec, one) in columns_from_rows(((name, spec),), [(raw,)]).items():
            set_value(block, segment, path, leaf_spec, at, one.to_list()[0])


def set_value(block, segment, path, spec, at, raw):
    """Change one value of one column of a segment.

    Parameters
    ----------
    block : SegmentBlock
        The segment as a block.
    segment : Segment
        The segment.
    path : str
        The column.
    spec : str or tuple
        Its kind.
    at : int
        The place in the segment.
    raw : object
        The raw value.
    """
    spec = merged_spec(spec, segment.specs.get(path, spec))
    column = _as_spec(block.column(path), spec).with_value(at, raw)
    columns = dict(segment.columns)
    replaced = columns.get(path)
    zone = column.zone()
    if zone is not None and zone[3]:
        columns.pop(path, None)
    else:
        columns[path] = ColumnRecord(column)
    segment.columns = columns
    segment.set_zone(path, spec, zone)
    if replaced is not None:
        replaced.let_go()  # else a process that edits for days would keep thousands of them
