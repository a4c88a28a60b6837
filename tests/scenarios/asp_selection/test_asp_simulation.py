"""Running tasks and crashes: against a simulator of events, and by hand."""

import pytest
import torch
from asp_events import episode, hurried, small
from hypothesis import given, settings
from hypothesis import strategies as st

from aign.agents.rollout import rollout
from aign.scenarios.asp_selection import simulation
from aign.scenarios.asp_selection.simulation import RecentTasks


def play(scenario, contexts, decisions):
    return rollout(scenario, contexts, lambda values, states, time: scenario.action_towards(states, decisions),
                   scenario.initial_state(contexts))


@settings(max_examples=25)
@given(st.integers(0, 2**31), st.integers(2, 5), st.floats(0.02, 1.2))
def test_it_agrees_with_a_simulator_of_events(seed, providers, pace):
    scenario = small(tasks=40, providers=providers)
    contexts = hurried(scenario, 3, seed, pace)
    decisions = torch.randint(providers, (3, 40), generator=torch.Generator().manual_seed(seed)).float()
    played = play(scenario, contexts, decisions)
    labels = scenario.outcome(contexts, played.final)[1]
    for row in range(3):
        rewards, free, crashes, lost = episode(scenario, contexts[row], decisions[row].int().tolist())
        torch.testing.assert_close(played.rewards[row].double(), torch.tensor(rewards, dtype=torch.float64))
        torch.testing.assert_close(played.observations[row, :, :providers], torch.tensor(free))
        assert (labels["crashes"][row], labels["lost_tasks"][row]) == (crashes, lost)


def test_a_crash_by_hand():
    """Capacity 400 takes 200 and 200; a third at half the first one's runtime crashes both, and leaves room again."""
    scenario = small(tasks=5)
    length = simulation.runtime(200.0)
    arrivals = [0.0, 1000.0, length / 2, length / 2, length / 2 + 1]
    context = torch.tensor([400.0, 900, 0, 0, 200, 150, 0.5, 0.1, *arrivals, 200, 200, 100, 250, 100])
    played = play(scenario, context[None], torch.tensor([[0.0, 0, 0, 0, 0]]))
    interrupted = 2 * 0.5 + 2 * (1 - (length / 2 - 1000) / length)
    expected = torch.tensor([0.5, 0.5, -2 - interrupted, 0.5, 0.25], dtype=torch.float64)
    torch.testing.assert_close(played.rewards[0].double(), expected)
    utility, labels = scenario.outcome(context[None], played.final)
    assert float(utility) == pytest.approx(float(expected.sum()))
    assert {name: float(value) for name, value in labels.items() if name in ("crashes", "lost_tasks", "finished_rate",
                                                                             "max_occupancy")} == {
        "crashes": 1, "lost_tasks": 3, "finished_rate": pytest.approx(0.4), "max_occupancy": 1}


def test_a_task_that_ends_when_the_next_one_comes_has_left():
    scenario = small(tasks=2)
    end = simulation.runtime(250.0)
    for late, fits in ((0.0, True), (-1.0, False)):
        context = torch.tensor([[400.0, 900, 0, 0, 200, 150, 0.5, 0.1, 0, end + late, 250, 250]])
        played = play(scenario, context, torch.zeros(1, 2))
        assert bool(played.rewards[0, 1] > 0) == fits
        assert bool(played.observations[0, 1, 0] == 1) == fits


def test_as_many_tasks_are_looked_at_as_can_still_run(monkeypatch):
    scenario = small(tasks=60, providers=5)
    contexts, decisions = hurried(scenario, 2, 0, 0.01), torch.arange(120).reshape(2, 60).float() % 5
    expected = play(scenario, contexts, decisions)
    monkeypatch.setattr(simulation, "FEWEST", 2)
    again = play(scenario, contexts, decisions)
    assert torch.equal(again.rewards, expected.rewards)
    assert torch.equal(again.observations, expected.observations)
    assert RecentTasks.of(scenario.workload(contexts), decisions, torch.tensor([60, 60])).number.shape[1] >= 40


def test_a_network_comes_out_the_same_in_any_batch():
    scenario = small(tasks=60, providers=5)
    contexts = torch.cat([hurried(scenario, 2, 0, 0.02), hurried(scenario, 2, 1, 1.0)])
    decisions = torch.randint(5, (4, 60), generator=torch.Generator().manual_seed(0)).float()
    together = play(scenario, contexts, decisions)
    for row in range(4):
        alone = play(scenario, contexts[row:row + 1], decisions[row:row + 1])
        assert torch.equal(alone.rewards[0], together.rewards[row])
        assert torch.equal(alone.final[0], together.final[row])
