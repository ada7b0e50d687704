"""Conditions made of others, and how they are answered block by block.

The answer for a block of rows is True (all rows), False (none) or a mask.
"""

import numpy as np

from awe.store.blocks import blocks_of
from awe.store.leaves import DomainTerm, Leaf

__all__ = ["And", "Everything", "Not", "Or", "Part", "matching", "rows_matching"]


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
        self.terms = _joined(terms)
        self._glances = None

    def bind(self, session):
        """Give the condition ready for one snapshot."""
        return And([t.bind(session) for t in self.terms])

    def answer(self, block):
        """Give the common rows."""
        found = self._find(block)
        if isinstance(found, bool) or found.dtype is _BOOL:
            return found
        mask = np.zeros(block.count, bool)
        mask[found] = True
        return mask

    def among(self, blocks):
        """Give the blocks that may have common rows, as far as that is told at one glance."""
        for term in self.terms:
            if type(term) is Leaf:
                blocks = term.among(blocks)
        return blocks

    def rows(self, block):
        """Give the places of the common rows in a block: True for all, False for none."""
        found = self._find(block)
        return found if isinstance(found, bool) or found.dtype is not _BOOL else found.nonzero()[0]

    def number(self, block):
        """Give the number of the common rows in a block."""
        found = self._find(block)
        if isinstance(found, bool):
            return block.count if found else 0
        return int(np.count_nonzero(found)) if found.dtype is _BOOL else len(found)

    def _find(self, block):
        """Give True, False, the mask of the common rows, or their places where they are few.

        Terms that the zones decide come first, then the narrowest.
        """
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
            others = rest[at + 1 :]
            if mask is True and others and isinstance(term, Leaf):
                run = term.run(block)
                if run is not None and (run.stop - run.start) * _NARROW <= block.count:
                    return _narrowed(block, run, others)
            # What was glanced at need not be again.
            answer = term.look(block) if isinstance(term, _GLANCING) else term.answer(block)
            mask = _both(mask, answer)
            if mask is False:
                return False
            if mask is not True and others and _is_narrow(mask):
                return _narrowed(block, mask.nonzero()[0], others)
        return mask

    def __str__(self):
        return " & ".join(f"({t})" for t in self.terms) or "everything"


_GLANCING = (DomainTerm, Leaf)
# NumPy makes it once; to compare types costs more than all else that is asked of an answer.
_BOOL = np.dtype(bool)
# Where at most one row in so many is left, the other terms look at those rows alone.
_NARROW = 8


def _joined(terms):
    """Give terms without those that all rows meet, and with those of other `And` in their place."""
    out = []
    for term in terms:
        if type(term) is And:
            out += term.terms
        elif type(term) is not Everything:
            out.append(term)
    return tuple(out)


def _is_narrow(mask):
    return np.count_nonzero(mask) * _NARROW <= len(mask)


def _narrowed(block, rows, terms):
    """Give those of some rows, places or a slice, that meet further terms."""
    for term in terms:
        if isinstance(term, _GLANCING):
            answer = term.look(Part(block, rows))
        else:
            answer = term.answer(block)
            answer = answer if isinstance(answer, bool) else answer[rows]
        if answer is False:
            return False
        if answer is not True:
            rows = answer.nonzero()[0] + rows.start if type(rows) is slice else rows[answer]
            if len(rows) == 0:
                return False
    if type(rows) is slice:
        return np.arange(rows.start, rows.stop) if rows.start < rows.stop else False
    return rows


class Part:
    """Some rows of a block, as far as a leaf looks at one.

    Parameters
    ----------
    block : SegmentBlock or TailBlock
        The block.
    rows : numpy.ndarray of int or slice
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


def rows_matching(session, extent, bound):
    """Give the blocks of an extent that have matching rows, with the places of these.

    Parameters
    ----------
    session : Session
        The session.
    extent : Extent
        The extent.
    bound : And
        A condition that was bound to the session's snapshot.

    Yields
    ------
    block : SegmentBlock or TailBlock
        The block.
    rows : numpy.ndarray of int
        In order.
    """
    for block in bound.among(blocks_of(session, extent)):
        rows = bound.rows(block)
        if rows is True:
            yield block, np.arange(block.count)
        elif rows is not False:
            yield block, rows


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
