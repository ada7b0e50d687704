"""Verdicts travel: what hangs on something that people judged bad is suspect."""

import numpy as np

from awe.process.product import ProcessTarget, Product
from awe.store import current, registry
from awe.store import expressions as ex
from awe.store.kinds import ListKind
from awe.store.leaves import Leaf, ListLeaf

__all__ = ["causes_of", "judged_bad", "suspect_numbers"]


def suspect_numbers(session):
    """Find all that hangs on something with ``is_valid`` 0, directly or not.

    Only verdicts on objects that the user may see count, and only links through such objects.

    Parameters
    ----------
    session : Session
        The session.

    Returns
    -------
    numpy.ndarray of int64
        Numbers of the objects, sorted; those that are judged bad themselves belong to it only
        where they hang on others that are.
    """
    session.ensure()
    question = ("suspect", session.visibility)
    return session.remembered(question, lambda: _suspect_numbers(session))


def _suspect_numbers(session):
    found = np.empty(0, np.int64)
    origins = ex.targets(session, ProcessTarget, (ProcessTarget.is_valid == 0)._condition)
    while len(origins):
        made = _made_from(session, origins)
        origins = np.setdiff1d(made, found, assume_unique=True)
        found = np.union1d(found, origins)
    return found


def _made_from(session, numbers):
    """Find the products that have any of some objects as a direct input."""
    found = [np.empty(0, np.int64)]
    for cls in registry.all_classes():
        if not issubclass(cls, Product) or cls.abstract:
            continue
        for name in cls.inputs:
            is_list = isinstance(cls._attributes[name].kind, ListKind)
            leaf = ListLeaf(name, numbers) if is_list else Leaf(name, "in", numbers)
            found.append(ex.targets(session, cls, _Bound(leaf)))
    return np.unique(np.concatenate(found))


class _Bound:
    """A condition that is bound already."""

    def __init__(self, leaf):
        self._leaf = leaf

    def bind(self, session):
        return self._leaf


def judged_bad(obj):
    """Tell whether people judged an object bad, as far as that is stored.

    Parameters
    ----------
    obj : DBObject or Restricted
        A raw frame, a product, or anything else.

    Returns
    -------
    bool
        True where its ``is_valid`` is 0.
    """
    return isinstance(obj, ProcessTarget) and obj.is_valid == 0


def causes_of(obj):
    """Find what people judged bad of all that an object was made from.

    Parameters
    ----------
    obj : ProcessTarget
        The object.

    Returns
    -------
    list of ProcessTarget
        The nearest first; empty where nothing is.
    """
    if obj.is_committed and not _is_suspect(obj):
        return []
    from awe.process.lineage import Lineage

    return [o for o in Lineage(obj).objects()[1:] if judged_bad(o)]


def _is_suspect(obj):
    numbers = suspect_numbers(current.session())
    at = np.searchsorted(numbers, obj._packed)
    return at < len(numbers) and numbers[at] == obj._packed
