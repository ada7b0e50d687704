"""Fixtures that every test may use."""

import os
from pathlib import Path

import pytest

_HERE = Path(__file__).resolve().parent


@pytest.fixture(scope="session")
def shared_data():
    """Give the folder of real frames, or skip the test where it is absent."""
    candidates = [Path(os.environ.get("AWE_TEST_DATA", "")), _HERE.parents[1] / "shared" / "data"]
    for folder in candidates:
        if (folder / "reference_stats.json").is_file():
            return folder
    pytest.skip("the folder of real frames (../shared/data or AWE_TEST_DATA) is absent")
