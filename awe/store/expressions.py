"""Conditions of a query as a tree, and how a tree is answered from columns.

The answer for a block of rows is True (all rows), False (none) or a mask. Each comparison is False
where its value is missing, so that negation is always the plain complement.
"""

import math

import numpy as np

from awe.store.blocks import blocks_of
from awe.store.columns import ListColumn

__all__ = ["And", "Compare", "Contains", "Everything", "Not", "Or", "Scope", "matching", "visible"]


class Everything:
    """The condition that all rows meet."""

    def bind(self, session):
        """Give the condition ready for one snapshot."""
        return self

    def answer(self, block):
        """Give True."""
        return True

    def __str__(self):
        return "everything"


class And:
    """All of several conditions."""

    def __init__(self, terms):
        self.terms = tuple(t for t in terms if not isinstance(t, Everything))

    def bind(self, session):
        """Give the condition ready for one snapshot."""
        return And([t.bind(session) for t in self.terms])

    def answer(self, block):
        """Give the common rows; terms that the zones decide come first."""
        rest = []
        for term in self.terms:
            quick = term.glance(block) if hasattr(term, "glance") else None
            if quick is False:
                return False
            if quick is None:
                rest.append(term)
        mask = True
        for term in rest:
            mask = _both(mask, term.answer(block))
            if mask is False:
                return False
        return mask

    def __str__(self):
        return " & ".join(f"({t})" for t in self.terms) or "everything"


class Or:
    """Any of several conditions."""

    def __init__(self, terms):
        self.terms = tuple(terms)

    def bind(self, session):
        """Give the condition ready for one snapshot."""
        return Or([t.bind(session) for t in self.terms])

    def answer(self, block):
        """Give the rows of all terms together."""
        mask = False
        for term in self.terms:
            answer = term.answer(block)
            if answer is True:
                return True
            if answer is not False:
                mask = answer if mask is False else mask | answer
        return mask

    def __str__(self):
        return " | ".join(f"({t})" for t in self.terms)


class Not:
    """The complement of a condition."""

    def __init__(self, term):
        self.term = term

    def bind(self, session):
        """Give the condition ready for one snapshot."""
        return Not(self.term.bind(session))

    def answer(self, block):
        """Give all other rows."""
        answer = self.term.answer(block)
        return (not answer) if isinstance(answer, bool) else ~answer

    def __str__(self):
        return f"~({self.term})"


def _both(first, second):
    if first is False or second is False:
        return False
    if first is True:
        return second
    if second is True:
        return first
    mask = first & second
    return mask if mask.any() else False


class Scope:
    """Rows of one project, or of one creator."""

    def __init__(self, what, packed, text):
        self.what = what
        self.packed = packed
        self._text = text

    def bind(self, session):
        """Give the condition ready for one snapshot."""
        position = 0 if self.what == "creator" else 1
        triples = session.root.domains.triples
        return DomainTerm(np.array([t[position] == self.packed for t in triples]))

    def __str__(self):
        return self._text


class DomainTerm:
    """Rows whose domain (creator, project, level) is among some.

    Parameters
    ----------
    allowed : numpy.ndarray of bool
        By number of the domain.
    """

    def __init__(self, allowed):
        self.allowed = allowed
        self._all = bool(allowed[1:].all())

    def glance(self, block):
        """Decide by the zone alone where that is possible."""
        zone = block.zone("$domain")
        if zone is None:
            return None
        low, high = zone[0], zone[1]
        if low == high:
            return bool(self.allowed[low])
        inside = self.allowed[low : high + 1]
        if inside.all():
            return True
        return None if inside.any() else False

    def answer(self, block):
        """Give the mask of rows."""
        quick = self.glance(block)
        if quick is not None:
            return quick
        return self.allowed[block.column("$domain").values]


def visible(session):
    """Give the condition that leaves what the context lets a query see.

    Parameters
    ----------
    session : Session
        The session.

    Returns
    -------
    DomainTerm
        Deleted rows are never seen.
    """
    triples = session.root.domains.triples
    allowed = np.ones(len(triples), bool)
    if session.visibility is not None:
        allowed = np.array([session.visibility.in_query(n) for n in range(len(triples))])
    allowed[0] = False
    return DomainTerm(allowed)


