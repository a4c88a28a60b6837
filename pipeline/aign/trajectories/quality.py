"""How good and how varied a dataset is: trajectory quality, coverage, duplicates, shares of the behaviours.

Trajectory quality (TQ) and state-action coverage (SACo) follow Schweighofer et al., "A Dataset Perspective on Offline
Reinforcement Learning" (arXiv 2111.04714), with this house's normalised return and fewer, stated, bins.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from aign.scenarios.base import Scenario
from aign.trajectories.shard import Shard
from aign.trajectories.statistics import QUANTILES, TRAINING, Values, component

BINS = 5
CONVENTION = ("Mean normalised return (U - U_ref) / (U* - U_ref) of the training split: 0 is the cheap reference, "
              "1 the certified optimum (or bound); negative is worse than the reference.")
BINNING = (f"Each state value, and each action value, is put in one of {BINS} bins of equal width between its least "
           "and largest value in the training split; coverage is the number of different (state, action) cells over "
           "the number of training transitions. With 100 bins, as in the source, nearly every transition would be "
           "unique in 20 or more dimensions.")
LARGEST_CODE = 1 << 62


def quality(shards: Sequence[Shard], scenario: Scenario[Any], stats: Mapping[str, Any]) -> dict[str, Any]:
    """Return the quality figures of a dataset as JSON values; all but duplicates are of the training split.

    Args:
        shards: the dataset.
        scenario: tells how many observation values are state.
        stats: of the training split, see `statistics`.
    """
    returns = component(shards, "return_normalised").astype(np.float64)
    behaviour = np.concatenate([shard.strings("behaviour")[shard.rows_of(TRAINING)] for shard in shards])
    cells, transitions = coverage(shards, scenario.state_size, stats)
    episodes = sum(map(len, shards))
    duplicates = count_duplicates(shards)
    return {
        "trajectory_quality": {"value": float(returns.mean()), "convention": CONVENTION},
        "state_action_coverage": {"value": cells / transitions, "unique": cells, "total": transitions, "bins": BINS,
                                  "binning": BINNING},
        "duplicates": {"count": duplicates, "share": duplicates / episodes,
                       "meaning": "Episodes, of any split, with the same observations and actions as an earlier one."},
        "return_normalised": _quantiles(returns),
        "behaviours": {str(name): _behaviour(returns[behaviour == name], len(returns))
                       for name in np.unique(behaviour)},
    }


def coverage(shards: Sequence[Shard], state_size: int, stats: Mapping[str, Any]) -> tuple[int, int]:
    """Return the number of different binned (state, action) cells, and of transitions, of the training split."""
    def digits() -> Iterable[Values]:
        for name, size in (("observations", state_size), ("actions", len(stats["actions"]["min"]))):
            for index in range(size):
                low, high = stats[name]["min"][index], stats[name]["max"][index]
                yield binned(component(shards, name, index, at_actions=True), low, high)

    return count_cells(digits()), int(stats["actions"]["count"])


def binned(values: Values, low: float, high: float) -> Values:
    """Return the bin, 0 to BINS - 1, of each value between low and high; all 0 where they are equal."""
    if high <= low:
        return np.zeros(len(values), np.int64)
    return np.minimum((values.astype(np.float64) - low) * (BINS / (high - low)), BINS - 1).astype(np.int64)


def count_cells(digits: Iterable[Values]) -> int:
    """Return how many different rows there are, given each dimension's bins (n,) in turn; exact in any dimension."""
    code: Values = np.zeros(1, np.int64)
    cells = 1
    for digit in digits:
        if cells > LARGEST_CODE // BINS:
            # Renumber the cells met so far, so that the code always fits in 64 bits.
            met, code = np.unique(code, return_inverse=True)
            cells = len(met)
        code, cells = code * BINS + digit, cells * BINS
    return len(np.unique(code))


def count_duplicates(shards: Sequence[Shard]) -> int:
    """Return how many episodes repeat the observations and actions of an earlier one, byte for byte."""
    seen: set[bytes] = set()
    for shard in shards:
        observations, actions = shard.view("observations").numpy(), shard.view("actions").numpy()
        for first, second in zip(observations, actions, strict=True):
            seen.add(hashlib.blake2b(first.tobytes() + second.tobytes(), digest_size=16).digest())
    return sum(map(len, shards)) - len(seen)


def _quantiles(returns: Values) -> dict[str, float]:
    values = np.quantile(returns, [0.0, *QUANTILES.values(), 1.0])
    return {name: float(value) for name, value in zip(["min", *QUANTILES, "max"], values, strict=True)}


def _behaviour(returns: Values, total: int) -> dict[str, Any]:
    return {"episodes": len(returns), "share": len(returns) / total, "trajectory_quality": float(returns.mean()),
            "return_normalised": _quantiles(returns)}
