"""Names that other systems have for an attribute: no aliases, but what an error tells."""

from awe.base.errors import did_you_mean

__all__ = ["here_it_is"]


def here_it_is(cls, name, known):
    """Give the end of the sentence that a class has no attribute of a name.

    Parameters
    ----------
    cls : type
        The class; its ``other_names`` says how what others call by a name is called here.
    name : str
        The name.
    known : iterable of str
        The names that there are.

    Returns
    -------
    str
        `` here it is ins_mode.`` after a colon, or a full stop and the names that are alike.
    """
    for base in cls.__mro__:
        here = base.__dict__.get("other_names", {}).get(name)
        if here is not None:
            return f": here it is {here}."
    return f".{did_you_mean(name, known)}"
