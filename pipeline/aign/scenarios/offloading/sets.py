"""Sets of users at servers, and the prices at which they are valued.

Axes: N users, M servers, D places of a server, P sets.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Prices:
    """What a set pays beside its cost: the dual values of the rows it takes part in.

    Attributes:
        user: (N,) for serving a user.
        server: (M,) for using a server.
        late, energy, count: for each late user, joule and member more than when all compute locally.
        limit: sets of a larger reduced cost are left out.
    """

    user: Tensor
    server: Tensor
    late: float
    energy: float
    count: float
    limit: float

    @classmethod
    def none(cls, users: int, servers: int) -> Prices:
        """Return no prices and no limit."""
        return cls(torch.zeros(users).double(), torch.zeros(servers).double(), 0.0, 0.0, 0.0, torch.inf)


@dataclass(frozen=True, eq=False)
class Sets:
    """P sets of users, each at a server, with what they change against all computing locally.

    Attributes:
        server: (P,) from 0.
        members: (P, D) bool, places of the server.
        cost, late, energy: (P,) changes of cost, late users and energy.
        reduced: (P,) cost and prices.
    """

    server: Tensor
    members: Tensor
    cost: Tensor
    late: Tensor
    energy: Tensor
    reduced: Tensor

    def __len__(self) -> int:
        return len(self.server)

    def take(self, rows: Tensor) -> Sets:
        """Return some of the sets."""
        return Sets(*(value[rows] for value in vars(self).values()))

    def missing(self, known: Sets) -> Sets:
        """Return the sets that are not among others."""
        seen = set(known._keys())
        return self.take(torch.tensor([row for row, key in enumerate(self._keys()) if key not in seen],
                                      dtype=torch.long))

    def _keys(self) -> list[bytes]:
        """Return what tells a set from others, of each."""
        return [row.tobytes() for row in torch.cat([self.server[:, None], self.members.long()], 1).numpy()]

    @staticmethod
    def join(parts: list[Sets]) -> Sets:
        """Return sets in one."""
        return Sets(*(torch.cat([vars(part)[name] for part in parts]) for name in vars(parts[0])))
