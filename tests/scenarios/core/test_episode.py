"""Networks in an episode: the scenario's steps are taken until the horizon, and recorded when asked."""

import pytest
import torch

from aign.scenarios.core.episode import Episode
from aign.scenarios.water_filling import WaterFilling

SCENARIO = WaterFilling.create(channels=3, budget=2.0)
CONTEXTS = SCENARIO.draw_contexts(4, torch.Generator().manual_seed(0))
HALF = torch.full((4, 3), 0.5)


def test_it_ends_after_the_horizon_and_not_before():
    episode = Episode(SCENARIO, CONTEXTS)
    for _ in range(SCENARIO.horizon):
        assert not episode.ended
        episode.advance(HALF)
    assert episode.ended


def test_it_takes_the_steps_of_the_scenario_from_the_usual_start():
    episode, start = Episode(SCENARIO, CONTEXTS), SCENARIO.initial_state(CONTEXTS)
    assert torch.equal(episode.states, start)
    rewards = episode.advance(HALF)
    states, expected = SCENARIO.step(CONTEXTS, start, HALF)
    assert torch.equal(rewards, expected)
    assert torch.equal(episode.states, states)
    assert torch.equal(episode.observation(), SCENARIO.observe(CONTEXTS, states, 1))
    assert torch.equal(episode.outcome()[0], SCENARIO.utility(CONTEXTS, states))


def test_it_starts_where_it_is_told():
    first = torch.full((4, 3), 0.25)
    assert torch.equal(Episode(SCENARIO, CONTEXTS, first).states, first)


def test_a_policy_runs_it_to_the_end_and_is_told_the_time():
    times = []

    def act(contexts, states, time):
        times.append(time)
        return HALF
    episode = Episode(SCENARIO, CONTEXTS).run(act)
    assert episode.ended
    assert times == list(range(SCENARIO.horizon))


def test_what_is_recorded_is_what_happened():
    recorded, plain = Episode(SCENARIO, CONTEXTS, record=True), Episode(SCENARIO, CONTEXTS)
    for _ in range(SCENARIO.horizon):
        torch.testing.assert_close(plain.advance(3 * HALF), recorded.advance(3 * HALF), rtol=0, atol=0)
    rollout = recorded.rollout()
    assert rollout.observations.shape == (4, SCENARIO.horizon + 1, SCENARIO.observation_size)
    assert torch.equal(rollout.observations[:, -1, :3], recorded.states)
    assert (rollout.actions == 1).all()  # as they took effect
    gained = SCENARIO.utility(CONTEXTS, rollout.final) - SCENARIO.utility(CONTEXTS, SCENARIO.initial_state(CONTEXTS))
    torch.testing.assert_close(rollout.rewards.sum(1), gained)
    assert torch.equal(rollout.final, plain.states)
    with pytest.raises(RuntimeError):
        plain.rollout()
