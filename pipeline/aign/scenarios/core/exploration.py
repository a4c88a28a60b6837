"""How demonstrations are made in a network; both kinds of scenarios bring theirs, a network need not.

Axes: B networks, C context values, Z state values, A action values, X design values.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

Heuristic = Callable[[Tensor], Tensor]
"""A baseline: contexts (B, C) -> designs (B, X)."""
Act = Callable[[Tensor, Tensor, int], Tensor]
"""A policy: contexts (B, C), states (B, Z), time -> actions (B, A)."""
SLIP_PROBABILITY = 0.15
"""How often a step towards a heuristic's design is perturbed."""
SLIP_SIZE = 0.25
"""Standard deviation of such a perturbation; an action value lies in [-1, 1]."""
MOST_SLIPS = 0.1
"""How often a rule's decision is replaced at random, at most; the share differs between episodes, uniformly."""


class Exploration(ABC):
    """The part of a scenario that demonstrators ask: how designs are varied, approached and missed."""

    heuristics: Mapping[str, Heuristic]

    @abstractmethod
    def action_towards(self, states: Tensor, designs: Tensor) -> Tensor:
        """See `Scenario.action_towards`."""

    def vary_designs(self, contexts: Tensor, certified: Tensor, generator: torch.Generator) -> Tensor:
        """Return designs (B, X) that a demonstrator aims at, from mediocre to optimal, given the certified ones."""
        return certified

    def approach(self, designs: Tensor, first_states: Tensor, generator: torch.Generator) -> Act:
        """Return a policy that leads from first states (B, Z) to designs (B, X)."""
        return lambda contexts, states, time: self.action_towards(states, designs)

    def follow_heuristic(self, name: str, contexts: Tensor, generator: torch.Generator) -> Act:
        """Return a policy that follows a heuristic in contexts (B, C), but slips now and then."""
        designs = self.heuristics[name](contexts)

        def act(contexts: Tensor, states: Tensor, time: int) -> Tensor:
            actions = self.action_towards(states, designs)
            slips = torch.rand(len(states), 1, generator=generator) < SLIP_PROBABILITY
            return actions + slips * SLIP_SIZE * torch.randn(actions.shape, generator=generator)
        return act

    def move_sizes(self, relative: Sequence[float]) -> list[float]:
        """Return sizes of a change of one design value, relative to the largest in one step; none where designs are
        not changed value by value.
        """
        return []

    @property
    def action_levels(self) -> int | None:
        """Steps each way that an action value stands for where these are whole numbers; else None."""
        return None


def slipping(rule: Callable[[Tensor, Tensor], Tensor], count: int, generator: torch.Generator) -> Act:
    """Return a policy for `count` episodes that acts by a rule (contexts, states -> actions), sometimes at random."""
    share = MOST_SLIPS * torch.rand(count, 1, generator=generator)

    def act(contexts: Tensor, states: Tensor, time: int) -> Tensor:
        actions = rule(contexts, states)
        slips = torch.rand(len(states), 1, generator=generator) < share
        return torch.where(slips, 2.0 * torch.rand(actions.shape, generator=generator) - 1.0, actions)
    return act


def uniform(bounds: tuple[float, float], count: int, generator: torch.Generator) -> Tensor:
    """Return (count, 1) uniform values."""
    return bounds[0] + (bounds[1] - bounds[0]) * torch.rand(count, 1, generator=generator)


def log_uniform(bounds: tuple[float, float], count: int, generator: torch.Generator) -> Tensor:
    """Return (count, 1) values whose logarithm is uniform."""
    return uniform((math.log(bounds[0]), math.log(bounds[1])), count, generator).exp()
