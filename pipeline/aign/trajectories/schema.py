"""What an episode is: the columns of the trajectory dataset and the batch of episodes that fills them.

Axes: E episodes, T steps (the horizon), D observation values, A action values, C context values.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from aign.scenarios.core.scenario import Scenario

FORMAT_VERSION = 3
SPLITS = ("train", "validation", "test")
OWN_SOURCE = "collect"
"""Source of the episodes that stage collect records; others are names of datasets and logs."""


@dataclass(frozen=True)
class Episodes:
    """A batch of complete, labelled episodes; every array has a leading axis E.

    What is measured (rewards, labels, utility, returns) is float64, so that whole numbers up to 2^53 are exact; what is
    seen and done (observations, actions, context) is float32.

    Attributes:
        observations: (E, T+1, D) in raw units; the first S values of each are the state.
        actions: (E, T, A).
        rewards: (E, T).
        labels: label name -> (E,), of the final design.
        utility: (E,) of the final design.
        return_raw: (E,) sum of rewards.
        return_normalised: (E,) (U - U_ref) / (U* - U_ref).
        length: (E,) int32, steps taken.
        terminated: (E,) bool, the episode came to its own end.
        truncated: (E,) bool, it was cut off.
        behaviour: (E,) str, who acted.
        agent_step: (E,) int64, environment steps the agent had learned from; 0 where nothing learns.
        agent_seed: (E,) int32.
        env_seed: (E,) int64.
        context_id: (E,) int64, unique over all splits.
        context: (E, C).
        split: (E,) str, one of SPLITS.
        source: (E,) str, the dataset or log the episode came from; one text for all where a scalar is given.
    """

    observations: np.ndarray[Any, np.dtype[np.float32]]
    actions: np.ndarray[Any, np.dtype[np.float32]]
    rewards: np.ndarray[Any, np.dtype[np.float64]]
    labels: Mapping[str, np.ndarray[Any, np.dtype[np.float64]]]
    utility: np.ndarray[Any, np.dtype[np.float64]]
    return_raw: np.ndarray[Any, np.dtype[np.float64]]
    return_normalised: np.ndarray[Any, np.dtype[np.float64]]
    length: np.ndarray[Any, np.dtype[np.int32]]
    terminated: np.ndarray[Any, np.dtype[np.bool_]]
    truncated: np.ndarray[Any, np.dtype[np.bool_]]
    behaviour: np.ndarray[Any, Any]
    agent_step: np.ndarray[Any, np.dtype[np.int64]]
    agent_seed: np.ndarray[Any, np.dtype[np.int32]]
    env_seed: np.ndarray[Any, np.dtype[np.int64]]
    context_id: np.ndarray[Any, np.dtype[np.int64]]
    context: np.ndarray[Any, np.dtype[np.float32]]
    split: np.ndarray[Any, Any]
    source: np.ndarray[Any, Any] = field(default_factory=lambda: np.array(OWN_SOURCE))

    def __post_init__(self) -> None:
        """Give every episode the source, where one stands for all."""
        if np.ndim(self.source) == 0:
            object.__setattr__(self, "source", np.full(len(self), self.source))

    def __len__(self) -> int:
        return len(self.rewards)

    def __repr__(self) -> str:
        return (f"Episodes({len(self)} x {self.rewards.shape[1]} steps, observations {self.observations.shape}, "
                f"actions {self.actions.shape}, labels {', '.join(self.labels)})")


def arrow_schema(scenario: Scenario[Any]) -> pa.Schema:
    """Return the Arrow schema of a scenario's episodes: one row an episode, nested fixed-size lists, no nulls."""
    def matrix(rows: int, columns: int) -> pa.DataType:
        return pa.list_(pa.list_(pa.float32(), columns), rows)

    steps = scenario.horizon
    columns: list[tuple[str, pa.DataType]] = [
        ("episode_id", pa.int64()),
        ("observations", matrix(steps + 1, scenario.observation_size)),
        ("actions", matrix(steps, scenario.action_size)),
        ("rewards", pa.list_(pa.float64(), steps)),
        *((label.name, pa.float64()) for label in scenario.labels),
        ("length", pa.int32()),
        ("terminated", pa.bool_()),
        ("truncated", pa.bool_()),
        ("return_raw", pa.float64()),
        ("return_normalised", pa.float64()),
        ("utility", pa.float64()),
        ("behaviour", pa.string()),
        ("agent_step", pa.int64()),
        ("agent_seed", pa.int32()),
        ("env_seed", pa.int64()),
        ("context_id", pa.int64()),
        ("context", pa.list_(pa.float32(), scenario.context_size)),
        ("source", pa.string()),
        ("split", pa.string()),
    ]
    return pa.schema([pa.field(name, kind) for name, kind in columns])
