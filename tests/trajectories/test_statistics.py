import dataclasses

import numpy as np
import pytest

from aign.errors import DatasetError
from aign.trajectories.shard import Shard
from aign.trajectories.statistics import QUANTILES, component, statistics, summary

KEYS = {"count", "min", "max", "mean", "std", *QUANTILES}


def expected(values):
    """numpy over axis 0 of (n, K) or (n,)."""
    values = values.astype(np.float64)
    return {"min": values.min(0), "max": values.max(0), "mean": values.mean(0), "std": values.std(0),
            **{name: np.quantile(values, q, axis=0) for name, q in QUANTILES.items()}}


def agrees(stats, values):
    assert stats.keys() == KEYS
    assert stats["count"] == len(values)
    for name, truth in expected(values).items():
        np.testing.assert_allclose(stats[name], truth, rtol=1e-12, atol=1e-12)


def test_full_episodes_against_numpy(store, episodes):
    train = episodes.split == "train"
    agrees(store.stats["observations"], episodes.observations[train].reshape(-1, 9))
    agrees(store.stats["actions"], episodes.actions[train].reshape(-1, 4))
    agrees(store.stats["context"], episodes.context[train])
    agrees(store.stats["rewards"], episodes.rewards[train].reshape(-1))
    for name in ("utility", "return_raw", "return_normalised", "length"):
        agrees(store.stats[name], getattr(episodes, name)[train])
    for name, values in episodes.labels.items():
        agrees(store.stats[name], values[train])


def test_padding_after_the_end_is_left_out(ragged_store, ragged):
    train = np.flatnonzero(ragged.split == "train")
    taken = [(ragged.observations[i, :ragged.length[i] + 1], ragged.actions[i, :ragged.length[i]],
              ragged.rewards[i, :ragged.length[i]]) for i in train]
    for name, values in zip(("observations", "actions", "rewards"), zip(*taken, strict=True), strict=True):
        agrees(ragged_store.stats[name], np.concatenate(values))


def test_observations_at_actions_leave_out_the_last(ragged_store, ragged):
    shards = [Shard(path) for path in sorted(ragged_store.folder.glob("*.arrow"))]
    truth = np.concatenate([ragged.observations[i, :ragged.length[i], 2]
                            for i in np.flatnonzero(ragged.split == "train")])
    np.testing.assert_array_equal(component(shards, "observations", 2, at_actions=True), truth)


def test_identifiers_flags_and_texts_are_not_measured(store, scenario):
    assert set(store.stats) == {"observations", "actions", "context", "rewards", "utility", "return_raw",
                                "return_normalised", "length", *(label.name for label in scenario.labels)}


def test_summary_of_one_value_has_no_spread():
    assert summary(np.float32([3.0])) == dict.fromkeys(["min", "max", "mean", *QUANTILES], 3.0) | {"std": 0.0}


def test_no_training_episode(tmp_path, make_dataset, episodes):
    with pytest.raises(DatasetError, match="training split"):
        make_dataset(tmp_path / "d", dataclasses.replace(episodes, split=np.full(100, "test")))
    assert not (tmp_path / "d").exists()


def test_shards_do_not_matter(tmp_path, make_dataset, episodes, store):
    folder = make_dataset(tmp_path / "d", episodes, shard_rows=1000)
    assert statistics([Shard(folder / "data-00000-of-00001.arrow")]) == store.stats
