import numpy as np
import pytest
import torch
from stable_baselines3 import PPO, SAC
from stable_baselines3.common.buffers import NStepReplayBuffer
from stable_baselines3.common.callbacks import BaseCallback

from aign.agents import libraries
from aign.agents.adapter import SharedPolicyVecEnv
from aign.agents.discrete_sac import DiscreteSAC, PerceptronActor


class NoCallback(BaseCallback):
    def _on_step(self) -> bool:
        return True


@pytest.fixture
def environment(scenario, pool):
    return SharedPolicyVecEnv(scenario, pool["train"], 4, 0, lambda episodes, contexts: None)


@pytest.fixture
def choosing(doors, doors_pool):
    return SharedPolicyVecEnv(doors, doors_pool["train"], 4, 0, lambda episodes, contexts: None)


@pytest.mark.parametrize("kind", ["sac", "ppo", "d2sac"])
def test_the_extracted_policy_is_the_librarys_deterministic_one(kind, small, environment) -> None:
    model = libraries.build(kind, small, environment, seed=1)
    model.learn(libraries.planned_steps(kind, small, 4) * 3)
    observations = 3 * np.random.default_rng(0).standard_normal((500, 2), np.float32)
    expected, _ = model.predict(observations, deterministic=True)
    assert np.abs(expected).max() > 0.1
    assert np.allclose(libraries.extract_policy(model)(torch.from_numpy(observations)).numpy(), expected, atol=1e-6)


@pytest.mark.parametrize("kind", ["sac", "ppo", "d2sac", "ddqn", "ucb"])
def test_the_extracted_policy_chooses_as_the_librarys(kind, small, choosing) -> None:
    model = libraries.build(kind, small, choosing, seed=1)
    model.learn(libraries.planned_steps(kind, small, 4), NoCallback(), log_interval=9999)
    observations = 3 * np.random.default_rng(0).standard_normal((500, 6), np.float32)
    expected, _ = model.predict(observations, deterministic=True)
    assert np.array_equal(libraries.extract_policy(model)(torch.from_numpy(observations)).argmax(1).numpy(), expected)


def test_the_extracted_policy_is_a_copy(small, environment) -> None:
    model = libraries.build("sac", small, environment, seed=1)
    policy = libraries.extract_policy(model)
    before = policy.layers[0].weight.clone()
    model.learn(600)
    assert torch.equal(policy.layers[0].weight, before)
    assert not torch.equal(model.actor.latent_pi[0].weight, before)


def test_settings_reach_the_library(small, environment) -> None:
    sac, ppo = (libraries.build(kind, small, environment, seed=1) for kind in ("sac", "ppo"))
    assert isinstance(sac, SAC)
    assert isinstance(ppo, PPO)
    assert (sac.gamma, sac.tau, sac.batch_size, sac.gradient_steps) == (0.0, 0.01, 32, 2)
    assert sac.target_entropy == -1.0
    assert (ppo.gamma, ppo.gae_lambda, ppo.batch_size, ppo.n_steps, ppo.n_epochs) == (0.0, 1.0, 48, 8, 2)
    assert ppo.policy.log_std.tolist() == [-0.5]
    for model in (sac, ppo):
        assert [model.lr_schedule(remaining) for remaining in (1.0, 0.5, 0.0)] == pytest.approx([1e-3, 5e-4, 0])
        assert [layer.out_features for layer in libraries.extract_policy(model).layers[::2]] == [64, 64, 1]


def test_settings_of_agents_that_choose_reach_them(small, choosing) -> None:
    changed = small.model_copy(update={"ddqn": small.ddqn.model_copy(update={"return_steps": 3, "discount": 0.9})})
    sac, d2sac, ddqn, ucb = (libraries.build(kind, changed, choosing, 1) for kind in ("sac", "d2sac", "ddqn", "ucb"))
    assert isinstance(sac, DiscreteSAC)
    assert isinstance(sac.policy.actor, PerceptronActor)
    assert d2sac.policy.actor.chain.steps == 3
    assert sum(value.numel() for value in sac.policy.critic.parameters()) == sum(
        value.numel() for value in d2sac.policy.critic.parameters())
    assert isinstance(ddqn.replay_buffer, NStepReplayBuffer)
    assert (ddqn.replay_buffer.n_steps, ddqn.replay_buffer.gamma, ddqn.gamma) == (3, 0.9, 0.9)
    assert (len(ucb.tries), ucb.confidence) == (4, 1.0)


def test_planned_steps_are_whole_episodes_and_rollouts(small) -> None:
    assert libraries.planned_steps("sac", small, 4) == 256  # 250 up to a multiple of 8 networks x 4 steps
    assert libraries.planned_steps("sac", small, 6) == 288
    assert libraries.planned_steps("ppo", small, 4) == 256  # of 4 networks x lcm(4, 8) steps
    assert libraries.planned_steps("ppo", small, 6) == 288


def test_gradient_steps_count_optimiser_steps(small, environment) -> None:
    for kind in ("sac", "ppo"):
        model = libraries.build(kind, small, environment, seed=1)
        assert libraries.gradient_steps(model) == 0
        model.learn(256 * 3)
        steps = ({model.actor_descent.steps, model.critic_descent.steps} if kind == "sac"
                 else {model.policy.optimizer.descent.steps})
        assert steps == {libraries.gradient_steps(model)}
