"""Objects by the beginning of their names."""

import numpy as np

from awe.base.errors import AweLookupError
from awe.store.blocks import blocks_of
from awe.store.numbers import pack

__all__ = ["find_by_id", "rows_with_id"]


def find_by_id(session, cls, text):
    """Give the object whose id begins or ends with a text.

    Ids of objects that are made in the same minute begin alike; their last digits are random, and
    `repr` shows these.

    Parameters
    ----------
    session : Session
        The session.
    cls : type
        A persistent class; its subclasses count.
    text : str
        At least the first or the last 8 of the 32 hexadecimal digits.

    Returns
    -------
    DBObject
        The object.

    Raises
    ------
    AweLookupError
        None or several fit.
    """
    digits = str(text).replace("-", "").lower()
    if len(digits) < 8 or len(digits) > 32 or set(digits) - set("0123456789abcdef"):
        msg = (
            f"{text!r} is not an object_id: it has 32 hexadecimal digits, "
            f"of which at least the first or the last 8 are needed."
        )
        remedy = f"All objects: {cls.__name__}.select_all(); one: {cls.__name__}.get(NAME=VALUE)."
        raise AweLookupError(msg, remedy=remedy)
    session.ensure()
    hits = []
    extents = [extent for _, extent in session.extents_of(cls)]
    for name in session.unknown_subclasses(cls):
        extents.append(session.root.extents[session.root.schemas[name].code])
    for extent in extents:
        rows = {*rows_with_id(session, extent, digits), *rows_ending_with(session, extent, digits)}
        hits += [pack(extent.code, int(r)) for r in sorted(rows)]
    hits = [p for p in hits if session.may_see(session.row(p).domain)]
    if len(hits) == 1:
        return session.get(hits[0])
    if not hits:
        msg = (
            f"No {cls.__name__} that you may see has an object_id beginning or ending with "
            f"{digits!r}."
        )
        raise AweLookupError(msg)
    first = ", ".join(session.get(p).object_id for p in hits[:3])
    msg = (
        f"{len(hits)} objects of {cls.__name__} have an object_id beginning or ending with "
        f"{digits!r} (those made in the same minute begin alike): "
        f"{first}{' ...' if hits[3:] else ''}."
    )
    raise AweLookupError(msg, remedy="Give more digits, or the last 8, which repr shows.")


def rows_with_id(session, extent, digits):
    """Find the rows whose object_id begins with some hexadecimal digits.

    Parameters
    ----------
    session : Session
        The session.
    extent : Extent
        The extent.
    digits : str
        From 8 to 32 digits.

    Returns
    -------
    list of int
        Row numbers.
    """
    low, high = int(digits.ljust(32, "0"), 16), int(digits.ljust(32, "f"), 16)
    low_high, high_high = _signed(low >> 64), _signed(high >> 64)
    found = []
    for block in blocks_of(session, extent):
        zone = block.zone("$high")
        if (
            zone is not None
            and zone[0] is not None
            and not (zone[0] <= high_high and low_high <= zone[1])
        ):
            continue
        values = block.column("$high").values
        hits = np.flatnonzero((values >= low_high) & (values <= high_high))
        if len(digits) > 16 and len(hits):
            lows = block.column("$low").values[hits].tolist()
            tail = digits[16:]
            keep = [format(v & (2**64 - 1), "016x").startswith(tail) for v in lows]
            hits = hits[np.array(keep)]
        found += (hits + block.start).tolist()
    return found


def rows_ending_with(session, extent, digits):
    """Find the rows whose object_id ends with some hexadecimal digits.

    Parameters
    ----------
    session : Session
        The session.
    extent : Extent
        The extent.
    digits : str
        From 8 to 16 digits; for more there is `rows_with_id`.

    Returns
    -------
    list of int
        Row numbers.
    """
    if len(digits) > 16:
        return []
    mask = np.uint64((1 << 4 * len(digits)) - 1)
    wanted = np.uint64(int(digits, 16))
    found = []
    for block in blocks_of(session, extent):
        values = block.column("$low").values.astype(np.uint64)
        found += (np.flatnonzero((values & mask) == wanted) + block.start).tolist()
    return found


def _signed(value):
    return value - 2**64 if value >= 2**63 else value
