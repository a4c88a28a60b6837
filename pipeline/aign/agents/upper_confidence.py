"""Upper confidence bounds over J choices: UCB1 (Auer, Cesa-Bianchi and Fischer 2002), the papers' simplest learner.

It knows each choice's mean reward and how often it was tried, and nothing of the context or of what follows: the
policy it leaves behind makes the same choice always. Rewards are scaled to [0, 1] by the extremes met so far.

Axes: W networks side by side, J choices.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3.common.callbacks import BaseCallback
from torch import Tensor

from aign.agents.adapter import SharedPolicyVecEnv

Values = NDArray[np.float64]


class UpperConfidence:
    """UCB1 with the methods of a library's model that exploration needs.

    Args:
        environment: W networks in lockstep, with J choices.
        choices: J.
        confidence: factor of the bonus; 1 is UCB1.

    Attributes:
        tries: (J,) how often each choice was taken.
        sums: (J,) rewards it gave.
        extremes: lowest and highest reward so far.
    """

    def __init__(self, environment: SharedPolicyVecEnv, choices: int, confidence: float) -> None:
        self.environment, self.confidence = environment, confidence
        self.tries, self.sums = np.zeros(choices), np.zeros(choices)
        self.extremes = np.inf, -np.inf

    def learn(self, total_timesteps: int, callback: BaseCallback, log_interval: int) -> None:
        """Act and count until that many steps of single networks were taken; `log_interval` says nothing here."""
        self.environment.reset()
        for _ in range(-(-total_timesteps // self.environment.num_envs)):
            callback.on_rollout_start()
            chosen = self.side_by_side(self.environment.num_envs)
            _, rewards, _, _ = self.environment.step(chosen)
            self.count(chosen, rewards.astype(np.float64))

    def count(self, chosen: NDArray[np.int64], rewards: Values) -> None:
        """Take in rewards (W,) of choices (W,)."""
        np.add.at(self.tries, chosen, 1)
        np.add.at(self.sums, chosen, rewards)
        self.extremes = min(self.extremes[0], float(rewards.min())), max(self.extremes[1], float(rewards.max()))

    def bounds(self, tries: Values) -> Values:
        """Return the upper confidence bound (J,) of each choice when it was tried so often (J,); infinite at first."""
        low, high = self.extremes
        scaled = (self.sums / np.maximum(self.tries, 1) - low) / (high - low) if high > low else np.zeros(len(tries))
        bonus = np.sqrt(2 * np.log(max(1.0, tries.sum())) / np.maximum(tries, 1))
        return np.where(tries > 0, scaled + self.confidence * bonus, np.inf)

    def side_by_side(self, count: int) -> NDArray[np.int64]:
        """Return choices (W,) for networks that act at once: each try counts for the next before its reward is known,
        so that they do not all try the same.
        """
        tries, chosen = self.tries.copy(), np.empty(count, np.int64)
        for place in range(count):
            chosen[place] = self.bounds(tries).argmax()
            tries[chosen[place]] += 1
        return chosen

    def predict(self, observation: Any, deterministic: bool = False) -> tuple[NDArray[np.int64], None]:
        """Return choices (W,) for W observations: of the highest bound, or as in learning."""
        best = int(self.bounds(self.tries).argmax())
        return (np.full(len(observation), best) if deterministic else self.side_by_side(len(observation))), None

    def scores(self) -> Tensor:
        """Return what the deterministic policy goes by: the bound (J,) of each choice, float32 and finite."""
        return torch.from_numpy(self.bounds(self.tries)).float().nan_to_num(posinf=1e6)
