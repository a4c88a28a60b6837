import dataclasses
from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from recorded_data import changed_columns, nudge, put, record_dataset, row_of

from aign.agents.recording import label
from aign.agents.rollout import rollout
from aign.errors import DatasetError
from aign.scenarios.core import registry
from aign.scenarios.core.episode import Rollout
from aign.trajectories import replay as module
from aign.trajectories.assemble import assemble
from aign.trajectories.contexts import ContextPool
from aign.trajectories.reader import TrajectoryStore
from aign.trajectories.reference_utilities import ReferenceUtilities
from aign.trajectories.replay import check_replay, replay
from aign.trajectories.writer import ShardWriter

COMPARED = ("observations", "actions", "rewards", "total_power", "max_power", "active_channels", "utility",
            "return_raw")


def replayed(folder, contexts=True):
    store = TrajectoryStore.open(folder)
    pool = ContextPool.load(folder / "contexts.safetensors", store.scenario).splits
    return replay(store, ReferenceUtilities(pool) if contexts else None)


@pytest.mark.parametrize("spec", [
    {"name": "water-filling", "channels": 4}, {"name": "water-filling", "channels": 13},
    {"name": "power-allocation", "users": 2}, {"name": "power-allocation", "users": 7, "base_stations": 3},
    {"name": "power-allocation", "users": 5, "utility": "rate"}], ids=str)
def test_what_aign_records_is_replayed_exactly(tmp_path, spec):
    result = replayed(record_dataset(tmp_path / "d", registry.create(**spec)))
    assert (result.first, result.differing, dict(result.columns)) == (None, 0, {})
    assert result.episodes == 108


@pytest.mark.parametrize("batch", [1, 5, 16])
def test_the_batch_does_not_matter(recorded, monkeypatch, batch):
    monkeypatch.setattr(module, "BATCH", batch)
    done = []
    store = TrajectoryStore.open(recorded, deep=False)
    result = replay(store, on_progress=lambda *counts: done.append(counts))
    assert result.first is None
    assert result.compared == COMPARED
    assert done[-1] == (108, 108)
    assert [count for count, _ in done] == sorted({count for count, _ in done})
    assert max(np.diff([0, *(count for count, _ in done)])) <= batch


@pytest.mark.parametrize(("name", "place"), [
    ("observations", (3, 1)), ("observations", (8, 0)), ("observations", (2, 6)), ("rewards", (4,)),
    ("total_power", ()), ("max_power", ()), ("active_channels", ()), ("utility", ()), ("return_raw", ()),
    ("return_normalised", ())])
def test_the_least_change_is_named(recorded, tmp_path, name, place):
    row, episode, shard = row_of(recorded, "test")
    copy = changed_columns(recorded, tmp_path / "d", {name: nudge(row, *place)})
    result = replayed(copy)
    assert (result.differing, dict(result.columns)) == (1, {name: 1})
    index = "".join(f"[{one}]" for one in place)
    stored = TrajectoryStore.open(copy).column(name)[row].numpy()[place]
    truth = TrajectoryStore.open(recorded).column(name)[row].numpy()[place]
    with pytest.raises(DatasetError) as caught:
        check_replay(result)
    for words in (f"{copy / shard}, column {name!r}", f"episode {episode} ", f"{name}{index} = {stored!s}",
                  f"the simulator gives {truth!s}", f"1 of 108 episodes differ: {name} in 1"):
        assert words in str(caught.value)


def test_another_action_gives_another_path(recorded, tmp_path):
    row, episode, shard = row_of(recorded, "test")
    copy = changed_columns(recorded, tmp_path / "d", {"actions": put(row, -0.123, 0, 2)})
    result = replayed(copy)
    assert result.differing == 1
    assert f"{shard}, column 'observations': episode {episode} " in result.first


def test_an_action_that_was_not_clipped_is_a_difference(recorded, tmp_path):
    store = TrajectoryStore.open(recorded)
    clipped = (store.column("actions")[:, 0, :] == 1).nonzero()[0].tolist()
    copy = changed_columns(recorded, tmp_path / "d", {"actions": put(clipped[0], 1.5, 0, clipped[1])})
    assert "'actions'" in replayed(copy).first
    assert "= 1.5, the simulator gives 1.0" in replayed(copy).first


def test_a_negative_zero_is_not_zero(recorded, tmp_path):
    zero = (TrajectoryStore.open(recorded).column("rewards") == 0).nonzero()[0].tolist()
    copy = changed_columns(recorded, tmp_path / "d", {"rewards": put(zero[0], -0.0, zero[1])})
    assert "= -0.0, the simulator gives 0.0" in replayed(copy).first


