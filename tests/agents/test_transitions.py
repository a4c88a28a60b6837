from dataclasses import replace
from itertools import product
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from aign.agents import transitions as logged
from aign.agents.behaviours import record
from aign.agents.transitions import Transitions, grid, nearest, transitions
from aign.errors import ParameterError


class Logged:
    """A store in memory, of the columns that are read."""

    def __init__(self, scenario, episodes, parts=1):
        names = ("observations", "actions", "rewards", "context", "length", "terminated")
        self.scenario = scenario
        self.data = {name: torch.as_tensor(getattr(episodes, name)) for name in names}
        self.parts = parts

    def tensors(self, name):
        return list(self.data[name].chunk(self.parts))

    def gather(self, name, rows):
        return self.data[name][rows]


@pytest.fixture
def episodes(scenario, pool):
    return next(iter(record("random", scenario, pool["train"], 12, seed=3)))


def read(store, rows=None, most=10**6, following=True, seed=0):
    rows = torch.arange(12) if rows is None else torch.tensor(rows)
    return transitions(store, rows, most, 4, following, torch.Generator().manual_seed(seed))


def lines(data: Transitions) -> list[tuple[float, ...]]:
    """All transitions as sorted tuples."""
    columns = [data.observations, data.choices[:, None], data.rewards[:, None], data.next_observations,
               data.ends[:, None]]
    return sorted(tuple(line) for line in torch.cat(columns, 1).double().tolist())


def by_hand(store, rows) -> list[tuple[float, ...]]:
    """What each decision maker of the scenario `targets` lived through, one number after the other."""
    found = []
    for row, time, user in product(rows, range(4), range(3)):
        if time >= int(store.data["length"][row]):
            continue
        level, following = (float(store.data["observations"][row, step, user]) for step in (time, time + 1))
        target, action = float(store.data["context"][row, user]), float(store.data["actions"][row, time, user])
        see = [torch.tensor([value / 5 - 1, target / 5 - 1]).double().tolist() for value in (level, following)]
        reward = torch.tensor(abs(level - target) - abs(following - target)).item()
        last = time + 1 == int(store.data["length"][row]) and bool(store.data["terminated"][row])
        found.append((*see[0], float(round(4 * action) + 4), reward, *see[1], float(last)))
    return sorted(found)


@pytest.mark.parametrize(("parts", "values"), [(1, 1 << 20), (3, 27)])
def test_every_decision_maker_is_read_as_it_lived(scenario, episodes, parts, values, monkeypatch) -> None:
    monkeypatch.setattr(logged, "VALUES", values)
    store, rows = Logged(scenario, episodes, parts), [0, 3, 4, 11]
    found, expected = lines(read(store, rows)), by_hand(store, rows)
    assert len(found) == len(expected) == 4 * 4 * 3
    assert torch.allclose(torch.tensor(found), torch.tensor(expected), atol=1e-5)


def test_padding_is_left_out_and_cut_off_episodes_do_not_end(scenario, episodes) -> None:
    short = replace(episodes, length=episodes.length - (torch.arange(12) % 3).numpy().astype("int32"),
                    terminated=(torch.arange(12) % 2 == 0).numpy())
    store = Logged(scenario, short)
    found = read(store)
    assert len(found) == 3 * int(short.length.sum())
    assert torch.allclose(torch.tensor(lines(found)), torch.tensor(by_hand(store, range(12))), atol=1e-5)
    assert float(found.ends.sum()) == 3 * 6


def test_a_cap_draws_evenly_and_without_repetition(scenario, episodes) -> None:
    store = Logged(scenario, episodes)
    everything = set(lines(read(store)))
    found = read(store, most=25)
    assert len(found) == 24  # whole networks of 3
    assert set(lines(found)) <= everything
    assert lines(found) == lines(read(store, most=25)) != lines(read(store, most=25, seed=1))
    assert len(read(store, most=1)) == 3
    counts = sum(float(read(store, most=12, seed=seed).ends.mean()) for seed in range(200)) / 200
    assert counts == pytest.approx(0.25, abs=0.05)  # one step in four is the last


def test_what_is_seen_next_is_kept_only_where_needed(scenario, episodes) -> None:
    data = read(Logged(scenario, episodes), following=False)
    assert data.next_observations.shape == (len(data), 0)
    some = data.take(torch.tensor([5, 0]))
    assert torch.equal(some.observations, data.observations[[5, 0]])
    assert torch.equal(some.rewards, data.rewards[[5, 0]])


@given(st.floats(-1, 1, width=32), st.integers(1, 12))
def test_the_nearest_action_is_nearest(action: float, levels: int) -> None:
    actions = torch.arange(-levels, levels + 1) / levels
    found = float(actions[nearest(torch.tensor([action]), levels)[0]])
    assert abs(found - action) <= float((actions - action).abs().min()) + 1e-6


def test_whole_steps_are_the_scenarios_own(scenario, episodes) -> None:
    assert torch.equal(grid(scenario, 7), torch.tensor([-1, -0.75, -0.5, -0.25, 0, 0.25, 0.5, 0.75, 1]))
    actions = torch.as_tensor(episodes.actions)
    on_grid = grid(scenario, 7)[nearest(actions, 4)]
    states = torch.full((len(actions), 3), 5.0)
    contexts = torch.zeros(len(actions), 3)
    for time in range(4):
        assert torch.equal(scenario.step(contexts, states, actions[:, time])[0],
                           scenario.step(contexts, states, on_grid[:, time])[0])


def test_other_steps_are_cut_into_the_asked_number() -> None:
    smooth = SimpleNamespace(name="smooth", agents=2, action_size=2, action_levels=None)
    assert torch.equal(grid(smooth, 2), torch.tensor([-1, -0.5, 0, 0.5, 1]))


def test_what_cannot_be_learned_is_refused(scenario, episodes) -> None:
    joint = SimpleNamespace(name="joint", agents=1, action_size=4)
    with pytest.raises(ParameterError, match="joint: 1 decision makers handle 4 action values"):
        grid(joint, 4)
    with pytest.raises(ParameterError, match="no episodes"):
        read(Logged(scenario, episodes), rows=[])
