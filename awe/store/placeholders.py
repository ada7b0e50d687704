"""What stands where a link leads to something that may not be seen."""

from awe.base.errors import AweAttributeError
from awe.store import registry

__all__ = ["Restricted"]


class Restricted:
    """Stands for an object that a link points to and that you may not see.

    Parameters
    ----------
    session : Session
        The session.
    packed : int
        The object's number.

    Attributes
    ----------
    class_name, object_id, project : str
        All that may be told of it.
    """

    # As a stored object: there is nothing of it that a commit could store.
    _new = None

    def __init__(self, session, packed):
        self._packed = packed
        self.class_name = session.root.names[packed >> 40]
        row = session.row(packed)
        self.object_id = "" if row is None else row.object_id.hex()
        triple = (0, 0, 0) if row is None else session.root.domains.triples[row.domain]
        self.project = session.get(triple[1]).name if triple[1] else ""

    def is_placeholder_for(self, cls):
        """Tell whether it may stand where an object of a class is taken.

        Parameters
        ----------
        cls : type
            The class.

        Returns
        -------
        bool
            True also where the class of the hidden object is not known here.
        """
        known = registry.known_class(self.class_name)
        return known is None or issubclass(known, cls)

    def __eq__(self, other):
        return isinstance(other, Restricted) and other._packed == self._packed

    def __hash__(self):
        return hash(self._packed)

    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)
        msg = (
            f"{self!r}: you may not see it, so it has no {name!r} for you. Ask a manager of the "
            f"project {self.project} to publish it or to make you a member."
        )
        raise AweAttributeError(msg)

    def __repr__(self):
        return f"<Restricted {self.class_name} {self.object_id[-8:]} of project {self.project}>"
