import math

import numpy as np
import pytest
import torch
from stable_baselines3.common.buffers import NStepReplayBuffer
from torch.distributions import Categorical

from aign.agents import libraries
from aign.agents.adapter import SharedPolicyVecEnv
from aign.agents.discrete_sac import critic_loss, entropy, soft_value
from aign.agents.settings import CollectSettings, SACSettings


@pytest.fixture
def environment(doors, doors_pool):
    return SharedPolicyVecEnv(doors, doors_pool["train"], 4, 0, lambda episodes, contexts: None)


def built(kind, environment, **changes):
    block = {"environment_steps": 250, "networks": 4, "batch_size": 16, "learning_starts": 10, "updates_per_step": 2,
             "hidden": (8,), **changes}
    return libraries.build(kind, CollectSettings.model_validate({kind: block}), environment, seed=1)


def test_the_soft_value_is_an_expectation_over_choices() -> None:
    logits, values = torch.randn(6, 5, dtype=torch.float64), torch.randn(6, 5, dtype=torch.float64)
    for row in range(6):
        chances = [math.exp(x) / sum(map(math.exp, logits[row].tolist())) for x in logits[row].tolist()]
        expected = sum(p * (q - 0.3 * math.log(p)) for p, q in zip(chances, values[row].tolist(), strict=True))
        assert float(soft_value(logits, values, torch.tensor(0.3))[row]) == pytest.approx(expected, abs=1e-6)
    drawn = Categorical(logits=logits[:1]).sample((200_000,))
    sampled = values[0][drawn] - 0.3 * Categorical(logits=logits[:1]).log_prob(drawn)
    assert float(sampled.mean()) == pytest.approx(float(soft_value(logits, values, torch.tensor(0.3))[0]), abs=0.02)


def test_the_entropy_is_the_librarys() -> None:
    logits = 3 * torch.randn(9, 4)
    assert torch.allclose(entropy(logits), Categorical(logits=logits).entropy(), atol=1e-6)
    assert torch.allclose(entropy(torch.zeros(1, 4)), torch.tensor(math.log(4)))
    assert float(entropy(torch.tensor([[1e4, 0.0]]))) == 0.0


def test_the_best_logits_of_the_actor_loss_are_the_boltzmann_ones() -> None:
    values, logits = torch.tensor([[1.0, 0.2, -0.5]]), torch.zeros(1, 3, requires_grad=True)
    optimiser = torch.optim.Adam([logits], 0.05)
    for _ in range(800):
        optimiser.zero_grad()
        (-soft_value(logits, values, torch.tensor(0.4))).sum().backward()
        optimiser.step()
    assert torch.allclose(logits.softmax(1), (values / 0.4).softmax(1), atol=1e-3)
    best = float(soft_value(logits.detach(), values, torch.tensor(0.4)))
    assert best == pytest.approx(0.4 * float((values / 0.4).logsumexp(1)), abs=1e-4)


def test_critic_losses_add_up() -> None:
    taken, target = torch.tensor([[[1.0], [3.0]], [[0.0], [0.0]]]), torch.tensor([[2.0], [1.0]])
    assert float(critic_loss(taken, target)) == pytest.approx(0.5 * (1 + 4) / 2 + 0.5 * (4 + 1) / 2)


@pytest.mark.parametrize("kind", ["sac", "d2sac"])
@pytest.mark.parametrize("steps", [1, 3])
def test_critics_follow_the_target_and_lagging_ones_lag(kind, steps, environment, monkeypatch) -> None:
    model = built(kind, environment, discount=0.9, return_steps=steps, tau=0.1, entropy_coefficient="0.2")
    model.learn(40)
    batch = model.replay_buffer.sample(16)
    monkeypatch.setattr(model.replay_buffer, "sample", lambda size: batch)
    policy = model.policy
    lagging = [value.clone() for value in policy.critic_target.parameters()]
    torch.manual_seed(5)
    policy.actor(batch.observations, noise=True)
    logits = policy.actor(batch.next_observations, noise=True)
    discounts = torch.full((16, 1), 0.9) if batch.discounts is None else batch.discounts
    target = torch.empty(16)
    for row in range(16):
        chances, values = logits[row].detach().softmax(0), policy.critic_target(batch.next_observations)[:, row].amin(0)
        soft = sum(float(p) * (float(q) - 0.2 * math.log(float(p))) for p, q in zip(chances, values, strict=True))
        target[row] = batch.rewards[row] + (1 - batch.dones[row]) * discounts[row] * soft
    seen = []
    monkeypatch.setattr("aign.agents.discrete_sac.critic_loss",
                        lambda taken, given: seen.append(given) or critic_loss(taken, given))
    torch.manual_seed(5)
    model.train(1, 16)
    assert torch.allclose(seen[0][:, 0], target, atol=1e-5)
    for old, new, online in zip(lagging, policy.critic_target.parameters(), policy.critic.parameters(), strict=True):
        assert torch.allclose(new, 0.9 * old + 0.1 * online, atol=1e-6)


def test_returns_add_up_over_several_steps_and_end_with_the_episode(doors, doors_pool) -> None:
    environment = SharedPolicyVecEnv(doors, doors_pool["train"], 2, 0, lambda episodes, contexts: None)
    model = built("sac", environment, networks=2, discount=0.5, return_steps=3)
    model.learn(16)
    buffer = model.replay_buffer
    assert isinstance(buffer, NStepReplayBuffer)
    batch = buffer.sample(64)
    rewards = buffer.rewards[:8]
    for row in range(64):
        places = np.argwhere((buffer.observations[:8] == batch.observations[row].numpy()).all(2))
        (start, column), end = places[0], (places[0][0] // 4 + 1) * 4
        length = min(3, end - start)
        expected = sum(0.5**k * rewards[start + k, column] for k in range(length))
        assert float(batch.rewards[row]) == pytest.approx(expected, rel=1e-5)
        assert float(batch.dones[row]) == float(start + length == end)
        assert float(batch.discounts[row]) == pytest.approx(0.5**length)


def test_a_learned_temperature_seeks_the_target_entropy(environment) -> None:
    model = built("sac", environment, entropy_coefficient="auto_0.5", choice_entropy=0.25)
    assert float(model.coefficient) == 0.5
    assert model.target_entropy == pytest.approx(0.25 * math.log(4))
    model.learn(40)
    assert 0 < float(model.coefficient) < 0.5  # choice begins nearly even: too much entropy
    fixed = built("sac", environment, entropy_coefficient="0.05")
    fixed.learn(40)
    assert float(fixed.coefficient) == pytest.approx(0.05)


@pytest.mark.parametrize("kind", ["sac", "d2sac"])
def test_choices_are_drawn_by_their_probability_and_the_best_is_deterministic(kind, environment) -> None:
    model = built(kind, environment)
    seen = np.tile(np.random.default_rng(0).standard_normal((1, 6), np.float32), (4000, 1))
    drawn, _ = model.predict(seen)
    best, _ = model.predict(seen, deterministic=True)
    assert set(drawn) == {0, 1, 2, 3}
    assert len(set(best)) == 1
    with torch.no_grad():
        chances = model.policy.actor(torch.from_numpy(seen), noise=True).softmax(1).mean(0)
    assert np.allclose(np.bincount(drawn, minlength=4) / 4000, chances, atol=0.04)


def test_recorded_settings_are_those_of_the_papers_where_asked() -> None:
    own = SACSettings(entropy_coefficient="0.05", tau=0.005, return_steps=3, discount=0.95)
    assert own.model_dump()["return_steps"] == 3
    assert "return_steps" not in SACSettings().model_dump()
