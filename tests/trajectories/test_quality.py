import dataclasses
import json
import tracemalloc
from unittest import mock

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from aign.trajectories import quality
from aign.trajectories.quality import BINS, binned, count_cells


def read(folder):
    return json.loads((folder / "meta" / "quality.json").read_text())


def test_trajectory_quality_is_the_pooled_return_of_training(folder, episodes, scenario):
    figures = read(folder)
    train = episodes.split == "train"
    returns = episodes.return_normalised.astype(float)
    contexts = torch.from_numpy(episodes.context)
    room = (scenario.certify(contexts).utility - scenario.reference_utility(contexts)).numpy()
    assert figures["version"] == 2
    assert figures["trajectory_quality"]["value"] == pytest.approx((returns * room)[train].sum() / room[train].sum())
    assert figures["trajectory_quality"]["low"] < figures["trajectory_quality"]["value"]
    assert "0 is the cheap reference" in figures["trajectory_quality"]["convention"]
    assert sum(one["share"] for one in figures["behaviours"].values()) == pytest.approx(1)
    for name in np.unique(episodes.behaviour):
        chosen = returns[train & (episodes.behaviour == name)]
        one = figures["behaviours"][name]
        assert one["episodes"] == len(chosen)
        assert one["share"] == pytest.approx(len(chosen) / train.sum())
        own = train & (episodes.behaviour == name)
        assert one["trajectory_quality"] == pytest.approx((returns * room)[own].sum() / room[own].sum())
        assert one["return_normalised"]["q90"] == pytest.approx(np.quantile(chosen, 0.9), rel=1e-12)


@pytest.mark.parametrize("which", ["episodes", "ragged"])
def test_coverage_against_a_set_of_tuples(which, episodes, ragged, folder, ragged_store):
    data, place = (episodes, folder) if which == "episodes" else (ragged, ragged_store.folder)
    stats = json.loads((place / "meta" / "stats.json").read_text())
    low = np.array(stats["observations"]["min"][:4] + stats["actions"]["min"])
    width = (np.array(stats["observations"]["max"][:4] + stats["actions"]["max"]) - low) / 5
    cells, total = set(), 0
    for row in np.flatnonzero(data.split == "train"):
        for step in range(data.length[row]):
            pair = np.concatenate([data.observations[row, step, :4], data.actions[row, step]]).astype(float)
            cells.add(tuple(np.clip(((pair - low) / width).astype(int), 0, 4)))
            total += 1
    figures = read(place)["state_action_coverage"]
    assert figures["total"] == total
    assert abs(figures["unique"] - len(cells)) <= 1  # a value on the edge of two bins may fall to either
    assert figures["value"] == figures["unique"] / total
    assert figures["bins"] == BINS == 5


@given(dims=st.integers(1, 70), rows=st.integers(1, 60), seed=st.integers(0, 99), kinds=st.integers(1, 40))
def test_cells_are_counted_exactly_in_any_dimension(dims, rows, seed, kinds):
    generator = np.random.default_rng(seed)
    table = generator.integers(0, BINS, (kinds, dims))[generator.integers(0, kinds, rows)]
    assert count_cells(iter(table.T)) == len({tuple(row) for row in table.tolist()})


def test_bins_cover_the_range_evenly():
    assert binned(np.linspace(0, 1, 11, dtype=np.float32), 0, 1).tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 4]
    assert binned(np.float32([-3, 3]), -3, 3).tolist() == [0, 4]
    assert binned(np.float32([2, 2]), 2, 2).tolist() == [0, 0]


def test_duplicates_are_counted(tmp_path, make_dataset, episodes, folder):
    assert read(folder)["duplicates"]["count"] == 0
    observations, actions = episodes.observations.copy(), episodes.actions.copy()
    observations[[50, 99]], actions[[50, 99]] = observations[3], actions[3]  # in other shards
    observations[20] = observations[4]  # same observations, other actions: no duplicate
    repeated = dataclasses.replace(episodes, observations=observations, actions=actions)
    assert read(make_dataset(tmp_path / "d", repeated))["duplicates"]["count"] == 2


def test_return_quantiles(folder, episodes):
    returns = episodes.return_normalised[episodes.split == "train"].astype(float)
    quantiles = read(folder)["return_normalised"]
    assert quantiles["min"] == returns.min()
    assert quantiles["q50"] == pytest.approx(np.median(returns))
    assert sorted(quantiles) == ["max", "min", "q01", "q10", "q50", "q90", "q99"]


@given(dims=st.integers(1, 70), rows=st.integers(1, 300), seed=st.integers(0, 99), kinds=st.integers(1, 200))
def test_buckets_change_nothing(dims, rows, seed, kinds):
    generator = np.random.default_rng(seed)
    table = generator.integers(0, BINS, (kinds, dims))[generator.integers(0, kinds, rows)]
    with mock.patch.object(quality, "BUCKET_ROWS", 7):
        assert count_cells(iter(table.T)) == len({tuple(row) for row in table.tolist()})


def test_cells_are_counted_in_little_more_memory_than_their_words():
    generator = np.random.default_rng(0)
    rows, dims = 1 << 19, 40
    digits = (generator.integers(0, BINS, rows, dtype=np.int8) for _ in range(dims))
    words = 2 * 8 * rows
    with mock.patch.object(quality, "BUCKET_ROWS", 1 << 14):
        tracemalloc.start()
        count_cells(digits)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 2.5 * words
