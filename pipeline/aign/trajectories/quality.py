"""How good and how varied a dataset is: trajectory quality, coverage, duplicates, shares of the behaviours.

Trajectory quality (TQ) and state-action coverage (SACo) follow Schweighofer et al., "A Dataset Perspective on Offline
Reinforcement Learning" (arXiv 2111.04714); for TQ see `trajectory_quality`. SACo has fewer, stated, bins.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from aign.errors import DatasetError
from aign.files.writing import read_json
from aign.scenarios.core.scenario import Scenario
from aign.trajectories.contexts import CONTEXTS
from aign.trajectories.reader import TrajectoryStore
from aign.trajectories.shard import Shard
from aign.trajectories.statistics import QUANTILES, TRAINING, Values, component
from aign.trajectories.trajectory_quality import PLAIN, VERSION, PlainMean, TrajectoryQuality, measure

BINS = 5
BINNING = (f"Each state value, and each action value, is put in one of {BINS} bins of equal width between its least "
           "and largest value in the training split; coverage is the number of different (state, action) cells over "
           "the number of training transitions. With 100 bins, as in the source, nearly every transition would be "
           "unique in 20 or more dimensions.")
LARGEST_CODE = 1 << 62
BUCKET_ROWS = 1 << 20
MIXER = np.uint64(0x9E3779B97F4A7C15)
"""Odd, its bits without a pattern: 2^64 over the golden ratio (Knuth, The Art of Computer Programming 3, 6.4)."""


def quality(shards: Sequence[Shard], scenario: Scenario[Any], stats: Mapping[str, Any], contexts: Path | None,
            version: int = VERSION) -> dict[str, Any]:
    """Return the quality figures of a dataset as JSON values; all but duplicates are of the training split.

    Args:
        shards: the dataset.
        scenario: tells how many observation values are state.
        stats: of the training split, see `statistics`.
        contexts: the dataset's contexts file; None where it has none.
        version: the convention of trajectory quality; PLAIN only to verify what earlier programs wrote.

    Raises:
        DatasetError: the contexts file cannot be read, or lacks the context of an episode.
    """
    returns, behaviour = component(shards, "return_normalised").astype(np.float64), _behaviours(shards)
    cells, transitions = coverage(shards, scenario.state_size, stats)
    episodes = sum(map(len, shards))
    measured: TrajectoryQuality = PlainMean(returns) if version == PLAIN else measure(shards, contexts)
    duplicates = count_duplicates(shards)
    return {
        **({} if version == PLAIN else {"version": version}),
        "trajectory_quality": measured.overall(),
        "state_action_coverage": {"value": cells / transitions, "unique": cells, "total": transitions, "bins": BINS,
                                  "binning": BINNING},
        "duplicates": {"count": duplicates, "share": duplicates / episodes,
                       "meaning": "Episodes, of any split, with the same observations and actions as an earlier one."},
        "return_normalised": _quantiles(returns),
        "behaviours": {str(name): _behaviour(returns, behaviour == name, measured)
                       for name in np.unique(behaviour)},
    }


def read_quality(store: TrajectoryStore) -> dict[str, Any]:
    """Return a dataset's meta/quality.json; where an earlier program wrote it, with today's trajectory quality, which
    is then computed from the episodes.

    Raises:
        DatasetError: the file is missing or malformed, or the contexts file does not fit the episodes.
    """
    path = store.folder / "meta" / "quality.json"
    figures = read_json(path, DatasetError)
    if not isinstance(figures, dict) or figures.get("version", PLAIN) not in (PLAIN, VERSION):
        raise DatasetError(f"{path}: of another version than {PLAIN} (not stated) and {VERSION}, which this program "
                           "reads. Use the version of aign that made the dataset.")
    if figures.get("version", PLAIN) == VERSION:
        return figures
    contexts = store.folder / CONTEXTS
    measured = measure(store.shards, contexts if contexts.exists() else None)
    behaviour = _behaviours(store.shards)
    by_behaviour = {name: {**stored, "trajectory_quality": measured.of(behaviour == name)}
                    for name, stored in figures["behaviours"].items()}
    return {**figures, "version": VERSION, "trajectory_quality": measured.overall(), "behaviours": by_behaviour}


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
        return np.zeros(len(values), np.int8)
    scaled = values.astype(np.float64)
    scaled -= low
    scaled *= BINS / (high - low)
    return np.minimum(scaled, BINS - 1, out=scaled).astype(np.int8)


def count_cells(digits: Iterable[Values]) -> int:
    """Return how many different rows there are, given each dimension's bins (n,) in turn; exact in any dimension.

    Digits are packed into as few 64-bit words a row as hold them: 27 dimensions a word.
    """
    words: list[Values] = []
    cells = LARGEST_CODE
    for digit in digits:
        if cells > LARGEST_CODE // BINS:
            words.append(np.zeros(len(digit), np.int64))
            cells = 1
        words[-1] *= BINS
        words[-1] += digit
        cells *= BINS
    return _count_rows(words) if words else 1


def _count_rows(words: Sequence[Values]) -> int:
    """Return how many different rows (words[0][i], words[1][i], ...) there are.

    Equal rows share a bucket; buckets are counted one after the other, which takes little more memory than the words.
    """
    buckets = 1 + len(words[0]) // BUCKET_ROWS
    mixed = np.zeros(len(words[0]), np.uint64)
    for word in words:
        mixed += word.view(np.uint64)
        mixed *= MIXER
    mixed >>= np.uint64(32)
    mixed %= np.uint64(buckets)
    place, total = mixed.astype(np.int32), 0
    del mixed
    for bucket in range(buckets):
        rows = np.flatnonzero(place == bucket)
        code = words[0][rows]
        for word in words[1:]:
            # Renumbered, two words fit in one: each has at most as many values as there are rows.
            first, second = (np.unique(part, return_inverse=True)[1] for part in (code, word[rows]))
            code = first * len(rows) + second
        total += len(np.unique(code))
    return total


def episode_digest(observations: Values, actions: Values) -> bytes:
    """Return 16 bytes that two episodes share only where observations and actions are the same, byte for byte."""
    return hashlib.blake2b(observations.tobytes() + actions.tobytes(), digest_size=16).digest()


def count_duplicates(shards: Sequence[Shard]) -> int:
    """Return how many episodes repeat the observations and actions of an earlier one, byte for byte."""
    different: set[bytes] = set()  # 16 bytes an episode, not the episode
    for shard in shards:
        observations, actions = shard.view("observations").numpy(), shard.view("actions").numpy()
        different.update(map(episode_digest, observations, actions))
        shard.release()
    return sum(map(len, shards)) - len(different)


def _behaviours(shards: Sequence[Shard]) -> Values:
    """Return who acted in each training episode (E,)."""
    return np.concatenate([shard.strings("behaviour")[shard.rows_of(TRAINING)] for shard in shards])


def _quantiles(returns: Values) -> dict[str, float]:
    values = np.quantile(returns, [0.0, *QUANTILES.values(), 1.0])
    return {name: float(value) for name, value in zip(["min", *QUANTILES, "max"], values, strict=True)}


def _behaviour(returns: Values, chosen: Values, measured: TrajectoryQuality) -> dict[str, Any]:
    count = int(chosen.sum())
    return {"episodes": count, "share": count / len(returns), "trajectory_quality": measured.of(chosen),
            "return_normalised": _quantiles(returns[chosen])}
