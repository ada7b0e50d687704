"""Values that a dict attribute may hold besides plain ones, each decoded when it is touched."""

import functools
import types
from collections.abc import Mapping

import numpy as np

from awe.base.errors import NoKeyError
from awe.store import plain

__all__ = ["Bundle", "Codec", "codec_named", "codec_of", "register_codec", "thaw", "to_frozen",
           "unpack_frozen"]  # fmt: skip

_BUNDLE = "bundle"
_codecs = {}


class Codec:
    """How values of some type are kept inside a dict; a higher room enters its own.

    Attributes
    ----------
    name : str
        What stands beside the value in the store; it never changes.
    """

    name = None

    def takes(self, type_):
        """Tell whether values of a type are kept by this codec.

        Parameters
        ----------
        type_ : type
            The type.

        Returns
        -------
        bool
            True for one codec at most.
        """
        raise NotImplementedError

    def freeze(self, value, where):
        """Give the value as it is kept in memory.

        Parameters
        ----------
        value : object
            The user's.
        where : str
            The class and attribute, for an error.

        Returns
        -------
        object
            A copy, where the user could change it.
        """
        return value

    def give(self, value):
        """Give the value to a user.

        Parameters
        ----------
        value : object
            As it is kept in memory.

        Returns
        -------
        object
            A copy, where the user could change it.
        """
        return value

    def pack(self, value):
        """Give the value as a plain value.

        Parameters
        ----------
        value : object
            As `freeze` gives it.

        Returns
        -------
        object
            Numbers, texts, bytes and tuples.
        """
        raise NotImplementedError

    def unpack(self, packed):
        """Give the value of a plain value.

        Parameters
        ----------
        packed : object
            As `pack` gives it.

        Returns
        -------
        object
            The value.
        """
        raise NotImplementedError


def register_codec(codec):
    """Enter a codec.

    Parameters
    ----------
    codec : Codec
        The last one entered under a name counts.
    """
    _codecs[codec.name] = codec
    _codec_of.cache_clear()


def codec_of(value):
    """Give the codec that keeps a value, or None.

    Parameters
    ----------
    value : object
        Any value.

    Returns
    -------
    Codec or None
        None for plain values.
    """
    return _codec_of(type(value))


def codec_named(name):
    """Give the codec of a name, or None.

    Parameters
    ----------
    name : str
        Its name.

    Returns
    -------
    Codec or None
        None where there is none.
    """
    return _codecs.get(name)


@functools.cache
def _codec_of(type_):
    # What was entered last is the most special.
    return next((c for c in reversed(_codecs.values()) if c.takes(type_)), None)


class Bundle(Mapping):
    """A read-only mapping of which each value is decoded when it is touched.

    Parameters
    ----------
    values : dict
        Values as they are kept in memory, or bytes that `unpack_frozen` reads.
    is_packed : bool, optional
        Whether they are bytes. The default is False.
    """

    def __init__(self, values, is_packed=False):
        self._values = dict(values)
        self._packed = set(self._values) if is_packed else set()

    def __getitem__(self, key):
        value = self.kept(key)
        codec = _codec_of(type(value))
        return value if codec is None else codec.give(value)

    def kept(self, key):
        """Give a value as it is kept in memory, where the user's form would cost more.

        Parameters
        ----------
        key : str
            The key.

        Returns
        -------
        object
            As the codec unpacks it.

        Raises
        ------
        NoKeyError
            There is no such key.
        """
        if key not in self._values:
            raise NoKeyError(key, self)
        if key in self._packed:
            self._values[key] = unpack_frozen(plain.loads(self._values[key]))
            self._packed.discard(key)
        return self._values[key]

    def __iter__(self):
        return iter(self._values)

    def __len__(self):
        return len(self._values)

    def __contains__(self, key):
        return key in self._values

    def __repr__(self):
        return f"<{len(self)} values: {', '.join(self._values)}>"

    def _thawed(self):
        items = self._values.items()
        return {k: v if k in self._packed else plain.dumps(thaw(v)) for k, v in items}


def to_frozen(value, where):
    """Give a value of a dict as it is kept in memory: read-only, all inside of known types.

    Parameters
    ----------
    value : object
        Plain values, mappings and lists of them, and what a codec takes.
    where : str
        The class and attribute, for an error.

    Returns
    -------
    object
        The value.

    Raises
    ------
    AweTypeError
        It, or something inside, is of another type.
    """
    if type(value) in plain.SCALARS or isinstance(value, np.generic):
        return plain.to_plain(value, where)
    codec = _codec_of(type(value))
    if codec is not None:
        return codec.freeze(value, where)
    if isinstance(value, Bundle):
        return value
    if not hasattr(value, "items"):
        return plain.to_plain(value, where)
    # The keys are looked at where all plain values are.
    keys = plain.to_plain(dict.fromkeys(value), where)
    frozen = {k: to_frozen(v, where) for k, v in zip(keys, value.values(), strict=True)}
    if any(isinstance(v, Bundle) or _codec_of(type(v)) for v in frozen.values()):
        return Bundle(frozen)
    return types.MappingProxyType(frozen)


def thaw(value):
    """Give a frozen value as a plain one; a list in it stands for what is coded.

    Parameters
    ----------
    value : object
        As `to_frozen` gives it.

    Returns
    -------
    object
        What `unpack_frozen` takes.
    """
    if type(value) in plain.SCALARS:
        return value
    if isinstance(value, Bundle):
        return [_BUNDLE, value._thawed()]
    codec = _codec_of(type(value))
    if codec is not None:
        return [codec.name, codec.pack(value)]
    if isinstance(value, types.MappingProxyType):
        return {k: v if type(v) in plain.SCALARS else thaw(v) for k, v in value.items()}
    return tuple(map(thaw, value)) if isinstance(value, tuple) else value


def unpack_frozen(value):
    """Give the frozen value of a plain one.

    Parameters
    ----------
    value : object
        As `thaw` gives it.

    Returns
    -------
    object
        The value.

    Raises
    ------
    HostileRecordError
        Nothing in this process can read it.
    """
    if type(value) in plain.SCALARS:
        return value
    if isinstance(value, dict):
        return types.MappingProxyType(
            {k: v if type(v) in plain.SCALARS else unpack_frozen(v) for k, v in value.items()}
        )
    if isinstance(value, tuple):
        return tuple(map(unpack_frozen, value))
    if not isinstance(value, list):
        return value
    name, packed = value
    if name == _BUNDLE:
        return Bundle(packed, is_packed=True)
    if name not in _codecs:
        msg = f"A record of the store holds a {name!r}, which this process cannot read."
        raise plain.HostileRecordError(msg)
    return _codecs[name].unpack(packed)
