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
        key = _key(scope, [raw_of(name) for name in names])
        if key is not None:
            yield _index_name(declared_by, names), names, key


def _index_name(declared_by, names):
    return f"{declared_by}:{'+'.join(names)}"


def _key(scope, values):
    """Give the key of raw values, None where one is missing: NaN equals nothing, as None."""
    for value in values:
        if value is None or value != value:
            return None
    return "\0".join([scope, *map(_key_text, values)])


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

    def sets_of(self, cls):
        """Give what `claim_new` needs to know of a class.

        Parameters
        ----------
        cls : type
            A persistent class.

        Returns
        -------
        list of (str, tuple of str, list of int)
            For each set of attributes the name of its index, their names, and their places
            among the attributes.
        """
        places = {name: at for at, name in enumerate(cls._attributes)}
        return [
            (_index_name(declared_by, names), names, [places[n] for n in names])
            for declared_by, names in cls._unique
        ]

    def claim_new(self, obj, domain, packed, sets, raws):
        """Enter a new object's unique values, as `claim` does.

        Parameters
        ----------
        obj : DBObject
            The object.
        domain : int
            Where it goes.
        packed : int
            Its number.
        sets : list
            As `sets_of` gives it.
        raws : sequence
            The raw values of its attributes, in order.
        """
        for index, names, places in sets:
            key = _key(self.scope(domain), [raws[at] for at in places])
            if key is not None:
                self._enter(obj, packed, index, names, key)

    def _enter(self, obj, packed, index, names, key):
        tree = self._tree(index)
        if not tree.insert(key, packed) and tree[key] != packed:
            raise self._error(obj, names, tree[key])
        self._claimed[packed] = obj

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
            self._enter(obj, packed, index, names, key)

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
