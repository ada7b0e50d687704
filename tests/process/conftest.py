"""A store for each test, and an export to be imported into it."""

import shutil
from pathlib import Path

import pytest
from exchange_lab import fill

from awe.process.exchange import export
from awe.store.context import Context


@pytest.fixture
def context(tmp_path):
    """Give the context of a new store."""
    opened = Context(tmp_path / "store", tmp_path / "data", "me")
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """Give an export of the second product, and what it holds as plain values."""
    folder = tmp_path_factory.mktemp("exporting")
    context = Context(folder / "store", folder / "data", "ada")
    _, second = fill(folder / "made")
    context.update_is_valid(second, 0, "light leak")
    export(second, folder / "export")
    facts = {
        "id": second.object_id, "key": second.content_key, "made_by": second.made_by,
        "raws": [o.object_id for o in second.raws], "prev": second.prev.object_id,
        "weight": second.weight.object_id, "site": second.raws[0].site.object_id,
        "target": second.raws[0].target.object_id, "committed_at": second.committed_at,
        "file": second.path().read_bytes(), "project": second.project.name,
    }  # fmt: skip
    context.close()
    return folder / "export", facts


@pytest.fixture
def folder(tmp_path, exported):
    """Give a copy of the export, to be damaged."""
    return Path(shutil.copytree(exported[0], tmp_path / "export"))


@pytest.fixture
def elsewhere(tmp_path):
    """Give the context of another, empty store."""
    opened = Context(tmp_path / "store", tmp_path / "data", "ben")
    yield opened
    opened.close()
