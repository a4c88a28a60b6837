import torch

from aign.agents.rollout import rollout, starting_states


def test_an_episode_follows_the_equations(scenario, pool) -> None:
    contexts = pool["train"].values
    actions = torch.randn(4, len(contexts), 3, generator=torch.Generator().manual_seed(0)) * 2
    episodes = rollout(scenario, contexts, lambda values, states, time: actions[time], torch.zeros(len(contexts), 3))
    state = torch.zeros(len(contexts), 3)
    for time in range(4):
        applied = actions[time].clamp(-1, 1)
        assert torch.equal(episodes.actions[:, time], applied)
        assert torch.equal(episodes.observations[:, time], torch.cat(
            [state, contexts / 10, torch.full((len(contexts), 1), time / 4)], 1))
        following = (state + (4 * applied).round()).round().clamp(0, 10)
        gain = ((state.double() - contexts) ** 2).sum(1) - ((following.double() - contexts) ** 2).sum(1)
        assert torch.allclose(episodes.rewards[:, time], gain, atol=1e-4)
        assert torch.equal(episodes.observations[:, time + 1, :3], following)
        state = following
    assert episodes.observations.shape == (40, 5, 7)
    assert len(episodes) == 40


def test_rewards_telescope_to_the_utility_gained(scenario, pool) -> None:
    contexts = pool["test"].values
    episodes = rollout(scenario, contexts, lambda values, states, time: scenario.action_towards(states, values.round()),
                       scenario.initial_state(contexts))
    gained = scenario.utility(contexts, episodes.final) - scenario.utility(contexts, episodes.observations[:, 0, :3])
    assert torch.allclose(episodes.rewards.sum(1), gained)
    assert torch.equal(episodes.final, contexts.round())


def test_the_policy_sees_contexts_states_and_time(scenario, pool) -> None:
    contexts, calls = pool["test"].values, []

    def act(values, states, time):
        calls.append((values, states, time))
        return torch.ones(len(values), 3)
    episodes = rollout(scenario, contexts, act, scenario.initial_state(contexts))
    assert [time for _, _, time in calls] == [0, 1, 2, 3]
    assert all(values is contexts for values, _, _ in calls)
    assert torch.equal(torch.stack([states for _, states, _ in calls], 1), episodes.observations[:, :-1, :3])


def test_random_starts_have_their_share(scenario) -> None:
    contexts = torch.full((2000, 3), 5.0)
    for share, low, high in ((0.0, 0, 0), (0.25, 420, 580), (1.0, 2000, 2000)):
        starts = starting_states(scenario, contexts, share, torch.Generator().manual_seed(1))
        # The usual start is zero; random ones are never zero in this scenario.
        assert low <= int((starts > 0).all(1).sum()) <= high
        assert bool(((starts > 0).all(1) | (starts == 0).all(1)).all())
