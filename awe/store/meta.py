"""How a persistent class is made of its declarations."""

import keyword

from awe.base.errors import AweAttributeError, AweLookupError, AweTypeError, NoAttributeError
from awe.store import current, registry
from awe.store.attributes import Attribute, InverseAttribute
from awe.store.keys import KeyAttribute
from awe.store.kinds import DictKind
from awe.store.othernames import here_it_is
from awe.store.takers import late_taker
from awe.store.terms import QUERY_METHODS

__all__ = ["DBMeta", "RecordMeta"]


def _own(base):
    """Give the attributes that a class declares itself."""
    known = base.__dict__.get("_own_attributes")
    if known is not None:
        return known
    return {n: v for n, v in base.__dict__.items() if isinstance(v, Attribute)}


def _collect(cls):
    """Give the attributes of a class, those of its bases first."""
    found = {}
    for base in reversed(cls.__mro__):
        own = _own(base)
        for name in [n for n in found if n in base.__dict__ and n not in own]:
            del found[name]
        found.update(own)
    return found


def _resolve(cls, own):
    """Find the kinds of what a class declares itself, and refuse names that cannot be."""
    for attribute in own.values():
        _check_name(cls, attribute)
        attribute.resolve()


class RecordMeta(type):
    """Makes classes of owned records."""

    def __init__(cls, name, bases, namespace):
        super().__init__(name, bases, namespace)
        cls._own_attributes = _own(cls)
        _resolve(cls, cls._own_attributes)
        cls._attributes = _collect(cls)
        for attribute in cls._attributes.values():
            if attribute.kind.child or isinstance(attribute, InverseAttribute):
                msg = f"{attribute.where(cls)}: an owned record holds no dicts, arrays or tables."
                raise AweTypeError(msg)
        cls._places = {n: at for at, n in enumerate(cls._attributes)}
        cls._take = late_taker(cls, "tuple")


class DBMeta(type):
    """Makes persistent classes, and lets a class be asked for its objects."""

    def __init__(cls, name, bases, namespace):
        super().__init__(name, bases, namespace)
        cls._own_attributes = _own(cls)
        _resolve(cls, cls._own_attributes)
        declared = _collect(cls)
        cls._inverses = {n: a for n, a in declared.items() if isinstance(a, InverseAttribute)}
        cls._attributes = {n: a for n, a in declared.items() if n not in cls._inverses}
        cls._keys = {}
        for source, keys in _all_keys(cls).items():
            if not isinstance(getattr(declared.get(source), "kind", None), DictKind):
                msg = f"{name}.key_columns names {source!r}, which is no dict attribute."
                raise AweTypeError(msg)
            for key, kind in keys.items():
                attribute = KeyAttribute(source, key, kind)
                attribute.__set_name__(cls, f"{source}[{key}]")
                attribute.resolve()
                cls._keys[source, key] = attribute
        cls._unique = _unique_sets(cls)
        cls._take = late_taker(cls, "dict")
        cls._two_sided = tuple(n for n, a in declared.items() if a.inverse is not None)
        cls._required = tuple(n for n, a in cls._attributes.items() if a.required)
        registry.declare(cls)

    @property
    def __doc__(cls):
        text = cls.__dict__.get("__doc__") or f"Objects of the class {cls.__name__}."
        shown = {**cls._attributes, **cls._inverses}
        if not shown:
            return text
        width = max(len(n) for n in shown)
        lines = [f"    {n:<{width}}  {a.__doc__}" for n, a in shown.items()]
        return text.rstrip() + "\n\n    Attributes:\n\n" + "\n".join(lines) + "\n"

    def __getattr__(cls, name):
        if name.startswith("_"):
            raise AttributeError(name)

        def tell():
            known = [*cls.__dict__.get("_attributes", ()), *cls.__dict__.get("_inverses", ())]
            return f"{cls.__name__} has no attribute {name!r}{here_it_is(cls, name, known)}"

        raise NoAttributeError(tell)

    def __setattr__(cls, name, value):
        if name in cls.__dict__.get("_attributes", ()) or name in cls.__dict__.get("_inverses", ()):
            msg = (
                f"{cls.__name__}.{name} is declared by the class; a value is assigned to the "
                f"attribute of an object."
            )
            raise AweAttributeError(msg)
        super().__setattr__(name, value)

    def __dir__(cls):
        return sorted({*super().__dir__(), *cls._attributes, *cls._inverses})

    def __getitem__(cls, object_id):
        return current.session().find_by_id(cls, object_id)


def _all_keys(cls):
    """Give the declared keys of all bases by dict attribute."""
    keys = {}
    for base in reversed(cls.__mro__):
        for source, declared in base.__dict__.get("key_columns", {}).items():
            keys.setdefault(source, {}).update(declared)
    return keys


def _check_name(cls, attribute):
    """Refuse names that a query or an object uses itself."""
    name = attribute.name
    taken = name in QUERY_METHODS or any(
        name in base.__dict__ and not isinstance(base.__dict__[name], Attribute)
        for base in cls.__mro__[1:]
    )
    if taken or name.startswith("_") or not name.isidentifier() or keyword.iskeyword(name):
        msg = (
            f"{cls.__name__}.{name}: an attribute may not bear the name of a method of a query "
            "or of an object, nor begin with an underscore; it is a name as Python writes it."
        )
        raise AweTypeError(msg)


def _unique_sets(cls):
    """Give what must be unique: tuples of attribute names, with the class that declared it."""
    found = []
    for base in reversed(cls.__mro__):
        for name, value in _own(base).items():
            if value.unique:
                found.append((base.__name__, (name,)))
        for names in base.__dict__.get("unique_together", ()):
            for name in names:
                if name not in cls._attributes:
                    msg = f"{base.__name__}.unique_together names {name!r}, which is not there."
                    raise AweLookupError(msg)
            found.append((base.__name__, tuple(names)))
    return tuple(found)
