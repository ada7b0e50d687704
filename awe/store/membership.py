"""Projects and who belongs to them: the part of the context that looks after members."""

from awe.base.errors import (
    AweLookupError,
    AwePermissionError,
    AweTypeError,
    AweValueError,
    did_you_mean,
)
from awe.store.people import Project, User, check_level

__all__ = ["Membership"]


class Membership:
    """What a context does with projects, members and managers."""

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
        if not isinstance(name, str) or not name.strip():
            msg = f"A project needs a name, such as 'TUTORIAL2015', not {name!r}."
            raise AweValueError(msg)
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
        return self.user is not None and self.user in project.as_committed("managers")

    def _need_manager(self, project, what):
        if not self.is_manager(project):
            managers = ", ".join(u.name for u in project.as_committed("managers"))
            msg = f"Only a manager of {project.name} can {what}: {managers}."
            raise AwePermissionError(msg)
