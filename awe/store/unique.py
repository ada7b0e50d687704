"""What must be unique: an index of each set of attributes, kept by the writer."""

from awe.base.errors import AweValueError
from awe.store import registry
from awe.store.records import VOCABULARY, Unique

__all__ = ["UniqueError", "UniqueIndex", "unique_keys"]


class UniqueError(AweValueError):
    """Two objects would have the same value where it must be unique."""


def unique_keys(cls, scope, raw_of):
    """Give the keys of an object in the indexes, one for each set that has no missing value.

    Parameters
    ----------
    cls : type
        Its class.
    scope : str
        Where it must be unique, as `UniqueIndex.scope` gives it.
    raw_of : callable
        Gives the raw value of an attribute.

    Yields
    ------
    (str, tuple of str, str)
        Name of the index, names of the attributes, key.
    """
    for declared_by, names in cls._unique:
        values = [raw_of(name) for name in names]
        # NaN equals nothing, as None.
        if all(v is not None and v == v for v in values):
            key = "\0".join([scope, *map(_key_text, values)])
            yield f"{declared_by}:{'+'.join(names)}", names, key


def _key_text(raw):
    if type(raw) is str:
        return raw.replace("\\", "\\\\").replace("\0", "\\0") if "\0" in raw or "\\" in raw else raw
    if isinstance(raw, tuple):
        return "\1".join(_key_text(r) for r in raw)
    # An attribute that was declared as int and is a float now keeps its keys.
    return repr(int(raw)) if isinstance(raw, float) and raw.is_integer() else repr(raw)


class UniqueIndex:
    """The indexes of one store, for a writer.

    Parameters
    ----------
    session : Session
        The session; the lock is held.
    """

    def __init__(self, session):
        self._session = session
        self._root = session.root
        self._trees = {}
        self._scopes = {}
        self._claimed = {}

    def scope(self, domain):
        """Tell where values must be unique: the store, a project, or what a user has in it.

        Parameters
        ----------
        domain : int
            Number of creator, project and level.

        Returns
        -------
        str
            The beginning of a key.
        """
        if domain not in self._scopes:
            creator, project, level = self._root.domains.triples[domain]
            if domain == VOCABULARY:
                self._scopes[domain] = ""
            elif level == 1:
                self._scopes[domain] = f"{project:x}.{creator:x}"
            else:
                self._scopes[domain] = f"{project:x}"
        return self._scopes[domain]

    def name_in_store(self, index):
        """Give the name of an index in the store, where its class may have had another name.

        Parameters
        ----------
        index : str
            As `unique_keys` gives it.

        Returns
        -------
        str
            The name; the same where there is no such index yet.
        """
        declared_by, _, names = index.partition(":")
        for former in (declared_by, *registry.former_names(declared_by)):
            if f"{former}:{names}" in self._root.unique:
                return f"{former}:{names}"
        return index

    def _tree(self, index):
        tree = self._trees.get(index)
        if tree is None:
            name = self.name_in_store(index)
            if name not in self._root.unique:
                self._root.unique[name] = Unique()
            tree = self._trees[index] = self._root.unique[name].tree
        return tree

    def find(self, obj, domain, raw_of):
        """Give the number of the stored object that has one of an object's unique values.

        Parameters
        ----------
        obj : DBObject
            A new object.
        domain : int
            Where it goes.
        raw_of : callable
            Gives the raw value of an attribute.

        Returns
        -------
        int or None
            The number.
        """
        for index, _, key in unique_keys(type(obj), self.scope(domain), raw_of):
            found = self._tree(index).get(key)
            if found is not None:
                return found
        return None

    def claim(self, obj, domain, packed, raw_of):
        """Enter an object's unique values.

        Parameters
        ----------
        obj : DBObject
            The object.
        domain : int
            Where it is or goes.
        packed : int
            Its number.
        raw_of : callable
            Gives the raw value of an attribute.

        Raises
        ------
        UniqueError
            Another object has one of them.
        """
        for index, names, key in unique_keys(type(obj), self.scope(domain), raw_of):
            tree = self._tree(index)
            holder = tree.get(key)
            if holder is not None and holder != packed:
                raise self._error(obj, names, holder)
            tree[key] = packed
            self._claimed[packed] = obj

    def release(self, obj, domain, packed, raw_of):
        """Take out an object's unique values; the arguments are those of `claim`.

        Parameters
        ----------
        obj : DBObject
            A stored object.
        domain : int
            Number of creator, project and level.
        packed : int
            The object's number in the store.
        raw_of : callable
            Gives the raw value of an attribute.
        """
        for index, _, key in unique_keys(type(obj), self.scope(domain), raw_of):
            tree = self._tree(index)
            if tree.get(key) == packed:
                del tree[key]

    def _error(self, obj, names, holder):
        values = ", ".join(f"{n} = {obj._value_of(obj._attributes[n])!r}" for n in names)
        who = ""
        if holder in self._claimed:
            who = f" {self._claimed[holder]!r} of the same commit has it."
        else:
            row = self._session.row(holder)
            if row is not None and self._session.may_see(row.domain):
                who = f" {self._session.get(holder)!r} has it."
        return UniqueError(f"{type(obj).__name__}: {values} must be unique and is taken.{who}")
