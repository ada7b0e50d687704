"""Arguments of recipes: what they may be, and what they become."""

from awe.base.errors import AweTypeError, AweValueError
from awe.base.utc import to_utc
from awe.process import Product

__all__ = ["as_calibration", "as_names", "as_night", "as_start", "as_text"]


def as_calibration(task, name, value):
    """Take a calibration, or several of which the first that fits serves, as an argument.

    Parameters
    ----------
    task, name : str
        The task and its argument, for the message.
    value : Product, sequence of Product, or False
        What the user gave; False leaves the calibration out.

    Returns
    -------
    Product, sequence of Product, or False
        The value.

    Raises
    ------
    AweTypeError
        It is something else.
    """
    several = value if isinstance(value, (list, tuple)) else [value]
    if value is False or (several and all(isinstance(v, Product) for v in several)):
        return value
    msg = (
        f"{task}: {name} is a calibration, such as BiasFrame.select(instrument=..., date=...) "
        f"gives, a list of them, or False to leave it out; not {type(value).__name__} {value!r}."
    )
    raise AweTypeError(msg)


def as_text(task, name, value):
    """Take a text, or an object that has a name, as an argument.

    Parameters
    ----------
    task, name : str
        The task and its argument, for the message.
    value : object
        What the user gave.

    Returns
    -------
    str
        The text.

    Raises
    ------
    AweTypeError
        It is neither.
    """
    value = getattr(value, "name", value)
    if not isinstance(value, str):
        msg = f"{task}: {name} is a text, not {type(value).__name__} {value!r}."
        raise AweTypeError(msg)
    return value


def as_night(task, name, value):
    """Take a date in any form as the date on which a night begins.

    Parameters
    ----------
    task, name : str
        The task and its argument, for the message.
    value : str, datetime.date, datetime.datetime or astropy.time.Time
        What the user gave; the time of day does not count.

    Returns
    -------
    datetime.datetime
        Its midnight.
    """
    return as_start(task, name, value).replace(hour=0, minute=0, second=0, microsecond=0)


def as_start(task, name, value):
    """Take a time in any form, or something that has a start, as a time.

    Parameters
    ----------
    task, name : str
        The task and its argument, for the message.
    value : str, datetime.datetime, astropy.time.Time or Template
        What the user gave.

    Returns
    -------
    datetime.datetime
        The time, UTC.

    Raises
    ------
    AweTypeError
        It is no time.
    """
    try:
        return to_utc(getattr(value, "start", value))
    except AweTypeError as err:
        msg = f"{task}: {name} is no time: {err}"
        raise AweTypeError(msg) from err


def as_names(task, name, value):
    """Take names of files, or frames, one or many, as an argument.

    Parameters
    ----------
    task, name : str
        The task and its argument, for the message.
    value : str, RawFrame or iterable of them
        What the user gave.

    Returns
    -------
    list of str
        The names, each once.

    Raises
    ------
    AweTypeError
        One of them is neither a name nor a frame.
    AweValueError
        There is none.
    """
    single = isinstance(value, str) or hasattr(value, "filename")
    if not single and not hasattr(value, "__iter__"):
        msg = f"{task}: {name} is a list of names, not {type(value).__name__} {value!r}."
        raise AweTypeError(msg)
    names = []
    for each in [value] if single else value:
        each = getattr(each, "filename", each)
        if not isinstance(each, str):
            msg = f"{task}: {name} holds {type(each).__name__} {each!r}, which is no name."
            raise AweTypeError(msg)
        names.append(each)
    if not names:
        msg = f"{task}: {name} is empty."
        raise AweValueError(msg, remedy="Leave it out to select by the other arguments.")
    return list(dict.fromkeys(names))
