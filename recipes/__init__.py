"""The recipes: what a night needs, one module for each."""

import importlib
import pkgutil
import sys

from awe.base import hooks
from awe.base.errors import AweLookupError, did_you_mean
from awe.process.task import Task

__all__ = ["identifiers", "recipe_named", "recipe_of"]

_ENDING = "Task"
_USERS = "awe_user."


def identifiers():
    """Give the names of all recipes that make something.

    Returns
    -------
    dict of str to str or type
        The module of each of ours, the class of each of the user's own.
    """
    found = {
        name.removesuffix(_ENDING): f"{__name__}.{name}"
        for name in _modules() if name != "IngestTask"
    }  # fmt: skip
    for name, module in sorted(sys.modules.items()):
        if name.startswith(_USERS):
            for value in vars(module).values():
                if _is_recipe(value) and value.__module__ == name:
                    found[value.__name__.removesuffix(_ENDING)] = value
    return dict(sorted(found.items()))


def _modules():
    return [info.name for info in pkgutil.iter_modules(__path__) if info.name.endswith(_ENDING)]


def _is_recipe(value):
    return isinstance(value, type) and issubclass(value, Task) and value.units is not Task.units


def recipe_named(name):
    """Give the class of a recipe.

    Parameters
    ----------
    name : str
        Such as 'Reduce'.

    Returns
    -------
    type
        Such as ReduceTask.

    Raises
    ------
    AweLookupError
        There is no such recipe.
    """
    known = identifiers()
    found = known.get(name) or known.get(name.removesuffix(_ENDING))
    if found is None:
        msg = f"There is no recipe {name!r}.{did_you_mean(name, known)}"
        raise AweLookupError(msg, remedy=f"Recipes: {', '.join(known)}")
    if isinstance(found, type):
        return found
    return getattr(importlib.import_module(found), found.rsplit(".", 1)[1])


def recipe_of(product_class):
    """Give the recipe that makes a class of products.

    Parameters
    ----------
    product_class : type
        The class.

    Returns
    -------
    type
        The task; of several the one that makes least besides, ours before a user's own.

    Raises
    ------
    AweLookupError
        There is none.
    """
    for name in _modules():
        importlib.import_module(f"{__name__}.{name}")
    modules = sorted(name for name in sys.modules if name.startswith((f"{__name__}.", _USERS)))
    found = [
        value
        for module in modules
        for name, value in vars(sys.modules[module]).items()
        if name.endswith("Task")
        and product_class.__name__ in getattr(value, "product_names", ())
        # Others import it too, and may hold what it was before it was loaded anew.
        and value.__module__ == module
    ]
    if not found:
        msg = f"There is no recipe that makes a {product_class.__name__}."
        raise AweLookupError(msg)
    return min(found, key=lambda cls: len(cls.product_names))


hooks.register("recipe", recipe_named)
hooks.register("recipe_of", recipe_of)
