"""What a session knows of the stored classes."""

from awe.store import layouts, registry

__all__ = ["Catalog"]


class Catalog:
    """The part of a session that answers for classes: schemas, extents, layouts."""

    def schema(self, cls):
        """Give what the store knows of a class, or None where it never stored one.

        Parameters
        ----------
        cls : type
            A persistent class.

        Returns
        -------
        ClassSchema or None
            By the class's name or one of its former names.
        """
        name = cls.__name__
        if name not in self._schema_cache:
            found = None
            for candidate in (name, *cls.__dict__.get("former_names", ())):
                found = self.root.schemas.get(candidate)
                if found is not None:
                    break
            self._schema_cache[name] = found
        return self._schema_cache[name]

    def extent(self, cls):
        """Give the extent of a class, or None where it never stored an object.

        Parameters
        ----------
        cls : type
            A persistent class.

        Returns
        -------
        Extent or None
            The extent.
        """
        schema = self.schema(cls)
        return None if schema is None else self.root.extents[schema.code]

    def schema_of_code(self, code):
        """Give what the store knows of the class with a number.

        Parameters
        ----------
        code : int
            The class's number.

        Returns
        -------
        ClassSchema
            What the store knows.
        """
        return self.root.schemas[self.root.names[code]]

    def class_of_code(self, code):
        """Give the class with a number, or None where this process does not know it.

        Parameters
        ----------
        code : int
            The class's number.

        Returns
        -------
        type or None
            The class.
        """
        return registry.known_class(self.root.names[code])

    def layout_index(self, code, number):
        """Tell where the values of a record stand.

        Parameters
        ----------
        code : int
            The class's number.
        number : int
            Which of its layouts.

        Returns
        -------
        dict of str to (int, callable or None)
            By attribute: the place, and the function to the present raw form where the kind
            has changed since.
        """
        cls = self.class_of_code(code)
        key = (code, number, cls)
        if key not in self._layout_cache:
            schema = self.schema_of_code(code)
            present = {} if cls is None else dict(cls._fields())
            index = {}
            for at, (name, old) in enumerate(schema.layouts[number]):
                new = present.get(name, old)
                index[name] = (at, layouts.converter(self, schema, name, old, new))
            self._layout_cache[key] = index
        return self._layout_cache[key]

    def spec_of(self, code, path):
        """Give the present kind of an attribute or of a field inside it, None where it is gone.

        Parameters
        ----------
        code : int
            The class's number.
        path : str
            The column: an attribute, or a field of one, such as ``'imstat.max'``.

        Returns
        -------
        str, tuple or None
            The kind.
        """
        cls = self.class_of_code(code)
        key = (code, path, cls)
        if key not in self._layout_cache:
            fields = layouts.fields_of(self, self.schema_of_code(code))
            self._layout_cache[key] = layouts.spec_at(fields, path)
        return self._layout_cache[key]

    def extents_of(self, cls):
        """Give the extents of a class and its subclasses that hold objects.

        Parameters
        ----------
        cls : type
            A persistent class.

        Returns
        -------
        tuple of (type, Extent)
            In the order in which the classes were declared.
        """
        return self.remembered(("extents", cls), lambda: self._extents_of(cls))

    def _extents_of(self, cls):
        found = []
        for each in registry.subclasses(cls):
            extent = self.extent(each)
            if extent is not None and extent.count:
                found.append((each, extent))
        return tuple(found)

    def unknown_subclasses(self, cls):
        """Give the stored subclasses of a class that this process does not know.

        Parameters
        ----------
        cls : type
            A persistent class.

        Returns
        -------
        dict of str to int
            The number of rows by name.
        """
        return self.remembered(("unknown", cls), lambda: self._unknown_subclasses(cls))

    def _unknown_subclasses(self, cls):
        names = {cls.__name__, *cls.__dict__.get("former_names", ())}
        unknown = {}
        for name, schema in self.root.schemas.items():
            if names & set(schema.bases) and registry.known_class(name) is None:
                count = self.root.extents[schema.code].count
                if count:
                    unknown[name] = count
        return unknown
