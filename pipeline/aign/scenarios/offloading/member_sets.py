"""The sets of users that a server may serve in a cheapest design: all of them, or those of small reduced cost.

A set is passed over where a member could compute locally instead without loss: where its burden, what it adds to the
server's cost at least, is no less than its local cost. Burdens only grow with more members, so no larger set need be
looked at either: the sets left are closed under taking members away, and are grown one member at a time, all servers
side by side. A request changes what is without loss (nobody who is on time only there leaves freely, say), and rules
out sets whose delays or load are too large, which are then so in larger ones too.

Axes: M servers, D places of a server (its users, in order of what they would save alone), P sets, R rows of sets.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from aign.scenarios.offloading.limits import Limits
from aign.scenarios.offloading.physics import ROUNDING, SERVER_SPEED, Network, Served, rates

ROWS = 1 << 18
"""Sets simulated at once: bounds memory."""


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

    @staticmethod
    def join(parts: list[Sets]) -> Sets:
        """Return sets in one."""
        return Sets(*(torch.cat([vars(part)[name] for part in parts]) for name in vars(parts[0])))


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


class MemberSets:
    """The sets of one network under a request.

    Attributes:
        users: (M, D) the user at each place; 0 where `there` is False.
        there: (M, D) bool.
    """

    def __init__(self, network: Network, limits: Limits) -> None:
        """Take a batch of one network."""
        self.network, self.limits = network, limits
        reach = network.upload[0, :, 1:].isfinite().T
        alone = (network.upload_cost[0, :, 1:] + network.root[0, :, None].square() - network.local_cost[0, :, None]).T
        most = max(1, int(reach.sum(1).max()))
        order = alone.masked_fill(~reach, torch.inf).argsort(dim=1, stable=True)[:, :most]
        self.there = reach.gather(1, order)
        self.users = order.where(self.there, 0)
        places = torch.arange(len(reach))[:, None]
        self.local = network.local_cost[0][self.users]
        self.local_energy = network.local_energy[0][self.users]
        self.local_late = network.late(network.local_delay[0])[self.users].double()
        self._root = network.root[0][self.users]
        self._alone = network.upload_cost[0][self.users, places + 1].where(self.there, torch.inf)
        self._threshold = ((self.local - self._alone) / self._root + self._root) / 2
        self._plain = network.in_closed_form and limits.none

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
            children, last, least = self._children(front, self._grow_chunked(front), prices)
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

    def _grow_chunked(self, front: Sets) -> Grown:
        if self._plain:
            return self._grow_plain(front)
        chunk = max(1, ROWS // self.users.shape[1] ** 2)
        parts = [self._grow(front.take(rows)) for rows in torch.arange(len(front)).split(chunk)]
        return Grown(*(torch.cat([vars(part)[name] for part in parts]) for name in vars(parts[0])))

    def _grow_plain(self, front: Sets) -> Grown:
        """Return the sets one member larger, where a server's cost has a closed form and nothing is asked."""
        root, alone, local = (value[front.server] for value in (self._root, self._alone, self.local))
        threshold = self._threshold[front.server]
        before = (root * front.members).sum(1, keepdim=True)
        total = before + root
        burden = root * (2 * total - root) + alone - local
        least = threshold.where(front.members, torch.inf).amin(1, keepdim=True)
        nothing = torch.zeros_like(burden)
        return Grown(front.cost[:, None] + burden, nothing, nothing, burden, nothing, nothing,
                     total < threshold.minimum(least))

    def _grow(self, front: Sets) -> Grown:
        """Return the sets one member larger by simulation, (P, D)."""
        count, width = front.members.shape
        larger = (front.members[:, None] | torch.eye(width, dtype=torch.bool)).flatten(0, 1)
        larger &= self.there[front.server].repeat_interleave(width, dim=0)
        server = front.server.repeat_interleave(width)
        served = self.simulate(server, larger)
        energy, late = (part - base[server] for part, base in
                        ((served.energy, self.local_energy),
                         (self.network.late(served.delay).double(), self.local_late)))
        kept = self._allowed(server, larger, served) & ~(larger & self._leaves(server, served, late)).any(1)
        added = served.burden - self.local[server]

        def square(values: Tensor) -> Tensor:
            return values.reshape(count, width)

        def newcomer(values: Tensor) -> Tensor:
            return values.reshape(count, width, width).diagonal(dim1=1, dim2=2)

        cost = ((served.cost - self.local[server]) * larger).sum(1)
        return Grown(square(cost), square((late * larger).sum(1)), square((energy * larger).sum(1)), newcomer(added),
                     newcomer(late), newcomer(energy), square(kept))

    @property
    def least_cost(self) -> float:
        """A cost that no assignment is below: each user where it is cheapest if it were alone there."""
        network = self.network
        undisturbed = network.bits[:, :, None] / rates(network.power, torch.zeros_like(network.power))
        faster = network.semantics.interference == "active"
        sending = network.upload_cost * (undisturbed / network.upload if faster else 1.0)
        alone = (sending + network.root.square()[:, :, None])[0, :, 1:].nan_to_num(nan=torch.inf).amin(1)
        return float(alone.minimum(self.network.local_cost[0]).sum())

    def described(self, server: Tensor, members: Tensor) -> Sets:
        """Return the sets of some members (P, D) of servers (P,) that can be served within the limits."""
        served = self.simulate(server, members)
        energy = ((served.energy - self.local_energy[server]) * members).sum(1)
        late = ((self.network.late(served.delay).double() - self.local_late[server]) * members).sum(1)
        cost = ((served.cost - self.local[server]) * members).sum(1)
        return Sets(server, members, cost, late, energy, cost).take(self._allowed(server, members, served))

    def simulate(self, server: Tensor, members: Tensor) -> Served:
        """Return what becomes of the members (R, D) of servers (R,), all others computing locally."""
        rows = torch.zeros_like(server)
        network = self.network.members(rows, self.users[server], server + 1)
        return network.serve(members.long())

    def _allowed(self, server: Tensor, members: Tensor, served: Served) -> Tensor:
        """Return whether sets (R,) can be served at all, and keep to the limits on delay and load but for rounding,
        which differs with the order of users.
        """
        loosened = 1 + ROUNDING
        load = (self.network.cycles[0][self.users[server]] * members).sum(1)
        fits = load / (SERVER_SPEED * self.network.semantics.deadline) <= self.limits.load * loosened
        in_time = (served.delay.where(members, 0.0) <= self.limits.delay * loosened).all(1)
        return fits & in_time & ((served.server > 0) == members).all(1)

    def _leaves(self, server: Tensor, served: Served, late: Tensor) -> Tensor:
        """Return which members (R, D) could compute locally instead without loss, whatever others join."""
        limits = self.limits
        if limits.fewest > 0:
            return torch.zeros_like(late, dtype=torch.bool)
        leaves = served.burden >= self.local[server]
        if limits.energy < torch.inf:
            leaves &= served.energy >= self.local_energy[server]
        if limits.late < limits.users:
            leaves &= late >= 0
        if limits.delay < torch.inf:
            leaves &= self.network.local_delay[0][self.users[server]] <= limits.delay
        return leaves
