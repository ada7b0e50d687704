"""The user's settings: AWE_HOME, Environment.cfg and environment variables."""

import configparser
import dataclasses
import getpass
import os
import re
from pathlib import Path

from awe.base.errors import AweValueError, did_you_mean

__all__ = ["Environment", "home", "read_environment"]

# Astro-WISE's names of the same things.
_OTHER_NAMES = {"database_user": "user", "database_name": "store", "data_server": "data"}


@dataclasses.dataclass
class Environment:
    """Settings of a session.

    Attributes
    ----------
    home : pathlib.Path
        Where everything of the user lies.
    store : str
        A folder, or ``postgresql://...``.
    data : str
        The folder with the files.
    user : str
        Name of the user.
    project : str or None
        Project at the start; None for the user's own.
    privileges : int
        Level at the start, 1 to 5.
    """

    home: Path
    store: str
    data: str
    user: str
    project: str | None = None
    privileges: int = 1


def home():
    """Give the folder where everything of the user lies.

    Returns
    -------
    pathlib.Path
        AWE_HOME, by default ``~/.awe``; made with mode 0700 where it does not exist.
    """
    folder = Path(os.environ.get("AWE_HOME") or Path.home() / ".awe").expanduser().absolute()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def read_environment():
    """Read the settings: Environment.cfg, overridden by environment variables.

    Returns
    -------
    Environment
        A key KEY of the file is overridden by the variable AWE_KEY.

    Raises
    ------
    AweValueError
        The file cannot be read, or a key or value is wrong.
    """
    folder = home()
    file = folder / "Environment.cfg"
    keys = {f.name for f in dataclasses.fields(Environment)} - {"home"}
    values = _read_file(file, keys) if file.exists() else {}
    for key in keys:
        if os.environ.get(f"AWE_{key.upper()}"):
            values[key] = os.environ[f"AWE_{key.upper()}"]
    project, privileges = _project(values.get("project"), values.get("privileges"))
    store = _place(values.get("store"), folder / "store")
    data = _place(values.get("data"), folder / "data")
    user = values.get("user") or _login()
    return Environment(folder, store, data, user, project, privileges)


def _place(text, default):
    if not text:
        return str(default)
    if "://" not in text:
        return str(Path(text).expanduser().absolute())
    if not text.startswith(("postgresql://", "postgres://")):
        msg = f"store = {text!r} is neither a folder nor postgresql://user@host/database."
        raise AweValueError(msg)
    return text


def _login():
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"user{os.getuid()}"


def _read_file(file, keys):
    parser = configparser.ConfigParser(default_section="__none__", interpolation=None)
    parser.optionxform = str
    text = file.read_text(encoding="utf-8")
    if not re.search(r"^\s*\[", text, re.MULTILINE):
        text = "[global]\n" + text
    try:
        parser.read_string(text, source=str(file))
    except configparser.Error as err:
        msg = f"{file} cannot be read: {err}"
        raise AweValueError(msg, remedy="It has lines such as: project = TUTORIAL2015") from err
    values = {}
    for section in parser.sections():
        for name, value in parser[section].items():
            key = _OTHER_NAMES.get(name, name)
            if key not in keys:
                known = [*keys, *_OTHER_NAMES]
                msg = f"{file}: there is no setting {name!r}.{did_you_mean(name, known)}"
                raise AweValueError(msg, remedy=f"Settings: {', '.join(sorted(keys))}")
            values[key] = value.strip().strip("'\"")
    return values


def _project(project, privileges):
    """Read 'SIM (2)' as project SIM at level 2."""
    if project:
        both = re.fullmatch(r"(.*\S)\s*\((\d)\)", project)
        if both:
            project, privileges = both.group(1), privileges or both.group(2)
    try:
        level = int(privileges or 1)
    except ValueError:
        level = 0
    if not 1 <= level <= 5:
        msg = f"privileges = {privileges!r} is not a level from 1 to 5."
        raise AweValueError(msg)
    return project or None, level
