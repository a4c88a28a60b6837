"""Episodes of a log as the dataset stores them: values of the log where it has them, else the scenario's.

Axes: b episodes of a batch, T steps.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from aign.agents.recording import label
from aign.exchange.logs.contexts import EpisodeContexts
from aign.exchange.logs.episodes import LogEpisodes
from aign.exchange.logs.mapping import LogMapping, Reading
from aign.exchange.logs.paths import paths
from aign.exchange.logs.values import LogValues
from aign.scenarios.core.episode import Rollout
from aign.scenarios.core.scenario import Scenario
from aign.trajectories.schema import Episodes

Array = np.ndarray[Any, Any]
ROUNDING = 2.0**-50
"""Largest relative difference from converting units there and back: four roundings of float64."""


def record(values: LogValues, episodes: LogEpisodes, contexts: EpisodeContexts, mapping: LogMapping,
           scenario: Scenario[Any]) -> Iterator[Episodes]:
    """Yield the episodes in order, a batch at a time, networks numbered in canonical order."""
    for places, part in episodes.batches():
        path = paths(values, part, scenario).renumbered(scenario)
        rewards = path.step(scenario)[1]
        if values.reward is not None:
            logged = values.reward[part.rows[:, :-1]]
            rewards = torch.from_numpy(_unrounded(logged, rewards.numpy(), mapping.reward))
        rewards = rewards.where(path.taken, 0.0)
        rollout = Rollout(path.observed(scenario), path.actions, rewards, path.final)
        episode = label(scenario, contexts.of.take(torch.arange(len(episodes))[places]), rollout, "log")
        logged_labels = {name: _unrounded(column[part.last], episode.labels[name], mapping.labels[name])
                         for name, column in values.labels.items()}
        yield replace(
            episode,
            labels={**episode.labels, **logged_labels},
            length=part.length.astype(np.int32), terminated=part.terminated, truncated=part.truncated,
            behaviour=values.behaviour[part.first].astype(np.str_), split=contexts.split[places],
            source=np.full(len(part), mapping.source))


def _unrounded(logged: Array, simulated: Array, reading: Reading | None) -> Array:
    """Return logged values; where units were converted, the simulator's if they differ by rounding only, so that no
    bound is missed by the last digit of a conversion.
    """
    if reading is None or not reading.converts:
        return logged
    return np.where(np.abs(logged - simulated) <= ROUNDING * np.abs(simulated), simulated, logged)
