"""The base of all kinds of attribute: what a value may be, and how a record keeps it."""

import numpy as np

from awe.base.errors import AweTypeError

__all__ = ["Kind", "RawReader", "short", "to_python", "with_article"]


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


def with_article(name):
    """Give a name with the indefinite article before it.

    Parameters
    ----------
    name : str
        Such as 'Imstat'.

    Returns
    -------
    str
        Such as 'an Imstat'.
    """
    return f"{'an' if name[:1] in 'AEIOUaeiou' else 'a'} {name}"


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


class RawReader:
    """Gives the raw forms of the values of a record.

    Parameters
    ----------
    converters : iterable of (callable or None)
        For each field in order the function to the raw form of what is not None, or None where
        the value is raw.
    """

    def __init__(self, converters):
        self.converters = [(at, f) for at, f in enumerate(converters) if f is not None]

    def __call__(self, values):
        """Give the raw values.

        Parameters
        ----------
        values : iterable
            The values of all fields, in order.

        Returns
        -------
        tuple
            In the order of the fields.
        """
        raws = list(values)
        for at, convert in self.converters:
            value = raws[at]
            if value is not None:
                raws[at] = convert(value)
        return tuple(raws)


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
    serves : str or None
        The test whether a value serves as it is, as an expression in which ``{0}`` is the value
        and the names are those of `awe.store.takers`. None where each value must be coerced.
    """

    spec = ""
    takes = ""
    child = False
    copied = False
    serves = None

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
        """Give the function to the raw form of what is not None; None where it is the value."""
        return None if type(self).to_raw is Kind.to_raw else self.to_raw

    def wrong(self, value, where):
        """Raise the error that names the attribute and what it takes."""
        msg = f"{where} takes {self.takes}, not {type(value).__name__} {short(value)}."
        raise AweTypeError(msg)
