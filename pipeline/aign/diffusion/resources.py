"""What entities of a set network tell each other through the resources that they may use in common.

Users of one server, say, compete for it, which the mean over all entities does not show. A scenario that names a fixed
feature as `Dynamics.resource_feature` numbers there the resources in reach of each entity, from 1; 0 is none. In each
block an entity then sends a message for each of them, and receives the sum of the others' messages about it. This is
one round of message passing on the bipartite graph of entities and resources, for any number of both.

Axes: B trajectories, N entities, R resources in reach of an entity, C channels, W message values.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

MESSAGE = 4
"""Channels of a token for each value of a message."""


@dataclass(frozen=True, eq=False)
class Resources:
    """The resources in reach of entities.

    Attributes:
        place: (B * N * R,) the row of each in a table of all; rows of different trajectories differ.
        there: (B, N, R, 1) 1 where there is a resource, 0 elsewhere.
        count: rows of the table.
    """

    place: Tensor
    there: Tensor
    count: int

    @classmethod
    def of(cls, numbers: Tensor) -> Resources:
        """Return the resources of numbers (B, N, R), 0 where there is none."""
        number = numbers.round().long()
        most = int(number.max()) + 1
        first = most * torch.arange(len(number), device=number.device)
        return cls((number + first[:, None, None]).flatten(), (number > 0).to(numbers.dtype)[..., None],
                   most * len(number))

    @classmethod
    def split(cls, fixed_BNV: Tensor, widths: Sequence[int], feature: int | None) -> tuple[Tensor, Resources | None]:
        """Return entities' fixed values without the feature at a place that numbers resources, and these."""
        if feature is None:
            return fixed_BNV, None
        parts = list(fixed_BNV.split(list(widths), dim=2))
        resources = cls.of(parts.pop(feature))
        return torch.cat(parts, dim=2), resources


class ResourceSums(nn.Module):
    """A message of each entity for each of its resources; the sum of the others' becomes part of its hidden layer."""

    def __init__(self, channels: int, reach: int, hidden: int) -> None:
        super().__init__()
        self.tell = nn.Linear(channels, reach * channels // MESSAGE)
        self.hear = nn.Linear(reach * channels // MESSAGE, hidden, bias=False)

    def forward(self, tokens_BNC: Tensor, resources: Resources) -> Tensor:
        """Return what entities hear (B, N, hidden)."""
        messages = self.tell(tokens_BNC).unflatten(2, (resources.there.shape[2], -1)) * resources.there
        told = messages.flatten(0, 2)
        sums = told.new_zeros(resources.count, told.shape[1]).index_add(0, resources.place, told)
        others = (sums[resources.place] - told).reshape(messages.shape) * resources.there
        heard: Tensor = self.hear(others.flatten(2))
        return heard
