"""Recipes of the user's own on their way to a worker: kept as they were, checked when loaded."""

import hashlib
import importlib
import importlib.abc
import importlib.util
import sys
import types

from awe.base.errors import AweLookupError
from awe.process.own_code import PACKAGE, sources_of

__all__ = ["SpoolError", "load_recipe", "put_in_spool"]


class SpoolError(AweLookupError):
    """A recipe of the user's own is not the one that was loaded or submitted."""


def put_in_spool(recipe, spool):
    """Keep the module of a recipe of the user's own as it is now, and those that it imports.

    Parameters
    ----------
    recipe : type
        The recipe.
    spool : pathlib.Path
        The folder, which only the user can read.

    Returns
    -------
    checksum : str
        SHA-256 of its module; empty for a recipe of ours, which stays where it is.
    helpers : dict of str to str
        SHA-256 of each of the user's own modules that it imports, directly or not, by name.

    Raises
    ------
    SpoolError
        A file is another one than was loaded.
    """
    name = recipe.__module__
    if name.split(".")[0] != PACKAGE:
        return "", {}
    checksums = {}
    for each, (file, source) in sources_of(name).items():
        checksums[each] = hashlib.sha256(source).hexdigest()
        loaded = getattr(sys.modules.get(each), "__awe_checksum__", checksums[each])
        if loaded != checksums[each]:
            msg = f"{file} was changed since this prompt loaded it."
            raise SpoolError(msg, remedy="Leave the prompt and open it again.")
        _keep(source, checksums[each], spool)
    if name not in checksums:
        msg = f"The file of the recipe {recipe.__name__} is gone."
        raise SpoolError(msg, remedy="Put it back, or leave the prompt and open it again.")
    return checksums.pop(name), checksums


def _keep(source, checksum, spool):
    """Write what was read, and hashed, into the spool."""
    spool.mkdir(mode=0o700, parents=True, exist_ok=True)
    copy = spool / f"{checksum}.py"
    if not copy.exists():
        temporary = copy.with_suffix(".part")
        temporary.write_bytes(source)
        temporary.chmod(0o600)
        temporary.rename(copy)


def load_recipe(name, checksum, helpers, spool):
    """Load the class of a recipe in a worker.

    Parameters
    ----------
    name : str
        Module and class, 'module:class'.
    checksum : str
        SHA-256 that the module must have; empty for a recipe of ours.
    helpers : dict of str to str
        SHA-256 of the user's own modules that it imports, or runs, by name.
    spool : pathlib.Path
        Where the user's own modules lie.

    Returns
    -------
    type
        The recipe.

    Raises
    ------
    SpoolError
        A module is another one than when the job was submitted.
    """
    module_name, class_name = name.split(":")
    wanted = {module_name: checksum, **helpers} if checksum else helpers
    if any(_loaded(each) != wanted[each] for each in wanted):
        _load_from_spool(wanted, spool)
    return getattr(importlib.import_module(module_name), class_name)


def _loaded(name):
    return getattr(sys.modules.get(name), "__awe_checksum__", None)


def _load_from_spool(wanted, spool):
    """Import modules anew, all of them from the spool, whoever of them imports whom."""
    sources = {name: _checked(name, checksum, spool) for name, checksum in wanted.items()}
    if PACKAGE not in sys.modules:
        sys.modules[PACKAGE] = types.ModuleType(PACKAGE)
        sys.modules[PACKAGE].__path__ = []
    for name in wanted:
        sys.modules.pop(name, None)
    finder = _SpoolFinder(sources, wanted)
    sys.meta_path.insert(0, finder)
    try:
        for name in wanted:
            importlib.import_module(name)
    finally:
        sys.meta_path.remove(finder)
    for name in wanted:
        # What its products remember must be what travelled, whatever lies in the user's folder.
        others = list(sources_of(name, finder.find))[1:]
        sys.modules[name].__awe_helpers__ = {each: wanted[each] for each in others}


def _checked(name, checksum, spool):
    path = spool / f"{checksum}.py"
    source = path.read_bytes() if path.exists() else b""
    if hashlib.sha256(source).hexdigest() != checksum:
        msg = f"The recipe {name} is not the one that was submitted: {path} is missing or changed."
        raise SpoolError(msg, remedy="Submit the job again.")
    return path, source


class _SpoolFinder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports modules from what was read, and checked, before."""

    def __init__(self, sources, checksums):
        self._sources = sources
        self._checksums = checksums

    def find(self, name):
        """Give file and source of a module of the spool, and whether it is a package."""
        if name not in self._sources:
            return None
        is_package = any(each.startswith(f"{name}.") for each in self._sources)
        return *self._sources[name], is_package

    def find_spec(self, fullname, path=None, target=None):
        """Give the spec of a module of the spool."""
        found = self.find(fullname)
        if found is None:
            return None
        return importlib.util.spec_from_loader(fullname, self, is_package=found[2])

    def exec_module(self, module):
        """Run the source of a module."""
        path, source = self._sources[module.__name__]
        module.__file__ = str(path)
        module.__awe_checksum__ = self._checksums[module.__name__]
        # What was checked is what runs, whatever happens to the file meanwhile.
        exec(compile(source, str(path), "exec", dont_inherit=True), vars(module))
