"""The sets of users that a server may serve in a cheapest design: all of them, or those of small reduced cost.

Such sets are closed under taking members away (see `growth`), and are grown one member at a time, all servers side by
side.

Axes: M servers, D places of a server, P sets.
"""

from __future__ import annotations

import torch
from torch import Tensor

from aign.scenarios.offloading.growth import Grown, Growth
from aign.scenarios.offloading.limits import Limits
from aign.scenarios.offloading.physics import Network
from aign.scenarios.offloading.places import Places
from aign.scenarios.offloading.sets import Prices, Sets


class MemberSets(Places):
    """The sets of one network under a request."""

    def __init__(self, network: Network, limits: Limits) -> None:
        """Take a batch of one network."""
        super().__init__(network, limits)
        self._growth = Growth(self)

    def collect(self, prices: Prices, most: int, beam: int | None = None) -> Sets | None:
        """Return all sets within the prices' limit that may be part of a cheapest design; None if more than `most`.

        With a beam only so many sets of each size are grown further, those that may come to the least reduced cost:
        some of the sets, quickly.
        """
        servers, width = self.users.shape
        none = torch.zeros(servers, dtype=torch.float64)
        empty = torch.zeros(servers, width, dtype=torch.bool)
        front = Sets(torch.arange(servers), empty, none, none, none, prices.server)
        parts: list[Sets] = []
        while len(front):
            children, last, least = self._children(front, self._growth.grow(front), prices)
            if beam is not None and len(children) > beam:
                kept = least.topk(beam, largest=False).indices
                children, last = children.take(kept), last[kept]
            parts.append(children.take(children.reduced <= prices.limit))
            if beam is None and (sum(map(len, parts)) > most or len(children) > 4 * most):
                return None
            front = children.take(last < width - 1)
        return Sets.join(parts)

    def _children(self, front: Sets, grown: Grown, prices: Prices) -> tuple[Sets, Tensor, Tensor]:
        """Return the sets that are within the limit, or may lead to such, one member larger, with the last place (P,)
        of each and the least reduced cost (P,) that they or larger sets may have.
        """
        place = torch.arange(self.users.shape[1])
        before = torch.where(front.members, place, -1).amax(1)
        possible = self.there[front.server] & (place > before[:, None]) & grown.kept
        user = prices.user[self.users[front.server]]
        newcomer = (grown.new_cost + user + prices.late * grown.new_late + prices.energy * grown.new_energy
                    + prices.count)
        size = front.members.sum(1, keepdim=True) + 1
        paid = (front.members * user).sum(1, keepdim=True) + user + prices.count * size
        reduced = (grown.cost + paid + prices.late * grown.late + prices.energy * grown.energy
                   + prices.server[front.server, None])
        helpful = newcomer.clamp_max(0.0).where(possible, 0.0)
        least = reduced + helpful.flip(1).cumsum(1).flip(1) - helpful
        row, last = (possible & (least <= prices.limit)).nonzero(as_tuple=True)
        members = front.members[row].scatter(1, last[:, None], True)
        return Sets(front.server[row], members, grown.cost[row, last], grown.late[row, last], grown.energy[row, last],
                    reduced[row, last]), last, least[row, last]
