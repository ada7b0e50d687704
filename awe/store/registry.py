"""The persistent classes that are declared in this process, by their stable names."""

from awe.base.errors import AweLookupError, AweTypeError, did_you_mean

__all__ = ["all_classes", "declare", "find_class", "former_names", "known_class", "subclasses"]

_classes = {}
_former = {}
# Grows with every declaration: what was found out about subclasses may be so no more.
generation = 0


def declare(cls):
    """Enter a persistent class under its name and its former names.

    Parameters
    ----------
    cls : type
        The class. A class of the same name takes the place of the earlier one, as happens when
        a user runs a cell or a file again.

    Raises
    ------
    AweTypeError
        awe itself has a class of this name, under which its objects are stored.
    """
    global generation
    known = _classes.get(cls.__name__)
    if known is not None and _is_ours(known) and not _is_ours(cls):
        msg = (
            f"{cls.__name__} is a class of awe ({known.__module__}), under whose name its objects "
            f"are stored; the one of {cls.__module__} was not declared."
        )
        raise AweTypeError(msg, remedy="Give your class another name.")
    generation += 1
    _classes[cls.__name__] = cls
    for name in cls.__dict__.get("former_names", ()):
        if name in _classes and _classes[name] is not cls:
            msg = f"{cls.__name__} says that it was called {name} before, but {name} exists."
            raise AweTypeError(msg)
        _former[name] = cls.__name__


def _is_ours(cls):
    return cls.__module__.split(".")[0] == "awe"


def known_class(name):
    """Find the class of a stored name.

    Parameters
    ----------
    name : str
        The name in the store, perhaps a former one.

    Returns
    -------
    type or None
        The class, or None where this process does not know it.
    """
    return _classes.get(_former.get(name, name))


def former_names(name):
    """Give the names that a class had before.

    Parameters
    ----------
    name : str
        Its present name.

    Returns
    -------
    list of str
        Empty for most.
    """
    return [former for former, present in _former.items() if present == name]


def find_class(name):
    """Find a declared class, or raise.

    Parameters
    ----------
    name : str
        The class's name.

    Returns
    -------
    type
        The class.

    Raises
    ------
    AweLookupError
        No class of this name is declared.
    """
    cls = known_class(name)
    if cls is None:
        msg = f"No persistent class is called {name!r}.{did_you_mean(name, _classes)}"
        raise AweLookupError(msg)
    return cls


def subclasses(cls):
    """Give a class and all its declared subclasses.

    Parameters
    ----------
    cls : type
        The class.

    Returns
    -------
    list of type
        The class first.
    """
    return [cls] + [c for c in _classes.values() if c is not cls and issubclass(c, cls)]


def all_classes():
    """Give all declared classes.

    Returns
    -------
    list of type
        In the order in which they were declared.
    """
    return list(_classes.values())
