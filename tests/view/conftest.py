"""Fixtures: a context on a fresh store in this process."""

import pytest

from awe.base.environment import Environment
from awe.store import current, open_context


@pytest.fixture
def context(tmp_path):
    """Give a context on a fresh store in this process."""
    settings = Environment(tmp_path, str(tmp_path / "store"), str(tmp_path / "data"), "ada")
    opened = open_context(settings)
    yield opened
    if current.has_context():
        current.context().close()
