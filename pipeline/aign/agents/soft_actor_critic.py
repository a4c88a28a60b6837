"""Soft actor-critic for continuous actions: Stable-Baselines3's, with the same bits in about half of the time.

The library's update serves every network, distribution and schedule. Ours has the same arithmetic in the same order and
the same random streams, so that what is learned is equal byte for byte (a test compares); it leaves out distribution
objects and their checks, logs, switches between training and evaluation, gradients nobody reads, and, where the
discount is 0, the value of the next state, of which only the random numbers are drawn.

Axes: B batch, F observed values, V action values.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from stable_baselines3 import SAC
from stable_baselines3.common.type_aliases import ReplayBufferSamples
from torch import Tensor

from aign.agents.d2sac import DenoisingActor
from aign.agents.descent import LearnedCoefficient, entropy_coefficient, follow
from aign.agents.perceptron import Perceptron
from aign.agents.replay import SteppedLearner
from aign.scenarios.core.adam import Adam

LEAST_SLOPE = 1e-6
"""Added to the slope of tanh, whose logarithm is taken."""
NORMALISER = math.log(math.sqrt(2 * math.pi))


class SoftActorCritic(SteppedLearner, SAC):
    """The library's learner with its own update; actor, critics, settings and streams are the library's."""

    def _setup_model(self) -> None:
        self.ent_coef, learned = entropy_coefficient(str(self.ent_coef))  # a number: ours to learn
        super()._setup_model()
        self.actor_descent, self.critic_descent = Adam(self.actor.parameters()), Adam(self.critic.parameters())
        self._critics = [Perceptron(network) for network in self.critic.q_networks]
        self._target_critics = [Perceptron(network) for network in self.critic_target.q_networks]
        self._target_values = [value.detach() for value in self.critic_target.parameters()]
        self._coefficient = LearnedCoefficient(self.ent_coef_tensor.log()[None]) if learned else None
        self._half = torch.tensor(0.5)

    def predict(self, observation: Any, state: Any = None, episode_start: Any = None,
                deterministic: bool = False) -> tuple[np.ndarray[Any, Any], Any]:
        """Return actions (B, V) for observations (B, F): drawn, or the mean."""
        with torch.no_grad():
            actions = self.policy._predict(torch.from_numpy(observation), deterministic)
        return self.policy.unscale_action(actions.numpy()), state

    def update(self, batch: ReplayBufferSamples, rate: float) -> None:
        """Take one step on a batch: temperature, critics, actor, target critics."""
        drawn, logarithm = self._draw(batch.observations)
        with torch.no_grad():
            coefficient = self._temperature(logarithm, rate)
            target = self._target(batch, coefficient)
            gradients: list[Tensor] = []
            taken = torch.cat([batch.observations, batch.actions], dim=1)
            for critic in self._critics:
                value, trace = critic(taken)
                error = torch.ops.aten.mse_loss_backward(self._half, value, target, 1)
                gradients += critic.parameter_gradients(trace, error)
            self.critic_descent.step(gradients, rate)
            wanted = self._action_gradient(batch.observations, drawn)
            share = coefficient * (1 / len(logarithm))
        # A sum with these gradients: torch imports sympy, half a second, where gradients are given.
        loss = (drawn * wanted).sum() + (logarithm * share).sum()
        self.actor_descent.step(torch.autograd.grad(loss, self.actor_descent.parameters), rate)
        if self.gamma:
            follow(self._target_values, self.critic_descent.values, self.tau)

    def _draw(self, observations: Tensor) -> tuple[Tensor, Tensor]:
        """Return drawn actions (B, V) and the logarithm (B,) of their density, for observations (B, F)."""
        mean, deviation, _ = self.actor.get_action_dist_params(observations)
        scale = deviation.exp()
        value = mean + torch.randn_like(mean) * scale
        action = value.tanh()
        density = -((value - mean) ** 2) / (2 * scale**2) - scale.log() - NORMALISER
        return action, density.sum(dim=1) - (1 - action**2 + LEAST_SLOPE).log().sum(dim=1)

    def _temperature(self, logarithm: Tensor, rate: float) -> Tensor:
        """Return the entropy coefficient of this update; where it is learned, take its step."""
        if self._coefficient is None:
            return self.ent_coef_tensor
        coefficient, excess = self._coefficient.value, logarithm[:, None] + float(self.target_entropy)
        self._coefficient.step((excess * (-1 / len(excess))).sum(dim=0), rate)
        return coefficient

    def _target(self, batch: ReplayBufferSamples, coefficient: Tensor) -> Tensor:
        """Return what the critics are to give, (B, 1)."""
        if not self.gamma:
            self._skip_draw(batch.actions)
            return batch.rewards
        discounts = self.gamma if batch.discounts is None else batch.discounts
        actions, logarithm = self._draw(batch.next_observations)
        following = torch.cat([batch.next_observations, actions], dim=1)
        values = torch.cat([critic(following)[0] for critic in self._target_critics], dim=1).amin(dim=1, keepdim=True)
        return batch.rewards + (1 - batch.dones) * discounts * (values - coefficient * logarithm[:, None])

    def _skip_draw(self, actions: Tensor) -> None:
        """Draw the random numbers of one call of `_draw`, so that the stream goes on as the library's does."""
        for _ in range(self.actor.draws if isinstance(self.actor, DenoisingActor) else 1):
            torch.randn_like(actions)

    def _action_gradient(self, observations: Tensor, actions: Tensor) -> Tensor:
        """Return the gradient (B, V) of minus the mean lower value of the critics, with respect to actions (B, V)."""
        both = torch.cat([observations, actions], dim=1)
        passes = [critic(both) for critic in self._critics]
        values = torch.cat([value for value, _ in passes], dim=1)
        lower = values.min(dim=1, keepdim=True).indices
        chosen = torch.zeros_like(values).scatter_(1, lower, -1 / len(values))
        first, second = (critic.input_gradient(trace, chosen[:, number:number + 1])
                         for number, (critic, (_, trace)) in enumerate(zip(self._critics, passes, strict=True)))
        return (first + second)[:, observations.shape[1]:]
