"""Names that other systems have for an attribute: no aliases, but what an error tells."""

from awe.base.errors import did_you_mean
from awe.store import registry

__all__ = ["here_it_is"]

_MOST = 4


def here_it_is(cls, name, known):
    """Give the end of the sentence that a class has no attribute of a name.

    Parameters
    ----------
    cls : type
        The class; its ``other_names`` says how what others call by a name is called here.
    name : str
        The name.
    known : iterable of str
        The names that there are.

    Returns
    -------
    str
        `` here it is ins_mode.`` after a colon, or a full stop and the classes that have it, or
        else the names that are alike.
    """
    for base in cls.__mro__:
        here = base.__dict__.get("other_names", {}).get(name)
        if here is not None:
            return f": here it is {here}."
    there = _others(cls, name)
    if there:
        more = f" and {len(there) - _MOST} more" if len(there) > _MOST else ""
        return f". It is an attribute of {', '.join(there[:_MOST])}{more}."
    return f".{did_you_mean(name, known)}"


def _others(cls, name):
    """Give the classes that have an attribute of a name, those that link to this class first."""
    having = [c for c in registry.all_classes() if not c.abstract and name in c._attributes]
    return [c.__name__ for c in sorted(having, key=lambda c: (not _leads(c, cls), c.__name__))]


def _leads(cls, target):
    """Tell whether a class has a link to another, or to what that is a kind of."""
    names = {base.__name__ for base in target.__mro__}
    kinds = (a.kind for a in cls._attributes.values())
    return any(getattr(k, "target_name", None) in names - {"DBObject"} for k in kinds)
