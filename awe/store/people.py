"""Who works with the store: users and projects."""

from awe.base.errors import AweValueError
from awe.store.attributes import persistent
from awe.store.objects import DBObject

__all__ = ["LEVELS", "Project", "User", "level_text"]

LEVELS = {1: "MyDB", 2: "Project", 3: "Astro-WISE", 4: "World", 5: "VO"}


def level_text(level):
    """Give a level as a person reads it.

    Parameters
    ----------
    level : int
        From 1 to 5.

    Returns
    -------
    str
        Such as '1 (MyDB)'.
    """
    return f"{level} ({LEVELS[level]})"


def check_level(level):
    """Check a level.

    Parameters
    ----------
    level : int
        What the user gave.

    Returns
    -------
    int
        The same.

    Raises
    ------
    AweValueError
        It is none of the five.
    """
    if isinstance(level, bool) or level not in LEVELS:
        known = ", ".join(level_text(n) for n in LEVELS)
        msg = f"{level!r} is not a level of privileges: they are {known}."
        raise AweValueError(msg)
    return int(level)


class User(DBObject):
    """Somebody who works with the store."""

    abstract = False
    vocabulary = True
    name = persistent("Name of the user", str, unique=True, required=True)


class Project(DBObject):
    """What data belongs to: it has members, who see its data, and managers, who publish it."""

    abstract = False
    vocabulary = True
    name = persistent("Name of the project", str, unique=True, required=True)
    description = persistent("What the project is for", str, "", mutable=True)
    instrument = persistent("The instrument, where it has one", "Instrument", mutable=True)
    members = persistent("Users who see the project's data", [User], mutable=True)
    managers = persistent("Users who publish its data", [User], mutable=True)
    is_public = persistent("Whether every user is a member", bool, False, mutable=True)
    maximum_privileges = persistent(
        "Highest level that the project's data may have", int, 4, mutable=True
    )

    @property
    def id(self):
        """The number of the project in this store, None before commit."""
        return (self._packed & ((1 << 40) - 1)) + 1 if self._packed else None

    def has_member(self, user):
        """Tell whether a user is a member or manager.

        Parameters
        ----------
        user : User or None
            None stands for an unnamed reader.

        Returns
        -------
        bool
            True for every user of a public project.
        """
        if user is None:
            return False
        committed = self.as_committed
        return (
            committed("is_public") or user in committed("members") or user in committed("managers")
        )

    def as_committed(self, name):
        """Give a value that decides who may do what: never one that is only staged.

        Parameters
        ----------
        name : str
            The attribute.

        Returns
        -------
        object
            The committed value; before the commit of a new project its own.
        """
        return self.stored_value(name) if self.is_committed else getattr(self, name)

    def __str__(self):
        from awe.store import current

        instrument = self.instrument.name if self.instrument is not None else "-"
        lines = [
            f"   Project:     {self.name}  (id = {self.id})",
            f"   Description: {self.description or '-'}",
            f"   Instrument:  {instrument}",
            f"   Maximum Privileges: {level_text(self.maximum_privileges)}",
        ]
        if current.has_context() and current.context().project is self:
            level = current.context().privileges
            lines.append(f"   Current Privileges: {level_text(level)}")
        return "\n".join(lines)


__all__ += ["check_level"]
