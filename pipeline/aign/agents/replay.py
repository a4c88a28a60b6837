"""Acting and remembering between updates, for learners whose environments all begin and end together.

The library's loop and buffer serve environments of every kind, and so visit each environment in Python at each step,
copy what they store twice, and gather the next observations even where the discount is 0.

Axes: B batch, M environments of the library.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np
import torch
from stable_baselines3.common.buffers import ReplayBuffer
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm
from stable_baselines3.common.type_aliases import ReplayBufferSamples, RolloutReturn
from stable_baselines3.common.vec_env import VecEnv
from torch import Tensor

Array = np.ndarray[Any, Any]


class SteppedReplay(ReplayBuffer):
    """The library's buffer, drawing the same transitions; without time limits.

    Args:
        *sizes: as the library's.
        following: whether next observations and ends are wanted; without, those of a batch are empty.
        **options: as the library's.
    """

    def __init__(self, *sizes: Any, following: bool = True, **options: Any) -> None:
        super().__init__(*sizes, **options)
        if not following:
            self.next_observations, self.dones = self.next_observations[:0], self.dones[:0]
        self._following = following
        self._parts = [torch.from_numpy(values).flatten(0, 1) for values in (
            self.observations, self.actions, self.next_observations, self.dones[..., None], self.rewards[..., None])]
        self._nothing = [part[:0] for part in self._parts]

    def add(self, obs: Array, next_obs: Array, action: Array, reward: Array, done: Array,
            infos: list[dict[str, Any]]) -> None:
        """Store the step of all environments: arrays (M, ...); `infos` says nothing here."""
        self.observations[self.pos], self.rewards[self.pos] = obs, reward
        self.actions[self.pos] = action.reshape(self.n_envs, self.action_dim)
        if self._following:
            self.next_observations[self.pos], self.dones[self.pos] = next_obs, done
        self.pos = (self.pos + 1) % self.buffer_size
        self.full |= self.pos == 0

    def _get_samples(self, batch_inds: Array, env: Any = None) -> ReplayBufferSamples:
        columns = np.random.randint(0, self.n_envs, size=len(batch_inds))  # noqa: NPY002 (the library's stream)
        places = torch.from_numpy(batch_inds * self.n_envs + columns)

        def take(number: int) -> Tensor:
            part = self._parts[number]
            return part.index_select(0, places) if len(part) else part

        return ReplayBufferSamples(take(0), take(1), take(2), take(3), take(4))


class SteppedLearner(OffPolicyAlgorithm):
    """The library's learner from a buffer, one step of all environments between its updates."""

    @abstractmethod
    def update(self, batch: ReplayBufferSamples, rate: float) -> None:
        """Take one gradient step of a learning rate on a batch."""

    def train(self, gradient_steps: int, batch_size: int = 64) -> None:
        """Take gradient steps on batches from the buffer."""
        rate = self.lr_schedule(self._current_progress_remaining)
        for _ in range(gradient_steps):
            self.update(self.replay_buffer.sample(batch_size), rate)  # type: ignore[union-attr]
        self._n_updates += gradient_steps

    def collect_rollouts(self, env: VecEnv, callback: BaseCallback, train_freq: Any, replay_buffer: ReplayBuffer,
                         action_noise: Any = None, learning_starts: int = 0,
                         log_interval: int | None = None) -> RolloutReturn:
        """Take one step in all environments and store it; what the others say of noise and logs is not asked for."""
        assert isinstance(self._last_obs, np.ndarray), "learn() resets the environment"
        callback.on_rollout_start()
        actions, stored = self._sample_action(learning_starts, n_envs=env.num_envs)
        observations, rewards, done, infos = env.step(actions)
        assert isinstance(observations, np.ndarray), "observations are one array"
        self.num_timesteps += env.num_envs
        if not callback.on_step():
            return RolloutReturn(env.num_envs, 0, continue_training=False)
        ended = bool(done[0])
        following = np.stack([info["terminal_observation"] for info in infos]) if ended else observations
        replay_buffer.add(self._last_obs, following, stored, rewards, done, infos)
        self._last_obs = observations
        self._update_current_progress_remaining(self.num_timesteps, self._total_timesteps)
        self._on_step()
        callback.on_rollout_end()
        return RolloutReturn(env.num_envs, env.num_envs * ended, continue_training=True)
