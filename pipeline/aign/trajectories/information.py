"""meta/info.json: what the columns mean, what is in the dataset, and what it was made with."""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version
from typing import Any

import numpy as np

import aign
from aign.scenarios.core import Feature, Scenario
from aign.scenarios.core.scenario import finite_or_none
from aign.trajectories.schema import FORMAT_VERSION, SPLITS
from aign.trajectories.shard import Shard

Rows = np.ndarray[Any, np.dtype[np.intp]]
PACKAGES = ("torch", "numpy", "pyarrow", "datasets")


def information(shards: Sequence[Shard], scenario: Scenario[Any], provenance: Mapping[str, Any]) -> dict[str, Any]:
    """Return the content of meta/info.json; `scenario` in it is what `registry.create(**scenario)` takes."""
    return {
        "format_version": FORMAT_VERSION,
        "scenario": scenario.spec(),
        "horizon": scenario.horizon,
        "decision_makers": scenario.agents,
        "action": action(scenario),
        "features": {"context": _features(scenario.context_features), "state": _features(scenario.state_features),
                     "observation": _features(scenario.observation_features)},
        "labels": [{"name": label.name, "unit": label.unit, "better": label.better, "description": label.description}
                   for label in scenario.labels],
        "splits": {split: _counts(shards, split) for split in SPLITS},
        "episodes": sum(map(len, shards)),
        "versions": {"python": platform.python_version(), "aign": aign.__version__,
                     **{package: version(package) for package in PACKAGES}},
        "provenance": dict(provenance),
    }


def action(scenario: Scenario[Any]) -> dict[str, Any]:
    """Return what the values of a stored action mean; of `choices` alternatives the chosen one is stored as 1."""
    if scenario.choices is not None:
        return {"kind": "choice, one-hot", "choices": scenario.choices, "size": scenario.action_size, "low": 0.0,
                "high": 1.0}
    kind = "continuous, rounded to whole steps" if scenario.integer_actions else "continuous"
    return {"kind": kind, "size": scenario.action_size, "low": -1.0, "high": 1.0}


def _features(features: Sequence[Feature]) -> list[dict[str, Any]]:
    return [{**asdict(feature), "low": finite_or_none(feature.low), "high": finite_or_none(feature.high)}
            for feature in features]


def _counts(shards: Sequence[Shard], split: str) -> dict[str, Any]:
    rows = [shard.rows_of(split) for shard in shards]
    contexts = np.concatenate([shard.view("context_id").numpy()[chosen]
                               for shard, chosen in zip(shards, rows, strict=True)])
    return {"episodes": len(contexts), "contexts": len(np.unique(contexts)),
            "behaviours": _tally(shards, rows, "behaviour"), "sources": _tally(shards, rows, "source")}


def _tally(shards: Sequence[Shard], rows: Sequence[Rows], name: str) -> dict[str, int]:
    """Return how often each value of a text column occurs in the given rows of each shard."""
    tally = Counter[str]()
    for shard, chosen in zip(shards, rows, strict=True):
        names, counts = np.unique(shard.strings(name)[chosen], return_counts=True)
        tally.update(dict(zip(names.tolist(), counts.tolist(), strict=True)))
    return dict(sorted(tally.items()))
