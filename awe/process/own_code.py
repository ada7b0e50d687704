"""Modules of the user's own: which others of them a module imports, and what stood in each."""

import hashlib
import sys
from pathlib import Path

__all__ = ["PACKAGE", "helpers_of", "sources_of"]

# The package under which the files of AWE_HOME are imported.
PACKAGE = "awe_user"


def helpers_of(module):
    """Give the modules of the user's own that one of them imports, directly or not.

    Parameters
    ----------
    module : module
        One of the user's own.

    Returns
    -------
    dict of str to str
        The SHA-256 of each by its name.
    """
    found = getattr(module, "__awe_helpers__", None)
    if found is None:
        sources = sources_of(module.__name__)
        sources.pop(module.__name__, None)
        found = {name: _checksum_of(name, source) for name, (_, source) in sources.items()}
        module.__awe_helpers__ = found
    return found


def _checksum_of(name, source):
    loaded = getattr(sys.modules.get(name), "__awe_checksum__", None)
    return loaded or hashlib.sha256(source).hexdigest()


def sources_of(name, find=None):
    """Read a module of the user's own and all of them that it imports, each file once.

    Parameters
    ----------
    name : str
        Its name, 'awe_user.mine'.
    find : callable, optional
        Gives file, contents and whether it is a package by the name of a module, or None where
        there is none. By default it looks into the user's folders.

    Returns
    -------
    dict of str to (pathlib.Path, bytes)
        File and contents by name, in their order; imports inside functions count too.
    """
    found, todo, find = {}, [name], find or _find
    while todo:
        each = todo.pop(0)
        there = None if each in found else find(each)
        if there is not None:
            file, source, is_package = there
            found[each] = (file, source)
            todo += _imported(each, is_package, source)
    return found


def _find(name):
    file = _file_of(name)
    return None if file is None else (file, file.read_bytes(), file.name == "__init__.py")


def _file_of(name):
    package, *parts = name.split(".")
    if package != PACKAGE or not parts or PACKAGE not in sys.modules:
        return None
    for folder in sys.modules[PACKAGE].__path__:
        start = Path(folder, *parts)
        for file in (start / "__init__.py", start.with_name(f"{start.name}.py")):
            if file.is_file():
                return file
    return None


def _imported(name, is_package, source):
    """Give the names that a module imports, and those of the packages in which they lie."""
    import ast

    try:
        tree = ast.parse(source)
    except SyntaxError:
        # Whoever imports it is told.
        return []
    names = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = name.split(".")
                inside = parts[: len(parts) - node.level + is_package]
                base = ".".join([*inside, *filter(None, [node.module])])
            names += [base, *(f"{base}.{alias.name}" for alias in node.names)]
    return [upper for each in names if each.split(".")[0] == PACKAGE for upper in _path_to(each)]


def _path_to(name):
    parts = name.split(".")
    return [".".join(parts[:count]) for count in range(2, len(parts) + 1)]
