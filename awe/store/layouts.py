"""Layouts: the order and kinds of the values in a record, and how older ones are read."""

__all__ = [
    "all_fields",
    "converter",
    "declared_at",
    "fields_of",
    "initial_raw",
    "merged",
    "merged_spec",
    "normalised",
    "spec_at",
]


def fields_of(session, schema):
    """Give the fields of a class: those declared here, else all that were ever stored.

    Parameters
    ----------
    session : Session
        The session.
    schema : ClassSchema
        What the store knows of the class.

    Returns
    -------
    tuple of (str, spec)
        Names and kinds in order.
    """
    cls = session.class_of_code(schema.code)
    return cls._fields() if cls is not None else all_fields(session, schema)


def all_fields(session, schema):
    """Give the fields of a class with those that only other versions of it know.

    Parameters
    ----------
    session : Session
        The session.
    schema : ClassSchema
        What the store knows of the class.

    Returns
    -------
    tuple of (str, spec)
        Names and kinds; those declared here first.
    """
    cls = session.class_of_code(schema.code)
    fields = () if cls is None else cls._fields()
    for layout in reversed(schema.layouts):
        fields = merged(fields, layout)
    return fields


def merged(first, second):
    """Join two layouts, so that no value of either is lost.

    Parameters
    ----------
    first, second : tuple of (str, spec)
        Layouts; where both have a field, the kind of the first counts.

    Returns
    -------
    tuple of (str, spec)
        All fields of the first in order, then the others.
    """
    if first == second:
        return first
    others = dict(second)
    out = tuple((n, merged_spec(s, others[n]) if n in others else s) for n, s in first)
    names = {n for n, _ in first}
    return out + tuple(field for field in second if field[0] not in names)


def merged_spec(first, second):
    """Give the kind that holds the values of two versions of one attribute.

    Parameters
    ----------
    first : str or tuple
        The kind here.
    second : str or tuple
        The other kind.

    Returns
    -------
    str or tuple
        The kind.
    """
    if first == second or not isinstance(first, tuple) or not isinstance(second, tuple):
        return "float" if second == "float" and first == "int" else first
    if first[0] == "owned":
        return (*first[:2], merged(first[2], second[2]))
    if first[0] == "list":
        return ("list", merged_spec(first[1], second[1]))
    return first


def spec_at(fields, path):
    """Give the kind of a field, also of one inside owned records.

    Parameters
    ----------
    fields : tuple of (str, spec)
        A layout.
    path : str
        Names with dots between.

    Returns
    -------
    str, tuple or None
        None where the layout has no such field.
    """
    name, _, rest = path.partition(".")
    spec = dict(fields).get(name)
    if not rest or spec is None:
        return spec
    if spec[0] == "list":
        spec = spec[1]
    return spec_at(spec[2], rest) if spec[0] == "owned" else None


def initial_raw(session, schema, path, spec):
    """Give the raw value of an attribute in records that were written without it.

    Parameters
    ----------
    session : Session
        The session.
    schema : ClassSchema
        What the store knows of the class.
    path : str
        The attribute; of a field of an owned record ``'imstat.max'``.
    spec : str or tuple
        Its kind.

    Returns
    -------
    object
        The default that was recorded when the attribute was added; before that, the declared
        one.
    """
    if path in schema.defaults:
        return schema.defaults[path]
    attribute = declared_at(session.class_of_code(schema.code), path)
    if attribute is None:
        return () if isinstance(spec, tuple) and spec[0] == "list" else None
    return attribute.initial_raw()


def declared_at(cls, path):
    """Give the declaration of an attribute or of a field of an owned record, or None.

    Parameters
    ----------
    cls : type
        A persistent class.
    path : str
        The column: an attribute, or a field of one, such as ``'imstat.max'``.

    Returns
    -------
    Attribute or None
        The declaration.
    """
    attribute = None
    attributes = {} if cls is None else cls._attributes
    for name in path.split("."):
        attribute = attributes.get(name)
        if attribute is None:
            return None
        kind = getattr(attribute.kind, "item", attribute.kind)
        attributes = getattr(getattr(kind, "record_class", None), "_attributes", {})
    return attribute


def converter(session, schema, path, old, new):
    """Give the function from the raw form of an older kind to that of the present one.

    Parameters
    ----------
    session : Session
        The session.
    schema : ClassSchema
        What the store knows of the class.
    path : str
        The attribute.
    old, new : str or tuple
        The kinds.

    Returns
    -------
    callable or None
        None where the raw value serves as it is.
    """
    if old == new:
        return None
    if new == "float":
        return _to_float
    if not isinstance(new, tuple) or new[0] not in ("list", "owned"):
        return None
    if new[0] == "list":
        item = converter(session, schema, path, old[1], new[1])
        return None if item is None else lambda raw: tuple(item(r) for r in raw or ())
    return _record_converter(session, schema, path, old[2], new[2])


def _to_float(raw):
    return None if raw is None else float(raw)


def _record_converter(session, schema, path, old, new):
    """Read an owned record whose class has gained, lost or moved fields."""
    plan = _plan(session, schema, old, new, f"{path}.")
    return lambda raw: None if raw is None else _arranged(raw, plan)


def _arranged(values, plan):
    if plan is None:
        return values
    return tuple(
        default if at is None else values[at] if convert is None else convert(values[at])
        for at, convert, default in plan
    )


def normalised(session, schema, rows, fields):
    """Give the raw values of rows in the order of some fields.

    Parameters
    ----------
    session : Session
        The session.
    schema : ClassSchema
        What the store knows of the class.
    rows : sequence of Row or None
        Rows of any layout; None where an object was deleted.
    fields : tuple of (str, spec)
        The fields wanted.

    Returns
    -------
    list of tuple
        One for each row.
    """
    plans = {}
    empty = tuple(() if isinstance(s, tuple) and s[0] == "list" else None for _, s in fields)
    out = []
    for row in rows:
        if row is None:
            out.append(empty)
            continue
        if row.layout not in plans:
            plans[row.layout] = _plan(session, schema, schema.layouts[row.layout], fields)
        out.append(_arranged(row.values(), plans[row.layout]))
    return out


def _plan(session, schema, layout, fields, prefix=""):
    """Say for each field where its value stands in the layout, or its default."""
    if layout == fields:
        return None
    positions = {name: (at, spec) for at, (name, spec) in enumerate(layout)}
    steps = []
    for name, spec in fields:
        path = prefix + name
        if name not in positions:
            steps.append((None, None, initial_raw(session, schema, path, spec)))
        else:
            at, old = positions[name]
            steps.append((at, converter(session, schema, path, old, spec), None))
    return steps
