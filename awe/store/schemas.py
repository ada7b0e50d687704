"""Schemas: what the store knows of the classes, brought up to date under the lock."""

from awe.base.errors import AweTypeError
from awe.store import registry
from awe.store.layouts import declared_at, merged
from awe.store.records import ClassSchema, Extent

__all__ = ["Schemas"]


class Schemas:
    """The schemas of one store, for a writer.

    Parameters
    ----------
    session : Session
        The session; the lock is held.
    """

    def __init__(self, session):
        self._session = session
        self._root = session.root
        self._numbers = {}

    def layout_of(self, cls, extra=()):
        """Give the schema of a class and the number of its present layout.

        Parameters
        ----------
        cls : type
            A persistent class.
        extra : tuple of (str, spec), optional
            A layout whose values must not be lost, written by another version of the class.

        Returns
        -------
        schema : ClassSchema
            The schema; a new one where the store never had the class.
        number : int
            The layout in it.
        """
        key = (cls, extra)
        if key not in self._numbers:
            self._numbers[key] = self._find(cls, extra)
        return self._numbers[key]

    def _find(self, cls, extra):
        schema = self._session.schema(cls)
        if schema is None:
            schema = self._new_schema(cls)
        fields = cls._fields()
        if any(layout != fields for layout in schema.layouts):
            self._record_defaults(schema, cls, fields)
        fields = merged(fields, extra) if extra else fields
        if fields not in schema.layouts:
            schema.layouts = (*schema.layouts, fields)
        return schema, schema.layouts.index(fields)

    def _new_schema(self, cls):
        code = max(self._root.names, default=0) + 1
        bases = tuple(c.__name__ for c in cls.__mro__ if hasattr(c, "_is_persistent_class"))
        schema = ClassSchema(cls.__name__, code, bases)
        self._root.schemas[cls.__name__] = schema
        self._root.names[code] = cls.__name__
        self._root.extents[code] = Extent(code)
        self._session._schema_cache[cls.__name__] = schema
        return schema

    def note_all(self):
        """Record the layouts of all known classes that have changed, and the new defaults.

        So the default of an attribute counts from the first commit of any object on, not only
        from the first one of its class.
        """
        noted = self._session.noted
        for name, schema in list(self._root.schemas.items()):
            cls = registry.known_class(name)
            if cls is not None and noted.get(cls) != len(schema.layouts):
                self.layout_of(cls)
                noted[cls] = len(schema.layouts)

    def _record_defaults(self, schema, cls, fields):
        """Keep the default of all that some stored layout lacks."""
        added = {}
        for layout in map(dict, schema.layouts):
            for name, spec in fields:
                if name not in layout:
                    added[name] = None
                elif _compatible(layout[name], spec):
                    added |= dict.fromkeys(_added(layout[name], spec, name))
                elif fields not in schema.layouts:
                    # Older code may go on to write as it did.
                    msg = (
                        f"{cls.__name__}.{name} is stored as {layout[name]} and is now declared as "
                        f"{spec}; the stored values cannot be read so."
                    )
                    raise AweTypeError(msg, remedy="Give the new attribute another name.")
        defaults = {path: _initial_raw(cls, path) for path in added if path not in schema.defaults}
        if defaults:
            schema.defaults = {**schema.defaults, **defaults}


def _initial_raw(cls, path):
    attribute = declared_at(cls, path)
    return None if attribute is None else attribute.initial_raw()


def _compatible(old, new):
    if old == new or (old, new) == ("int", "float"):
        return True
    if not isinstance(old, tuple) or not isinstance(new, tuple) or old[0] != new[0]:
        return False
    if old[0] == "list":
        return _compatible(old[1], new[1])
    if old[0] == "owned":
        # It may gain and lose fields.
        before = dict(old[2])
        return all(name not in before or _compatible(before[name], s) for name, s in new[2])
    # A link may point to a class that was renamed.
    return True


def _added(old, new, path):
    """Give the fields of owned records that are new, by path."""
    if not isinstance(new, tuple) or old == new:
        return
    if new[0] == "list":
        yield from _added(old[1], new[1], path)
    elif new[0] == "owned":
        before = dict(old[2])
        for name, spec in new[2]:
            if name in before:
                yield from _added(before[name], spec, f"{path}.{name}")
            else:
                yield f"{path}.{name}"
