"""The base of all kinds of attribute: what a value may be, and how a record keeps it."""

import numpy as np

from awe.base.errors import AweTypeError

__all__ = ["Kind", "short", "to_python"]


def short(value):
    """Give the text of a value, cut where it is long.

    Parameters
    ----------
    value : object
        Any value.

    Returns
    -------
    str
        At most 60 characters.
    """
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def to_python(value):
    """Give a NumPy scalar as Python's own, anything else as it is.

    Parameters
    ----------
    value : object
        Any value.

    Returns
    -------
    object
        The same value.
    """
    return value.item() if isinstance(value, np.generic) else value


class Kind:
    """What an attribute takes and how its value is kept.

    Attributes
    ----------
    spec : str or tuple
        The kind as the store's schema records it.
    takes : str
        What it takes, for the person who got it wrong.
    child : bool
        Whether the value is a record of its own, loaded when touched.
    copied : bool
        Whether a value can be changed in place, so that each reader gets a copy.
    """

    spec = ""
    takes = ""
    child = False
    copied = False

    def coerce(self, value, where):
        """Give the value in its own type, or raise; only lossless changes are made."""
        raise NotImplementedError

    def to_raw(self, value):
        """Give the raw form of a coerced value."""
        return value

    def to_value(self, raw, session, spec=None):
        """Give the user's form of a raw value."""
        return raw

    def links(self, value):
        """Give the objects that a coerced value links to."""
        return ()

    def may_link(self):
        """Tell whether a value can link to objects."""
        return False

    def raw_converter(self):
        """Give the function to the raw form, None where a value is its own raw form."""
        return None if type(self).to_raw is Kind.to_raw else self.to_raw

    def wrong(self, value, where):
        """Raise the error that names the attribute and what it takes."""
        msg = f"{where} takes {self.takes}, not {type(value).__name__} {short(value)}."
        raise AweTypeError(msg)
