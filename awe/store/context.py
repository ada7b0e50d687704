"""The context: who works, in which project, at which level, on which store."""

from awe.base.errors import (
    AweLookupError,
    AwePermissionError,
    AweTypeError,
    AweValueError,
    did_you_mean,
)
from awe.store import current
from awe.store.commit import closure, exclusive
from awe.store.files import FileStore
from awe.store.people import Project, User, check_level, level_text
from awe.store.query import Query
from awe.store.records import VOCABULARY
from awe.store.relations import closure_below, dependents_of
from awe.store.session import Session
from awe.store.visibility import Visibility

__all__ = ["ANONYMOUS", "Context"]

ANONYMOUS = "anonymous"


class Context:
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
        self.project = None
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
        name = None if self.project is None else self.project.name
        where, data, user, _, _ = self._arguments
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

    def projects(self):
        """Give the projects of which the user is a member.

        Returns
        -------
        list of Project
            In the order in which they were made.
        """
        return [p for p in Project.select_all() if p.has_member(self.user)]

    def _project_named(self, name):
        self.session.ensure()
        found = list(Project.name == name)
        return found[0] if found else None

    def find_project(self, project=None):
        """Find a project.

        Parameters
        ----------
        project : Project or str, optional
            The project or its name. The default is the current one.

        Returns
        -------
        Project
            The project.

        Raises
        ------
        AweLookupError
            There is none of this name; the nearest names are given.
        """
        if isinstance(project, Project):
            return project
        if project is None:
            if self.project is None:
                msg = "There is no current project."
                raise AweLookupError(msg, remedy="Type: context.set_project('NAME')")
            return self.project
        if not isinstance(project, str):
            msg = f"A project is given by its name, not by {type(project).__name__} {project!r}."
            raise AweTypeError(msg)
        found = self._project_named(project)
        if found is None:
            names = [p.name for p in Project.select_all()]
            msg = f"There is no project {project!r}.{did_you_mean(project, names)}"
            mine = ", ".join(p.name for p in self.projects()) or "none yet"
            raise AweLookupError(
                msg,
                remedy=f"Yours: {mine}. A new one: context.create_project({project!r})",
            )
        return found

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

    def create_project(
        self, name, description="", *, instrument=None, members=(), public=False,
        maximum_privileges=4,
    ):  # fmt: skip
        """Make a project; you are its manager.

        Parameters
        ----------
        name : str
            Its name.
        description : str, optional
            What it is for. The default is empty.
        instrument : Instrument, optional
            Its instrument. By default it has none.
        members : iterable of str, optional
            Names of users. By default only you.
        public : bool, optional
            Whether every user is a member. The default is False.
        maximum_privileges : int, optional
            Highest level of its data. The default is 4.

        Returns
        -------
        Project
            The new project; `set_project` changes to it.
        """
        me = self.get_current_user()
        users = [me, *(self._user_named(m) for m in members)]
        project = Project(
            name=name, description=description, instrument=instrument, members=users,
            managers=[me], is_public=public, maximum_privileges=check_level(maximum_privileges),
        )  # fmt: skip
        self.commit(project)
        return project

    def _user_named(self, name):
        if isinstance(name, User):
            return name
        return User.get_or_create(name=name)

    def add_member(self, name, project=None, *, manager=False):
        """Make somebody a member of a project.

        Parameters
        ----------
        name : str
            The user.
        project : Project or str, optional
            The project. The default is the current one.
        manager : bool, optional
            Whether as a manager too. The default is False.
        """
        project = self.find_project(project)
        self._need_manager(project, "add members")
        user = self._user_named(name)
        if user not in project.members:
            project.members = [*project.members, user]
        if manager and user not in project.managers:
            project.managers = [*project.managers, user]
        self.commit(project)

    def remove_member(self, name, project=None):
        """Take somebody out of a project.

        Parameters
        ----------
        name : str
            The user.
        project : Project or str, optional
            The project. The default is the current one.
        """
        project = self.find_project(project)
        self._need_manager(project, "remove members")
        names = [u.name for u in project.members]
        if name not in names:
            msg = f"{name!r} is not a member of {project.name}.{did_you_mean(name, names)}"
            raise AweLookupError(msg)
        project.members = [u for u in project.members if u.name != name]
        managers = [u for u in project.managers if u.name != name]
        if not managers:
            msg = f"{name} is the only manager of {project.name}, which must have one."
            self.rollback(project)
            raise AweValueError(msg)
        project.managers = managers
        self.commit(project)

    def is_manager(self, project):
        """Tell whether the current user manages a project.

        Parameters
        ----------
        project : Project
            The project.

        Returns
        -------
        bool
            True for its managers.
        """
        return self.user is not None and self.user in project.managers

    def _need_manager(self, project, what):
        if not self.is_manager(project):
            managers = ", ".join(u.name for u in project.managers)
            msg = f"Only a manager of {project.name} can {what}: {managers}."
            raise AwePermissionError(msg)

    # --- writing ---

    def new_triple(self):
        """Give (creator, project, level) of a new object, or raise where it may not be made."""
        project = self.find_project()
        if self._level > project.maximum_privileges:
            msg = (
                f"The data of {project.name} may lie at most at level "
                f"{level_text(project.maximum_privileges)}, not at {level_text(self._level)}."
            )
            raise AwePermissionError(msg, remedy="Type: context.set_privileges(1)")
        if self._level >= 3:
            self._need_manager(project, f"make objects at level {level_text(self._level)}")
        return (self.user._packed, project._packed, self._level)

    def check_may_edit(self, obj, row):
        """Raise where the current user may not change a stored object."""
        if row.domain == VOCABULARY:
            if isinstance(obj, Project):
                self._need_manager(obj, "change it")
            return
        creator, project, level = self.session.root.domains.triples[row.domain]
        mine = creator == self.user._packed
        if not mine and not (level >= 2 and self.session.get(project).has_member(self.user)):
            msg = f"Only its creator or a member of its project can change {obj!r}."
            raise AwePermissionError(msg)

    def commit(self, *objects, why=None, restricted=False):
        """Store new objects with what they link to, or the staged edits.

        Parameters
        ----------
        *objects : DBObject
            New or edited objects. By default all that have staged edits.
        why : str, optional
            The reason of the edits, kept in their record.
        restricted : bool, optional
            Whether a new object may lie above its inputs. The default is False.
        """
        objects = _flat(objects)
        chosen = objects or list(self.session.staged.values())
        new = closure(chosen)
        edited = [o for o in chosen if o._new is None and o._staged]
        if not new and not edited:
            return
        self.get_current_user() if self.user_name == ANONYMOUS else None
        files = []
        for obj in new:
            obj._check_complete()
            files += obj.prepare_files(self)
        with exclusive(self.session, self) as writer:
            writer.add(new, restricted=restricted)
            for obj in edited:
                writer.edit(obj, why)
            for file in files:
                writer.move_in(file)

    def rollback(self, *objects):
        """Drop staged edits.

        Parameters
        ----------
        *objects : DBObject
            The objects. By default all.
        """
        for obj in _flat(objects) or list(self.session.staged.values()):
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
        setattr(obj, name, value)
        try:
            self.commit(obj, why=why)
        except BaseException:
            self.rollback(obj)
            raise

    def publish(self, obj, level, why=None):
        """Raise the level of an object and of all that it came from.

        Parameters
        ----------
        obj : DBObject
            A stored object.
        level : int
            The new level. Up to 2 the creator decides, from 3 on a manager of the project.
        why : str, optional
            The reason.

        Returns
        -------
        list of DBObject
            What was raised, inputs first; it is printed as well.

        Raises
        ------
        AwePermissionError
            One of them may not be raised; then none is.
        """
        level = check_level(level)
        below = closure_below(obj, level)
        for each in below:
            self._check_may_raise(each, level)
        with exclusive(self.session, self) as writer:
            for each in below:
                writer.raise_level(each, level, why)
        for each in below:
            print(f"{level_text(level):<15} {each!r}")
        print(f"{len(below)} objects raised to level {level_text(level)}.")
        return below

    def _check_may_raise(self, obj, level):
        if hasattr(obj, "is_placeholder_for"):
            msg = f"{obj!r} is below level {level} and you may not see it; nothing was published."
            raise AwePermissionError(msg)
        project = obj.project
        if level > project.maximum_privileges:
            msg = f"{obj!r}: {project.name} allows at most {project.maximum_privileges}."
            raise AwePermissionError(msg)
        if level >= 3:
            self._need_manager(project, f"raise {obj!r} to {level_text(level)}")
        elif obj.creator is not self.user and not self.is_manager(project):
            msg = f"Only its creator can raise {obj!r} to {level_text(level)}."
            raise AwePermissionError(msg)

    def delete(self, objects, *, dependents=False, why=None):
        """Delete objects of level 1 or 2.

        Parameters
        ----------
        objects : DBObject, list of DBObject or Query
            What to delete.
        dependents : bool, optional
            Whether everything made from them goes too. The default is False.
        why : str, optional
            The reason, kept in the tombstones.

        Returns
        -------
        list of str
            What was deleted.

        Raises
        ------
        AwePermissionError
            Something depends on them, or they are not yours, or they are published.
        """
        chosen = _flat([objects])
        doomed = self._with_dependents(chosen, dependents)
        for obj in doomed:
            self._check_may_delete(obj)
        told = [repr(o) for o in doomed]
        with exclusive(self.session, self) as writer:
            for obj in doomed:
                again, hidden = dependents_of(obj)
                if hidden or any(o not in doomed for o in again):
                    raise _in_use(obj, again, hidden)
            for obj in doomed:
                files = obj.stored_files(self)
                writer.delete(obj, why)
                writer.after(lambda files=files: self.files.unlink_unused(files, self.session))
        return told

    def _with_dependents(self, chosen, wanted):
        """Give the objects with all that depends on them, dependants first."""
        ordered, seen = [], set()

        def visit(obj):
            if obj._packed in seen:
                return
            seen.add(obj._packed)
            others, hidden = dependents_of(obj)
            outside = [o for o in others if o not in chosen]
            if hidden or (outside and not wanted):
                raise _in_use(obj, outside, hidden)
            for other in others:
                visit(other)
            ordered.append(obj)

        for obj in chosen:
            if not obj.is_committed:
                msg = f"{obj!r} is not stored, so there is nothing to delete."
                raise AweValueError(msg)
            visit(obj)
        return ordered

    def _check_may_delete(self, obj):
        level = obj.privileges
        if level is None:
            msg = f"{obj!r} is vocabulary of the whole store and cannot be deleted."
            raise AwePermissionError(msg)
        if level > 2:
            msg = (
                f"{obj!r} is published at level {level_text(level)}; only levels 1 and 2 can be "
                "deleted."
            )
            raise AwePermissionError(
                msg, remedy="Say that it is bad: context.update_is_valid(obj, 0, 'why')"
            )
        if obj.creator is not self.user and not self.is_manager(obj.project):
            msg = f"Only its creator or a manager of its project can delete {obj!r}."
            raise AwePermissionError(msg)


def _in_use(obj, others, hidden):
    names = ", ".join(repr(o) for o in others[:3]) + (" ..." if len(others) > 3 else "")
    unseen = f" and {hidden} that you may not see" if hidden else ""
    count = f"{len(others)} objects ({names})" if others else "Objects"
    msg = f"{count}{unseen} depend on {obj!r}; it was not deleted."
    return AwePermissionError(
        msg, remedy="See obj.inverse_objects(); context.delete(obj, dependents=True) takes all."
    )


def _flat(objects):
    found = []
    for each in objects:
        if isinstance(each, (list, tuple, Query)):
            found += _flat(each)
        elif hasattr(each, "_packed"):
            found.append(each)
        else:
            msg = f"{each!r} is not an object of the store."
            raise AweTypeError(msg)
    return found


