"""Persistence: objects, queries, context, lineage and files. It knows no astronomy."""

import gc

from awe.base.environment import read_environment
from awe.store import current
from awe.store.attributes import persistent
from awe.store.kinds import Table
from awe.store.objects import DBObject, OwnedRecord, Restricted, UnknownObject
from awe.store.people import Project, User

_OBJECTS_BETWEEN_COLLECTIONS = 200_000

__all__ = [
    "DBObject",
    "OwnedRecord",
    "Project",
    "Restricted",
    "Table",
    "UnknownObject",
    "User",
    "open_context",
    "persistent",
]


def open_context(environment=None):
    """Open the store and give the context; it is the one of this process from then on.

    Parameters
    ----------
    environment : Environment, optional
        The settings. By default those of Environment.cfg and the environment variables.

    Returns
    -------
    Context
        User, project and privileges.
    """
    from awe.store.context import Context

    # Python's collector of cycles would pass over all objects twice while ten thousand frames are
    # made: a third of the time that they take.
    youngest, middle, oldest = gc.get_threshold()
    if youngest == 0:
        # The process kept the collector off while it started: what there is by now stays, so
        # nobody need ever look at it, not even when the interpreter clears up.
        gc.freeze()
    gc.set_threshold(max(youngest, _OBJECTS_BETWEEN_COLLECTIONS), min(middle, 2), oldest)
    env = environment or read_environment()
    if current.has_context():
        current.context().close()
    return Context(env.store, env.data, env.user, env.project, env.privileges)
