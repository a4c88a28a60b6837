"""The worked example of the documentation: fixtures/north-cell.yaml and a log that fits it."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from exchange_data import collected, columns_of
from smoke import aign

from aign.scenarios.core import registry
from aign.trajectories.reader import TrajectoryStore

MAPPING = Path(__file__).parent / "fixtures" / "north-cell.yaml"
LEVEL_MW = 10


@pytest.fixture(scope="module")
def power(tmp_path_factory):
    return TrajectoryStore.open(collected(tmp_path_factory.mktemp("power") / "power-2",
                                          registry.create("power-allocation", users=2)))


def logged(store):
    """What the cell's controller wrote down: milliwatts, gains in 1/W, rewards with three digits."""
    count, steps = len(store), store.scenario.horizon + 1
    def column(name):
        return store.column(name).numpy().astype(np.float64)

    actions = np.concatenate([column("actions"), np.full((count, 1, 2), np.nan)], axis=1)
    rewards = np.concatenate([column("rewards"), np.full((count, 1), np.nan)], axis=1)
    frame = {"run": np.repeat(np.arange(count), steps), "tick": np.tile(np.arange(steps), count),
             "controller": np.repeat(store.strings("behaviour"), steps)}
    for i in range(2):
        frame[f"gain_{i}_per_watt"] = np.repeat(column("context")[:, i], steps) * 1000 / LEVEL_MW
        frame[f"power_{i}_mw"] = column("observations")[:, :, i].reshape(-1) * LEVEL_MW
        frame[f"change_{i}_mw"] = actions[:, :, i].reshape(-1) * 4 * LEVEL_MW
    frame["gained"] = rewards.reshape(-1).round(3)
    frame["total_mw"] = np.repeat(column("total_power"), steps) * LEVEL_MW
    frame["done"] = frame["tick"] == steps - 2
    return pd.DataFrame(frame)


def test_the_example_imports_the_log(power, tmp_path):
    logged(power).to_csv(tmp_path / "north-cell.csv", index=False)
    said = aign("dataset", "import", tmp_path / "north-cell.csv", "--mapping", MAPPING, "--scenario",
                "power-allocation", "--set", "users=2", "--to", tmp_path / "north-cell")
    assert said.code == 0, said.err
    found = columns_of(tmp_path / "north-cell")
    assert np.array_equal(found["observations"][:, :, :2], power.column("observations")[:, :, :2].numpy())
    assert np.allclose(found["rewards"], power.column("rewards").numpy(), atol=0.00051)
    assert np.array_equal(found["total_power"], power.column("total_power").numpy())
    assert np.allclose(found["return_normalised"], power.column("return_normalised").numpy(), rtol=1e-4, atol=1e-4)
    assert set(found["source"]) == {"north-cell"}
    assert found["terminated"].all()


def test_the_example_merges_with_what_was_collected(power, tmp_path):
    logged(power).to_parquet(tmp_path / "log.parquet")
    for arguments in (("import", tmp_path / "log.parquet", "--mapping", MAPPING, "--scenario", "power-allocation",
                       "--set", "users=2", "--to", tmp_path / "north-cell"),
                      ("merge", power.folder, tmp_path / "north-cell", "--to", tmp_path / "both")):
        said = aign("dataset", *arguments)
        assert said.code == 0, said.err
    assert set(columns_of(tmp_path / "both")["source"]) == {"power-2", "north-cell"}
