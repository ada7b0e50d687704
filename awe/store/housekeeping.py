"""Housekeeping: give back the room of records that nothing refers to any more."""

__all__ = ["sweep"]


def sweep(context):
    """Remove the records that nothing refers to any more.

    Columns that were joined or changed leave their former records behind. Writers wait meanwhile,
    readers do not.

    Parameters
    ----------
    context : Context
        The store.

    Returns
    -------
    int
        How many records were removed.
    """
    session = context.session
    session.ensure()
    session.end()
    database = session._database
    with session.lock.held():
        before = database.objectCount()
        database.pack()
        removed = before - database.objectCount()
    session.begin()
    return max(removed, 0)
