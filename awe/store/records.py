"""The records of the object store: the only classes that ZODB ever builds.

Objects of the user's classes are not ZODB records themselves. A class's objects stand as rows in
pages, and their values once more as columns in segments; a page or a column is one record.
"""

import importlib
import zlib

from persistent import Persistent
from persistent.mapping import PersistentMapping

from awe.store import plain
from awe.store.packing import pack_column, unpack_column
from awe.store.row import Row

__all__ = [
    "DELETED",
    "OLDEST_VERSION",
    "PAGE_ROWS",
    "STORE_VERSION",
    "VOCABULARY",
    "Child",
    "ClassSchema",
    "Clock",
    "ColumnRecord",
    "Domains",
    "Extent",
    "Page",
    "Row",
    "Segment",
    "Shelf",
    "StoreRoot",
    "Tree",
    "Unique",
]

STORE_VERSION = 3
# In stores of version 2 the pages of a class hang on a BTree; they are read and written as such.
OLDEST_VERSION = 2
PAGE_ROWS = 32
# How many records hang on one node of `Shelf`.
_WIDTH = 128
DELETED = 0
VOCABULARY = 1


class Page(Persistent):
    """Some consecutive rows of one class, kept as one block of bytes."""

    def __init__(self):
        self.children = None
        self._blob = plain.dumps(())
        self._checksum = None
        self._v_rows = []

    def __getstate__(self):
        rows = self.__dict__.get("_v_rows")
        if rows is None:
            return (self._blob, self.children, self._checksum)
        blob = plain.dumps(tuple(None if r is None else r.plain() for r in rows))
        return (blob, self.children, zlib.crc32(blob))

    def __setstate__(self, state):
        # Records of version 2 have no checksum.
        self._blob, self.children, self._checksum = state if len(state) == 3 else (*state, None)

    @property
    def is_intact(self):
        """Whether the bytes that were read are those that were written, as far as can be told."""
        self._p_activate()
        return self._checksum in (None, zlib.crc32(self._blob))

    @property
    def rows(self):
        """The rows as a list; None where an object was deleted.

        Returns
        -------
        list of Row or None
            At most `PAGE_ROWS`.
        """
        self._p_activate()
        rows = self.__dict__.get("_v_rows")
        if rows is None:
            try:
                rows = [None if r is None else Row(*r) for r in plain.loads(self._blob)]
            except TypeError as err:
                msg = f"A record of the store is damaged: it has no rows ({err})."
                raise plain.HostileRecordError(msg, remedy="Restore a backup.") from err
            self._v_rows = rows
        return rows

    def set_child(self, slot, name, child):
        """Keep a child record of the row in a slot, or drop it.

        Parameters
        ----------
        slot : int
            Place in the page.
        name : str
            The attribute.
        child : Child or None
            The record; None drops it.
        """
        children = dict(self.children or {})
        if child is None:
            children.pop((slot, name), None)
        else:
            children[slot, name] = child
        self.children = children or None


class Child(Persistent):
    """A dict, array or table: bytes that are loaded when touched.

    Parameters
    ----------
    data : bytes
        As the attribute's kind packs them.
    """

    def __init__(self, data):
        self.data = data
        self._checksum = zlib.crc32(data)

    def __getstate__(self):
        return (self.data, self._checksum)

    def __setstate__(self, state):
        self.data, self._checksum = state if isinstance(state, tuple) else (state, None)

    @property
    def is_intact(self):
        """Whether the bytes that were read are those that were written, as far as can be told."""
        self._p_activate()
        return self._checksum in (None, zlib.crc32(self.data))


class ColumnRecord(Persistent):
    """The values of one attribute in one segment.

    Parameters
    ----------
    column : NumberColumn, TextColumn or ListColumn
        The values.
    """

    def __init__(self, column):
        self._packed = plain.dumps(pack_column(column))
        self._v_column = column

    def let_go(self):
        """Keep the values as bytes alone; whoever wants the column gets it anew."""
        self._v_column = None
        self._p_deactivate()

    @property
    def column(self):
        """The values as a column of `awe.store.columns`.

        Returns
        -------
        NumberColumn, TextColumn or ListColumn
            One value for each row.
        """
        self._p_activate()
        column = self.__dict__.get("_v_column")
        if column is None:
            column = unpack_column(plain.loads(self._packed))
            self._v_column = column
        return column


class Segment(Persistent):
    """A run of rows of one class, kept column by column.

    Parameters
    ----------
    start : int
        The first row.
    count : int
        The number of rows, deleted ones included.
    zones : dict
        By path: (least, greatest, any missing, all one value), or None.
    specs : dict
        By path: the kind of the column as the schema records it.
    columns : dict of str to ColumnRecord
        By path; a column of one value stands in the zones only.
    """

    def __init__(self, start, count, zones, specs, columns):
        self.start = start
        self.count = count
        self.columns = columns
        self._head = plain.dumps((zones, specs))

    def _both(self):
        self._p_activate()
        head = self.__dict__.get("_v_both")
        if head is None:
            head = plain.loads(self._head)
            self._v_both = head
        return head

    @property
    def zones(self):
        """By path: (least, greatest, any missing, all one value), or None.

        Returns
        -------
        dict
            By path.
        """
        return self._both()[0]

    @property
    def specs(self):
        """By path: the kind of the column as the schema records it.

        Returns
        -------
        dict
            By path.
        """
        return self._both()[1]

    def set_zone(self, path, spec, zone):
        """Change the kind and the zone of one path.

        Parameters
        ----------
        path : str
            The column: an attribute, or a field of one, such as ``'imstat.max'``.
        spec : str or tuple
            Its kind.
        zone : tuple or None
            As `zones` gives it.
        """
        zones, specs = self._both()
        self._head = plain.dumps(({**zones, path: zone}, {**specs, path: spec}))
        self._v_both = self._v_block = None


