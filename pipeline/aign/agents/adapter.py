"""Stable-Baselines3's view of a batch of networks: every decision maker is one of its environments.

All decision makers share one policy (parameter-shared multi-agent learning); the library only ever handles single ones.
Row k of its arrays is decision maker k % N of network k // N.

Axes: W networks side by side, N decision makers each, F values one observes, A action values of a network.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.vec_env import VecEnv

from aign.agents.rollout import starting_states
from aign.scenarios.core.episode import Episode, Rollout
from aign.scenarios.core.scenario import Scenario
from aign.scenarios.core.seeding import derived_generator
from aign.trajectories.contexts import Contexts

RANDOM_STARTS = 0.5
"""Share of training episodes that start at a random state, so that the agent also learns to come back from there."""

FloatArray = np.ndarray[Any, np.dtype[np.float32]]


def as_actions(scenario: Scenario[Any], values: np.ndarray[Any, Any]) -> torch.Tensor:
    """Return what the library's models give, values (W * N, A / N) or numbers of choices (W,), as actions (W, A)."""
    if scenario.choices is None:
        return torch.from_numpy(values).reshape(-1, scenario.action_size)
    chosen = torch.from_numpy(np.asarray(values, np.int64).reshape(-1))
    return torch.nn.functional.one_hot(chosen, scenario.choices).float()


class SharedPolicyVecEnv(VecEnv):
    """W networks in lockstep; contexts are drawn anew for all of them whenever the horizon is reached.

    Args:
        scenario: the network family.
        contexts: where episodes take place, drawn evenly.
        networks: W; the library has W * scenario.agents environments.
        seed: of contexts and starts.
        on_episodes: is handed each finished batch of W episodes with its W contexts.
    """

    render_mode: str | None = None

    def __init__(self, scenario: Scenario[Any], contexts: Contexts, networks: int, seed: int,
                 on_episodes: Callable[[Rollout, Contexts], None]) -> None:
        self._scenario, self._contexts, self._networks = scenario, contexts, networks
        self._generator = derived_generator(seed, "environment")
        self._on_episodes = on_episodes
        self._actions = torch.zeros(networks, scenario.action_size)
        self.environment_steps = 0
        """Steps of whole networks taken so far, all networks together."""
        self.values_each = scenario.action_size // scenario.agents
        """Action values of one decision maker."""
        self.choices = scenario.choices
        """None, or the number of choices of a decision maker."""
        features = self._start().shape[1]
        actions = (spaces.Box(-1.0, 1.0, (self.values_each,), np.float32) if scenario.choices is None
                   else spaces.Discrete(scenario.choices))
        super().__init__(networks * scenario.agents, spaces.Box(-np.inf, np.inf, (features,), np.float32), actions)
        self._no_infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]

    def _start(self) -> FloatArray:
        """Begin new episodes and return what the decision makers observe."""
        self._drawn = self._contexts.sample(self._networks, self._generator)
        states = starting_states(self._scenario, self._drawn.values, RANDOM_STARTS, self._generator)
        self._episode = Episode(self._scenario, self._drawn.values, states, record=True)
        return self._observations()

    def _observations(self) -> FloatArray:
        """Return what the decision makers observe now, (W * N, F)."""
        now = self._episode
        observations = self._scenario.agent_observations(now.contexts, now.states, now.time)
        return np.asarray(observations.flatten(0, 1).numpy(), np.float32)

    def reset(self) -> FloatArray:
        """Begin new episodes; unfinished ones are dropped."""
        return self._start()

    def step_async(self, actions: np.ndarray[Any, Any]) -> None:
        """Keep actions (W * N, A / N), or choices (W,), for `step_wait`."""
        self._actions = as_actions(self._scenario, actions)

    def step_wait(self) -> tuple[FloatArray, FloatArray, np.ndarray[Any, Any], list[dict[str, Any]]]:
        """Step all networks; at the horizon hand the episodes over and start new ones."""
        episode, before = self._episode, self._episode.states
        rewards = episode.advance(self._actions)
        self.environment_steps += self._networks
        trained_on = self._scenario.agent_rewards(episode.contexts, before, episode.states, rewards)
        observations, infos = self._observations(), self._no_infos
        done = np.full(self.num_envs, episode.ended)
        if episode.ended:
            # The library reads an episode's last observation here: the array returned is the next episode's first.
            infos = [{"terminal_observation": last, "TimeLimit.truncated": False} for last in observations]
            self._on_episodes(episode.rollout(), self._drawn)
            observations = self._start()
        return observations, trained_on.float().flatten().numpy(), done, infos

    def close(self) -> None:
        """Nothing to release."""

    def get_attr(self, attr_name: str, indices: int | Iterable[int] | None = None) -> list[Any]:
        """Return one of our attributes once for each environment asked for."""
        return [getattr(self, attr_name) for _ in self._get_indices(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: int | Iterable[int] | None = None) -> None:
        """Refuse: environments share all they have, so none can be set alone."""
        raise AttributeError(f"{attr_name}: the environments of a shared policy cannot be set one by one.")

    def env_method(self, method_name: str, *method_args: Any, indices: int | Iterable[int] | None = None,
                   **method_kwargs: Any) -> list[Any]:
        """Refuse: there is no single environment to call."""
        raise AttributeError(f"{method_name}: the environments of a shared policy cannot be called one by one.")

    def env_is_wrapped(self, wrapper_class: type[Any], indices: int | Iterable[int] | None = None) -> list[bool]:
        """Return False for each environment asked for: nothing is wrapped."""
        return [False for _ in self._get_indices(indices)]
