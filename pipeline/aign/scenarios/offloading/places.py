"""The users that each server may serve, side by side: what any set of them comes to, and whether a request allows it.

Axes: M servers, D places of a server (its users, in order of what they would save alone), P or R sets.
"""

from __future__ import annotations

import torch
from torch import Tensor

from aign.scenarios.offloading.limits import Limits
from aign.scenarios.offloading.physics import Network, Served
from aign.scenarios.offloading.semantics import IDLE_POWER, ROUNDING, SERVER_SPEED, TRANSMIT_POWER, rates
from aign.scenarios.offloading.sets import Sets


class Places:
    """The places of each server of one network under a request.

    Attributes:
        users: (M, D) the user at each place; 0 where `there` is False.
        there: (M, D) bool.
        local, local_energy, local_late: (M, D) of the user if it computes locally.
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
        self.local = network.local_cost[0][self.users]
        self.local_energy = network.local_energy[0][self.users]
        self.local_late = network.late(network.local_delay[0])[self.users].double()

    def simulate(self, server: Tensor, members: Tensor) -> Served:
        """Return what becomes of the members (R, D) of servers (R,), all others computing locally."""
        rows = torch.zeros_like(server)
        network = self.network.members(rows, self.users[server], server + 1)
        return network.serve(members.long())

    def described(self, server: Tensor, members: Tensor) -> Sets:
        """Return the sets of some members (P, D) of servers (P,) that can be served within the limits."""
        served = self.simulate(server, members)
        energy = ((served.energy - self.local_energy[server]) * members).sum(1)
        late = ((self.network.late(served.delay).double() - self.local_late[server]) * members).sum(1)
        cost = ((served.cost - self.local[server]) * members).sum(1)
        return Sets(server, members, cost, late, energy, cost).take(self.allowed(server, members, served))

    def allowed(self, server: Tensor, members: Tensor, served: Served) -> Tensor:
        """Return whether sets (R,) can be served at all, and keep to the limits on delay and load but for rounding,
        which differs with the order of users.
        """
        loosened = 1 + ROUNDING
        load = (self.network.cycles[0][self.users[server]] * members).sum(1)
        fits = load / (SERVER_SPEED * self.network.semantics.deadline) <= self.limits.load * loosened
        in_time = (served.delay.where(members, 0.0) <= self.limits.delay * loosened).all(1)
        return fits & in_time & ((served.server > 0) == members).all(1)

    @property
    def least_cost(self) -> float:
        """A cost that no assignment is below: each user where it is cheapest if it were alone there."""
        network = self.network
        undisturbed = network.bits[:, :, None] / rates(network.power, torch.zeros_like(network.power))
        faster = network.semantics.interference == "active"
        sending = network.upload_cost * (undisturbed / network.upload if faster else 1.0)
        alone = (sending + network.root.square()[:, :, None])[0, :, 1:].nan_to_num(nan=torch.inf).amin(1)
        return float(alone.minimum(self.network.local_cost[0]).sum())

    @property
    def most_cost(self) -> float:
        """A cost that no assignment within the limit on energy is above: whoever waits for a server uses energy."""
        longest = (self.network.weight * self.network.local_delay).sum()
        return float(longest) + self.limits.energy * (1.0 + 1.0 / min(IDLE_POWER, TRANSMIT_POWER))
