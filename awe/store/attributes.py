"""Persistent attributes: on an instance the value, on the class a term of a query."""

import functools

from awe.base.errors import AweAttributeError, AweTypeError, did_you_mean
from awe.store import registry
from awe.store.kinds import LinkKind, ListKind, OwnedKind, kind_of
from awe.store.othernames import here_it_is

__all__ = ["Attribute", "InverseAttribute", "Path", "persistent"]


class Attribute:
    """A declared attribute; made by `persistent`.

    Parameters
    ----------
    doc : str
        Its meaning.
    declared : type, str or list
        The type as it was declared.
    default : object
        The value of a new object where none is given.
    unit : str or None
        Its unit.
    mutable, unique, required : bool
        As declared.
    inverse : str or None
        The attribute on the other side of a link.

    Attributes
    ----------
    name : str
        Its name in the class.
    kind : Kind
        What it takes.
    """

    def __init__(self, doc, declared, default, *, unit, mutable, unique, required, inverse):
        self.doc = doc
        self.declared = declared
        self.default = default
        self.unit = unit
        self.mutable = mutable
        self.unique = unique
        self.required = required
        self.inverse = inverse
        self.name = None
        self.owner = None
        self.kind = None

    @property
    def __doc__(self):
        unit = f" [{self.unit}]" if self.unit else ""
        return f"{self.doc}{unit} ({self.type_text()})"

    def type_text(self):
        """Give the type as a person reads it."""
        kind = self.kind
        if isinstance(kind, LinkKind):
            return f"link to {kind.target_name}"
        if isinstance(kind, ListKind):
            item = kind.item
            inner = item.target_name if isinstance(item, LinkKind) else item.spec
            if isinstance(item, OwnedKind):
                inner = item.record_class.__name__
            return f"list of {inner}"
        return kind.record_class.__name__ if isinstance(kind, OwnedKind) else str(kind.spec)

    def __set_name__(self, owner, name):
        self.name = name
        self.owner = owner

    def resolve(self):
        """Find the kind that was declared and check the default, once the name is known."""
        if self.kind is None:
            self.kind = kind_of(self.declared, self.where())
            self.default = self.kind.coerce(self.default, f"The default of {self.where()}")

    def where(self, cls=None):
        """Give 'Class.attribute' for messages."""
        return f"{(cls or self.owner).__name__}.{self.name}"

    def initial(self):
        """Give the value of a new object where the user gives none."""
        return self.default

    def initial_raw(self):
        """Give the raw value of a new object where the user gives none."""
        return None if self.kind.child else self.kind.to_raw(self.default)

    def __get__(self, obj, owner=None):
        if obj is None:
            return _term_class()(_first_step(owner, self))
        return obj._value_of(self)

    def __set__(self, obj, value):
        obj._set(self, value)

    def __delete__(self, obj):
        msg = f"{self.where(type(obj))} cannot be deleted; assign None instead."
        raise AweAttributeError(msg)


class InverseAttribute(Attribute):
    """The computed side of a relation: it is read from the links on the other side."""

    @property
    def many(self):
        """Whether it is a list."""
        return isinstance(self.kind, ListKind)

    @property
    def target(self):
        """The class on the other side."""
        return self.kind.item.target if self.many else self.kind.target

    @property
    def other(self):
        """The stored side of the relation."""
        found = self.target._attributes.get(self.inverse)
        item = getattr(found, "kind", None)
        item = item.item if isinstance(item, ListKind) else item
        if not isinstance(item, LinkKind):
            msg = (
                f"{self.where()} says that its inverse is {self.target.__name__}.{self.inverse}, "
                f"which is no link."
            )
            raise AweTypeError(msg, remedy="Declare that side first, or give it the link.")
        return found

    def __get__(self, obj, owner=None):
        if obj is None:
            return super().__get__(obj, owner)
        return obj._inverse_value(self)

    def __set__(self, obj, value):
        obj._set_inverse(self, value)


def persistent(
    doc, type, default=None, *, unit=None, mutable=False, unique=False, required=False,
    inverse=None,
):  # fmt: skip
    """Declare an attribute of a persistent class or of an owned record.

    Parameters
    ----------
    doc : str
        What the attribute means.
    type : type, str or list of one of these
        bool, int, float, str, datetime; a persistent class (or its name, where it is declared
        later) for a link; a class of owned records; dict, numpy.ndarray or
        `awe.store.Table`; or a list with one of the first three in it. A class with the
        default ``[]`` is a list of links.
    default : object, optional
        The value of a new object where none is given. The default is None, for lists an empty
        one.
    unit : str, optional
        The unit, as astropy writes it.
    mutable : bool, optional
        Whether it may change after commit; every change is recorded. The default is False.
    unique : bool, optional
        Whether two objects of a project may not have the same value. The default is False.
    required : bool, optional
        Whether an object without it is refused at commit. The default is False.
    inverse : str, optional
        For a link: the attribute on the other side, which is kept in step.

    Returns
    -------
    Attribute
        On an instance the value, on the class a term of a query.
    """
    if isinstance(default, list) and not isinstance(type, list):
        type = [type]
    cls = Attribute
    if inverse is not None and _is_computed(type, inverse):
        cls = InverseAttribute
    return cls(
        doc, type, default, unit=unit, mutable=mutable, unique=unique, required=required,
        inverse=inverse,
    )  # fmt: skip