class Compare:
    """A comparison of an attribute, or of one behind links, with a value.

    Parameters
    ----------
    path : Path
        The way to the attribute.
    op : str
        '==', '<', '<=', '>', '>=', 'like', 'in', 'between' or 'has' (has a value).
    value : object
        The raw value, several of them for 'in' and 'between'.
    text : str
        How the user would write it.
    """

    def __init__(self, path, op, value, text):
        self.path = path
        self.op = op
        self.value = value
        self._text = text

    def bind(self, session):
        """Give the condition ready for one snapshot: paths through links become memberships."""
        link, rest = self.path.split()
        if rest is None:
            return Leaf(self.path.column, self.op, self.value)
        inner = Compare(rest, self.op, self.value, self._text)
        return Leaf(link.column, "in", targets(session, rest.cls, inner))

    def __str__(self):
        return self._text


class Contains:
    """A list attribute that contains a value; links may lead to the list."""

    def __init__(self, path, value, text):
        self.path = path
        self.value = value
        self._text = text

    def bind(self, session):
        """Give the condition ready for one snapshot."""
        link, rest = self.path.split()
        if rest is None:
            return ListLeaf(self.path.column, self.value)
        inner = Contains(rest, self.value, self._text)
        return Leaf(link.column, "in", targets(session, rest.cls, inner))

    def __str__(self):
        return self._text


class InverseContains:
    """A computed inverse list that contains an object.

    Parameters
    ----------
    path : Path
        The way to the inverse attribute.
    packed : int
        The object's number.
    text : str
        How the user would write it.
    """

    def __init__(self, path, packed, text):
        self.path = path
        self.packed = packed
        self._text = text

    def bind(self, session):
        """Look the object up: the rows are those that it links to."""
        link, rest = self.path.split()
        if rest is not None:
            inner = InverseContains(rest, self.packed, self._text)
            return Leaf(link.column, "in", targets(session, rest.cls, inner))
        owners = ()
        if self.packed and session.row(self.packed) is not None:
            stored = session.get(self.packed).raw_of(self.path.attribute.inverse)
            owners = stored if isinstance(stored, tuple) else (stored,)
        return RowsTerm({o for o in owners if o})

    def __str__(self):
        return self._text


class RowsTerm:
    """The rows with some numbers."""

    def __init__(self, packed):
        self._packed = packed

    def bind(self, session):
        """Give the condition itself."""
        return self

    def answer(self, block):
        """Give the mask of rows."""
        mask = np.zeros(block.count, bool)
        from awe.store.session import code_of, row_of

        for packed in self._packed:
            row = row_of(packed) - block.start
            if code_of(packed) == block.code and 0 <= row < block.count:
                mask[row] = True
        return mask if mask.any() else False


class Loaded:
    """A condition that no column can answer: the objects are loaded and asked.

    Parameters
    ----------
    path : Path
        The way to a dict.
    key : str
        The key in the dict.
    test : callable
        Takes the value under the key, or None; tells whether it fits.
    text : str
        How the user would write it.
    """

    def __init__(self, path, key, test, text):
        self.path = path
        self.key = key
        self.test = test
        self._text = text

    def bind(self, session):
        """Give the condition ready for one snapshot."""
        link, rest = self.path.split()
        if rest is not None:
            inner = Loaded(rest, self.key, self.test, self._text)
            return Leaf(link.column, "in", targets(session, rest.cls, inner))
        return LoadedLeaf(session, self.path.attribute.name, self.key, self.test)

    def __str__(self):
        return self._text


class LoadedLeaf:
    """A condition on a key of a dict, answered object by object."""

    def __init__(self, session, name, key, test):
        self._session = session
        self._name = name
        self._key = key
        self._test = test

    def answer(self, block):
        """Give the mask of rows."""
        from awe.store.session import pack

        here = block.column("$domain").values != 0
        mask = np.zeros(block.count, bool)
        for at in np.flatnonzero(here).tolist():
            obj = self._session.get(pack(block.code, block.start + at))
            mapping = obj.stored_value(self._name)
            mask[at] = self._test(None if mapping is None else mapping.get(self._key))
        return mask


