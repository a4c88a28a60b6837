"""Sets of users one member larger: what they cost, and whether they may be part of a cheapest design.

A set is passed over where a member could compute locally instead without loss: where its burden, what it adds to the
server's cost at least, is no less than its local cost. Burdens only grow with more members, so no larger set need be
looked at either. A request changes what is without loss (nobody who is on time only there leaves freely, say), and
rules out sets whose delays or load are too large, which are then so in larger ones too.

Axes: M servers, D places of a server, P sets, R rows of sets.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from aign.scenarios.offloading.physics import Served
from aign.scenarios.offloading.places import Places
from aign.scenarios.offloading.semantics import IDLE_POWER, SERVER_SPEED, TRANSMIT_POWER
from aign.scenarios.offloading.sets import Sets

ROWS = 1 << 18
"""Sets simulated at once: bounds memory."""


@dataclass(frozen=True, eq=False)
class Grown:
    """Sets (P, D) with one member more, at each place: changes as in `Sets`, and what the newcomer alone brings.

    Attributes:
        cost, late, energy: (P, D) of the whole set.
        new_cost, new_late, new_energy: (P, D) that the newcomer adds at least, against computing locally.
        kept: (P, D) bool, whether the set may be part of a cheapest design.
    """

    cost: Tensor
    late: Tensor
    energy: Tensor
    new_cost: Tensor
    new_late: Tensor
    new_energy: Tensor
    kept: Tensor


class Growth:
    """Adds members to sets at the places of one network."""

    def __init__(self, places: Places) -> None:
        self._places, network = places, places.network
        server = torch.arange(len(places.users))[:, None]
        self._root = network.root[0][places.users]
        self._alone = network.upload_cost[0][places.users, server + 1].where(places.there, torch.inf)
        upload = network.upload[0][places.users, server + 1].where(places.there, torch.inf)
        self._sending = TRANSMIT_POWER * upload - places.local_energy
        self._computing = IDLE_POWER * network.cycles[0][places.users] / (SERVER_SPEED * self._root)
        if places.limits.energy == torch.inf:  # nobody asks
            self._sending, self._computing = torch.zeros_like(self._sending), torch.zeros_like(self._computing)
        self._threshold = self._root_sums()
        self._plain = network.in_closed_form and places.limits.only_energy_and_count

    def _root_sums(self) -> Tensor:
        """Return the sums of roots (M, D) of a server from which each of its users could leave without loss."""
        limits = self._places.limits
        if limits.fewest > 0:
            return torch.full_like(self._root, torch.inf)
        cost = ((self._places.local - self._alone) / self._root + self._root) / 2
        return cost if limits.energy == torch.inf else cost.maximum(-self._sending / self._computing)

    def grow(self, front: Sets) -> Grown:
        """Return the sets one member larger, at every place (P, D)."""
        if self._plain:
            return self._closed(front)
        chunk = max(1, ROWS // self._places.users.shape[1] ** 2)
        parts = [self._simulated(front.take(rows)) for rows in torch.arange(len(front)).split(chunk)]
        return Grown(*(torch.cat([vars(part)[name] for part in parts]) for name in vars(parts[0])))

    def _closed(self, front: Sets) -> Grown:
        """Return the sets one member larger, where costs and energy of a server follow from the sum of roots."""
        root, alone, local, sending, computing, threshold = (value[front.server] for value in (
            self._root, self._alone, self._places.local, self._sending, self._computing, self._threshold))
        before = (root * front.members).sum(1, keepdim=True)
        total = before + root
        burden = root * (2 * total - root) + alone - local
        least = threshold.where(front.members, torch.inf).amin(1, keepdim=True)
        nothing = torch.zeros_like(burden)
        newcomer = sending + computing * total
        others = (computing * front.members).sum(1, keepdim=True) * root
        return Grown(front.cost[:, None] + burden, nothing, front.energy[:, None] + newcomer + others, burden, nothing,
                     newcomer, total < threshold.minimum(least))

    def _simulated(self, front: Sets) -> Grown:
        """Return the sets one member larger by simulation, (P, D)."""
        places = self._places
        count, width = front.members.shape
        larger = (front.members[:, None] | torch.eye(width, dtype=torch.bool)).flatten(0, 1)
        larger &= places.there[front.server].repeat_interleave(width, dim=0)
        server = front.server.repeat_interleave(width)
        served = places.simulate(server, larger)
        energy, late = (part - base[server] for part, base in
                        ((served.energy, places.local_energy),
                         (places.network.late(served.delay).double(), places.local_late)))
        kept = places.allowed(server, larger, served) & ~(larger & self._leaves(server, served, late)).any(1)
        added = served.burden - places.local[server]

        def square(values: Tensor) -> Tensor:
            return values.reshape(count, width)

        def newcomer(values: Tensor) -> Tensor:
            return values.reshape(count, width, width).diagonal(dim1=1, dim2=2)

        cost = ((served.cost - places.local[server]) * larger).sum(1)
        return Grown(square(cost), square((late * larger).sum(1)), square((energy * larger).sum(1)), newcomer(added),
                     newcomer(late), newcomer(energy), square(kept))

    def _leaves(self, server: Tensor, served: Served, late: Tensor) -> Tensor:
        """Return which members (R, D) could compute locally instead without loss, whatever others join."""
        places, limits = self._places, self._places.limits
        if limits.fewest > 0:
            return torch.zeros_like(late, dtype=torch.bool)
        leaves = served.burden >= places.local[server]
        if limits.energy < torch.inf:
            leaves &= served.energy >= places.local_energy[server]
        if limits.late < limits.users:
            leaves &= late >= 0
        if limits.delay < torch.inf:
            leaves &= places.network.local_delay[0][places.users[server]] <= limits.delay
        return leaves
