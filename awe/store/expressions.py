"""Conditions of a query as a tree, and how a tree is answered from columns.

The answer for a block of rows is True (all rows), False (none) or a mask. Each comparison is False
where its value is missing, so that negation is always the plain complement.
"""

import numpy as np

from awe.store.attributes import InverseAttribute
from awe.store.blocks import blocks_of
from awe.store.leaves import DomainTerm, Leaf, ListLeaf, LoadedLeaf, RowsTerm

__all__ = [
    "And",
    "Compare",
    "Contains",
    "DomainTerm",
    "Everything",
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
    "targets",
    "visible",
]


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


class And:
    """All of several conditions."""

    def __init__(self, terms):
        self.terms = tuple(_joined(terms))
        self._glances = None

    def bind(self, session):
        """Give the condition ready for one snapshot."""
        return And([t.bind(session) for t in self.terms])

    def answer(self, block):
        """Give the common rows; terms that the zones decide come first, then the narrowest."""
        if self._glances is None:
            self._glances = [t for t in self.terms if isinstance(t, _GLANCING)]
        rest = []
        for at, term in enumerate(self._glances):
            quick = term.glance(block)
            if quick is False:
                # What rules out one block most often rules out the next.
                if at:
                    self._glances.insert(0, self._glances.pop(at))
                return False
            if quick is None:
                rest.append(term)
        if len(self._glances) < len(self.terms):
            rest += [t for t in self.terms if not isinstance(t, _GLANCING)]
        if len(rest) > 1:
            rest.sort(key=lambda term: term.share(block) if isinstance(term, Leaf) else 1.0)
        mask = True
        for at, term in enumerate(rest):
            # What was glanced at need not be again.
            answer = term.look(block) if isinstance(term, _GLANCING) else term.answer(block)
            mask = _both(mask, answer)
            if mask is False:
                return False
            if mask is not True and _is_narrow(mask) and rest[at + 1 :]:
                return _narrowed(block, mask, rest[at + 1 :])
        return mask

    def __str__(self):
        return " & ".join(f"({t})" for t in self.terms) or "everything"


_GLANCING = (DomainTerm, Leaf)
# Where at most one row in so many is left, the other terms look at those rows alone.
_NARROW = 8


def _joined(terms):
    """Give terms without those that all rows meet, and with those of other `And` in their place."""
    for term in terms:
        if isinstance(term, And):
            yield from term.terms
        elif not isinstance(term, Everything):
            yield term


def _is_narrow(mask):
    return np.count_nonzero(mask) * _NARROW <= len(mask)


def _narrowed(block, mask, terms):
    """Give the rows of a mask that meet further terms."""
    rows = mask.nonzero()[0]
    for term in terms:
        if isinstance(term, _GLANCING):
            answer = term.look(Part(block, rows))
        else:
            answer = term.answer(block)
            answer = answer if isinstance(answer, bool) else answer[rows]
        if answer is not True:
            rows = rows[answer] if answer is not False else rows[:0]
        if len(rows) == 0:
            return False
    mask = np.zeros(len(mask), bool)
    mask[rows] = True
    return mask


class Part:
    """Some rows of a block, as far as a leaf looks at one.

    Parameters
    ----------
    block : SegmentBlock or TailBlock
        The block.
    rows : numpy.ndarray of int
        Which of its rows.
    """

    def __init__(self, block, rows):
        self._block = block
        self._rows = rows

    def zone(self, path):
        """Give the zone of the whole block, which holds for its rows too."""
        return self._block.zone(path)

    def column(self, path):
        """Give the column of a path for the rows."""
        return self._block.column(path).take(self._rows)


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
    """The complement of a condition.

    Parameters
    ----------
    term : condition
        The condition.
    text : str, optional
        How the user wrote it. The default is ``~(...)``.
    """

    def __init__(self, term, text=None):
        self.term = term
        self._text = text

    def bind(self, session):
        """Give the condition ready for one snapshot."""
        return Not(self.term.bind(session))

    def answer(self, block):
        """Give all other rows."""
        answer = self.term.answer(block)
        return (not answer) if isinstance(answer, bool) else ~answer

    def __str__(self):
        return self._text or f"~({self.term})"


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


class Compare:
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

    def bind(self, session):
        """Give the condition ready for one snapshot: paths through links become memberships."""
        link, rest = self.path.split()
        if rest is not None:
            inner = Compare(rest, self.op, self.value, self._text)
            return member(session, link, targets(session, rest.cls, inner))
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

    def __str__(self):
        return str(self._text)


class Contains:
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

    def bind(self, session):
        """Give the condition ready for one snapshot."""
        link, rest = self.path.split()
        if rest is not None:
            inner = Contains(rest, self.value, self._text)
            return member(session, link, targets(session, rest.cls, inner))
        if isinstance(self.path.attribute, InverseAttribute):
            return member(session, self.path, np.array([self.value], np.int64))
        return ListLeaf(self.path.column, self.value)

    def __str__(self):
        return self._text


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
            return member(session, link, targets(session, rest.cls, inner))
        return LoadedLeaf(session, self.path.attribute.name, self.key, self.test)

    def __str__(self):
        return self._text


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
        for block, answer in matching(session, extent, both):
            rows = np.arange(block.count) if answer is True else answer.nonzero()[0]
            found.append(rows + (base + block.start))
    if len(found) == 1:
        return found[0]
    return np.sort(np.concatenate(found)) if found else np.empty(0, np.int64)


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
