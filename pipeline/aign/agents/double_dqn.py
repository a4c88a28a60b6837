"""Double deep Q-learning: the library's DQN with the double target (van Hasselt et al. 2016, arXiv 1509.06461).

Axes: B batch, F observed values, J choices.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from stable_baselines3 import DQN
from torch import Tensor, nn


class DoubleDQN(DQN):
    """DQN in which the network being trained picks the next choice and the target network values it."""

    def train(self, gradient_steps: int, batch_size: int = 100) -> None:
        """Take gradient steps on batches from the buffer, by the Huber loss, as the library does."""
        self.policy.set_training_mode(True)
        self._update_learning_rate(self.policy.optimizer)
        losses = []
        for _ in range(gradient_steps):
            batch = self.replay_buffer.sample(batch_size)  # type: ignore[union-attr]
            discounts = self.gamma if batch.discounts is None else batch.discounts
            with torch.no_grad():
                following = batch.next_observations
                value = double_value(self.q_net(following), self.q_net_target(following))
                target = batch.rewards + (1 - batch.dones) * discounts * value
            taken = self.q_net(batch.observations).gather(1, batch.actions.long())
            loss = nn.functional.smooth_l1_loss(taken, target)
            losses.append(loss.item())
            self.policy.optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(self.policy.parameters(), self.max_grad_norm)
            self.policy.optimizer.step()
        self._n_updates += gradient_steps
        self.logger.record("train/n_updates", self._n_updates, exclude="tensorboard")
        self.logger.record("train/loss", np.mean(losses))

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
