"""Errors that are the user's to mend."""

import difflib

__all__ = [
    "AweAttributeError",
    "AweError",
    "AweIndexError",
    "AweLookupError",
    "AwePermissionError",
    "AweTypeError",
    "AweValueError",
    "AweWarning",
    "NoAttributeError",
    "NoKeyError",
    "did_you_mean",
    "nearest",
]

# How many keys are told where none is alike.
_MOST = 8


class AweError(Exception):
    """What the user can mend: the message says what failed and what to do.

    Parameters
    ----------
    message : str
        What failed, on which object, and what was expected.
    remedy : str, optional
        What to type next. By default the message stands alone.
    cause : str, optional
        What the message says without the object's name, the same for all objects that fail so.
        By default the message's first line.
    """

    def __init__(self, message, *, remedy=None, cause=None):
        super().__init__(message if remedy is None else f"{message}\n  {remedy}")
        self.remedy = remedy
        self.cause = cause or message.split("\n", 1)[0]


class AweAttributeError(AweError, AttributeError):
    """An attribute that the class does not have."""


class NoAttributeError(AweAttributeError):
    """An attribute that a class does not have, whose text is found when somebody reads it.

    Nobody reads that of `hasattr`, nor of `getattr` with a default.

    Parameters
    ----------
    tell : callable
        Gives the message.
    """

    remedy = None

    def __init__(self, tell):
        AttributeError.__init__(self)
        self._tell = tell

    @property
    def cause(self):
        """The message's first line."""
        return str(self).split("\n", 1)[0]

    def __str__(self):
        return self._tell()

    def __reduce__(self):
        return (AweAttributeError, (str(self),))


class NoKeyError(AweError, KeyError):
    """A key that a mapping does not have; what was meant is found when somebody reads the text.

    Parameters
    ----------
    key : str
        The key.
    keys : iterable of str
        Those that there are.
    """

    remedy = None

    def __init__(self, key, keys=()):
        KeyError.__init__(self, key)
        self._keys = keys

    @property
    def cause(self):
        """The message."""
        return str(self)

    def __str__(self):
        keys = list(self._keys)
        known = f" There is: {', '.join(keys[:_MOST])}{' ...' if keys[_MOST:] else ''}."
        return f"There is no {self.args[0]!r}.{did_you_mean(self.args[0], keys) or known}"

    def __reduce__(self):
        return (NoKeyError, (self.args[0], tuple(self._keys)))


class AweIndexError(AweError, IndexError):
    """A place in a query where there is nothing."""


class AweTypeError(AweError, TypeError):
    """A value of the wrong type."""


class AweValueError(AweError, ValueError):
    """A value of the right type that cannot be used."""


class AweLookupError(AweError, LookupError):
    """Something that was asked for does not exist or may not be seen."""


class AwePermissionError(AweError, PermissionError):
    """The current user, project or privileges do not allow the action."""


class AweWarning(UserWarning):
    """Something the user should know although the work goes on."""


def nearest(name, candidates, count=3):
    """Give the names most like a misspelt one.

    Parameters
    ----------
    name : str
        The name that was not found.
    candidates : iterable of str
        The names that exist.
    count : int, optional
        How many to give at most. The default is 3.

    Returns
    -------
    list of str
        Nearest first; empty where nothing is alike.
    """
    by_lower = {}
    for candidate in sorted({str(c) for c in candidates}):
        by_lower.setdefault(candidate.lower(), candidate)
    found = difflib.get_close_matches(str(name).lower(), by_lower, n=count, cutoff=0.5)
    return [by_lower[key] for key in found]


def did_you_mean(name, candidates):
    """Give the sentence that names what was probably meant.

    Parameters
    ----------
    name : str
        The name that was not found.
    candidates : iterable of str
        The names that exist.

    Returns
    -------
    str
        `` Did you mean 'a' or 'b'?`` with a leading space, or an empty text
        where nothing is alike.
    """
    found = nearest(name, candidates)
    if not found:
        return ""
    return " Did you mean " + " or ".join(repr(n) for n in found) + "?"
