"""What it takes to make a product again: its inputs, and what was known before it was made."""

import dataclasses
import hashlib

import numpy as np

from awe.base.errors import AweError, AwePermissionError
from awe.process.lineage import Lineage
from awe.process.product import Product
from awe.store import DBObject
from awe.store.files import DataObject
from awe.store.kinds import BoolKind, DatetimeKind, FloatKind, IntKind, LinkKind, StrKind

__all__ = ["Given", "array_digests", "check_inputs", "given_values", "measured_names", "unmade"]

_PLAIN_KINDS = (BoolKind, DatetimeKind, StrKind)
_NUMBERS = (FloatKind, IntKind)


@dataclasses.dataclass(frozen=True)
class Given:
    """A value that a product had before it was made.

    Attributes
    ----------
    name : str
        The attribute.
    value : object
        Its value.
    source : DBObject or None
        The nearest ancestor with the same value under the same name; None where there is none.
    """

    name: str
    value: object
    source: object


def _machine_names():
    """Give the attributes that awe writes into every product and every file."""
    return {*Product._attributes, *DataObject._attributes}


def check_inputs(product):
    """Raise where a product cannot be made again by who asks.

    Parameters
    ----------
    product : Product
        A product.

    Raises
    ------
    AweError
        It is no product.
    AwePermissionError
        One of its ancestors may not be seen.
    """
    if not isinstance(product, Product):
        msg = f"{product!r} was not made from anything: there is nothing to make again."
        raise AweError(msg)
    hidden = [o for o in Lineage(product).objects() if not isinstance(o, DBObject)]
    if hidden:
        msg = f"{product!r} hangs on {hidden[0]!r}, which you may not see"
        more = f", and on {len(hidden) - 1} more" if hidden[1:] else ""
        raise AwePermissionError(f"{msg}{more}.")


def given_values(product):
    """Find what a product was given besides inputs and parameters, such as its CCD and night.

    Parameters
    ----------
    product : Product
        A product.

    Returns
    -------
    list of Given
        Links to what is named (or stands in its lineage), times and texts; numbers that one of
        its inputs has as well. What `make` measures anew takes their place.
    """
    cls, machine = type(product), _machine_names()
    ancestors = Lineage(product).objects()[1:]
    direct = [obj for _, obj in product.input_objects()]
    found = []
    for name, attribute in cls._attributes.items():
        if name in machine or name in cls.inputs or name == "process_params" or attribute.mutable:
            continue
        value, kind = getattr(product, name), attribute.kind
        if value is None:
            continue
        source = _first_with(direct if isinstance(kind, _NUMBERS) else ancestors, name, value)
        if isinstance(kind, LinkKind):
            wanted = not isinstance(value, Product) or any(value is o for o in ancestors)
        else:
            wanted = isinstance(kind, _PLAIN_KINDS) or (
                isinstance(kind, _NUMBERS) and source is not None
            )
        if wanted:
            found.append(Given(name, value, source))
    return found


def _first_with(objects, name, value):
    for obj in objects:
        if name in obj._attributes:
            held = getattr(obj, name)
            if held is value or (type(held) is type(value) and held == value):
                return obj
    return None


def unmade(product):
    """Give a new object with all that a product had before it was made.

    Parameters
    ----------
    product : Product
        A product.

    Returns
    -------
    Product
        Not made yet; its interval of validity will be that of the product.
    """
    values = {given.name: given.value for given in given_values(product)}
    values |= {name: getattr(product, name) for name in type(product).inputs}
    if "process_params" in product._attributes:
        values["process_params"] = product.process_params
    return prepared(type(product)(**values), product)


def prepared(new, like):
    """Hand to a new product what a task tells it besides its attributes.

    Parameters
    ----------
    new : Product
        With its inputs, not made yet.
    like : Product
        The product that it repeats, or anything with the same attributes.

    Returns
    -------
    Product
        The new one.
    """
    if getattr(like, "timestamp_start", None) is not None:
        object.__setattr__(new, "_validity", (like.timestamp_start, like.timestamp_end))
    if hasattr(new, "leave_out"):
        left_out = [n for n in like.overridden_inputs if getattr(new, n, "") is None]
        new.leave_out(left_out)
    return new


def measured_names(product):
    """Give the attributes that the making of a product sets, apart from links.

    Parameters
    ----------
    product : Product
        A product.

    Returns
    -------
    list of str
        In the order of their declaration.
    """
    cls, machine = type(product), _machine_names() - {"steps_not_done"}
    return [
        name
        for name, attribute in cls._attributes.items()
        if name not in machine
        and name not in cls.inputs
        and name != "process_params"
        and not attribute.mutable
        and not attribute.kind.may_link()
    ]


def array_digests(product):
    """Compute the checksum of each array of a product's content.

    Parameters
    ----------
    product : Product
        Made, in memory or in its file.

    Returns
    -------
    dict of str to str
        SHA-256 over kind of number, shape and values, by name; the order of bytes in the file
        and its header do not matter.
    """
    found = {}
    for name, array in product.content_arrays().items():
        array = np.ascontiguousarray(array)
        array = array.astype(array.dtype.newbyteorder("<"), copy=False)
        digest = hashlib.sha256(f"{array.dtype.str[1:]} {array.shape} ".encode())
        digest.update(array.reshape(-1).view(np.uint8).data if array.size else b"")
        found[name] = digest.hexdigest()
    return found
