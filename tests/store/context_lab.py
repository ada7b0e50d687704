"""Classes and a store for the tests of who may do what."""

import datetime

from awe.store import DBObject, persistent


class CtxCamera(DBObject):
    """Vocabulary."""

    vocabulary = True
    name = persistent("Name", str, unique=True)


class CtxFrame(DBObject):
    """Data with links."""

    name = persistent("Name", str, unique=True)
    camera = persistent("Camera", CtxCamera)
    raw = persistent("Made from", "CtxFrame")
    inputs = persistent("Made from", ["CtxFrame"])
    is_valid = persistent("Valid", int, 1, mutable=True)
    comment = persistent("Comment", str, mutable=True)
    timestamp_start = persistent("From", datetime.datetime, mutable=True)
    timestamp_end = persistent("Until", datetime.datetime, mutable=True)


def fill(context):
    """Store a frame at each level in a project with a member and a second manager."""
    context.create_project("SHARED", "For the tests", members=["bob"], maximum_privileges=5)
    context.set_project("SHARED")
    context.add_member("mia", manager=True)
    camera = CtxCamera(name="OMEGACAM").commit()
    for level in range(1, 6):
        context.set_privileges(level)
        CtxFrame(name=f"ann{level}", camera=camera).commit()
