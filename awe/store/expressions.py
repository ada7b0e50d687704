"""Conditions of a query as a tree, and how a tree is answered from columns.

The answer for a block of rows is True (all rows), False (none) or a mask. Each comparison is False
where its value is missing, so that negation is always the plain complement.
"""

import numpy as np

from awe.store.attributes import InverseAttribute
from awe.store.combined import And, Everything, Not, Or, matching, rows_matching
from awe.store.leaves import DomainTerm, Hooked, Leaf, ListLeaf, LoadedLeaf, RowsTerm

__all__ = [
    "And",
    "Compare",
    "Contains",
    "DomainTerm",
    "Everything",
    "Hooked",
    "Leaf",
    "ListLeaf",
    "Loaded",
    "Not",
    "Or",
    "Scope",
    "followable",
    "key_of",
    "matching",
    "member",
    "rows_matching",
    "targets",
    "visible",
]


def key_of(condition):
    """Give what tells one condition from another.

    Parameters
    ----------
    condition : condition
        Any condition.

    Returns
    -------
    tuple or None
        The same for equal conditions; None where a condition has no such thing.
    """
    if isinstance(condition, (And, Or)):
        keys = [key_of(term) for term in condition.terms]
        return None if None in keys else (type(condition), *keys)
    if isinstance(condition, Not):
        key = key_of(condition.term)
        return None if key is None else (Not, key)
    return condition.key() if isinstance(condition, Compare) else None


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
    return session.remembered(("visible", session.visibility), lambda: _visible(session))


def _visible(session):
    triples = session.root.domains.triples
    allowed = np.ones(len(triples), bool)
    if session.visibility is not None:
        allowed = np.array([session.visibility.in_query(n) for n in range(len(triples))])
    allowed[0] = False
    return DomainTerm(allowed)


def followable(session):
    """Give the condition that leaves what the user may see when a link leads there.

    Parameters
    ----------
    session : Session
        The session.

    Returns
    -------
    DomainTerm
        Deleted rows are never seen.
    """
    return session.remembered(("followable", session.visibility), lambda: _followable(session))


def _followable(session):
    allowed = np.array([session.may_see(n) for n in range(len(session.root.domains.triples))])
    allowed[0] = False
    return DomainTerm(allowed)


class _OnPath:
    """A condition on what stands at the end of a path."""

    def bind(self, session):
        """Give the condition ready for one snapshot: paths through links become memberships."""
        link, rest = self.path.split()
        if rest is None:
            return self._bind_here(session)
        return member(session, link, targets(session, rest.cls, self._on(rest)))

    def __str__(self):
        return str(self._text)


class Compare(_OnPath):
    """A comparison of an attribute, or of one behind links, with a value.

    Parameters
    ----------
    path : Path
        The way to the attribute.
    op : str
        '==', '<', '<=', '>', '>=', 'like', 'in', 'between' or 'has' (has a value).
    value : object
        The raw value; two for 'between'; for 'in' texts or a sorted array.
    text : object
        How the user would write it, as ``str`` gives it.
    """

    def __init__(self, path, op, value, text):
        self.path = path
        self.op = op
        self.value = value
        self._text = text

    def _on(self, path):
        return Compare(path, self.op, self.value, self._text)

    def _bind_here(self, session):
        if isinstance(self.path.attribute, InverseAttribute):
            return self._bind_inverse(session)
        return Leaf(self.path.column, self.op, self.value)

    def key(self):
        """Give what tells one comparison from another, or None where its value is too large."""
        if isinstance(self.value, np.ndarray):
            return None
        return (self.path.cls, self.path.column, self.op, type(self.value), self.value)

    def _bind_inverse(self, session):
        attribute = self.path.attribute
        if self.op == "has":
            return member(session, self.path, targets(session, attribute.target, Everything()))
        value = self.value if self.op == "in" else np.array([self.value], np.int64)
        return member(session, self.path, value)


class Contains(_OnPath):
    """A list attribute that contains a value; links may lead to the list.

    Parameters
    ----------
    path : Path
        The way to the list.
    value : object
        The raw value.
    text : str
        How the user would write it.
    """

    def __init__(self, path, value, text):
        self.path = path
        self.value = value
        self._text = text

    def _on(self, path):
        return Contains(path, self.value, self._text)

    def _bind_here(self, session):
        if isinstance(self.path.attribute, InverseAttribute):
            return member(session, self.path, np.array([self.value], np.int64))
        return ListLeaf(self.path.column, self.value)


def member(session, link, numbers):
    """Give the bound condition that a link leads to one of some objects.

    Parameters
    ----------
    session : Session
        The session.
    link : Path
        A link, stored or computed, or a computed list.
    numbers : numpy.ndarray of int64
        The objects' numbers, sorted.

    Returns
    -------
    Leaf or RowsTerm
        What a block answers.
    """
    if not isinstance(link.attribute, InverseAttribute):
        return Leaf(link.column, "in", numbers)
    from awe.store.relations import owners_of

    return RowsTerm(owners_of(session, link.attribute, numbers))


class Loaded(_OnPath):
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

    def _on(self, path):
        return Loaded(path, self.key, self.test, self._text)

    def _bind_here(self, session):
        return LoadedLeaf(session, self.path.attribute.name, self.key, self.test)


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
    key = condition.key() if isinstance(condition, Compare) else None
    if key is None:
        return _targets(session, cls, condition)
    question = ("targets", session.visibility, cls, key)
    return session.remembered(question, lambda: _targets(session, cls, condition))


def _targets(session, cls, condition):
    both = And([followable(session), condition.bind(session)])
    found = []
    for _, extent in session.extents_of(cls):
        base = extent.code << 40
        for block, rows in rows_matching(session, extent, both):
            found.append(rows + (base + block.start))
    if len(found) == 1:
        return found[0]
    return np.sort(np.concatenate(found)) if found else np.empty(0, np.int64)
