import numpy as np
import pytest
import torch
from gymnasium import spaces
from stable_baselines3.common.vec_env import VecMonitor

from aign.agents.adapter import SharedPolicyVecEnv, as_actions


@pytest.fixture
def finished():
    return []


@pytest.fixture
def environment(scenario, pool, finished):
    return SharedPolicyVecEnv(scenario, pool["train"], 6, 3, lambda episodes, contexts: finished.append(
        (episodes, contexts)))


def actions(step: int) -> np.ndarray:
    return np.random.default_rng(step).uniform(-1, 1, (18, 1)).astype(np.float32)


def test_one_environment_for_each_decision_maker(environment) -> None:
    assert environment.num_envs == 18
    assert environment.observation_space.shape == (2,)
    assert environment.action_space.shape == (1,)
    assert environment.reset().shape == (18, 2)


def test_whole_networks_come_out_as_the_single_views_went_in(scenario, environment, finished) -> None:
    seen, rewarded = [environment.reset()], []
    for step in range(4):
        observations, rewards, _, infos = environment.step(actions(step))
        seen.append(observations)
        rewarded.append(rewards)
    (episodes, contexts), = finished
    for step in range(4):
        assert np.array_equal(episodes.actions[:, step].numpy().ravel(), actions(step).ravel())
        now, following = episodes.observations[:, step:step + 2, :3].unbind(1)
        assert np.allclose(seen[step].reshape(6, 3, 2)[..., 0], now / 5 - 1)
        assert np.allclose(seen[step].reshape(6, 3, 2)[..., 1], contexts.values / 5 - 1)
        gain = (now - contexts.values).abs() - (following - contexts.values).abs()
        assert np.allclose(rewarded[step], gain.flatten(), atol=1e-5)
    last = np.stack([info["terminal_observation"] for info in infos]).reshape(6, 3, 2)
    assert np.allclose(last[..., 0], episodes.final / 5 - 1)
    assert not any(info["TimeLimit.truncated"] for info in infos)


def test_all_networks_start_again_at_the_horizon(environment, finished) -> None:
    environment.reset()
    for step in range(9):
        _, _, done, infos = environment.step(actions(step))
        assert done.all() == done.any() == ((step + 1) % 4 == 0)
        assert all(("terminal_observation" in info) == bool(done[0]) for info in infos)
    assert len(finished) == 2
    assert environment.environment_steps == 9 * 6
    assert not torch.equal(finished[0][1].ids, finished[1][1].ids)


def test_half_of_the_episodes_start_at_random(scenario, pool, finished) -> None:
    wide = SharedPolicyVecEnv(scenario, pool["train"], 400, 0, lambda episodes, contexts: finished.append(episodes))
    wide.reset()
    for _ in range(4):
        wide.step(np.zeros((1200, 1), np.float32))
    at_zero = (finished[0].observations[:, 0, :3] == 0).all(1).float().mean()
    assert 0.4 < at_zero < 0.6


def test_equal_seeds_give_equal_episodes(scenario, pool) -> None:
    def first(seed: int) -> np.ndarray:
        return SharedPolicyVecEnv(scenario, pool["train"], 6, seed, lambda episodes, contexts: None).reset()
    assert np.array_equal(first(1), first(1))
    assert not np.array_equal(first(1), first(2))


def test_environments_cannot_be_set_or_called_alone(environment) -> None:
    assert environment.get_attr("environment_steps", [0, 5]) == [0, 0]
    assert environment.env_is_wrapped(VecMonitor, 3) == [False]
    with pytest.raises(AttributeError, match="one by one"):
        environment.set_attr("x", 1)
    with pytest.raises(AttributeError, match="one by one"):
        environment.env_method("step")
    environment.close()


def test_a_scenario_with_choices_offers_their_numbers(doors, doors_pool, finished) -> None:
    environment = SharedPolicyVecEnv(doors, doors_pool["train"], 5, 3, lambda episodes, contexts: finished.append(
        (episodes, contexts)))
    assert environment.action_space == spaces.Discrete(4)
    environment.reset()
    chosen = np.random.default_rng(0).integers(0, 4, (4, 5))
    rewards = [environment.step(row)[1] for row in chosen]
    (episodes, contexts), = finished
    assert torch.equal(episodes.actions, torch.eye(4)[torch.from_numpy(chosen.T)])
    for step in range(4):
        paid = contexts.values.gather(1, torch.from_numpy(chosen[step])[:, None])[:, 0]
        assert np.allclose(rewards[step], paid)


def test_models_answers_become_actions_of_whole_networks(scenario, doors) -> None:
    values = np.arange(6, dtype=np.float32).reshape(6, 1)
    assert as_actions(scenario, values).tolist() == [[0, 1, 2], [3, 4, 5]]
    assert as_actions(doors, np.array([2, 0])).tolist() == [[0, 0, 1, 0], [1, 0, 0, 0]]
