"""Networks in an episode: the one loop under agents, environments and replay.

Axes: B networks, C context values, Z state values, D observation values, A action values, T steps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor

from aign.scenarios.core.exploration import Act
from aign.scenarios.core.scenario import Scenario


@dataclass(frozen=True, eq=False)
class Rollout:
    """What happened in a batch of episodes.

    Attributes:
        observations: (B, T+1, D) float32, of which the first S values are the state.
        actions: (B, T, A) float32, as they took effect; see `Scenario.effective_actions`.
        rewards: (B, T).
        final: (B, Z), the last states with what is not observed, from which the outcome is read.
    """

    observations: Tensor
    actions: Tensor
    rewards: Tensor
    final: Tensor

    def __len__(self) -> int:
        return len(self.actions)


class Episode:
    """Networks of one scenario in step: they start together, and end together after the scenario's horizon.

    Args:
        scenario: of all networks.
        contexts: (B, C).
        states: (B, Z) they start in; by default the usual first states.
        record: whether observations, actions and rewards are kept for `rollout`.

    Attributes:
        contexts: (B, C), fixed.
        states: (B, Z), now.
        time: steps taken.
    """

    def __init__(self, scenario: Scenario[Any], contexts: Tensor, states: Tensor | None = None,
                 record: bool = False) -> None:
        self.scenario, self.contexts, self.time = scenario, contexts, 0
        self.states = scenario.initial_state(contexts) if states is None else states
        self._record = record
        self._observations = [self.observation()] if record else []
        self._actions: list[Tensor] = []
        self._rewards: list[Tensor] = []

    @property
    def ended(self) -> bool:
        """Whether the horizon is reached."""
        return self.time >= self.scenario.horizon

    def observation(self) -> Tensor:
        """Return what is observed now, float32 (B, D)."""
        return self.scenario.observe(self.contexts, self.states, self.time)

    def outcome(self) -> tuple[Tensor, dict[str, Tensor]]:
        """Return utility and labels of the designs so far, each (B,)."""
        return self.scenario.outcome(self.contexts, self.states)

    @torch.no_grad()
    def advance(self, actions: Tensor) -> Tensor:
        """Apply actions (B, A), read as by `Scenario.effective_actions`, and return the rewards (B,)."""
        actions = self.scenario.effective_actions(actions)
        self.states, rewards = self.scenario.step(self.contexts, self.states, actions)
        self.time += 1
        if self._record:
            self._observations.append(self.observation())
            self._actions.append(actions)
            self._rewards.append(rewards)
        return rewards

    @torch.no_grad()
    def run(self, act: Act) -> Self:
        """Let a policy act until the end; return the episode."""
        while not self.ended:
            self.advance(act(self.contexts, self.states, self.time))
        return self

    def rollout(self) -> Rollout:
        """Return what was recorded."""
        return Rollout(torch.stack(self._observations, 1), torch.stack(self._actions, 1),
                       torch.stack(self._rewards, 1), self.states)
