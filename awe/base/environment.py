"""The user's settings: AWE_HOME, Environment.cfg and environment variables."""

import configparser
import contextlib
import dataclasses
import difflib
import getpass
import os
import re
import stat
import warnings
from pathlib import Path

from awe.base.errors import AweValueError, AweWarning, did_you_mean

__all__ = ["Environment", "home", "read_environment"]

# Astro-WISE's names of the same things.
_OTHER_NAMES = {"database_user": "user", "database_name": "store", "data_server": "data"}
# Astro-WISE's settings of things that are not here.
_UNUSED = frozenset({
    "data_path", "data_port", "data_protocol", "database_engine", "database_password",
    "database_server", "database_tablespacename", "dpu_aweversion", "dpu_name",
    "dpu_server", "group", "python_logging_level", "query_not_all_mydb", "use_n_chars_md5",
})  # fmt: skip
_PRIVATE = 0o700
_ALIKE = 0.75


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
    dpu_workers : int
        How many processes the DPU has; by default one for each core.
    dpu_executor : str
        'pool' for processes of this machine, 'dask' for dask.distributed.
    dpu_scheduler : str
        Address of dask's scheduler; empty for a cluster on this machine.
    dpu_port : int
        Where the DPU's page is served on 127.0.0.1; 0 for a port that is free.
    """

    home: Path
    store: str
    data: str
    user: str
    project: str | None = None
    privileges: int = 1
    dpu_workers: int = 1
    dpu_port: int = 0
    dpu_executor: str = "pool"
    dpu_scheduler: str = ""


def home():
    """Give the folder where everything of the user lies.

    Returns
    -------
    pathlib.Path
        AWE_HOME, by default ``~/.awe``; made where it does not exist, with mode 0700 in any case.

    Raises
    ------
    AweValueError
        It is no folder, cannot be made, or nobody knows where the user's home is.
    """
    folder = _path(os.environ.get("AWE_HOME") or "~/.awe")
    _make("AWE_HOME", folder)
    _keep_private("AWE_HOME", folder)
    return folder


def read_environment():
    """Read the settings: Environment.cfg, overridden by environment variables.

    Returns
    -------
    Environment
        A key KEY of the file is overridden by the variable AWE_KEY. The folders of the store and
        of the files exist; nobody else can read them, but for files that a team shares with its
        PostgreSQL store.

    Raises
    ------
    AweValueError
        The file cannot be read, a key or value is wrong, or a folder cannot be made.
    """
    folder = home()
    file = folder / "Environment.cfg"
    keys = {f.name for f in dataclasses.fields(Environment)} - {"home"}
    values = _read_file(file, keys) if file.exists() else {}
    _warn_of_misspelt({f"AWE_{key.upper()}" for key in keys} | {"AWE_HOME"})
    for key in keys:
        if os.environ.get(f"AWE_{key.upper()}"):
            values[key] = os.environ[f"AWE_{key.upper()}"]
    project, privileges = _project(values.get("project"), values.get("privileges"))
    store = _place(values.get("store"), folder / "store")
    data = _place(values.get("data"), folder / "data")
    _make_folders(store, data)
    user = values.get("user") or _login()
    workers = _workers(values.get("dpu_workers"))
    port = _port(values.get("dpu_port"))
    executor = _one_of("dpu_executor", values.get("dpu_executor") or "pool", ("pool", "dask"))
    return Environment(
        folder, store, data, user, project, privileges, workers, port, executor,
        values.get("dpu_scheduler") or "",
    )  # fmt: skip


def _path(text):
    try:
        return Path(text).expanduser().absolute()
    except RuntimeError as err:
        msg = f"{text}: the home folder that '~' stands for is not known."
        remedy = "Set HOME, or AWE_HOME to the whole path of a folder."
        raise AweValueError(msg, remedy=remedy) from err


def _make(name, folder):
    """Make a folder where it does not exist."""
    try:
        folder.mkdir(mode=_PRIVATE, parents=True, exist_ok=True)
    except FileExistsError as err:
        msg = f"{name} = {folder} is a file, not a folder."
        raise AweValueError(msg, remedy=f"Set {name} to a folder.") from err
    except (OSError, ValueError) as err:
        why = getattr(err, "strerror", None) or err
        msg = f"{name} = {folder} cannot be made: {why}."
        raise AweValueError(msg, remedy=f"Set {name} to a folder where you may write.") from err


def _make_folders(store, data):
    shared = "://" in store
    if "://" in data:
        msg = f"data = {data!r} is no folder; the files of a store lie in a folder."
        raise AweValueError(msg)
    if not shared:
        _make("store", Path(store))
    _make("data", Path(data))
    if not shared:
        _keep_private("data", Path(data))


def _keep_private(name, folder):
    """Shut others out of a folder; where that is not ours to do, say that they can look in."""
    status = folder.stat()
    if not status.st_mode & 0o077:
        return
    # A sticky folder such as /tmp is everybody's, even where root owns it.
    if status.st_uid == os.getuid() and not status.st_mode & stat.S_ISVTX:
        # Some file systems know no modes; the warning says what that means.
        with contextlib.suppress(OSError):
            folder.chmod(_PRIVATE)
        if not folder.stat().st_mode & 0o077:
            return
    msg = f"{name} = {folder} can be read by others (mode {stat.S_IMODE(status.st_mode):04o})."
    warnings.warn(msg, AweWarning, stacklevel=2)


def _warn_of_misspelt(known):
    """Warn of variables that are nearly one of ours."""
    names = [name.removeprefix("AWE_") for name in known]
    for variable in sorted(os.environ):
        if not variable.startswith("AWE_") or variable in known:
            continue
        alike = difflib.get_close_matches(variable[4:].upper(), names, n=1, cutoff=_ALIKE)
        if alike:
            msg = f"{variable} is set and means nothing. Did you mean AWE_{alike[0]}?"
            warnings.warn(msg, AweWarning, stacklevel=3)


def _place(text, default):
    if not text:
        return str(default)
    if "://" not in text:
        return str(_path(text))
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
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as err:
        msg = f"{file} cannot be read: {getattr(err, 'strerror', None) or err}"
        raise AweValueError(msg) from err
    if not re.search(r"^\s*\[", text, re.MULTILINE):
        text = "[global]\n" + text
    try:
        parser.read_string(text, source=str(file))
    except configparser.Error as err:
        msg = f"{file} cannot be read: {err}"
        raise AweValueError(msg, remedy="It has lines such as: project = TUTORIAL2015") from err
    values, unused = {}, []
    for section in parser.sections():
        for name, value in parser[section].items():
            if name in _UNUSED:
                unused.append(name)
                continue
            key = _OTHER_NAMES.get(name, name)
            if key not in keys:
                known = [*keys, *_OTHER_NAMES]
                msg = f"{file}: there is no setting {name!r}.{did_you_mean(name, known)}"
                raise AweValueError(msg, remedy=f"Settings: {', '.join(sorted(keys))}")
            values[key] = value.strip().strip("'\"")
    if unused:
        msg = f"{file}: settings of Astro-WISE that mean nothing here: {', '.join(sorted(unused))}"
        warnings.warn(msg, AweWarning, stacklevel=3)
    return values


def _one_of(name, value, known):
    if value in known:
        return value
    msg = f"{name} = {value!r} is not known.{did_you_mean(value, known)}"
    raise AweValueError(msg, remedy=f"It can be {' or '.join(known)}.")


def _workers(text):
    if not text:
        return _cores()
    if not text.isdigit() or int(text) < 1:
        msg = f"dpu_workers = {text!r} is not a number of processes."
        raise AweValueError(msg, remedy="Leave it out for one on each core.")
    return int(text)


def _cores():
    # Only Linux tells to which of its cores a process is kept.
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _port(text):
    if not text:
        return 0
    if not (text.isdecimal() and len(text) < 6 and int(text) < 65536):
        msg = f"dpu_port = {text!r} is not a port: a number below 65536."
        raise AweValueError(msg, remedy="Leave it out for one that is free.")
    return int(text)


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
