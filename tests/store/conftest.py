"""Fixtures: stores that several files of tests use."""

import contextlib
import shutil
from pathlib import Path

import pytest
from backup_lab import fill as fill_for_backup
from context_lab import fill
from store_lab import open_new

from awe.store.backup import backup
from awe.store.backup_verify import verify_backup


@pytest.fixture
def context(tmp_path):
    """Give a context on a new store."""
    context = open_new(tmp_path, "ann")
    yield context
    context.close()


@pytest.fixture
def open_as(tmp_path):
    """Give a function that opens the store as a user, closing the session of before."""
    opened = []

    def open_as(user, project=None, level=1):
        for before in opened:
            before.close()
        opened[:] = [open_new(tmp_path, user, project=project, privileges=level)]
        return opened[0]

    yield open_as
    for context in opened:
        context.close()


@pytest.fixture
def filled(open_as):
    """Give the opener of a store with a frame of ann at each level of project SHARED."""
    open_as("bob")
    open_as("mia")
    open_as("cleo")
    context = open_as("ann")
    fill(context)
    return open_as


@pytest.fixture(scope="module")
def backed_up(tmp_path_factory):
    """Make a store and a backup of it; give the folder with `store`, `data` and `saved`."""
    folder = tmp_path_factory.mktemp("filled")
    with contextlib.closing(open_new(folder)) as context:
        fill_for_backup(context, folder)
        report = backup(context, folder / "saved")
        assert (report.problems, report.files, report.new) == ([], 6, 6)
    assert verify_backup(folder / "saved")[0] == []
    return folder


@pytest.fixture
def lab(backed_up, tmp_path):
    """Give the context of a copy of that store; a copy of the backup is beside it."""
    shutil.copytree(backed_up, tmp_path, dirs_exist_ok=True)
    context = open_new(tmp_path)
    yield context
    context.close()


@pytest.fixture
def saved(backed_up, tmp_path):
    """Give a copy of the backup."""
    return Path(shutil.copytree(backed_up / "saved", tmp_path / "saved", dirs_exist_ok=True))
