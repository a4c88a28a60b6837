"""The scenario: what is observed, what contexts are allowed, labels and the reference returns."""

import itertools

import pytest
import torch
from asp_events import hurried, small

from aign.agents.behaviours import record
from aign.errors import ContextError, ParameterError
from aign.scenarios.asp_selection import AspSelection
from aign.scenarios.core import registry
from aign.trajectories.assemble import assemble
from aign.trajectories.contexts import ContextPool
from aign.trajectories.reader import TrajectoryStore
from aign.trajectories.reference_utilities import ReferenceUtilities
from aign.trajectories.replay import check_replay, replay
from aign.trajectories.writer import ShardWriter


def drawn(scenario, count=3, seed=0):
    return scenario.draw_contexts(count, torch.Generator().manual_seed(seed))


def test_a_fixed_fleet_is_the_same_in_every_context_and_its_curves_are_hidden():
    scenario = AspSelection.create(tasks=30)
    contexts = scenario.check_contexts(drawn(scenario))
    assert torch.equal(contexts[0, :80], contexts[2, :80])
    assert not torch.equal(contexts[0, 80:], contexts[2, 80:])
    assert not torch.equal(contexts[0, :80], drawn(AspSelection.create(tasks=30, fleet=1))[0, :80])
    assert scenario.observation_size == 20 + 1 + 20 + 1
    moved = contexts.clone()
    moved[:, 20:80] = drawn(AspSelection.create(tasks=30, fleet=1))[:, 20:80]
    start = scenario.initial_state(contexts)
    assert torch.equal(scenario.observe(contexts, start, 0), scenario.observe(moved, start, 0))
    assert scenario.agent_observations(contexts, start, 0).shape == (3, 1, 42)


def test_drawn_fleets_differ_and_agents_see_what_each_provider_would_give():
    scenario = AspSelection.create(tasks=30, fleet="drawn")
    contexts = drawn(scenario)
    assert not torch.equal(contexts[0, :80], contexts[2, :80])
    assert scenario.observation_size == 20 + 1 + 20 + 60 + 1
    seen = scenario.agent_observations(contexts, scenario.initial_state(contexts), 0)
    demand = scenario.tasks_of(contexts)[1][:, 0].double()
    torch.testing.assert_close(seen[:, 0, -20:], scenario.fleet_of(contexts).utility(demand).float())


@pytest.mark.parametrize("fleet", [0, "drawn"])
def test_observations_keep_their_bounds(fleet):
    scenario = AspSelection.create(tasks=60, providers=4, fleet=fleet)
    contexts = hurried(scenario, 8, 0, 0.3)
    low = torch.cat([torch.full((f.size,), f.low) for f in scenario.observation_features])
    high = torch.cat([torch.full((f.size,), f.high) for f in scenario.observation_features])
    states = scenario.initial_state(contexts)
    for time in range(60):
        seen = scenario.observe(contexts, states, time)
        assert seen.shape == (8, scenario.observation_size)
        assert ((seen >= low) & (seen <= high)).all()
        states, _ = scenario.step(contexts, states, scenario.rules["random"](contexts, states))
    assert (scenario.observe(contexts, states, 60)[:, 4] == 0).all()


def test_who_is_allowed_does_not_crash_and_who_is_not_does():
    scenario = AspSelection.create(tasks=60, providers=4)
    contexts, seen = hurried(scenario, 4, 0, 0.3), set()
    states = scenario.initial_state(contexts)
    for _ in range(60):
        allowed = scenario.action_mask(contexts, states[:, :5].float())  # as a dataset or a generator gives it
        action = scenario.rules["random"](contexts, states)
        states, rewards = scenario.step(contexts, states, action)
        chosen = allowed.gather(1, action.argmax(1, keepdim=True))[:, 0]
        assert torch.equal(rewards >= 0, chosen)
        seen |= set(chosen.tolist())
    assert seen == {True, False}


def test_contexts_whose_arrivals_fall_are_refused():
    scenario = small()
    contexts = drawn(scenario)
    contexts[1, 8 + 3] = contexts[1, 8 + 2] - 1
    with pytest.raises(ContextError, match=r"Context 1: arrival\[3\] lies before arrival\[2\]"):
        scenario.check_contexts(contexts)
    contexts = drawn(scenario)
    contexts[2, -1] = 300
    with pytest.raises(ContextError, match=r"Context 2: demand\[5\] = 300 1; allowed"):
        scenario.check_contexts(contexts)


@pytest.mark.parametrize("wrong", [{"fleet": "none"}, {"capacities": "100-200"}, {"tasks": 1}, {"providers": 1}])
def test_wrong_parameters_are_refused(wrong):
    with pytest.raises(ParameterError, match=next(iter(wrong))):
        AspSelection.create(**wrong)


