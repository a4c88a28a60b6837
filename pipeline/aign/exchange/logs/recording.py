"""Episodes of a log as the dataset stores them: as given where given, by the scenario where not.

Axes: E episodes, b a batch of them, B contexts, C context values, T steps.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from aign.agents.recording import label
from aign.exchange.logs.contexts import certified_pool, different, split_of
from aign.exchange.logs.episodes import LogEpisodes
from aign.exchange.logs.mapping import LogMapping, Reading, SplitShares
from aign.exchange.logs.paths import Paths, paths
from aign.exchange.logs.values import LogValues
from aign.scenarios.core.episode import Rollout
from aign.scenarios.core.scenario import Scenario
from aign.trajectories.contexts import FIELDS, ContextPool, Contexts
from aign.trajectories.schema import SPLITS, Episodes

Array = np.ndarray[Any, Any]
BATCH = 2_048
"""Episodes recorded at a time."""
ROUNDING = 2.0**-50
"""Relative difference that two conversions of units, there and back, make at most: four roundings of float64."""


@dataclass(frozen=True, eq=False)
class EpisodeContexts:
    """The context of each episode.

    Attributes:
        pool: all contexts by split, as the dataset's contexts.safetensors holds them.
        of: (E,) the context of each episode; their own split is in `split`.
        split: (E,) text.
    """

    pool: ContextPool
    of: Contexts
    split: Array


def contexts_of(values: Array, shares: SplitShares, scenario: Scenario[Any], path: Path) -> EpisodeContexts:
    """Tell the contexts (E, C) of episodes apart by value, split and certify them.

    Raises:
        DatasetError: too few different contexts for all splits.
    """
    found, which = different(values)
    splits = split_of(found, shares, path)
    pool, row = certified_pool(found, splits, scenario)
    place = splits[which]
    picked = {name: torch.from_numpy(row[which[place == index]]) for index, name in enumerate(SPLITS)}
    back = np.argsort(np.argsort(place, kind="stable"), kind="stable")
    parts = [contexts.take(picked[name]) for name, contexts in pool.splits.items()]
    together = Contexts(**{name: torch.cat([getattr(part, name) for part in parts]) for name in FIELDS}, split="")
    return EpisodeContexts(pool, together.take(torch.from_numpy(back)), np.array(SPLITS)[place])


def record(values: LogValues, episodes: LogEpisodes, contexts: EpisodeContexts, mapping: LogMapping,
           scenario: Scenario[Any]) -> Iterator[Episodes]:
    """Yield the episodes in order, a batch at a time, networks numbered in canonical order."""
    for start in range(0, len(episodes), BATCH):
        inside = slice(start, start + BATCH)
        part, rows = episodes.take(inside), torch.arange(len(episodes))[inside]
        path = paths(values, part, scenario).renumbered(scenario)
        made = label(scenario, contexts.of.take(rows), _rollout(path, values, part, mapping, scenario), "log")
        yield replace(
            made,
            labels=_labels(made, values, part, mapping),
            length=part.length.astype(np.int32), terminated=part.terminated, truncated=part.truncated,
            behaviour=values.behaviour[part.first].astype(np.str_), split=contexts.split[inside],
            source=np.full(len(part), mapping.source))


def _rollout(path: Paths, values: LogValues, part: LogEpisodes, mapping: LogMapping,
             scenario: Scenario[Any]) -> Rollout:
    """Return what happened; rewards after an episode's end are 0."""
    rewards = path.step(scenario)[1]
    if values.reward is not None:
        rewards = torch.from_numpy(_measured(values.reward[part.rows[:, :-1]], rewards.numpy(), mapping.reward))
    return Rollout(path.observed(scenario), path.actions, rewards.where(path.taken, 0.0), path.final)


def _labels(made: Episodes, values: LogValues, part: LogEpisodes, mapping: LogMapping) -> Mapping[str, Array]:
    return {name: computed if name not in values.labels else
            _measured(values.labels[name][part.last], computed, mapping.labels[name])
            for name, computed in made.labels.items()}


def _measured(given: Array, simulated: Array, reading: Reading | None) -> Array:
    """Return values as given; but where units were converted, the simulator's that differ by rounding only: no bound is
    to be missed by the last digit of a conversion.
    """
    if reading is None or not reading.converts:
        return given
    return np.where(np.abs(given - simulated) <= ROUNDING * np.abs(simulated), simulated, given)
