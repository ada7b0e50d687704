"""Simulated nights that the tests share."""

import pytest

from awe.simulate import simulate_night


@pytest.fixture(scope="session")
def two_ccds(tmp_path_factory):
    """Give a night of two CCDs large enough for statistics."""
    return simulate_night(
        tmp_path_factory.mktemp("two"),
        ccds=2,
        shape=(400, 300),
        exposures=3,
        biases=4,
        domes=4,
        twilights=2,
    )
