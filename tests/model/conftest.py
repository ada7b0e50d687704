"""A store for each test."""

import pytest

import awe.model  # noqa: F401  declares the classes that a store holds
from awe.store.context import Context


@pytest.fixture
def context(tmp_path):
    """Give the context of a new store."""
    opened = Context(tmp_path / "store", tmp_path / "data", "me")
    yield opened
    opened.close()
