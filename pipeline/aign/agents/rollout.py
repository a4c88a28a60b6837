"""Complete episodes, many networks at once.

Axes: B networks, C context values, S state values, Z of them with what is hidden, D observation values, A action
values, T steps.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from aign.scenarios.core.scenario import Scenario

Act = Callable[[Tensor, Tensor, int], Tensor]
"""A policy: contexts (B, C), states (B, Z), time -> actions (B, A)."""


@dataclass(frozen=True, eq=False)
class Rollout:
    """What happened in a batch of complete episodes.

    Attributes:
        observations: (B, T+1, D) float32.
        actions: (B, T, A) float32, as applied; see `Scenario.applied`.
        rewards: (B, T).
        states: (B, T+1, S).
        final: (B, Z), the last states with what is hidden, from which the outcome is read.
    """

    observations: Tensor
    actions: Tensor
    rewards: Tensor
    states: Tensor
    final: Tensor

    def __len__(self) -> int:
        return len(self.actions)


class Simulation:
    """A batch of episodes under way, all at the same time step.

    Attributes:
        contexts: (B, C), fixed.
        states: (B, Z), now.
        time: steps taken.
    """

    def __init__(self, scenario: Scenario[Any], contexts: Tensor, states: Tensor) -> None:
        self.scenario = scenario
        self.contexts = contexts
        self.states = states
        self.time = 0
        self._states = [states[:, :scenario.state_size].clone()]
        self._observations = [scenario.observe(contexts, states, 0)]
        self._actions: list[Tensor] = []
        self._rewards: list[Tensor] = []

    @property
    def finished(self) -> bool:
        """Whether the horizon is reached."""
        return self.time >= self.scenario.horizon

    @torch.no_grad()
    def advance(self, actions: Tensor) -> Tensor:
        """Apply actions (B, A), as `Scenario.applied` reads them, and return the rewards (B,)."""
        applied = self.scenario.applied(actions)
        self.states, rewards = self.scenario.step(self.contexts, self.states, applied)
        self.time += 1
        self._states.append(self.states[:, :self.scenario.state_size].clone())  # a view would keep all
        self._observations.append(self.scenario.observe(self.contexts, self.states, self.time))
        self._actions.append(applied)
        self._rewards.append(rewards)
        return rewards

    def rollout(self) -> Rollout:
        """Return the episodes so far."""
        return Rollout(torch.stack(self._observations, 1), torch.stack(self._actions, 1),
                       torch.stack(self._rewards, 1), torch.stack(self._states, 1), self.states)


@torch.no_grad()
def rollout(scenario: Scenario[Any], contexts: Tensor, act: Act, states: Tensor) -> Rollout:
    """Let `act` run complete episodes from states (B, Z) in contexts (B, C)."""
    simulation = Simulation(scenario, contexts, states)
    while not simulation.finished:
        simulation.advance(act(contexts, simulation.states, simulation.time))
    return simulation.rollout()


def starting_states(scenario: Scenario[Any], contexts: Tensor, random_share: float,
                    generator: torch.Generator) -> Tensor:
    """Return first states (B, Z): the usual one, or a random one with probability `random_share`."""
    usual, anywhere = scenario.initial_state(contexts), scenario.initial_state(contexts, generator)
    chosen = torch.rand(len(contexts), 1, generator=generator) < random_share
    return torch.where(chosen, anywhere.to(usual.dtype), usual)
