"""What the page tells of a product: facts, quality, lineage and picture."""

import contextlib
import dataclasses
import io
import os

from awe.base import hooks
from awe.base.errors import AweError, AweLookupError
from awe.dpu.jobs import DpuUnit
from awe.dpu.values import find_object
from awe.dpu.work import products_of
from awe.store import DBObject
from awe.view.information import information

__all__ = ["LineageLine", "ProductShown", "picture_of", "product_shown"]

_FACTS = (
    ("OBJECT", "Object"), ("DATE_OBS", "Observed"), ("EXPTIME", "Exposure time"),
    ("instrument.name", "Instrument"), ("chip.name", "CCD"), ("filter.name", "Filter"),
    ("timestamp_start", "Valid from"), ("timestamp_end", "Valid until"),
    ("creation_date", "Made"), ("made_by", "Made by"), ("made_on", "Made on"),
    ("made_in", "Took"),
)  # fmt: skip
_VALID = {0: "bad", 1: "good", 2: "proposed for the next level"}
# Pictures that are kept; a large frame takes a megabyte.
_KEPT = 200


@dataclasses.dataclass(frozen=True)
class LineageLine:
    """A line of the tree of a lineage.

    Attributes
    ----------
    before, text, after : str
        The line; the text in the middle is the name of an object, or empty.
    link : tuple of str
        Class and object_id of the object; empty where it has no page.
    """

    before: str
    text: str = ""
    after: str = ""
    link: tuple = ()


@dataclasses.dataclass(frozen=True)
class ProductShown:
    """A product in the words of the page.

    Attributes
    ----------
    kind, key, title : str
        Its class, its object_id, and its name.
    facts : list of (str, str)
        The first things that one asks.
    is_valid : int or None
        What people say of it; None where the class knows no such thing.
    verdict : str
        The same in words.
    flags : list of (str, str, bool)
        Name, meaning, and whether such a product is not used.
    lineage : list of LineageLine
        The tree.
    information : str
        What `info()` prints.
    has_pixels, is_committed : bool
        Whether there is a picture, and whether it is stored.
    """

    kind: str
    key: str
    title: str
    facts: list
    is_valid: int | None
    verdict: str
    flags: list
    lineage: list
    information: str
    has_pixels: bool
    is_committed: bool


def product_shown(context, kind, key, unit=""):
    """Give what is told of an object.

    Parameters
    ----------
    context : Context
        The context.
    kind, key : str
        Its class and object_id.
    unit : str, optional
        The object_id of the unit that made it, which is needed for what is not stored.

    Returns
    -------
    ProductShown
        Plain values.

    Raises
    ------
    AweLookupError
        There is no such object, or the user may not see it.
    """
    obj = _find(kind, key, unit)
    is_valid = _value(obj, "is_valid")
    flags = obj.quality() if hasattr(obj, "quality") else []
    title = _value(obj, "filename") or _value(obj, "name") or repr(obj)
    return ProductShown(
        type(obj).__name__, obj.object_id, str(title), list(_facts(obj)), is_valid,
        _VALID.get(is_valid, ""), [(f.name, f.description, f.disqualifies) for f in flags],
        _lineage(obj), information(obj), hasattr(type(obj), "data"), obj.is_committed,
    )  # fmt: skip


def _find(kind, key, unit):
    if not unit:
        return find_object(f"{kind} {key}")
    # What links to what is not stored must be held as long as it is looked at.
    made = products_of(DpuUnit[unit])
    for product in made:
        for obj in product.lineage().objects() if hasattr(product, "lineage") else [product]:
            if isinstance(obj, DBObject) and (type(obj).__name__, obj.object_id) == (kind, key):
                return obj
    msg = f"The unit has not made {kind} {key}."
    raise AweLookupError(msg)


def _value(obj, path):
    """Give what lies at the end of a dotted path, None where a step is missing."""
    for name in path.split("."):
        if name not in getattr(obj, "_attributes", ()):
            return None
        obj = getattr(obj, name)
    return obj


def _facts(obj):
    for path, words in _FACTS:
        value = _value(obj, path)
        if value is None or value == "":
            continue
        if hasattr(value, "strftime"):
            value = f"{value:%Y-%m-%d %H:%M:%S}"
        elif isinstance(value, float):
            value = f"{value:.4g} {obj._attributes[path].unit or ''}".rstrip()
        yield words, str(value)


def _lineage(obj):
    """Give the tree as `lineage()` prints it, with the objects of its lines."""
    if not hasattr(obj, "lineage"):
        return []
    tree = obj.lineage()
    known = {repr(each): each for each in tree.objects()}
    lines = []
    for line in str(tree).splitlines():
        before, mark, rest = line.partition("<")
        name, again, _ = rest.partition("  (see above)")
        each = known.get(mark + name)
        if each is None:
            lines.append(LineageLine(line))
            continue
        link = ()
        if isinstance(each, DBObject) and each is not obj:
            link = (type(each).__name__, each.object_id)
        lines.append(LineageLine(before, name.removesuffix(">"), again, link))
    return lines


def picture_of(context, folder, kind, key, unit=""):
    """Give the picture of an object, drawn once.

    Parameters
    ----------
    context : Context
        The context.
    folder : pathlib.Path
        Where pictures are kept.
    kind, key, unit : str
        As for `product_shown`.

    Returns
    -------
    bytes
        PNG.

    Raises
    ------
    AweLookupError
        There is no such object, or nothing of it to be seen.
    """
    obj = _find(kind, key, unit)
    file = folder / f"{obj.object_id}.png"
    with contextlib.suppress(FileNotFoundError):
        data = file.read_bytes()
        os.utime(file)
        return data
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    begun = folder / f"{obj.object_id}.begun.png"
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            hooks.call("inspect", obj, save=begun)
    except AweError as err:
        raise AweLookupError(str(err)) from err
    os.replace(begun, file)
    _remove_oldest(folder)
    return file.read_bytes()


def _remove_oldest(folder):
    files = sorted(folder.glob("*.png"), key=lambda file: file.stat().st_mtime)
    for file in files[:-_KEPT]:
        file.unlink(missing_ok=True)
