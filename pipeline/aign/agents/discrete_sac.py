"""Soft actor-critic for one choice among J, by a perceptron ("sac") or a chain of denoising steps ("d2sac").

Stable-Baselines3's own SAC has continuous actions only. With J choices no action needs to be drawn to learn: the actor
gives a probability to each, the twin critics a value to each, and both losses are exact expectations over the choices
(Christodoulou 2019, arXiv 1910.07207). D2SAC takes its probabilities as the softmax over the clean values x_0 of a
denoising chain (Du et al. 2023; equation 9 of the GADM paper). They then depend on the chain's noise, so the entropy
kept up is that of the choice given the chain, averaged over chains: a lower bound of the choice's own.

Axes: B batch, F observed values, J choices.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from gymnasium import spaces
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.torch_layers import create_mlp
from stable_baselines3.common.type_aliases import ReplayBufferSamples
from stable_baselines3.common.vec_env import VecEnv
from torch import Tensor, nn

from aign.agents.denoising import DenoisingChain
from aign.agents.descent import LearnedCoefficient, entropy_coefficient, follow
from aign.agents.policy import hidden_layers
from aign.agents.replay import SteppedLearner
from aign.scenarios.core.adam import Adam

CRITICS = 2


class PerceptronActor(nn.Module):
    """Logits straight from observations."""

    draws = 0

    def __init__(self, features: int, choices: int, hidden: Sequence[int]) -> None:
        super().__init__()
        self.layers = nn.Sequential(*hidden_layers(features, hidden), nn.Linear((features, *hidden)[-1], choices))

    def forward(self, observations: Tensor, noise: bool) -> Tensor:
        """Return logits (B, J) for observations (B, F); nothing here is random, whatever `noise` says."""
        logits: Tensor = self.layers(observations)
        return logits


class DenoisingChoiceActor(nn.Module):
    """Logits at the end of a denoising chain."""

    def __init__(self, features: int, choices: int, hidden: Sequence[int], steps: int, embedding: int) -> None:
        super().__init__()
        self.chain = DenoisingChain(features, choices, hidden, steps, embedding)
        self.draws = steps
        """Draws of J values each behind the logits."""

    def forward(self, observations: Tensor, noise: bool) -> Tensor:
        """Return logits (B, J) for observations (B, F), of a random chain or of its mean path from zero."""
        logits: Tensor = self.chain(observations, noise)[1]
        return logits


class TwinCritics(nn.Module):
    """The value of each choice, twice."""

    def __init__(self, features: int, choices: int, hidden: Sequence[int]) -> None:
        super().__init__()
        self.critics = nn.ModuleList(nn.Sequential(*create_mlp(features, choices, list(hidden), nn.SiLU))
                                     for _ in range(CRITICS))

    def forward(self, observations: Tensor) -> Tensor:
        """Return values (CRITICS, B, J) for observations (B, F)."""
        return torch.stack([critic(observations) for critic in self.critics])


class ChoicePolicy(BasePolicy):
    """Actor, critics and target critics, as the library keeps them.

    Args:
        observation_space: of F values.
        action_space: of J choices.
        lr_schedule: the library's learning rate.
        hidden: widths of the hidden layers of every network, each followed by SiLU.
        chain: steps and embedding of a denoising actor; None for a perceptron.
    """

    def __init__(self, observation_space: spaces.Box, action_space: spaces.Discrete, lr_schedule: Any,
                 hidden: Sequence[int], chain: dict[str, int] | None) -> None:
        super().__init__(observation_space, action_space)
        features, choices = int(observation_space.shape[0]), int(action_space.n)
        self.choices = choices
        self.actor: PerceptronActor | DenoisingChoiceActor
        self.actor = (PerceptronActor(features, choices, hidden) if chain is None
                      else DenoisingChoiceActor(features, choices, hidden, **chain))
        self.critic = TwinCritics(features, choices, hidden)
        self.critic_target = TwinCritics(features, choices, hidden).requires_grad_(False)
        self.critic_target.load_state_dict(self.critic.state_dict())

    def forward(self, obs: Tensor, deterministic: bool = False) -> Tensor:
        """Return choices (B,) for observations (B, F): drawn, or the most probable."""
        logits = self.actor(obs, noise=not deterministic)
        chosen: Tensor = (logits.argmax(dim=1) if deterministic
                          else torch.multinomial(logits.softmax(dim=1), 1)[:, 0])
        return chosen

    def _predict(self, observation: Any, deterministic: bool = False) -> Tensor:
        return self.forward(observation, deterministic)


class DiscreteSAC(SteppedLearner):
    """The learner; buffer, n-step returns, schedule and the loop are the library's.

    Args:
        policy: what to build.
        env: where to act.
        learning_rate: a number, or a function of the share of training that remains.
        ent_coef: a number, or auto: learned, from 1 or from the number after auto_.
        target_entropy: for a learned coefficient, as a share of ln J.
        **options: as the library's off-policy algorithm.
    """

    policy: ChoicePolicy

    def __init__(self, policy: type[ChoicePolicy], env: VecEnv, learning_rate: Any, *, ent_coef: str,
                 target_entropy: float, **options: Any) -> None:
        super().__init__(policy, env, learning_rate, sde_support=False, supported_action_spaces=(spaces.Discrete,),
                         support_multi_env=True, **options)
        self._setup_model()
        assert isinstance(self.action_space, spaces.Discrete)
        self.target_entropy = target_entropy * math.log(max(2, int(self.action_space.n)))
        start, self.learned_coefficient = entropy_coefficient(ent_coef)
        self.coefficient = torch.tensor(start)
        self._learned = LearnedCoefficient(torch.tensor(math.log(max(start, 1e-12))))
        self.actor_descent = Adam(self.policy.actor.parameters())
        self.critic_descent = Adam(self.policy.critic.parameters())
        self._target_values = [value.detach() for value in self.policy.critic_target.parameters()]

    def update(self, batch: ReplayBufferSamples, rate: float) -> None:
        """Take one step on a batch: temperature, critics, actor, target critics."""
        policy = self.policy
        logits = policy.actor(batch.observations, noise=True)
        if self.learned_coefficient:
            excess = float(entropy(logits.detach()).mean()) - self.target_entropy
            self._learned.step(torch.tensor(excess), rate)
            self.coefficient = self._learned.value
        with torch.no_grad():
            target = self._target(batch)
        taken = batch.actions.long().expand(CRITICS, -1, -1)
        loss = critic_loss(policy.critic(batch.observations).gather(2, taken), target)
        self.critic_descent.step(torch.autograd.grad(loss, self.critic_descent.parameters), rate)
        with torch.no_grad():
            values = policy.critic(batch.observations).amin(dim=0)
        loss = -soft_value(logits, values, self.coefficient).mean()
        self.actor_descent.step(torch.autograd.grad(loss, self.actor_descent.parameters), rate)
        if self.gamma:
            follow(self._target_values, self.critic_descent.values, self.tau)

    def _target(self, batch: ReplayBufferSamples) -> Tensor:
        """Return what the critics are to give, (B, 1)."""
        policy = self.policy
        if not self.gamma:  # the next state is worth nothing, but its random numbers are drawn as ever
            for _ in range(policy.actor.draws):
                torch.randn(len(batch.rewards), policy.choices)
            return batch.rewards
        discounts = self.gamma if batch.discounts is None else batch.discounts
        following = soft_value(policy.actor(batch.next_observations, noise=True),
                               policy.critic_target(batch.next_observations).amin(dim=0), self.coefficient)
        return batch.rewards + (1 - batch.dones) * discounts * following[:, None]


def soft_value(logits: Tensor, values: Tensor, coefficient: Tensor) -> Tensor:
    """Return sum_j pi_j (Q_j - coefficient ln pi_j), (B,), for logits and values (B, J)."""
    logarithms = logits.log_softmax(dim=1)
    return (logarithms.exp() * (values - coefficient * logarithms)).sum(dim=1)


def entropy(logits: Tensor) -> Tensor:
    """Return the entropy (B,) of the choice with logits (B, J)."""
    logarithms = logits.log_softmax(dim=1)
    return -(logarithms.exp() * logarithms).sum(dim=1)


def critic_loss(taken: Tensor, target: Tensor) -> Tensor:
    """Return half the mean squared error of each critic, summed, for values (CRITICS, B, 1) and targets (B, 1)."""
    return 0.5 * (taken - target).square().mean(dim=(1, 2)).sum()
