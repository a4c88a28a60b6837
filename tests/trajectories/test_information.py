import dataclasses

import numpy as np
import pytest
import torch

import aign
from aign.scenarios.core import registry
from aign.trajectories.information import action, information
from aign.trajectories.reader import TrajectoryStore
from aign.trajectories.schema import SPLITS
from aign.trajectories.shard import Shard


def test_the_scenario_can_be_built_again(store, scenario):
    again = registry.create(**store.info["scenario"])
    assert again.spec() == scenario.spec() == {"name": "water-filling", "channels": 4, "budget": 3.0, "gain": 1.0}


def test_features_and_labels_are_described(store, scenario):
    info = store.info
    for key, features, size in (("context", scenario.context_features, scenario.context_size),
                                ("state", scenario.state_features, scenario.state_size),
                                ("observation", scenario.observation_features, scenario.observation_size)):
        assert [one["name"] for one in info["features"][key]] == [feature.name for feature in features]
        assert sum(one["size"] for one in info["features"][key]) == size
        assert all({"unit", "low", "high"} <= one.keys() for one in info["features"][key])
    assert [(one["name"], one["unit"], one["better"]) for one in info["labels"]] == [
        (label.name, label.unit, label.better) for label in scenario.labels]
    assert info["action"] == {"kind": "continuous", "size": 4, "low": -1.0, "high": 1.0}
    assert info["horizon"] == 8


@pytest.mark.parametrize("spec", [{"name": "asp-selection", "providers": 3, "tasks": 4},
                                  {"name": "gymnasium", "environment": "CartPole-v1", "horizon": 4}], ids=str)
def test_choices_are_not_called_continuous(spec):
    scenario = registry.create(**spec)
    assert action(scenario) == {"kind": "choice, one-hot", "choices": scenario.choices, "size": scenario.choices,
                                "low": 0.0, "high": 1.0}


def test_whole_steps_are_told():
    assert action(registry.create("power-allocation", users=2))["kind"] == "continuous, rounded to whole steps"


def test_counts_of_splits_and_behaviours(store, episodes):
    assert store.info["episodes"] == 100
    for split in ("train", "validation", "test"):
        chosen = episodes.split == split
        counts = store.info["splits"][split]
        assert counts["episodes"] == chosen.sum()
        assert counts["contexts"] == len(set(episodes.context_id[chosen]))
        names, numbers = np.unique(episodes.behaviour[chosen], return_counts=True)
        assert counts["behaviours"] == dict(zip(names, numbers, strict=True))


def test_versions_and_provenance(store):
    assert store.info["versions"]["aign"] == aign.__version__
    assert store.info["versions"]["torch"].split("+")[0] == torch.__version__.split("+")[0]
    assert {"numpy", "pyarrow", "datasets", "python"} <= store.info["versions"].keys()
    assert store.info["provenance"] == {"seed": 1, "sources": ["random"]}


def test_an_unbounded_feature_has_no_bounds(store, folder):
    from dataclasses import replace
    scenario = registry.create(**store.info["scenario"])
    scenario.state_features = (replace(scenario.state_features[0], low=-float("inf"), high=float("inf")),)
    info = information([Shard(folder / "data-00000-of-00004.arrow")], scenario, {})
    assert (info["features"]["state"][0]["low"], info["features"]["state"][0]["high"]) == (None, None)


def test_sources_are_counted(tmp_path, make_dataset, make_episodes):
    episodes = make_episodes(40)
    source = np.array([f"log-{number % 2}" for number in range(40)])
    folder = make_dataset(tmp_path / "d", dataclasses.replace(episodes, source=source))
    store = TrajectoryStore.open(folder)
    for split in SPLITS:
        chosen = episodes.split == split
        names, numbers = np.unique(source[chosen], return_counts=True)
        assert store.info["splits"][split]["sources"] == dict(zip(names.tolist(), numbers.tolist(), strict=True))
    assert "Sources: `log-0` (20 episodes), `log-1` (20 episodes)." in (folder / "README.md").read_text()
