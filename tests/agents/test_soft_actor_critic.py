"""The library's own SAC is the reference: what ours learns is equal to the last bit."""

import numpy as np
import pytest
import torch
from stable_baselines3 import SAC

from aign.agents import libraries
from aign.agents.adapter import SharedPolicyVecEnv
from aign.agents.settings import CollectSettings
from aign.agents.soft_actor_critic import SoftActorCritic


@pytest.fixture
def trained(scenario, pool, small, monkeypatch):
    """Train an agent, by ours or by the library's learner and buffer; return it and its episodes' returns."""
    def train(kind, learner, **changes):
        returns = []
        environment = SharedPolicyVecEnv(scenario, pool["train"], 8, 0,
                                         lambda episodes, contexts: returns.append(episodes.rewards.sum(1)))
        settings = small.model_copy(update={kind: small.of(kind).model_copy(update=changes)})
        with monkeypatch.context() as patch:
            if learner is SAC:
                patch.setattr(libraries, "SoftActorCritic", SAC)
                patch.setattr(libraries, "_buffer", lambda settings: {})
                patch.setattr(libraries, "_policy", lambda hidden: {
                    "net_arch": list(hidden), "activation_fn": torch.nn.SiLU, "optimizer_kwargs": {"fused": True}})
            model = libraries.build(kind, settings, environment, seed=3)
        assert type(model) is learner
        model.learn(libraries.planned_steps(kind, settings, scenario.horizon) * scenario.agents)
        return model, torch.cat(returns)
    return train


def learned(model):
    """Everything that is learned and read: the target critics only where the discount is not 0."""
    values = model.actor.state_dict() | {f"critic {name}": value for name, value in model.critic.state_dict().items()}
    if model.gamma:
        values |= {f"target {name}": value for name, value in model.critic_target.state_dict().items()}
    return values


@pytest.mark.parametrize(("kind", "changes"), [
    ("sac", {}), ("sac", {"discount": 0.9}), ("sac", {"discount": 0.9, "return_steps": 3}),
    ("sac", {"entropy_coefficient": "0.2"}), ("sac", {"batch_size": 37, "buffer_size": 200, "discount": 0.5}),
    ("d2sac", {}), ("d2sac", {"discount": 0.9, "return_steps": 3}),
], ids=["bandit", "discounted", "three steps", "fixed temperature", "odd batch, small buffer", "denoising bandit",
        "denoising, three steps"])
def test_it_learns_what_the_librarys_learns(kind, changes, trained) -> None:
    ours, our_returns = trained(kind, SoftActorCritic, **changes)
    reference, returns = trained(kind, SAC, **changes)
    assert ours._n_updates == reference._n_updates >= 60
    expected = learned(reference)
    assert learned(ours).keys() == expected.keys()
    assert all(torch.equal(value, expected[name]) for name, value in learned(ours).items())
    assert torch.equal(our_returns, returns)


def test_it_acts_as_the_librarys(trained) -> None:
    ours, _ = trained("sac", SoftActorCritic)
    observations = np.random.default_rng(0).standard_normal((50, 2), np.float32)
    for deterministic in (True, False):
        torch.manual_seed(1)
        actions, _ = ours.predict(observations, deterministic=deterministic)
        torch.manual_seed(1)
        assert np.array_equal(actions, ours.policy.predict(observations, deterministic=deterministic)[0])


def test_without_a_discount_the_target_critics_are_left_alone(trained) -> None:
    ours, _ = trained("sac", SoftActorCritic)
    moved, _ = trained("sac", SoftActorCritic, discount=0.9)
    for model, same in ((ours, True), (moved, False)):
        start = libraries.build("sac", CollectSettings(), model.env, seed=3).critic_target.state_dict()
        assert same == all(torch.equal(value, start[name]) for name, value in model.critic_target.state_dict().items())