class Tree(Persistent):
    """A BTree that is loaded when it is first asked for.

    A record names the classes of those that it links to; so BTrees, the import of which takes
    as long as a query, would be imported by whatever links to one.

    Parameters
    ----------
    kind : str
        Of keys: 'L' for integers, 'O' for texts.
    """

    def __init__(self, kind):
        name = f"{kind}OBTree"
        self.tree = getattr(importlib.import_module(f"BTrees.{name}"), name)()


class Shelf(Persistent):
    """Records that are numbered without gaps, as the leaves of a tree that grows at its end.

    Parameters
    ----------
    height : int, optional
        How many levels lie between this node and the records. The default is 0: none.
    """

    def __init__(self, height=0):
        self._height = height
        self._below = ()

    def get(self, number):
        """Give a record, or None where there is no such number.

        Parameters
        ----------
        number : int
            From 0.

        Returns
        -------
        Persistent or None
            The record.
        """
        at, rest = divmod(number, _WIDTH**self._height)
        if not 0 <= at < len(self._below):
            return None
        return self._below[at].get(rest) if self._height else self._below[at]

    def __getitem__(self, number):
        found = self.get(number)
        if found is None:
            raise KeyError(number)
        return found

    def __setitem__(self, number, record):
        """Add the record that follows the last one."""
        at, rest = divmod(number, _WIDTH**self._height)
        if at == _WIDTH:
            full = Shelf(self._height)
            full._below = self._below
            self._height, self._below = self._height + 1, (full,)
            self[number] = record
        elif not self._height:
            self._below = (*self._below, record)
        else:
            if at == len(self._below):
                self._below = (*self._below, Shelf(self._height - 1))
            self._below[at][rest] = record


class Extent(Persistent):
    """All objects of one class: their rows in pages, the older ones also in segments.

    Parameters
    ----------
    code : int
        The class's number in this store.

    Attributes
    ----------
    count : int
        The number of rows, deleted ones included.
    in_segments : int
        How many of the first rows stand in segments; the others are the tail.
    segments : tuple of Segment
        In the order of rows.
    """

    def __init__(self, code):
        self.code = code
        self.count = 0
        self.in_segments = 0
        self._pages = Shelf()
        self._last_pages = {}
        self.segments = ()

    @property
    def pages(self):
        """All pages by row number // `PAGE_ROWS`."""
        return self._pages.tree if isinstance(self._pages, Tree) else self._pages

    def page(self, number):
        """Give a page; those of the tail without the tree of all.

        Parameters
        ----------
        number : int
            Row number // `PAGE_ROWS`.

        Returns
        -------
        Page or None
            None where there is no such page.
        """
        found = self._last_pages.get(number)
        return self.pages.get(number) if found is None else found

    def add_page(self, number):
        """Add an empty page.

        Parameters
        ----------
        number : int
            Row number // `PAGE_ROWS`.

        Returns
        -------
        Page
            The page.
        """
        page = self.pages[number] = self._last_pages[number] = Page()
        self._p_changed = True
        return page

    def shorten_tail(self, in_segments):
        """Note how many of the first rows stand in segments.

        Parameters
        ----------
        in_segments : int
            Their number.
        """
        self.in_segments = in_segments
        first = in_segments // PAGE_ROWS
        self._last_pages = {n: p for n, p in self._last_pages.items() if n >= first}

    def row(self, number):
        """Give one row, or None where the object was deleted or never was.

        Parameters
        ----------
        number : int
            The row.

        Returns
        -------
        Row or None
            The row.
        """
        page = self.page(number // PAGE_ROWS)
        if page is None or number >= self.count:
            return None
        return page.rows[number % PAGE_ROWS]


class ClassSchema(Persistent):
    """What the store knows of a class.

    Parameters
    ----------
    name : str
        The stable name under which it was first stored.
    code : int
        Its number in this store.
    bases : tuple of str
        The names of the classes it derives from.

    Attributes
    ----------
    layouts : tuple
        Each a tuple of (attribute, spec): the order of values in a payload.
    defaults : dict
        Raw default of each attribute that was added later.
    """

    def __init__(self, name, code, bases):
        self.name = name
        self.code = code
        self.bases = bases
        self.layouts = ()
        self.defaults = {}


class Clock(Persistent):
    """The time of the last commit, and the number of objects ever stored."""

    def __init__(self):
        self.time = 0
        self.serial = 0


class Domains(Persistent):
    """All combinations of creator, project and level that occur, by number."""

    def __init__(self):
        self.triples = ((0, 0, 0), (0, 0, 9))

    def number(self, triple):
        """Give the number of a combination, a new one where it is the first.

        Parameters
        ----------
        triple : tuple of int
            Creator, project and level.

        Returns
        -------
        int
            The number.
        """
        if triple not in self.triples:
            self.triples = (*self.triples, triple)
        return self.triples.index(triple)


class Unique(Tree):
    """The objects by the value of what must be unique."""

    def __init__(self):
        super().__init__("O")


class StoreRoot(Persistent):
    """Where everything hangs."""

    def __init__(self):
        self.version = STORE_VERSION
        self.clock = Clock()
        self.domains = Domains()
        self.schemas = PersistentMapping()
        self.names = PersistentMapping()
        self.extents = PersistentMapping()
        self.unique = PersistentMapping()
        self._changes = Tree("L")
        self._tombstones = Tree("L")

    @property
    def changes(self):
        """The history of objects, by their number."""
        return self._changes.tree

    @property
    def tombstones(self):
        """What is left of deleted objects, by their number."""
        return self._tombstones.tree
