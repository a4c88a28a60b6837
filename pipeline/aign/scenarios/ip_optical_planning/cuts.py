"""Cuts: what crosses the border of a group of nodes must fit on the links across that border.

Necessary for routing, and on networks as sparse as real backbones nearly sufficient. Only cuts that leave both sides
connected count; the others follow from them.

Axes: B networks, n nodes, L links, P pairs, K cuts, M links failing in turn (with their cuts), S scenarios.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from aign.scenarios.core.topology import Topology

Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]

ALL_UP_TO = 17
"""Nodes up to which every cut is used: half of 2^n groups are looked at."""
MOST = 3_000
"""Cuts kept, those with the fewest links; of larger networks, cuts around the smallest groups of nodes."""


@dataclass(frozen=True, eq=False)
class Cuts:
    """K cuts of a network, those with the fewest links first.

    Attributes:
        crossing: (K, L) float64, 1 where a link crosses.
        separated: (P, K) float64, 1 where the ends of a pair lie on different sides.
        of_link: (L, W) int64, the cuts that a link crosses, the last one repeated to a common length W.
        covered: (L,) float64, 1 where a link crosses any of the cuts; else its row of `of_link` means nothing.
    """

    crossing: Tensor
    separated: Tensor
    of_link: Tensor
    covered: Tensor

    @classmethod
    def of(cls, topology: Topology, ends: Integers | None = None, most: int = MOST) -> Cuts:
        """Return the cuts of a network: all of them up to `ALL_UP_TO` nodes, else up to `MOST` around small groups.

        Args:
            topology: whose links decide which cuts there are.
            ends: (L, 2) nodes that other links over the same nodes join, such as lightpaths: those cross the cuts then.
            most: cuts kept.
        """
        groups = list(_all_groups(topology) if topology.size <= ALL_UP_TO else _small_groups(topology))
        side = np.array([[group >> node & 1 for node in range(topology.size)] for group in groups])
        order = np.argsort(_across(side, topology.ends).sum(1), kind="stable")[:most]
        return cls.around(topology, side[order], ends)

    @classmethod
    def around(cls, topology: Topology, side: Flags | Integers, ends: Integers | None = None) -> Cuts:
        """Return the cuts around groups of nodes (K, n); `ends` as in `of`."""
        crossing = _across(side, topology.ends if ends is None else ends)
        separated = side[:, topology.pairs[:, 0]] != side[:, topology.pairs[:, 1]]
        return cls.made(torch.tensor(crossing, dtype=torch.float64), torch.tensor(separated.T, dtype=torch.float64))

    @classmethod
    def made(cls, crossing: Tensor, separated: Tensor) -> Cuts:
        """Return the cuts that links (K, L) cross and that separate pairs (P, K)."""
        lists = [column.nonzero()[:, 0].tolist() or [0] for column in crossing.T]
        width = max(map(len, lists))
        padded = [cuts + cuts[-1:] * (width - len(cuts)) for cuts in lists]
        return cls(crossing, separated, torch.tensor(padded), crossing.amax(0))

    def __len__(self) -> int:
        return len(self.crossing)

    def demand(self, contexts: Tensor) -> Tensor:
        """Return what crosses each cut (B, K), given demands (B, P) float32.

        Exact, whatever the order of summation: float32 values within a factor of 2^28 have sums that float64 holds.
        """
        return contexts.double() @ self.separated


def _across(side: Flags | Integers, ends: Integers) -> NDArray[np.bool_]:
    """Return which links (K, L) join different sides (K, n)."""
    across: NDArray[np.bool_] = side[:, ends[:, 0]] != side[:, ends[:, 1]]
    return across


def _neighbours(topology: Topology) -> list[int]:
    """Return each node's neighbours as bits."""
    neighbours = [0] * topology.size
    for a, b in topology.ends.tolist():
        neighbours[a] |= 1 << b
        neighbours[b] |= 1 << a
    return neighbours


def _connected(group: int, neighbours: list[int]) -> bool:
    """Return whether the nodes of a group (bits) hang together."""
    seen = front = group & -group
    while front:
        node = (front & -front).bit_length() - 1
        new = neighbours[node] & group & ~seen
        seen, front = seen | new, (front & (front - 1)) | new
    return bool(group) and seen == group


def _all_groups(topology: Topology) -> Iterator[int]:
    """Yield every group without the last node that is connected, and whose rest is."""
    neighbours, everyone = _neighbours(topology), (1 << topology.size) - 1
    for group in range(1, 1 << (topology.size - 1)):
        if _connected(group, neighbours) and _connected(everyone & ~group, neighbours):
            yield group


def _small_groups(topology: Topology) -> Iterator[int]:
    """Yield up to `MOST` connected groups by growing size, whose rest is connected."""
    neighbours, everyone = _neighbours(topology), (1 << topology.size) - 1
    layer, count = [1 << node for node in range(topology.size)], 0
    while layer:
        for group in layer:
            if _connected(everyone & ~group, neighbours):
                yield group
                count += 1
                if count == MOST:
                    return
        layer = sorted({group | 1 << node for group in layer for node in range(topology.size)
                        if not group >> node & 1 and neighbours[node] & group})[:4 * MOST]
        layer = [group for group in layer if 2 * group.bit_count() <= topology.size]
