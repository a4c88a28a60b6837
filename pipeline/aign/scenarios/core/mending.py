"""Designs mended towards the certified one, part by part, until they meet a request.

Axes: B designs, X design values, P parts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import torch
from torch import Tensor

from aign.scenarios.core.certificate import Certificate
from aign.scenarios.core.constraints import Constraint, satisfied


class Certified(Protocol):
    """What mending asks of a scenario."""

    def measure(self, contexts: Tensor, designs: Tensor) -> Mapping[str, Tensor]:
        """Return every label's value, each (B,)."""

    def certify(self, contexts: Tensor, constraints: Sequence[Constraint] = ()) -> Certificate:
        """Return the optimum of each context."""


def towards_certified(scenario: Certified, contexts: Tensor, designs: Tensor, constraints: Sequence[Constraint],
                      part: Tensor) -> Tensor:
    """Return designs (B, X) whose first parts, as few as are enough to meet the constraints, are the certified ones.

    A design stays as it is where no design is known that meets the constraints.

    Args:
        scenario: whose designs they are.
        contexts: (B, C).
        designs: (B, X), none of which meets the constraints.
        constraints: the request.
        part: (X,) which part of the network each design value belongs to, from 0 to P - 1.
    """
    parts = int(part.max()) + 1
    different, place = contexts.unique(dim=0, return_inverse=True)
    proven = scenario.certify(different, constraints)
    goal, known = proven.design[place], proven.feasible[place]
    first = part.to(designs.device) <= torch.arange(parts, device=designs.device)[:, None]
    tried = torch.where(first, goal[:, None].to(designs.dtype), designs[:, None])
    labels = scenario.measure(contexts.repeat_interleave(parts, dim=0), tried.flatten(0, 1))
    meets = satisfied(constraints, labels, len(designs) * parts).reshape(-1, parts)
    changed = tried[torch.arange(len(designs), device=designs.device), meets.int().argmax(1)]
    return changed.where(known[:, None], designs)
