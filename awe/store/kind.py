"""The base of all kinds of attribute: what a value may be, and how a record keeps it."""

from operator import itemgetter

import numpy as np

from awe.base.errors import AweTypeError

__all__ = ["Kind", "RawReader", "short", "to_python"]


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


class RawReader:
    """Takes the raw values of a record out of a dict of values, in order.

    Parameters
    ----------
    fields : iterable of (str, callable or None)
        Names in order, each with the function to the raw form, or None where the value is raw.
    """

    def __init__(self, fields):
        fields = list(fields)
        self._get = _getter([name for name, _ in fields])
        self._converters = [(at, f) for at, (_, f) in enumerate(fields) if f is not None]

    def __call__(self, values):
        """Give the raw values.

        Parameters
        ----------
        values : dict
            By name; others are left out.

        Returns
        -------
        tuple
            In the order of the fields.
        """
        raws = self._get(values)
        if not self._converters:
            return raws
        raws = list(raws)
        for at, convert in self._converters:
            raws[at] = convert(raws[at])
        return tuple(raws)


def _getter(names):
    """Give the function that takes several values out of a dict, as a tuple."""
    if len(names) > 1:
        return itemgetter(*names)
    return lambda values: tuple(values[name] for name in names)


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
