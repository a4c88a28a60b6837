"""The contexts of a log: equal values are one context, each in one split, certified like drawn ones.

Axes: E episodes, B contexts, C context values.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import torch

from aign.errors import DatasetError
from aign.exchange.logs.mapping import SplitShares
from aign.scenarios.core.scenario import Scenario
from aign.trajectories.contexts import ContextPool, certified
from aign.trajectories.schema import SPLITS

Array = np.ndarray[Any, Any]


def different(values: Array) -> tuple[Array, Array]:
    """Return the different rows of float32 (E, C), ordered by their bytes, and which of them each row is, (E,)."""
    words = np.ascontiguousarray(values, dtype=np.float32).view(np.uint32)
    found, which = np.unique(words, axis=0, return_inverse=True)
    return found.view(np.float32), which.reshape(-1)


def split_of(values: Array, shares: SplitShares, path: Path) -> Array:
    """Return the split of each of B different contexts, as a place in SPLITS, int64 (B,).

    Contexts are dealt out in an order that a hash of seed and value decides, so that it does not matter where in the
    log they stand.

    Raises:
        DatasetError: too few contexts for all splits.
    """
    counts = {name: max(1, round(getattr(shares, name) * len(values))) if getattr(shares, name) > 0 else 0
              for name in SPLITS[1:]}
    held_out = sum(counts.values())
    if len(values) <= held_out:
        raise DatasetError(f"{path}: {len(values)} different contexts are too few for training and held-out splits. "
                           "Import more, or give the training split a share of 1 (split: {train: 1, validation: 0, "
                           "test: 0}).")
    keys = [hashlib.sha256(f"{shares.seed}/".encode() + value.tobytes()).digest() for value in values]
    order = np.array(sorted(range(len(values)), key=keys.__getitem__))
    splits = np.zeros(len(values), dtype=np.int64)
    start = 0
    for place, name in enumerate(SPLITS):
        if place:
            splits[order[start:start + counts[name]]] = place
            start += counts[name]
    return splits


def certified_pool(values: Array, splits: Array, scenario: Scenario[Any]) -> tuple[ContextPool, Array]:
    """Return the contexts (B, C) as a pool, and the row of each in its split, int64 (B,)."""
    row = np.empty(len(values), dtype=np.int64)
    pool = {}
    for place, name in enumerate(SPLITS):
        chosen = np.flatnonzero(splits == place)
        row[chosen] = np.arange(len(chosen))
        if len(chosen):
            pool[name] = certified(scenario, torch.from_numpy(values[chosen]), name)
    return ContextPool(pool), row
