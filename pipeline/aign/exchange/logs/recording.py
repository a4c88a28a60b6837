"""What an import stores: the contexts of a log, and its episodes with values of the log where it has them, else the
scenario's.

Axes: E episodes, b of a batch, B distinct contexts, C context values, T steps.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from aign.agents.recording import label
from aign.errors import DatasetError
from aign.exchange.logs.episodes import LogEpisodes
from aign.exchange.logs.mapping import LogMapping, Reading, SplitShares
from aign.exchange.logs.paths import paths
from aign.exchange.logs.values import LogValues
from aign.exchange.merge_contexts import distinct_rows
from aign.scenarios.core.episode import Rollout
from aign.scenarios.core.scenario import Scenario
from aign.trajectories.contexts import FIELDS, ContextPool, Contexts, certified
from aign.trajectories.schema import SPLITS, Episodes

Array = np.ndarray[Any, Any]
ROUNDING = 2.0**-50
"""Largest relative difference from converting units there and back: four roundings of float64."""


@dataclass(frozen=True, eq=False)
class EpisodeContexts:
    """The context of each episode.

    Attributes:
        pool: all contexts by split, as the dataset's contexts.safetensors holds them.
        of: the contexts of E episodes, in order, of any split.
        split: (E,) text, the split of each.
    """

    pool: ContextPool
    of: Contexts
    split: Array


def split_of(values: Array, shares: SplitShares, path: Path) -> Array:
    """Return the split of each of B distinct contexts, as a place in SPLITS, int64 (B,).

    A hash of seed and value decides, so that the order of the log does not matter.

    Raises:
        DatasetError: too few contexts for all splits.
    """
    parts = [getattr(shares, name) for name in SPLITS[1:]]
    counts = [max(1, round(share * len(values))) if share > 0 else 0 for share in parts]
    if len(values) <= sum(counts):
        raise DatasetError(f"{path}: {len(values)} different contexts are too few for training and held-out splits. "
                           "Import more, or give the training split a share of 1 (split: {train: 1, validation: 0, "
                           "test: 0}).")
    keys = [hashlib.sha256(f"{shares.seed}/".encode() + value.tobytes()).digest() for value in values]
    held_out = sorted(range(len(values)), key=keys.__getitem__)[:sum(counts)]
    splits = np.zeros(len(values), dtype=np.int64)
    splits[held_out] = np.repeat(np.arange(1, len(SPLITS)), counts)
    return splits


def contexts_of(values: Array, shares: SplitShares, scenario: Scenario[Any], path: Path) -> EpisodeContexts:
    """Tell the contexts (E, C) of episodes apart by value, split and certify them.

    Raises:
        DatasetError: too few different contexts for all splits.
    """
    distinct, which = distinct_rows(values)
    splits = split_of(distinct, shares, path)
    pool = {name: certified(scenario, torch.from_numpy(distinct[splits == place]), name)
            for place, name in enumerate(SPLITS) if (splits == place).any()}
    every = Contexts(**{name: torch.cat([getattr(part, name) for part in pool.values()]) for name in FIELDS}, split="")
    row = np.argsort(np.argsort(splits, kind="stable"))  # of each distinct context in `every`
    return EpisodeContexts(ContextPool(pool), every.take(torch.from_numpy(row[which])), np.array(SPLITS)[splits[which]])


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