def _is_computed(declared, inverse):
    """Decide which side of a relation is computed, where the other side is known already.

    A single link is stored and the list opposite to it is computed; of two lists, or of two
    single links, the one declared first is computed or stored, respectively.
    """
    many = isinstance(declared, list)
    target = declared[0] if many else declared
    target = registry.known_class(target) if isinstance(target, str) else target
    other = None if target is None else target._inverses.get(inverse)
    stored = None if target is None else target._attributes.get(inverse)
    if many:
        return not (other is not None and isinstance(other.kind, ListKind))
    return stored is not None and isinstance(stored.kind, LinkKind)


@functools.cache
def _term_class():
    # The module of terms knows this one; to import it each time would cost more than the term.
    from awe.store.terms import Term

    return Term


def _first_step(cls, attribute):
    """Give the path of one attribute of a class, the same one each time."""
    paths = cls.__dict__.get("_paths")
    if paths is None:
        cls._paths = paths = {}
    path = paths.get(attribute.name)
    if path is None:
        path = paths[attribute.name] = Path(cls, (attribute,))
    return path


class Path:
    """A way from a class along attributes: links, fields of owned records, a last value.

    Parameters
    ----------
    cls : type
        Where it begins.
    attributes : tuple of Attribute
        The steps.
    """

    def __init__(self, cls, attributes):
        self.cls = cls
        self.attributes = attributes
        # The last step.
        self.attribute = attributes[-1]
        # What was asked of a path once is asked again with the next query.
        self._halves = None
        self._steps = {}

    @functools.cached_property
    def kind(self):
        """The kind of the last step; a field of a list of records is a list."""
        kind = self.attribute.kind
        for attribute in self.attributes[:-1]:
            if isinstance(attribute.kind, ListKind):
                return ListKind(kind)
        return kind

    @functools.cached_property
    def column(self):
        """The column's path, for a way without links before its end."""
        return ".".join([a.name for a in self.attributes])

    def __str__(self):
        return f"{self.cls.__name__}.{self.column}"

    def split(self):
        """Cut the path at its first link.

        Returns
        -------
        link : Path
            Up to the link.
        rest : Path or None
            From the link's target on; None where no link comes before the end.
        """
        if self._halves is None:
            self._halves = self._split()
        return self._halves

    def _split(self):
        for at, attribute in enumerate(self.attributes[:-1]):
            if isinstance(attribute.kind, LinkKind):
                link = Path(self.cls, self.attributes[: at + 1])
                return link, Path(attribute.kind.target, self.attributes[at + 1 :])
        return self, None

    def step(self, name):
        """Go one attribute further.

        Parameters
        ----------
        name : str
            The attribute.

        Returns
        -------
        Path
            The longer path.

        Raises
        ------
        AweAttributeError
            The class at the end of this path has no such attribute; the nearest are named.
        """
        if name not in self._steps:
            self._steps[name] = self._step(name)
        return self._steps[name]

    def _step(self, name):
        kind = self.kind
        item = kind.item if isinstance(kind, ListKind) else kind
        if isinstance(kind, ListKind) and isinstance(item, LinkKind):
            msg = f"{self} is a list of links; ask with {self}.contains(object)."
            raise AweAttributeError(msg)
        found = _attribute_behind(item, name)
        if found is None:
            known = attributes_behind(item)
            what = self.attribute.type_text()
            ending = f".{did_you_mean(name, known)}"
            if isinstance(item, LinkKind):
                ending = here_it_is(item.target, name, known)
            msg = f"{self} ({what}) has no attribute {name!r}{ending}"
            raise AweAttributeError(msg)
        return Path(self.cls, (*self.attributes, found))


def _attribute_behind(kind, name):
    if isinstance(kind, LinkKind):
        return kind.target._attributes.get(name) or kind.target._inverses.get(name)
    return attributes_behind(kind).get(name)


def attributes_behind(kind):
    """Give the attributes that can follow a kind in a path, by name.

    Parameters
    ----------
    kind : Kind
        The kind of the last step.

    Returns
    -------
    dict of str to Attribute
        Empty for anything but links and owned records.
    """
    if isinstance(kind, LinkKind):
        return {**kind.target._attributes, **kind.target._inverses}
    if isinstance(kind, OwnedKind):
        return kind.record_class._attributes
    return {}


def path_of(cls, text):
    """Read a dotted path such as 'filter.name'.

    Parameters
    ----------
    cls : type
        The class where it begins.
    text : str
        Names with dots between.

    Returns
    -------
    Path
        The path.

    Raises
    ------
    AweAttributeError
        A step does not exist; the nearest names are given.
    """
    if not isinstance(text, str):
        msg = f"An attribute is named by a text such as 'DATE_OBS', not by {text!r}."
        raise AweTypeError(msg)
    first, *others = text.split(".")
    known = {**cls._attributes, **cls._inverses}
    if first not in known:
        msg = f"{cls.__name__} has no attribute {first!r}{here_it_is(cls, first, known)}"
        raise AweAttributeError(msg)
    path = Path(cls, (known[first],))
    for name in others:
        path = path.step(name)
    return path


__all__ += ["attributes_behind", "path_of"]
