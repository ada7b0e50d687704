"""Making a product again in memory, and telling whether it comes out the same."""

import dataclasses

import numpy as np

from awe.base.version import __version__
from awe.process.product import _dependency_versions
from awe.process.remaking import check_inputs, measured_names, unmade
from awe.store import DBObject
from awe.store.files import DataObject

__all__ = ["ArrayDifference", "Reproduction", "reproduce"]


@dataclasses.dataclass(frozen=True)
class ArrayDifference:
    """Where two arrays differ.

    Attributes
    ----------
    name : str
        The array: 'image', 'ERROR', or the column of a table.
    count, size : int
        How many values differ, of how many; all where the shapes do.
    first : tuple of int or None
        Index of the first one, such as (y, x), from 0; None where the shapes differ.
    greatest : float or None
        The greatest absolute difference; None where they are no numbers or one is not finite.
    text : str
        What is at the first one, or both shapes.
    """

    name: str
    count: int
    size: int
    first: tuple | None
    greatest: float | None
    text: str

    def __str__(self):
        if self.first is None:
            return f"{self.name}: {self.text}"
        greatest = "" if self.greatest is None else f", greatest difference {self.greatest:.6g}"
        index = ", ".join(map(str, self.first))
        return (
            f"{self.name}: {self.count} of {self.size} values differ, the first at [{index}]: "
            f"{self.text}{greatest}"
        )


@dataclasses.dataclass(frozen=True)
class Reproduction:
    """Whether a product comes out the same when it is made again.

    Attributes
    ----------
    product : Product
        The product as it is stored.
    again : Product
        What was made, in memory only.
    arrays : dict of str to int
        Number of values of each array that was compared; a product without pixels has none.
    differences : list of ArrayDifference
        Empty where all are identical.
    numbers : list of (str, object, object)
        Attributes that came out different: name, then, now.
    compared : int
        Number of attributes that were compared.
    versions : list of str
        What has another version than when the product was made.
    """

    product: object
    again: object
    arrays: dict
    differences: list
    numbers: list
    compared: int
    versions: list

    @property
    def identical(self):
        """Whether all pixels and all numbers came out the same."""
        return not self.differences and not self.numbers

    def __bool__(self):
        return self.identical

    def __str__(self):
        what = ", ".join(f"{name} ({size} values)" for name, size in self.arrays.items())
        what = f"{what} and {self.compared} attributes" if what else f"{self.compared} attributes"
        if self.identical:
            lines = [f"{self.product!r} comes out identical: {what}."]
        else:
            lines = [f"{self.product!r} comes out different; compared were {what}."]
        lines += [f"  {difference}" for difference in self.differences]
        lines += [f"  {name}: was {then!r}, is {now!r}" for name, then, now in self.numbers]
        return "\n".join([*lines, *(f"  then and now: {text}" for text in self.versions)])

    def __repr__(self):
        return str(self)


def reproduce(product):
    """Make a product again in memory from its stored inputs, and compare.

    Parameters
    ----------
    product : Product
        A product.

    Returns
    -------
    Reproduction
        Printing it tells; ``identical`` says it in one word.

    Raises
    ------
    AweError
        It is no product, or the file of an input or its own is missing or damaged.
    """
    check_inputs(product)
    for obj in (product, *(o for _, o in product.input_objects())):
        if isinstance(obj, DataObject) and obj.is_committed:
            obj.check_file()
    again = unmade(product)
    again.make()
    unknown = _compare_with_previous(again, product)
    then, now = product.content_arrays(), again.content_arrays()
    names = [n for n in measured_names(product) if n not in unknown]
    numbers = [
        (name, getattr(product, name), getattr(again, name))
        for name in names
        if _raw(product, name) != _raw(again, name)
    ]
    return Reproduction(
        product, again, {name: int(np.size(array)) for name, array in then.items()},
        _differences(then, now), numbers, len(names), _changed_versions(product),
    )  # fmt: skip


def _compare_with_previous(again, product):
    """Judge and compare as when the product was made; give attributes that nobody can tell."""
    previous = product.prev if "prev" in product._attributes else None
    before = {name: _raw(again, name) for name in measured_names(product)}
    if previous is None or isinstance(previous, DBObject):
        object.__setattr__(again, "previous", lambda: previous)
        again.verify()
        again.compare()
        return set()
    # What was measured against something that may not be seen cannot be measured again.
    return {n for n, raw in before.items() if raw in ("None", "()")}


def _raw(obj, name):
    """Give a value as a text that is equal where the value is, NaN included."""
    value, kind = getattr(obj, name), obj._attributes[name].kind
    if value is None:
        return "None"
    return repr(kind.pack(value) if kind.child else kind.to_raw(value))


def _differences(then, now):
    found = []
    for name in {**then, **now}:
        if name not in then or name not in now:
            where = "now" if name in now else "then"
            text = f"it is there only {where}"
            size = int(np.size(then.get(name, now.get(name))))
            found.append(ArrayDifference(name, size, size, None, None, text))
            continue
        difference = _difference(name, np.asarray(then[name]), np.asarray(now[name]))
        if difference is not None:
            found.append(difference)
    return found


def _difference(name, then, now):
    if then.shape != now.shape or then.dtype.kind != now.dtype.kind:
        text = f"was {then.dtype} {then.shape}, is {now.dtype} {now.shape}"
        return ArrayDifference(name, then.size, then.size, None, None, text)
    differ = then != now
    numbers = then.dtype.kind in "iuf"
    if then.dtype.kind == "f":
        differ &= ~(np.isnan(then) & np.isnan(now))
    count = int(np.count_nonzero(differ))
    if not count:
        return None
    first = tuple(int(i) for i in np.argwhere(differ)[0])
    greatest = None
    if numbers:
        change = np.abs(then[differ].astype(float) - now[differ].astype(float)).max()
        greatest = float(change) if np.isfinite(change) else None
    text = f"was {then[first]}, is {now[first]}"
    return ArrayDifference(name, count, then.size, first, greatest, text)


def _changed_versions(product):
    pairs = [
        ("code", product.code_version, type(product).pixel_version),
        ("awe", product.package_version, __version__),
    ]
    then = dict(text.split(" ", 1) for text in product.dependency_versions)
    now = dict(text.split(" ", 1) for text in _dependency_versions())
    pairs += [(name, then.get(name), version) for name, version in now.items()]
    return [f"{name} {a} and {b}" for name, a, b in pairs if a != b]
