"""Raising the level of objects and deleting them: the part of the context that does it."""

import numpy as np

from awe.base.errors import AwePermissionError, AweTypeError, AweValueError
from awe.store.commit import exclusive
from awe.store.objects import DBObject
from awe.store.people import check_level, level_text
from awe.store.query import Query
from awe.store.relations import closure_below, rows_linking_to

__all__ = ["Lifecycle", "flat"]


class Lifecycle:
    """What a context does to stored objects as a whole."""

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
        self._check_level_of(obj, level)
        with exclusive(self.session, self) as writer:
            below = closure_below(obj, level)
            for each in below:
                self._check_may_raise(each, level)
            for each in below:
                writer.raise_level(each, level, why)
        for each in below:
            print(f"{level_text(level):<15} {each!r}")
        print(f"{len(below)} objects raised to level {level_text(level)}.")
        return below

    def _check_level_of(self, obj, level):
        if not obj.is_committed:
            msg = f"{obj!r} is not stored yet: commit it first."
            raise AweValueError(msg)
        present = obj.privileges
        if present is None:
            msg = f"{obj!r} is vocabulary: everybody sees it, it has no level."
            raise AweValueError(msg)
        if present > level:
            msg = (
                f"{obj!r} lies at level {level_text(present)} already; levels only go up, "
                f"not down to {level_text(level)}."
            )
            raise AweValueError(msg)

    def _check_may_raise(self, obj, level):
        if hasattr(obj, "is_placeholder_for"):
            msg = f"{obj!r} is below level {level} and you may not see it; nothing was published."
            raise AwePermissionError(msg)
        project = obj.project
        most = project.as_committed("maximum_privileges")
        if level > most:
            msg = f"{obj!r}: the data of {project.name} may lie at most at {level_text(most)}."
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
        chosen = flat([objects])
        for obj in chosen:
            if not obj.is_committed:
                msg = f"{obj!r} is not stored, so there is nothing to delete."
                raise AweValueError(msg)
        with exclusive(self.session, self) as writer:
            doomed = self._with_dependents(chosen, dependents)
            for obj in doomed:
                self._check_may_delete(obj)
            told = [repr(o) for o in doomed]
            # What names an object may hang on another that goes before it.
            names = [o.summary() for o in doomed]
            for obj, name in zip(doomed, names, strict=True):
                files = obj.stored_files(self)
                writer.delete(obj, name, why)
                writer.after(lambda files=files: self.files.unlink_unused(files, self.session))
        return told

    def _with_dependents(self, chosen, wanted):
        """Give the objects with all that depends on them, dependants first."""
        session = self.session
        doomed = {o._packed: -1 for o in chosen}
        newest = np.unique(np.fromiter(doomed, np.int64, len(doomed)))
        while len(newest):
            rows = [r for r in rows_linking_to(session, newest) if r[1] not in doomed]
            if rows and (not wanted or not all(session.may_see(domain) for _, _, domain in rows)):
                raise _in_use(chosen, rows, session)
            doomed.update((packed, serial) for serial, packed, _ in rows)
            newest = np.unique(np.array([packed for _, packed, _ in rows], np.int64))
        return [session.get(p) for p in sorted(doomed, key=doomed.get, reverse=True)]

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


def _in_use(chosen, rows, session):
    seen = [session.get(packed) for _, packed, domain in rows if session.may_see(domain)]
    names = ", ".join(repr(o) for o in seen[:3]) + (" ..." if len(seen) > 3 else "")
    hidden = len(rows) - len(seen)
    unseen = f"{hidden} that you may not see" if hidden else ""
    count = f"{len(seen)} objects ({names})" if seen else ""
    what = repr(chosen[0]) if len(chosen) == 1 else f"the {len(chosen)} objects"
    msg = f"{' and '.join(t for t in (count, unseen) if t)} depend on {what}; nothing was deleted."
    return AwePermissionError(
        msg, remedy="See obj.inverse_objects(); context.delete(obj, dependents=True) takes all."
    )


def flat(objects):
    """Give the objects among what a user handed over.

    Parameters
    ----------
    objects : iterable
        Objects, lists of them and queries.

    Returns
    -------
    list of DBObject
        In order.

    Raises
    ------
    AweTypeError
        Something else is among them.
    """
    found = []
    for each in objects:
        if isinstance(each, (list, tuple, Query)):
            found += flat(each)
        elif isinstance(each, DBObject):
            found.append(each)
        else:
            msg = f"{each!r} is not an object of the store."
            raise AweTypeError(msg)
    return found
