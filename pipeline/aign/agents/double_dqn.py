"""Double deep Q-learning: the library's DQN with the double target (van Hasselt et al. 2016, arXiv 1509.06461).

Axes: B batch, F observed values, J choices.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from stable_baselines3 import DQN
from stable_baselines3.common.type_aliases import ReplayBufferSamples
from torch import Tensor, nn

from aign.agents.replay import SteppedLearner
from aign.scenarios.core.adam import Adam


class DoubleDQN(SteppedLearner, DQN):
    """DQN in which the network being trained picks the next choice and the target network values it."""

    def _setup_model(self) -> None:
        super()._setup_model()
        self.descent = Adam(self.q_net.parameters())

    def update(self, batch: ReplayBufferSamples, rate: float) -> None:
        """Take one step on a batch, by the Huber loss, as the library does."""
        with torch.no_grad():
            target = self._target(batch)
        taken = self.q_net(batch.observations).gather(1, batch.actions.long())
        loss = nn.functional.smooth_l1_loss(taken, target)
        gradients = torch.autograd.grad(loss, self.descent.parameters)
        self.descent.step(self._clipped(gradients), rate)

    def _target(self, batch: ReplayBufferSamples) -> Tensor:
        """Return the values to learn, (B, 1); where the discount is 0, nothing follows."""
        if not self.gamma:
            return batch.rewards
        discounts, following = self.gamma if batch.discounts is None else batch.discounts, batch.next_observations
        value = double_value(self.q_net(following), self.q_net_target(following))
        return batch.rewards + (1 - batch.dones) * discounts * value

    def _clipped(self, gradients: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Return gradients scaled so that their common norm is within the library's bound."""
        share = (self.max_grad_norm / (nn.utils.get_total_norm(gradients) + 1e-6)).clamp(max=1.0)
        return tuple(gradient * share for gradient in gradients)

    def predict(self, observation: Any, state: Any = None, episode_start: Any = None,
                deterministic: bool = False) -> tuple[np.ndarray[Any, Any], Any]:
        """Return choices (B,); each is a chance one with the exploration rate of the moment.

        The library tosses one coin for all of the batch, and from NumPy's streams, which learning draws from as well.
        """
        chosen, state = self.policy.predict(observation, state, episode_start, True)
        if deterministic:
            return chosen, state
        anything = torch.randint(int(self.action_space.n), chosen.shape).numpy()  # type: ignore[attr-defined]
        return np.where(torch.rand(chosen.shape).numpy() < self.exploration_rate, anything, chosen), state


def double_value(online: Tensor, target: Tensor) -> Tensor:
    """Return the target network's value (B, 1) of the choice that is best by the online values, both (B, J)."""
    return target.gather(1, online.argmax(dim=1, keepdim=True))
