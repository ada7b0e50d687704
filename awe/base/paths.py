"""Paths as people type them."""

from pathlib import Path

from awe.base.errors import AweValueError

__all__ = ["typed_path"]


def typed_path(text):
    """Give the path that somebody typed, with ``~`` replaced by the home folder.

    Parameters
    ----------
    text : str or os.PathLike
        Such as ``'~/night'``.

    Returns
    -------
    pathlib.Path
        Relative where it was typed so.

    Raises
    ------
    AweValueError
        The home folder is not known: there is no such user, or HOME is not set.
    """
    try:
        return Path(text).expanduser()
    except RuntimeError as err:
        msg = f"{text}: the home folder that '~' stands for is not known."
        raise AweValueError(msg, remedy="Type the whole path instead, or set HOME.") from err
