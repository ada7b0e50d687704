"""Scripts that make an object again from raw frames."""

import re

from awe.base.documents import Document
from awe.base.utc import now
from awe.base.version import __version__
from awe.process.lineage import Lineage
from awe.process.product import Product
from awe.process.remaking import array_digests, check_inputs, given_values, measured_names
from awe.store.files import DataObject
from awe.store.kinds import LinkKind

__all__ = ["Script", "script_of"]

_WIDTH = 96


class Script(Document):
    """A script; the prompt shows it as it is, or the file that it was written to."""

    _called = "script"


def script_of(product, path=None):
    """Write a script that makes a product again from raw frames.

    Parameters
    ----------
    product : Product
        A product.
    path : str or os.PathLike, optional
        File for it. By default none is written.

    Returns
    -------
    Script
        The text. It names raw frames by file and SHA-256, makes each product of the lineage with
        the parameters that it had, and compares the result with what this one holds.

    Raises
    ------
    AweError
        It is no product, or something in its lineage may not be seen.
    """
    check_inputs(product)
    text = Script(_Writer(product).text())
    if path is not None:
        text.write(path)
    return text


def _in_order(product):
    """Give a product and its ancestors, inputs first."""
    ordered, seen, stack = [], {}, [(product, False)]
    while stack:
        obj, done = stack.pop()
        if done:
            ordered.append(obj)
        elif obj.object_id not in seen:
            seen[obj.object_id] = obj
            inputs = obj.input_objects() if isinstance(obj, Product) else []
            stack += [(obj, True), *((o, False) for _, o in reversed(inputs))]
    return ordered


def _companions(product):
    """Give the links to products that were made of a product and belong to it, as its weight."""
    found = {}
    for name, attribute in product._attributes.items():
        if isinstance(attribute.kind, LinkKind) and name not in type(product).inputs:
            linked = getattr(product, name)
            if isinstance(linked, Product) and any(o is product for _, o in linked.input_objects()):
                found[name] = linked
    return found


