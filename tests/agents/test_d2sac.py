import math

import numpy as np
import pytest
import torch
from stable_baselines3 import SAC
from torch.distributions import Normal

from aign.agents import libraries
from aign.agents.adapter import SharedPolicyVecEnv
from aign.agents.d2sac import DenoisingActor


@pytest.fixture
def model(scenario, pool, small):
    environment = SharedPolicyVecEnv(scenario, pool["train"], 4, 0, lambda episodes, contexts: None)
    return libraries.build("d2sac", small, environment, seed=1)


def test_it_is_the_librarys_sac_but_for_the_actor(model) -> None:
    assert isinstance(model, SAC)
    assert isinstance(model.actor, DenoisingActor)
    assert len(model.critic.q_networks) == 2
    assert (model.actor.chain.steps, model.target_entropy) == (3, -1.0)
    trained = {id(value) for value in model.actor_descent.parameters}
    assert trained == {id(value) for value in model.actor.parameters()}
    assert not any(name.startswith(("mu.", "latent_pi.")) for name in model.actor.state_dict())


def test_the_density_is_that_of_the_last_step(model) -> None:
    observations = torch.randn(40, 2)
    torch.manual_seed(3)
    with torch.no_grad():
        actions, logarithm = model.actor.action_log_prob(observations)
    torch.manual_seed(3)
    with torch.no_grad():
        mean, deviation, _ = model.actor.get_action_dist_params(observations)
    last = Normal(mean, deviation.exp())
    before = torch.atanh(actions.clamp(-1 + 1e-6, 1 - 1e-6))
    expected = (last.log_prob(before) - (1 - actions**2).log()).sum(1)  # change of variables through tanh
    assert torch.allclose(logarithm, expected, atol=1e-2)


def test_the_entropy_kept_up_bounds_the_actions_own_from_below(model) -> None:
    actor, observations = model.actor, torch.zeros(1, 2).expand(4000, -1)
    with torch.no_grad():
        actor.log_std.bias.fill_(math.log(0.2))
        actor.chain.trunk[0].weight[:, 0].mul_(8)  # so that the noise of the chain matters
        actor.chain.clean.weight.mul_(8)
        _, logarithm = actor.action_log_prob(observations)
        given_chain = -float(logarithm.mean())
        mean, deviation, _ = actor.get_action_dist_params(observations[:2000])
        drawn = mean[:, 0] + deviation[:, 0].exp() * torch.randn(2000)
        mixture = Normal(mean[:, 0], deviation[:, 0].exp()).log_prob(drawn[:, None]).logsumexp(1) - math.log(2000)
        squash = torch.log1p(-drawn.tanh() ** 2)
        alone = float((squash - mixture).mean())
    assert given_chain < alone - 0.1


def test_gradients_reach_the_first_step_of_the_chain(model) -> None:
    observations, met = torch.randn(64, 2), []
    model.actor.chain.clean.register_forward_hook(
        lambda module, given, values: values.retain_grad() or met.append(values))
    actions, logarithm = model.actor.action_log_prob(observations)
    (logarithm.mean() - torch.cat(model.critic(observations, actions), 1).amin(1).mean()).backward()
    assert len(met) == 3
    assert all(values.grad.abs().sum() > 0 for values in met)


def test_the_deterministic_action_is_the_mean_path(model) -> None:
    observations = np.random.default_rng(0).standard_normal((300, 2), np.float32)
    first, again = (model.predict(observations, deterministic=True)[0] for _ in range(2))
    assert np.array_equal(first, again)
    chain = model.actor.chain(torch.from_numpy(observations), noise=False)[1].tanh()
    assert np.allclose(first, chain.detach().numpy(), atol=1e-6)
    assert not np.array_equal(model.predict(observations)[0], model.predict(observations)[0])