def targets(session, cls, condition):
    """Find the objects of a class that meet a condition and that the user may see.

    Parameters
    ----------
    session : Session
        The session.
    cls : type
        The class at the end of a link.
    condition : condition
        What they must meet.

    Returns
    -------
    numpy.ndarray of int64
        Their numbers, sorted.
    """
    bound = condition.bind(session)
    triples = session.root.domains.triples
    seen = np.array([session.may_see(n) for n in range(len(triples))])
    seen[0] = False
    both = And([DomainTerm(seen), bound])
    found = [np.empty(0, np.int64)]
    for _, extent in session.extents_of(cls):
        base = extent.code << 40
        for block, answer in matching(session, extent, both):
            rows = np.arange(block.count) if answer is True else np.flatnonzero(answer)
            found.append(rows + (base + block.start))
    return np.sort(np.concatenate(found))


def matching(session, extent, bound):
    """Give the blocks of an extent that have matching rows.

    Parameters
    ----------
    session : Session
        The session.
    extent : Extent
        The extent.
    bound : condition
        A condition that was bound to the session's snapshot.

    Yields
    ------
    block : SegmentBlock or TailBlock
        The block.
    answer : True or numpy.ndarray of bool
        Its rows.
    """
    for block in blocks_of(session, extent):
        answer = bound.answer(block)
        if answer is not False:
            yield block, answer


class Leaf:
    """A comparison that one column answers.

    Parameters
    ----------
    column : str
        The column's path.
    op : str
        As in `Compare`.
    value : object
        The raw value or values; an array of numbers for links.
    """

    def __init__(self, column, op, value):
        self.column = column
        self.op = op
        self.value = value

    def glance(self, block):
        """Decide by the zone alone where that is possible, else give None."""
        zone = block.zone(self.column)
        if zone is None:
            return None
        low, high, missing, _ = zone
        if low is None:
            return False
        if self.op == "has":
            return None if missing else True
        verdict = _zone_verdict(self.op, self.value, low, high)
        if verdict is True and missing:
            return None
        return verdict

    def answer(self, block):
        """Give True, False or the mask of rows."""
        quick = self.glance(block)
        if quick is not None:
            return quick
        column = block.column(self.column)
        op, value = self.op, self.value
        if op == "has":
            return column.not_missing()
        if op == "between":
            return column.compare(">=", value[0]) & column.compare("<=", value[1])
        if op == "in":
            return column.is_in(value)
        if op == "like":
            return column.like(value)
        return column.compare(op, value)


def _zone_verdict(op, value, low, high):
    """Tell whether all rows between two values meet a comparison, none, or perhaps some."""
    if op in ("==", "<", "<=", ">", ">=") and isinstance(value, float) and math.isnan(value):
        return False
    if op == "==":
        if not low <= value <= high:
            return False
        return True if low == high else None
    if op == "<":
        return _between_verdict(high < value, low >= value)
    if op == "<=":
        return _between_verdict(high <= value, low > value)
    if op == ">":
        return _between_verdict(low > value, high <= value)
    if op == ">=":
        return _between_verdict(low >= value, high < value)
    if op == "between":
        if any(isinstance(v, float) and math.isnan(v) for v in value):
            return False
        inside = value[0] <= low and high <= value[1]
        return _between_verdict(inside, value[1] < low or high < value[0])
    if op == "in":
        if len(value) == 0:
            return False
        if isinstance(value, np.ndarray):
            # Sorted: are there any between the least and the greatest?
            first = int(np.searchsorted(value, low))
            if first == len(value) or value[first] > high:
                return False
            return True if low == high else None
    return None


def _between_verdict(all_rows, no_row):
    if all_rows:
        return True
    return False if no_row else None


class ListLeaf:
    """A list column that contains a raw value."""

    def __init__(self, column, value):
        self.column = column
        self.value = value

    def answer(self, block):
        """Give the mask of rows."""
        column = block.column(self.column)
        if not isinstance(column, ListColumn) or len(column.items) == 0:
            return False
        mask = column.any_item(column.items.compare("==", self.value))
        return mask if mask.any() else False
