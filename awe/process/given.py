"""What users hand over where many objects are worked on: a query, a list, or one object."""

from awe.base.errors import AweTypeError
from awe.store import DBObject

__all__ = ["as_objects"]


def as_objects(given, what):
    """Take a query, a list or one object.

    Parameters
    ----------
    given : Query, iterable or DBObject
        What a user gave.
    what : str
        What takes it, for the message.

    Returns
    -------
    list
        The objects.

    Raises
    ------
    AweTypeError
        It is a class, or nothing that holds objects.
    """
    if isinstance(given, type):
        msg = f"{what} takes a query or a list of objects, not the class {given.__name__}."
        raise AweTypeError(msg, remedy=f"For all of them: {given.__name__}.select_all()")
    if isinstance(given, DBObject):
        return [given]
    if isinstance(given, str) or not hasattr(given, "__iter__"):
        raise AweTypeError(f"{what} takes a query or a list of objects, not {given!r}.")
    found = list(given)
    wrong = next((each for each in found if not isinstance(each, DBObject)), None)
    if wrong is not None:
        raise AweTypeError(f"{what} takes a query or a list of objects; in it is {wrong!r}.")
    return found
