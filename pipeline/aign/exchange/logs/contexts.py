"""The contexts of a log: equal values are one context, in one split, certified like the contexts that are drawn.

Axes: E episodes, B distinct contexts, C context values.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from aign.errors import DatasetError
from aign.exchange.logs.mapping import SplitShares
from aign.exchange.merge_contexts import distinct_rows
from aign.scenarios.core.scenario import Scenario
from aign.trajectories.contexts import FIELDS, ContextPool, Contexts, certified
from aign.trajectories.schema import SPLITS

Array = np.ndarray[Any, Any]


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
