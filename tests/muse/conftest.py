"""Stores and trees for the tests of MUSE exposures."""

import pytest

import awe.model  # noqa: F401  declares the classes that a store holds
from awe.simulate.muse import FLAWS, simulate_muse
from awe.store.context import Context


@pytest.fixture
def context(tmp_path):
    """Give the context of a new store."""
    opened = Context(tmp_path / "store", tmp_path / "data", "me")
    yield opened
    opened.close()


@pytest.fixture
def tree(tmp_path):
    """Give a tree of four exposures in two nights, one of each mode."""
    return simulate_muse(tmp_path / "tree", exposures=4)


@pytest.fixture(scope="session")
def flawed(tmp_path_factory):
    """Give a tree of narrow-field exposures, each with another flaw, the first with none."""
    flaws = dict(enumerate(FLAWS, 1))
    root = tmp_path_factory.mktemp("muse-flawed")
    return simulate_muse(root, exposures=len(FLAWS) + 1, flaws=flaws, modes=("NFM-AO-N",))
