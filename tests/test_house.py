"""The house itself: packages are all installed, public things are documented, files are short."""

import configparser
import importlib
import inspect
from pathlib import Path

import pytest

_TOP = Path(__file__).resolve().parents[1]
_CHECKS = {"GL06", "GL07", "GL08", "PR01", "PR02", "PR03", "PR04", "RT01", "SS01", "SS03", "YD01"}
# Packages whose __all__ is what a user or an author of recipes works with.
_PUBLIC = (
    "awe.base.errors", "awe.base.utc", "awe.base.progress", "awe.base.environment",
    "awe.fits", "awe.instruments", "awe.model", "awe.pixels", "awe.process", "awe.simulate",
    "awe.store", "awe.store.context", "awe.store.query", "awe.recipes.IngestTask",
    "awe.recipes.BiasTask", "awe.recipes.DomeFlatTask", "awe.recipes.TwilightFlatTask",
    "awe.recipes.MasterFlatTask", "awe.recipes.ReduceTask", "awe.recipes.ReadNoiseTask",
    "awe.recipes.HotPixelsTask", "awe.recipes.ColdPixelsTask", "awe.recipes.GainTask",
    "awe.recipes.DarkTask", "awe.recipes.NightSkyFlatTask", "awe.recipes.FringeFlatTask",
    "awe.recipes.IlluminationCorrectionTask", "awe.recipes.ProcessExposureTask",
)  # fmt: skip


def test_every_package_is_listed_for_installation():
    """A folder with Python files that setup.cfg forgets would be missing after pip install."""
    config = configparser.ConfigParser()
    config.read(_TOP / "setup.cfg")
    listed = set(config["options"]["packages"].split())
    found = {"awe", "awe.recipes", "awe.profiles"}
    for init in (_TOP / "awe").rglob("__init__.py"):
        found.add(".".join(init.parent.relative_to(_TOP).parts))
    assert listed == found


def test_version_is_the_same_everywhere():
    """The command, the package and its metadata name one version."""
    from importlib.metadata import version

    import awe

    assert version("awe") == awe.__version__


def _public_things():
    for module_name in _PUBLIC:
        module = importlib.import_module(module_name)
        for name in module.__all__:
            thing = getattr(module, name)
            if inspect.isclass(thing) or inspect.isfunction(thing):
                yield f"{thing.__module__}.{thing.__qualname__}"


def _with_methods(path):
    module, name = path.rsplit(".", 1)
    thing = getattr(importlib.import_module(module), name)
    yield path
    if inspect.isclass(thing):
        inherited = {m for base in thing.__mro__[1:] for m in vars(base)}
        for method, value in vars(thing).items():
            # What a method takes and gives is said where it is declared first.
            if method[0] != "_" and inspect.isfunction(value) and method not in inherited:
                yield f"{path}.{method}"


@pytest.mark.parametrize("path", sorted(set(_public_things())))
def test_public_docstrings_follow_numpydoc(path):
    """What a user may call says its parameters and what it returns."""
    from numpydoc.validate import validate

    problems = []
    for each in _with_methods(path):
        for code, text in validate(each)["errors"]:
            if code in _CHECKS and not _is_generated(each, code):
                problems.append(f"{each}: {code} {text}")
    assert not problems


def _is_generated(path, code):
    """Persistent classes and tasks take the attributes and arguments that their text lists."""
    return code in ("PR01", "PR02") and path.rsplit(".", 1)[-1][0].isupper()


def test_files_are_short():
    """A file of more than 500 lines holds two ideas."""
    files = [*(_TOP / "awe").rglob("*.py"), *(_TOP / "recipes").glob("*.py")]
    long = {f.name: n for f in files if (n := len(f.read_text().splitlines())) > 500}
    assert not long


def test_the_reference_lists_every_quality_flag():
    """The table of bits in the reference is the one of the code."""
    importlib.import_module("awe.model")
    from awe.process.flags import all_flags

    text = (_TOP / "docs" / "reference.md").read_text()
    for flag in (f for f in all_flags() if not f.name.startswith("TEST_")):
        chosen = "no" if flag.disqualifies else "yes"
        assert f"| {flag.bit} | {flag.name} | {flag.description} | {chosen} |" in text