class _Writer:
    """Writes the script of one product."""

    def __init__(self, product):
        self._product = product
        self._names, self._counts = {}, {}

    def text(self):
        """Give the whole script."""
        product = self._product
        lines = self._head()
        for obj in _in_order(product):
            lines += self._made(obj)
        result = self._names[product.object_id]
        for name, companion in _companions(product).items():
            lines += ["", f"# Made of it, and belongs to it: {name}."]
            for obj in _in_order(companion):
                lines += self._made(obj)
        lines += ["", *self._end(result)]
        return "\n".join(lines) + "\n"

    def _head(self):
        product = self._product
        roots = len(Lineage(product).roots())
        return [
            f'"""Make {type(product).__name__} {product.object_id[-8:]} again from {roots} raw '
            f"files.",
            "",
            f"Written by awe {__version__} on {now():%Y-%m-%d %H:%M:%S} UTC. Run it with",
            "",
            "    awe THIS_FILE.py [--commit]",
            "",
            "in any store that has the raw files. Without --commit nothing is stored; the file of",
            "the result is left in the working directory.",
            '"""',
            "",
            "import sys",
            "",
            "from awe.pixels import kernel_name",
            "from awe.process.again import Again",
            "",
            "again = Again(kernel=kernel_name)",
        ]

    def _made(self, obj):
        """Give the lines that find or make an object; none where it has a name already."""
        if obj.object_id in self._names:
            return []
        variable = self._name(obj)
        if not isinstance(obj, Product):
            return self._found(variable, obj)
        lines = ["", f"{variable} = again.make(", f'    "{type(obj).__name__}",']
        lines += self._inputs(obj)
        lines += self._given(obj)
        if "process_params" in obj._attributes and obj.process_params is not None:
            lines += _mapping("parameters", {
                name: getattr(obj.process_params, name) for name in obj.process_params._attributes
            })  # fmt: skip
        if "timestamp_start" in obj._attributes:
            interval = (obj.timestamp_start, obj.timestamp_end)
            lines.append(
                f"    validity=({', '.join(repr(f'{t:%Y-%m-%dT%H:%M:%S.%f}') for t in interval)}),"
            )
        if obj.overridden_inputs:
            lines.append(f"    overridden={list(obj.overridden_inputs)!r},")
        lines.append(f'    code_version="{obj.code_version}",')
        lines.append(f'    content_key="{obj.content_key}",')
        return [*lines, ")", *self._belongings(variable, obj)]

    def _belongings(self, variable, obj):
        """Let what an object was made of know it where it belongs to that, as a weight does."""
        sources = {o.object_id: o for _, o in obj.input_objects() if isinstance(o, Product)}
        return [
            f"{self._names[source.object_id]}.{name} = {variable}"
            for source in sources.values()
            for name, companion in _companions(source).items()
            if companion is obj
        ]

    def _name(self, obj):
        stem = re.sub(r"(?<=[a-z])(?=[A-Z])|\W", "_", type(obj).__name__).lower()
        self._counts[stem] = self._counts.get(stem, 0) + 1
        self._names[obj.object_id] = name = f"{stem}_{self._counts[stem]}"
        return name

    def _found(self, variable, obj):
        kind = f'"{type(obj).__name__}", object_id="{obj.object_id}"'
        if not isinstance(obj, DataObject):
            return [f"{variable} = again.find({kind})"]
        return [
            f"{variable} = again.find(",
            f"    {kind},",
            f"    filename={obj.filename!r},",
            f'    sha256="{obj.sha256}",',
            ")",
        ]

    def _inputs(self, obj):
        by_role = {}
        for role, linked in obj.input_objects():
            by_role.setdefault(role, []).append(self._names[linked.object_id])
        lines = []
        for role, names in by_role.items():
            single = isinstance(obj._attributes[role].kind, LinkKind)
            if single:
                lines.append(f"    {role}={names[0]},")
            else:
                lines += _bracketed(f"    {role}=[", names, "],")
        return lines

    def _given(self, obj):
        """Give the lines with what was known before: from whom it is, or what it is."""
        like, values, links = {}, {}, {}
        for given in given_values(obj):
            linked = isinstance(obj._attributes[given.name].kind, LinkKind)
            if given.source is not None and given.source.object_id in self._names:
                source = self._names[given.source.object_id]
                like.setdefault(source, []).append(given.name)
            elif linked:
                links[given.name] = given.value
            else:
                values[given.name] = given.value
        lines = []
        for source, names in like.items():
            opening = "    like=[(" if source == next(iter(like)) else "          ("
            closing = '"),' if source != list(like)[-1] else '")],'
            lines += _wrapped(f'{opening}{source}, "', names, closing)
        if links:
            named = ", ".join(
                f'"{n}": ("{type(v).__name__}", "{v.object_id}", {v.summary()!r})'
                for n, v in links.items()
            )
            lines.append(f"    links={{{named}}},")
        return lines + (_mapping("values", values) if values else [])

    def _end(self, result):
        product = self._product
        digests = array_digests(product)
        numbers = {} if digests else {
            name: getattr(product, name)
            for name in measured_names(product)
            if isinstance(getattr(product, name), (int, float)) and not name.endswith("diff")
        }  # fmt: skip
        lines = ["again.finish(", f"    {result},"]
        if digests:
            lines += _mapping("arrays", digests)
        else:
            lines += _mapping("numbers", numbers)
        return [*lines, '    commit="--commit" in sys.argv[1:],', ")"]


def _mapping(name, values):
    lines = [f"    {name}={{"]
    lines += [f"        {key!r}: {_literal(value)}," for key, value in values.items()]
    return [*lines, "    },"] if values else [f"    {name}={{}},"]


def _literal(value):
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return f'float("{value}")'
    if hasattr(value, "isoformat"):
        return repr(value.isoformat())
    return repr(value)


def _bracketed(opening, names, closing):
    line = f"{opening}{', '.join(names)}{closing}"
    if len(line) <= _WIDTH:
        return [line]
    return [opening, *(f"        {name}," for name in names), f"    {closing}"]


def _wrapped(opening, names, closing):
    """Give names as one text in quotes, in several lines where it is long."""
    lines, line = [], opening
    for name in names:
        if len(line) + len(name) > _WIDTH - 4:
            lines.append(f'{line} "')
            line = " " * opening.index('"') + '"'
        line += ("" if line.endswith('"') else " ") + name
    return [*lines, line + closing]
