import numpy as np
import pytest
import torch

from aign.agents import double_dqn, libraries
from aign.agents.adapter import SharedPolicyVecEnv
from aign.agents.double_dqn import DoubleDQN, double_value
from aign.agents.settings import CollectSettings


def stream():
    """State of the stream from which learning draws its batches."""
    return np.random.get_state()[1].tolist()  # noqa: NPY002 (the library's)


@pytest.fixture
def model(doors, doors_pool):
    environment = SharedPolicyVecEnv(doors, doors_pool["train"], 4, 0, lambda episodes, contexts: None)
    settings = CollectSettings.model_validate({"ddqn": {"batch_size": 16, "learning_starts": 10, "hidden": (8,),
                                                        "discount": 0.9, "updates_per_step": 1, "networks": 4}})
    return libraries.build("ddqn", settings, environment, seed=1)


def test_the_double_target_by_hand() -> None:
    online, target = torch.tensor([[1.0, 5.0, 2.0], [7.0, 0.0, 1.0]]), torch.tensor([[9.0, 0.5, 3.0], [0.1, 8.0, 4.0]])
    assert double_value(online, target).tolist() == [[0.5], [pytest.approx(0.1)]]


def test_it_never_exceeds_the_greedy_target() -> None:
    online, target = torch.randn(200, 6), torch.randn(200, 6)
    assert (double_value(online, target)[:, 0] <= target.amax(1)).all()
    assert torch.equal(double_value(target, target)[:, 0], target.amax(1))


def test_training_descends_towards_the_double_target(model, monkeypatch) -> None:
    model.learn(40)
    batch = model.replay_buffer.sample(16)
    monkeypatch.setattr(model.replay_buffer, "sample", lambda size: batch)
    seen = []
    monkeypatch.setattr(double_dqn.nn.functional, "smooth_l1_loss",
                        lambda taken, target: seen.append((taken.detach(), target)) or (taken - target).abs().mean())
    with torch.no_grad():
        for value in model.q_net_target.parameters():
            value.add_(torch.randn_like(value))
    expected = []
    for row in range(16):
        online = model.q_net(batch.next_observations[row:row + 1])[0].detach()
        value = model.q_net_target(batch.next_observations[row:row + 1])[0, int(online.argmax())].detach()
        expected.append(float(batch.rewards[row] + (1 - batch.dones[row]) * 0.9 * value))
    with torch.no_grad():
        taken = [float(model.q_net(batch.observations[row:row + 1])[0, int(batch.actions[row])]) for row in range(16)]
    model.train(1, 16)
    assert seen[0][1][:, 0].tolist() == pytest.approx(expected, abs=1e-5)
    assert seen[0][0][:, 0].tolist() == pytest.approx(taken, abs=1e-5)


def test_each_network_explores_on_its_own_coin(model) -> None:
    seen = np.tile(np.random.default_rng(0).standard_normal((1, 6), np.float32), (4000, 1))
    greedy = set(model.predict(seen, deterministic=True)[0])
    assert len(greedy) == 1
    model.exploration_rate = 0.4
    state = stream()
    drawn, _ = model.predict(seen)
    assert np.mean(drawn != greedy.pop()) == pytest.approx(0.4 * 3 / 4, abs=0.04)
    assert stream() == state


def test_the_target_network_moves_once_a_step(model) -> None:
    assert isinstance(model, DoubleDQN)
    model.learn(8)  # two steps, before learning starts
    before = [value.clone() for value in model.q_net_target.parameters()]
    with torch.no_grad():
        for value in model.q_net.parameters():
            value.add_(1.0)
    model._on_step()
    for old, new in zip(before, model.q_net_target.parameters(), strict=True):
        assert torch.allclose(new, old + 0.02, atol=1e-6)
