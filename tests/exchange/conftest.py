"""The scenario of most tests in this room, and one dataset of it."""

import pytest
from exchange_data import collected

from aign.scenarios.core import registry
from aign.trajectories.reader import TrajectoryStore


@pytest.fixture(scope="session")
def scenario():
    return registry.create("water-filling", channels=3)


@pytest.fixture(scope="session")
def folder(tmp_path_factory, scenario):
    """20 real episodes in 3 shards. Read-only."""
    return collected(tmp_path_factory.mktemp("exchange") / "water", scenario)


@pytest.fixture(scope="session")
def store(folder):
    return TrajectoryStore.open(folder)
