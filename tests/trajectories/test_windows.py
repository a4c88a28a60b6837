import numpy as np
import pytest
import torch

from aign.errors import DatasetError, ParameterError
from aign.trajectories import windows as module
from aign.trajectories.reader import TrajectoryStore
from aign.trajectories.windows import Windows


def brute_force(episodes, rows, horizon):
    """Every (row, start) with `horizon` actions inside the episode."""
    return [(row, start) for row in rows for start in range(8) if start + horizon <= episodes.length[row]]


@pytest.mark.parametrize("horizon", [1, 2, 5, 8])
@pytest.mark.parametrize("kind", ["full", "ragged"])
def test_windows_against_brute_force(horizon, kind, store, ragged_store, episodes, ragged):
    data, place = (episodes, store) if kind == "full" else (ragged, ragged_store)
    rows = place.rows("train")
    windows = Windows(place, rows, horizon)
    truth = brute_force(data, rows.tolist(), horizon)
    assert len(windows) == len(truth)
    batch = windows.batch(torch.arange(len(windows)))
    assert len(batch) == len(truth)
    assert batch.rows.tolist() == [row for row, _ in truth]
    for index, (row, start) in enumerate(truth):
        np.testing.assert_array_equal(batch.states[index], data.observations[row, start:start + horizon + 1, :4])
        np.testing.assert_array_equal(batch.actions[index], data.actions[row, start:start + horizon])
        np.testing.assert_array_equal(batch.fixed[index], data.observations[row, start, 4:8])


def test_the_whole_episode_is_exactly_one_window(store):
    assert len(Windows(store, store.rows(), 8)) == 100


def test_any_order_and_repetition(store):
    windows = Windows(store, store.rows("train").flip(0), 3)
    whole = windows.batch(torch.arange(len(windows)))
    indices = torch.tensor([7, 299, 0, 7, 150])
    assert len(windows) == 300
    assert torch.equal(windows.batch(indices).states, whole.states[indices])
    assert torch.equal(windows.batch(indices).actions, whole.actions[indices])


def test_fixed_part_is_what_the_scenario_says_of_the_context(store):
    batch = Windows(store, store.rows("test"), 4).batch(torch.tensor([0, 9, 77]))
    contexts = store.gather("context", batch.rows)
    torch.testing.assert_close(batch.fixed, store.scenario.fixed_observation(contexts))


def test_columns_too_large_for_memory_are_read_in_the_files(folder, store, monkeypatch):
    monkeypatch.setattr(module, "MEMORY_LIMIT", 0)
    lean = TrajectoryStore.open(folder)
    windows = Windows(lean, lean.rows(), 5)
    assert not lean._columns
    indices = torch.randperm(len(windows), generator=torch.Generator().manual_seed(0))
    ours, theirs = windows.batch(indices), Windows(store, store.rows(), 5).batch(indices)
    assert torch.equal(ours.states, theirs.states)
    assert torch.equal(ours.actions, theirs.actions)


def test_a_batch_is_a_copy(store, episodes):
    windows = Windows(store, store.rows(), 8)
    windows.batch(torch.tensor([3])).states.fill_(-1)
    np.testing.assert_array_equal(windows.batch(torch.tensor([3])).states[0], episodes.observations[3, :, :4])


@pytest.mark.parametrize("horizon", [0, -1, 9])
def test_horizons_out_of_range(store, horizon):
    with pytest.raises(ParameterError, match="choose 1 to 8"):
        Windows(store, store.rows(), horizon)


def test_no_window(store, ragged_store, ragged):
    with pytest.raises(DatasetError, match="no window"):
        Windows(store, store.rows(behaviours=[]), 2)
    short = torch.from_numpy(np.flatnonzero(ragged.length < 4))
    with pytest.raises(DatasetError, match="smaller horizon"):
        Windows(ragged_store, short, 4)


@pytest.mark.parametrize("index", [-1, 300])
def test_indices_out_of_range(store, index):
    windows = Windows(store, store.rows("train"), 3)
    with pytest.raises(IndexError, match="out of range"):
        windows.batch(torch.tensor([0, index]))


def test_repr(store):
    assert repr(Windows(store, store.rows("train"), 3)) == "Windows(300 of 3 steps, from 50 episodes)"
