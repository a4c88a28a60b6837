"""Who offloads where: delay, energy and cost of every user (Liang et al. 2024, GDSG, arXiv 2412.08296, section III).

A task of s bits takes c = 3000 s cycles. Computed locally at f Hz it takes c / f seconds. Offloaded, it is uploaded at
the rate r = B log2(1 + SINR), then computed by the share x of its server's F Hz. With the weight alpha of delay and
beta = 1 - alpha of energy a user costs
    locally:   alpha c / f + beta kappa f^2 s            (the published energy; the usual one has c where s stands)
    offloaded: (alpha + beta P_t) s / r + w / x          with w = (alpha + beta P_I) c / F
Given who offloads where, a server's shares are a convex problem: minimise sum w / x where sum x <= 1. Its optimum is
x = sqrt(w) / A with A the sum of sqrt(w), at cost A^2. With least shares (x >= l = c / ((deadline - s / r) F), for
every user who can be on time at that server) it is x = max(l, sqrt(w) / t): whoever would get less than the least
share is set to it, and t taken anew of the others, until nothing changes (Karush-Kuhn-Tucker).

Axes: B networks, N users, M servers; servers are numbered from 1, 0 means local. All values float64.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from aign.scenarios.offloading.quantities import Quantities
from aign.scenarios.offloading.semantics import IDLE_POWER, SERVER_SPEED, TRANSMIT_POWER, rates


@dataclass(frozen=True, eq=False)
class Served:
    """What becomes of every user.

    Attributes:
        server: (B, N) where each task is computed, 0 locally.
        share: (B, N) of the server; 1 locally.
        delay: (B, N) [s]; energy: (B, N) [J]; cost: (B, N).
        burden: (B, N) by how much a user raises the cost of its server, at least, and at least as much among more
            users; its cost where it computes locally.
        lost: (B, N) bool, whether it left its server before the task ended, and computed it locally in the end.
    """

    server: Tensor
    share: Tensor
    delay: Tensor
    energy: Tensor
    cost: Tensor
    burden: Tensor
    lost: Tensor


@dataclass(frozen=True, eq=False)
class Network(Quantities):
    """B networks, and what becomes of the choices of their users."""

    def serve(self, server: Tensor) -> Served:
        """Return what becomes of users who choose servers (B, N), 0 for local, each within reach."""
        upload = self._upload(server)
        least = self._least_share(server, upload)
        if self.semantics.guarantee:  # a server that cannot keep all deadlines admits nobody
            overfull = self.sums(server, least).gather(1, server) > 1.0
            server = server.where(~overfull, 0)
            upload, least = upload.where(server > 0, 0.0), least.where(server > 0, 0.0)
        away = server > 0
        share, burden = self._shares(server, least)
        computing = self.cycles / (SERVER_SPEED * share)
        delay = (upload + computing).where(away, self.local_delay)
        energy = (TRANSMIT_POWER * upload + IDLE_POWER * computing).where(away, self.local_energy)
        lost = away & (delay > self._at(self.departure, server))
        again = lost.double()
        sending = (self.weight + (1 - self.weight) * TRANSMIT_POWER) * upload + again * self.local_cost
        cost = (sending + self.root.square() / share).where(away, self.local_cost)
        delay = torch.where(lost, self._at(self.departure, server) + self.local_delay, delay)
        return Served(server, share.where(away, 1.0), delay, energy + again * self.local_energy, cost,
                      (sending + burden).where(away, self.local_cost), lost)

    def cost(self, server: Tensor) -> Tensor:
        """Return the total cost (B,) of choices (B, N)."""
        if not self.in_closed_form:
            return self.serve(server).cost.sum(1)
        sums = self.sums(server, self.root)
        alone = self._at(self.upload_cost, server).where(server > 0, self.local_cost)
        return sums[:, 1:].square().sum(1) + alone.sum(1)

    @staticmethod
    def _at(values: Tensor, server: Tensor) -> Tensor:
        """Return values (B, N, M + 1) at the chosen servers, (B, N)."""
        return values.gather(2, server[:, :, None])[:, :, 0]

    def _upload(self, server: Tensor) -> Tensor:
        """Return the upload times (B, N) [s]; 0 locally."""
        if self.semantics.interference == "published":
            return self._at(self.upload, server)
        power = self._at(self.power, server)
        others = self.sums(server, power).gather(1, server) - power
        return (self.bits / rates(power, others.clamp_min(0.0))).where(server > 0, 0.0)

    def _least_share(self, server: Tensor, upload: Tensor) -> Tensor:
        """Return the least share (B, N) with which a user is on time; 0 where none is enough, or none is guaranteed."""
        if not self.semantics.guarantee:
            return torch.zeros_like(upload)
        left = self.semantics.deadline - upload
        least = self.cycles / (left.clamp_min(1e-300) * SERVER_SPEED)
        return least.where((server > 0) & (least <= 1.0), 0.0)

    def _shares(self, server: Tensor, least: Tensor) -> tuple[Tensor, Tensor]:
        """Return the cheapest shares (B, N) and what each user adds at least to its server's cost of computing."""
        whole = self.sums(server, self.root).gather(1, server)
        if not self.semantics.guarantee:
            return self.root / whole, self.root * (2 * whole - self.root)
        share, pinned = self.root / whole, torch.zeros_like(server, dtype=torch.bool)
        while bool((short := (share < least) & ~pinned).any()):
            pinned = pinned | short
            left = 1.0 - self.sums(server, least * pinned).gather(1, server)
            free = self.sums(server, self.root * ~pinned).gather(1, server)
            share = torch.where(pinned, least, self.root * left.clamp_min(1e-300) / free.clamp_min(1e-300))
        return share, self.root.square() / share