def test_every_failure_is_counted_and_the_first_is_shown(recorded, tmp_path):
    def later(values):
        values[50:60] += 1

    copy = changed_columns(recorded, tmp_path / "d", {"utility": later, "rewards": put(55, 7.0, 2)})
    result = replayed(copy)
    assert (result.differing, dict(result.columns)) == (10, {"utility": 10, "rewards": 1})
    assert f"episode {1000 + 50} " in result.first
    with pytest.raises(DatasetError, match="10 of 108 episodes differ: utility in 10, rewards in 1"):
        check_replay(result)


def test_episodes_of_a_log_fail_all_the_same(tmp_path, scenario):
    folder = record_dataset(tmp_path / "log", scenario, source="operator-log")
    assert replayed(folder).first is None
    result = replayed(changed_columns(folder, tmp_path / "d", {"rewards": lambda values: values.round(3, out=values)}))
    assert result.differing > 100
    assert set(result.columns) == {"rewards"}


FLIPS = st.dictionaries(st.integers(0, 107), st.tuples(
    st.sampled_from(["observations", "rewards", "total_power", "utility", "return_raw"]), st.integers(0, 10_000),
    st.integers(0, 31)), min_size=1, max_size=50)


@given(flips=FLIPS)
@settings(max_examples=10)
def test_every_flipped_bit_of_what_follows_from_the_actions_is_found(recorded, tmp_path_factory, flips):
    def flip(name):
        def change(column):
            flat = column.reshape(len(column), -1).view(np.int32)
            first = 9 if name == "observations" else 0  # the first state is given, not computed
            for row, (_, place, bit) in ((row, one) for row, one in flips.items() if one[0] == name):
                flat[row, first + place % (flat.shape[1] - first)] ^= np.array(1 << bit, np.uint32).view(np.int32)
        return change

    names = {name for name, _, _ in flips.values()}
    copy = changed_columns(recorded, tmp_path_factory.mktemp("flip") / "d", {name: flip(name) for name in names})
    result = replayed(copy)
    assert result.columns == Counter(name for name, _, _ in flips.values())
    row = min(flips)
    assert f"column {flips[row][0]!r}: episode {1000 + row} " in result.first


def shortened(scenario, contexts, length):
    """Episodes cut off after `length` steps, padded with rubbish."""
    generator = torch.Generator().manual_seed(length)
    path = rollout(scenario, contexts.values,
                   lambda values, states, time: torch.rand(len(values), 4, generator=generator) * 2 - 1,
                   scenario.initial_state(contexts.values, generator))
    after, late = length + 1, torch.arange(scenario.horizon) >= length
    cut = Rollout(path.observations.clone(), path.actions.clone(), path.rewards.where(~late, 0.0),
                  path.observations[:, length, :scenario.state_size].clone())
    cut.observations[:, after:], cut.actions[:, length:] = 0.25, -0.75
    made = label(scenario, contexts, cut, "short")
    count = len(contexts)
    return dataclasses.replace(made, length=np.full(count, length, np.int32), terminated=np.zeros(count, bool),
                               truncated=np.ones(count, bool))


@pytest.fixture(scope="module")
def short(tmp_path_factory, scenario):
    """Six episodes of each of three lengths."""
    base = tmp_path_factory.mktemp("short")
    pool = ContextPool.draw(scenario, {"train": 6}, 1)
    with ShardWriter(base / "parts", scenario, 100, 0) as writer:
        for length in (1, 5, 8):
            writer.append(shortened(scenario, pool["train"], length))
    pool.save(base / "contexts.safetensors", scenario)
    assemble(base / "d", writer.close(), scenario, {}, {"contexts.safetensors": base / "contexts.safetensors"})
    return base / "d"


def test_padding_is_not_compared(short):
    assert replayed(short).first is None


@pytest.mark.parametrize(("name", "row", "place", "found"), [
    ("rewards", 6, (4,), True), ("rewards", 6, (5,), False), ("rewards", 0, (0,), True), ("rewards", 0, (1,), False),
    ("observations", 6, (5, 0), True), ("observations", 6, (6, 0), False), ("observations", 17, (8, 0), True),
    ("actions", 6, (5, 1), False)])
def test_what_precedes_the_end_is_compared(short, tmp_path, name, row, place, found):
    result = replayed(changed_columns(short, tmp_path / "d", {name: nudge(row, *place)}))
    assert result.differing == int(found)


def test_differences_of_rounding_alone_are_said_to_be_that(recorded, tmp_path):
    row, _, _ = row_of(recorded, "test")
    result = replayed(changed_columns(recorded, tmp_path / "bit", {"utility": nudge(row)}))
    with pytest.raises(DatasetError, match=r"No difference is more than .*e-1[67] of the largest value in its column"):
        check_replay(result)
    result = replayed(changed_columns(recorded, tmp_path / "more", {"utility": put(row, 0.5)}))
    with pytest.raises(DatasetError, match="They were altered"):
        check_replay(result)
