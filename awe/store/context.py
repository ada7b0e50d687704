"""The context: who works, in which project, at which level, on which store."""

import contextlib

from awe.base.errors import (
    AwePermissionError,
    AweValueError,
    did_you_mean,
)
from awe.store import current
from awe.store.commit import UniqueError, closure, exclusive
from awe.store.emptying import Emptying
from awe.store.files import FileStore
from awe.store.lifecycle import Lifecycle, flat
from awe.store.membership import Membership
from awe.store.people import Project, User, check_level, level_text
from awe.store.records import VOCABULARY
from awe.store.session import Session
from awe.store.visibility import Visibility

__all__ = ["ANONYMOUS", "Context"]

ANONYMOUS = "anonymous"


class Context(Membership, Lifecycle, Emptying):
    """User, project and privileges: what queries show, and where new objects go.

    Parameters
    ----------
    where : str or pathlib.Path
        The store: a folder, or ``postgresql://...``.
    data : str or pathlib.Path
        The folder for the files.
    user : str
        The user's name; 'anonymous' is an unnamed reader.
    project : str, optional
        The project to begin with. By default the user's own, which is made at the first start.
    privileges : int, optional
        The level to begin with. The default is 1.
    """

    def __init__(self, where, data, user, project=None, privileges=1):
        self._arguments = (where, data, user, project, privileges)
        self.version = 0
        self.project = self._project_name = None
        self.user = None
        self._level = check_level(privileges)
        self.session = Session(where)
        self.files = FileStore(data)
        self.user_name = user
        before = current.context() if current.has_context() else None
        current.set_context(self)
        try:
            self._enter(user, project)
        except BaseException:
            current.set_context(before)
            self.session.close()
            raise

    def _enter(self, user, project):
        if user != ANONYMOUS:
            self.user = self._stored_user(user)
        self._renew()
        own = project or f"{user}'s project"
        if project is None and self.user is not None and self._project_named(own) is None:
            # Two first starts at the same time make it once.
            with contextlib.suppress(UniqueError):
                self.create_project(own, description=f"The first project of {user}")
        if self.user is None and project is None:
            return
        self.set_project(own)

    def _stored_user(self, name):
        user = User.get_or_create(name=name)
        if not user.is_committed:
            self.commit(user)
            user = User.get_or_create(name=name)
        return user

    def _renew(self):
        self.version += 1
        self.session.visibility = Visibility(self.session, self.user, self._level)

    def reopen(self):
        """Open the store anew, as a child of fork() must.

        Objects of before belong to the other handle and cannot be used any more.
        """
        where, data, user, _, _ = self._arguments
        name = self._project_name
        self.session.close()
        self.__init__(where, data, user, name, self._level)

    def close(self):
        """Let go of the store."""
        self.session.close()
        if current.has_context() and current.context() is self:
            current.set_context(None)

    def __repr__(self):
        project = "-" if self.project is None else self.project.name
        return (
            f"<Context: user {self.user_name}, project {project}, "
            f"privileges {level_text(self._level)}, store {self.session.where}>"
        )

    # --- user and project ---

    @property
    def privileges(self):
        """The current level, 1 to 5."""
        return self._level

    def get_current_user(self):
        """Give the current user.

        Returns
        -------
        User
            The user.

        Raises
        ------
        AwePermissionError
            The reader is unnamed.
        """
        if self.user is None:
            msg = "You are an unnamed reader: you see what is published to the world."
            raise AwePermissionError(msg, remedy="Set user = NAME in Environment.cfg or AWE_USER.")
        return self.user

    def get_current_project(self):
        """Give the current project.

        Returns
        -------
        Project or None
            ``print`` shows it with the privileges; None for an unnamed reader.
        """
        return self.project

    def set_project(self, project):
        """Change the current project.

        Parameters
        ----------
        project : str or Project
            The project or its name.

        Raises
        ------
        AweLookupError
            There is no such project; the current one stays.
        AwePermissionError
            The user is not a member; the current project stays.
        """
        found = self.find_project(project)
        if not found.has_member(self.user):
            managers = ", ".join(u.name for u in found.managers) or "nobody"
            mine = [p.name for p in self.projects()]
            msg = (
                f"{self.user_name} is not a member of the project {found.name!r}."
                f"{did_you_mean(found.name, mine)}"
            )
            raise AwePermissionError(
                msg, remedy=f"Its managers can add you: {managers}. You stay where you were."
            )
        self.project = found
        self._project_name = found.name
        self._renew()

    def set_privileges(self, level):
        """Change the level: what queries show, and the level of new objects.

        Parameters
        ----------
        level : int
            1 MyDB, 2 Project, 3 Astro-WISE, 4 World, 5 VO.
        """
        self._level = check_level(level)
        self._renew()

    # --- writing ---

    def new_triple(self):
        """Give creator, project and level of a new object, or raise where it may not be made.

        Returns
        -------
        tuple of int
            The numbers of the user and of the project in the store, and the level.

        Raises
        ------
        AwePermissionError
            The project does not allow the level, or the user may not use it.
        """
        project = self.find_project()
        if not project.has_member(self.user):
            msg = f"{self.user_name} is not a member of the project {project.name!r} any more."
            raise AwePermissionError(msg, remedy="Type: context.set_project('NAME')")
        if self._level > project.as_committed("maximum_privileges"):
            msg = (
                f"The data of {project.name} may lie at most at level "
                f"{level_text(project.maximum_privileges)}, not at {level_text(self._level)}."
            )
            raise AwePermissionError(msg, remedy="Type: context.set_privileges(1)")
        if self._level >= 3:
            self._need_manager(project, f"make objects at level {level_text(self._level)}")
        return (self.user._packed, project._packed, self._level)

    def check_may_edit(self, obj, row):
        """Raise where the current user may not change a stored object.

        Parameters
        ----------
        obj : DBObject
            The object.
        row : Row
            Its row in the store.
        """
        if row.domain == VOCABULARY:
            if isinstance(obj, Project):
                self._need_manager(obj, "change it")
            return
        creator, project, level = self.session.root.domains.triples[row.domain]
        mine = creator == self.user._packed
        if not mine and not (level >= 2 and self.session.get(project).has_member(self.user)):
            msg = f"Only its creator or a member of its project can change {obj!r}."
            raise AwePermissionError(msg)

    def commit(self, *objects, why=None, restricted=False, check=None):
        """Store new objects with what they link to, or the staged edits.

        Parameters
        ----------
        *objects : DBObject
            New or edited objects. By default all that have staged edits.
        why : str, optional
            The reason of the edits, kept in their record.
        restricted : bool, optional
            Whether a new object may lie above its inputs. The default is False.
        check : callable, optional
            Called under the lock with the newest contents in view, before anything is written;
            what it raises leaves the store as it was. By default nothing is checked.
        """
        chosen = flat(objects) if objects else list(self.session.staged.values())
        new = closure(chosen)
        edited = [o for o in chosen if o._new is None and o._staged]
        if not new and not edited:
            return
        if self.user_name == ANONYMOUS:
            self.get_current_user()
        with contextlib.ExitStack() as failed:
            files = []
            for obj in new:
                obj._check_complete()
                for file in obj.prepare_files(self):
                    files.append(file)
                    failed.callback(file.give_back)
            with exclusive(self.session, self) as writer:
                if check is not None:
                    check()
                writer.add(new, restricted=restricted)
                for obj in edited:
                    writer.edit(obj, why)
                for file in files:
                    writer.move_in(file)
            failed.pop_all()

    def rollback(self, *objects):
        """Drop staged edits.

        Parameters
        ----------
        *objects : DBObject
            The objects. By default all.
        """
        for obj in flat(objects) if objects else list(self.session.staged.values()):
            object.__setattr__(obj, "_staged", None)
            self.session.staged.pop(obj._packed, None)

    def refresh(self):
        """Move to the newest contents of the store; staged edits stay."""
        self.session.begin()

    def update_is_valid(self, obj, value, why=None):
        """Say whether an object is good.

        Parameters
        ----------
        obj : DBObject
            The object.
        value : int
            0 invalid, 1 valid, 2 proposed for the next level.
        why : str, optional
            The reason.
        """
        self.update(obj, "is_valid", value, why)

    def update_timestamp_start(self, obj, when, why=None):
        """Change from when on a calibration is valid.

        Parameters
        ----------
        obj : DBObject
            The calibration.
        when : datetime.datetime, astropy.time.Time or str
            The time, UTC; it belongs to the interval.
        why : str, optional
            The reason.
        """
        self.update(obj, "timestamp_start", when, why)

    def update_timestamp_end(self, obj, when, why=None):
        """Change until when a calibration is valid.

        Parameters
        ----------
        obj : DBObject
            The calibration.
        when : datetime.datetime, astropy.time.Time or str
            The time, UTC; it does not belong to the interval.
        why : str, optional
            The reason.
        """
        self.update(obj, "timestamp_end", when, why)

    def update(self, obj, name, value, why=None):
        """Change one mutable attribute and commit it.

        Parameters
        ----------
        obj : DBObject
            A stored object.
        name : str
            The attribute.
        value : object
            The new value.
        why : str, optional
            The reason, kept in the record of the change.
        """
        flat([obj])  # raises where it is no object
        if not obj.is_committed:
            msg = f"{obj!r} is not stored yet: assign obj.{name} and commit it."
            raise AweValueError(msg)
        before = obj._staged
        setattr(obj, name, value)
        try:
            self.commit(obj, why=why)
        except BaseException:
            self.rollback(obj)
            if before:
                object.__setattr__(obj, "_staged", before)
                self.session.staged[obj._packed] = obj
            raise