def test_a_spec_builds_the_same_scenario_again():
    scenario = AspSelection.create(tasks=30, fleet=5, capacities="400-1500")
    again = registry.create(**scenario.spec())
    assert again.spec() == scenario.spec()
    assert torch.equal(drawn(again), drawn(scenario))
    assert registry.assigned("asp-selection", ["fleet=drawn"]) == {"fleet": "drawn"}
    assert registry.assigned("asp-selection", ["fleet=4"]) == {"fleet": 4}


def test_labels_of_even_and_of_lopsided_work():
    scenario = small(tasks=8, providers=4)
    context = torch.tensor([[900.0] * 4 + [0.0] * 4 + [150.0] * 4 + [0.5] * 4
                            + [50_000.0 * k for k in range(8)] + [200.0] * 8])
    even = scenario.measure(context, torch.tensor([[0.0, 1, 2, 3, 0, 1, 2, 3]]))
    lopsided = scenario.measure(context, torch.zeros(1, 8))
    assert float(even["jain_load"]) == pytest.approx(1)
    assert float(lopsided["jain_load"]) == pytest.approx(0.25)
    for labels in (even, lopsided):
        assert float(labels["max_occupancy"]) == pytest.approx(200 / 900)
        assert float(labels["finished_rate"]) == 1
        assert float(labels["utility_per_task"]) == pytest.approx(0.5)
    assert set(even) == {label.name for label in scenario.labels}


@pytest.mark.parametrize("fleet", [0, "drawn"])
def test_recorded_episodes_are_replayed_bit_by_bit(fleet, tmp_path):
    scenario = AspSelection.create(tasks=60, providers=6, fleet=fleet)
    pool = ContextPool.draw(scenario, {"train": 5, "test": 2}, seed=3)
    with ShardWriter(tmp_path / "parts", scenario, 64, first_episode_id=0) as writer:
        for split, source in itertools.product(("train", "test"), ("random", "heuristics", "solver-guided")):
            for batch in record(source, scenario, pool[split], 12, seed=5):
                writer.append(batch)
    pool.save(tmp_path / "contexts.safetensors", scenario)
    assemble(tmp_path / "data", writer.close(), scenario, {"seed": 5},
             {"contexts.safetensors": tmp_path / "contexts.safetensors"})
    result = replay(TrajectoryStore.open(tmp_path / "data"), ReferenceUtilities(pool.splits))
    check_replay(result)
    assert (result.episodes, result.differing) == (72, 0)


def test_the_reference_is_to_avoid_crashes():
    scenario = small(tasks=60, providers=4)
    contexts = hurried(scenario, 3, 0, 0.5)
    expected = scenario.utility(contexts, scenario.heuristics["crash_avoid"](contexts))
    assert torch.equal(scenario.reference_utility(contexts), expected)


@pytest.mark.slow
def test_rules_return_what_the_published_code_makes_them_return():
    """Means over some fleets of that code, with spreads; ours must agree within three standard errors of both."""
    expected = {"random": (-81, 74), "round_robin": (251, 46), "crash_avoid": (367, 45), "greedy": (-1069, 203),
                "prophet": (543, 45)}
    scenario = AspSelection.create(fleet="drawn")
    contexts = drawn(scenario, 48, 1)
    for name, (mean, spread) in expected.items():
        utility = scenario.outcome(contexts, scenario.played(scenario.rules[name], contexts))[0]
        assert abs(float(utility.mean()) - mean) < spread * 3 * (1 / 48 + 1 / 20)**0.5
        assert 0.5 < float(utility.std()) / spread < 2
        if name == "crash_avoid":  # it never crashes, and is blind to the curves: the mean curve's value each time
            shares = [min(1, (demand - lower) / (upper - lower)) for demand in range(100, 251, 10)
                      for lower in range(0, 91, 10) for upper in range(150, 241, 10)]
            exact = 1000 * 0.5 * sum(shares) / len(shares)
            assert abs(float(utility.mean()) - exact) < 3 * float(utility.std()) / 48**0.5


def test_a_provider_is_allowed_exactly_where_choosing_it_crashes_nobody():
    scenario = AspSelection.create(tasks=40, providers=4, fleet="drawn")
    contexts = hurried(scenario, 6, 0, 0.3)
    states, generator = scenario.initial_state(contexts), torch.Generator().manual_seed(2)
    seen = set()
    for _ in range(40):
        allowed = scenario.action_mask(contexts, states[:, :scenario.state_size])
        for choice in range(4):
            action = torch.eye(4)[torch.full((6,), choice)]
            _, rewards = scenario.step(contexts, states, action)
            assert torch.equal(rewards >= 0, allowed[:, choice])
        seen |= set(allowed.flatten().tolist())
        states, _ = scenario.step(contexts, states, torch.rand(6, 4, generator=generator))
    assert seen == {True, False}
