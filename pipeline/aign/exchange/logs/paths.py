"""Episodes of a log as dense tensors that the simulator takes.

Axes: b episodes, T steps (the horizon), C context, S state, D observation, A action values.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from aign.exchange.logs.episodes import NONE, LogEpisodes
from aign.exchange.logs.values import LogValues
from aign.scenarios.core.scenario import Scenario


@dataclass(frozen=True, eq=False)
class Paths:
    """What happened in b episodes. After an episode's end its last state stays and its actions are 0.

    Attributes:
        contexts: (b, C) float32.
        states: (b, T+1, S) float32.
        actions: (b, T, A) float32.
        length: (b,) int64.
        simulated: (b,) bool, whether the state after the last action is the simulator's.
    """

    contexts: Tensor
    states: Tensor
    actions: Tensor
    length: Tensor
    simulated: Tensor

    @property
    def taken(self) -> Tensor:
        """Return (b, T): which steps were taken."""
        return torch.arange(self.actions.shape[1]) < self.length[:, None]

    @property
    def final(self) -> Tensor:
        """Return the states (b, S) in which the episodes ended."""
        return self.states[:, -1]

    def renumbered(self, scenario: Scenario[Any]) -> Paths:
        """Return the same episodes with the parts of their networks numbered in canonical order."""
        contexts, index = scenario.canonical_order(self.contexts)

        def ordered(values: Tensor) -> Tensor:
            """Return values (b, ..., S) in canonical order, where they are those of the parts."""
            return values.gather(2, index[:, None].expand_as(values)) if values.shape[2] == index.shape[1] else values

        return replace(self, contexts=contexts, states=ordered(self.states),
                       actions=ordered(self.actions)).completed(scenario)

    def completed(self, scenario: Scenario[Any]) -> Paths:
        """Return the same episodes with final states that were not given computed, and the padding filled."""
        states, episode, last = self.states.clone(), torch.arange(len(self.states)), self.length - 1
        reached = scenario.step(self.contexts, states[episode, last], self.actions[episode, last])[0].float()
        final = reached.where(self.simulated[:, None], states[episode, self.length])
        ended = torch.arange(states.shape[1]) >= self.length[:, None]
        return replace(self, states=final[:, None].where(ended[:, :, None], states))

    def step(self, scenario: Scenario[Any]) -> tuple[Tensor, Tensor]:
        """Return the simulator's next state after each state, (b, T, S), and its rewards, (b, T) float64."""
        count, steps = self.actions.shape[:2]
        contexts = self.contexts.repeat_interleave(steps, dim=0)
        following, rewards = scenario.step(contexts, self.states[:, :-1].flatten(0, 1), self.actions.flatten(0, 1))
        return following.reshape(count, steps, -1).float(), rewards.double().reshape(count, steps)

    def observed(self, scenario: Scenario[Any]) -> Tensor:
        """Return what was observed, (b, T+1, D) float32; after an episode's end the last observation stays."""
        every = torch.stack([scenario.observe(self.contexts, self.states[:, time], time)
                             for time in range(self.states.shape[1])], dim=1)
        time = torch.arange(every.shape[1]).minimum(self.length[:, None])
        return every.gather(1, time[:, :, None].expand_as(every))


def paths(values: LogValues, episodes: LogEpisodes, scenario: Scenario[Any]) -> Paths:
    """Return episodes of a log as it has them, completed."""
    rows, length = torch.from_numpy(episodes.rows), torch.from_numpy(episodes.length)
    acting = torch.arange(rows.shape[1] - 1) < length[:, None]
    actions = torch.from_numpy(values.actions)[rows[:, :-1]]
    return Paths(
        contexts=first_contexts(values, episodes),
        states=torch.from_numpy(values.state)[rows],
        actions=actions.where(acting[:, :, None], 0.0),
        length=length,
        simulated=(rows == NONE).gather(1, length[:, None])[:, 0]).completed(scenario)


def first_contexts(values: LogValues, episodes: LogEpisodes) -> Tensor:
    """Return the context of each episode's first row, (b, C) float32."""
    return torch.from_numpy(np.ascontiguousarray(values.context[episodes.first]))


def is_renumbered(values: LogValues, episodes: LogEpisodes, scenario: Scenario[Any]) -> np.ndarray[Any, Any]:
    """Return (b,): whether the parts of a network are numbered in another than the canonical order."""
    index = scenario.canonical_order(first_contexts(values, episodes))[1]
    return np.asarray((index != torch.arange(index.shape[1])).any(dim=1))
