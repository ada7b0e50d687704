"""Deleting everything of a project: the part of the context that does it."""

import collections

import numpy as np

from awe.base.errors import AwePermissionError, AweValueError
from awe.store import expressions as ex
from awe.store import results
from awe.store.objects import DBObject

__all__ = ["Emptying"]

# Lines of a list of classes.
_MOST = 20


class Emptying:
    """What a context does to all data of a project."""

    def empty_project(self, project=None, *, confirm=None, why=None):
        """Delete all data of a project, whoever made them; the project itself stays.

        Asks for the name of the project first. Vocabulary (instruments, filters ...) stays, and
        so do the data of other members at level 1, which only they can see.

        Parameters
        ----------
        project : Project or str, optional
            The project or its name. The default is the current one.
        confirm : str, optional
            Name of the project, where nobody can be asked. By default it is asked for.
        why : str, optional
            The reason, kept in the tombstones.

        Returns
        -------
        int
            How many objects were deleted; 0 where the answer was another.

        Raises
        ------
        AwePermissionError
            You do not manage the project, some of its data are published, others depend on
            them, or nobody can be asked. Nothing is deleted then.
        AweValueError
            `confirm` is not the name of the project.
        """
        project = self.find_project(project)
        self._need_manager(project, "delete all of its data")
        self.session.ensure()
        objects, hidden = self._all_data(project)
        unseen = f"{hidden} objects of others at level 1 stay." if hidden else ""
        if not objects:
            print(f"The project {project.name} has no data that you may see. {unseen}".rstrip())
            return 0
        self._refuse_published(project, objects)
        counted = collections.Counter(type(o).__name__ for o in objects)
        if confirm is None:
            print(f"This deletes {len(objects)} objects of the project {project.name!r}:")
            for name, number in counted.most_common(_MOST):
                print(f"  {number:>8}  {name}")
            if len(counted) > _MOST:
                print(f"            ... and {len(counted) - _MOST} more classes")
            if unseen:
                print(f"  {unseen}")
            if _answer() != project.name:
                print("Nothing was deleted.")
                return 0
        elif confirm != project.name:
            msg = f"confirm is {confirm!r}, not the name {project.name!r}; nothing was deleted."
            raise AweValueError(msg)
        return len(self.delete(objects, why=why))

    def _all_data(self, project):
        """Give the objects of a project that the user may see, and how many others there are."""
        triples = self.session.root.domains.triples
        mine = np.array([t is not None and t[1] == project._packed for t in triples], bool)
        mine[:2] = False  # what was deleted, and vocabulary
        seen = np.array([self.session.may_see(n) for n in range(len(triples))], bool)
        found = [
            results.find(self.session, DBObject, ex.Everything(), ex.DomainTerm(mask))
            for mask in (mine & seen, mine & ~seen)
        ]
        return [self.session.get(n) for n in found[0].tolist()], len(found[1])

    def _refuse_published(self, project, objects):
        published = [o for o in objects if o.privileges > 2]
        if published:
            msg = (
                f"{len(published)} objects of {project.name} are published, such as "
                f"{published[0]!r} at level {published[0].privileges}; only levels 1 and 2 can "
                "be deleted. Nothing was deleted."
            )
            raise AwePermissionError(msg)


def _answer():
    try:
        return input("Type the name of the project to go on, Return to leave: ").strip()
    except EOFError as err:
        msg = "Nobody can be asked whether all data of the project shall go; nothing was deleted."
        raise AwePermissionError(msg, remedy="Say it with confirm='NAME OF THE PROJECT'.") from err
