"""The compact record of a product that its file carries: inputs, parameters, versions."""

from awe.process.lineage import name_of
from awe.process.product import Product

__all__ = ["COLUMNS", "record_cards", "record_rows"]

COLUMNS = ("KIND", "NAME", "VALUE", "UNIT", "ORIGIN", "CLASS", "ID", "SHA256", "KEY")
"""Columns of the table in the file; what KIND a row is of decides which of them have a value."""


def record_cards(product):
    """Give the cards that say what a product is and which code made it.

    Parameters
    ----------
    product : Product
        Made, perhaps not committed.

    Returns
    -------
    list of (str, str, str)
        Keyword of at most 8 letters, value, comment.
    """
    cards = [
        ("AWECLASS", type(product).__name__, "class in awe"),
        ("AWEID", product.object_id, "object_id in awe"),
        ("AWEKEY", product.content_key, ""),
        ("AWECODE", product.code_version, "version of the class's code"),
        ("AWEVERS", product.package_version, "version of awe"),
        ("AWEKERN", product.kernel, "form of the pixel steps"),
        ("AWEBY", _header_text(product.made_by), "who made it"),
    ]
    return [(key, value or "", comment) for key, value, comment in cards]


def _header_text(text):
    return text and text.encode("ascii", "replace").decode("ascii")[:60]


def record_rows(product):
    """Give the rows of the table that says where a product came from.

    Parameters
    ----------
    product : Product
        Made, perhaps not committed.

    Returns
    -------
    list of tuple of str
        Inputs, raw frames further down, parameters, software and notes; columns as `COLUMNS`.
    """
    inputs = product.input_objects()
    rows = [_object_row("input", role, obj) for role, obj in inputs]
    rows += [_object_row("raw", "raw", obj) for obj in _further_roots(inputs)]
    rows += _parameter_rows(product)
    for entry in product.dependency_versions:
        name, _, version = entry.partition(" ")
        rows.append(_row("software", name, version))
    rows += [_row("note", "not done", text) for text in product.steps_not_done]
    rows += [_row("note", "given by the user", text) for text in product.overridden_inputs]
    return rows


def _row(kind, name, value, **others):
    values = {"KIND": kind, "NAME": name, "VALUE": value, **others}
    return tuple(values.get(column) or "" for column in COLUMNS)


def _further_roots(inputs):
    """Give what nothing was made from, below the inputs."""
    # The objects are held: an id serves as a name only as long as its object lives.
    seen = {id(obj): obj for _, obj in inputs}
    roots, waiting = [], list(seen.values())
    while waiting:
        obj = waiting.pop(0)
        for _, below in obj.input_objects() if isinstance(obj, Product) else ():
            if id(below) in seen:
                continue
            seen[id(below)] = below
            waiting.append(below)
            if not isinstance(below, Product):
                roots.append(below)
    return roots


def _object_row(kind, role, obj):
    if not hasattr(type(obj), "_attributes"):
        # Something that the maker may not see: its name is all that is known.
        return _row(kind, role, "restricted", ID=getattr(obj, "object_id", ""))
    has_file = "sha256" in obj._attributes
    return _row(
        kind, role, name_of(obj),
        CLASS=type(obj).__name__, ID=obj.object_id, SHA256=obj.sha256 if has_file else "",
        KEY=obj.content_key if isinstance(obj, Product) else "",
    )  # fmt: skip


def _parameter_rows(product):
    parameters = product.process_params if "process_params" in product._attributes else None
    if parameters is None:
        return []
    origins = dict(text.split(": ", 1) for text in product.parameter_origins)
    return [
        _row("parameter", name, repr(getattr(parameters, name)), UNIT=attribute.unit,
             ORIGIN=origins.get(name, "class"))
        for name, attribute in parameters._attributes.items()
    ]  # fmt: skip
