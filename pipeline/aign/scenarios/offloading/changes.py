"""What the total cost becomes when one user goes elsewhere, or two trade places.

Where a server's cost has a closed form, A^2 plus what each user costs alone, so have these changes. Elsewhere the
network is simulated anew for each move; two users at once are then not tried.

Axes: B networks, N users (i moves, k gives way), M servers; column 0 is local.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from aign.scenarios.offloading.physics import Network

VALUES = 1 << 23
"""Users simulated at once: bounds memory."""


@dataclass(frozen=True, eq=False)
class Sums:
    """What the closed form needs of choices.

    Attributes:
        total: (B, M + 1) A of each server.
        there: (B, N) A of each user's server; 0 locally.
        leaving: (B, N) cost saved where a user leaves.
        joining: (B, N, M + 1) cost added where a user, who was nowhere, joins; infinite out of reach.
    """

    total: Tensor
    there: Tensor
    leaving: Tensor
    joining: Tensor

    @classmethod
    def of(cls, network: Network, server: Tensor) -> Sums:
        """Return the sums of choices (B, N)."""
        root = network.root
        total = network.sums(server, root)
        total[:, 0] = 0.0
        there = total.gather(1, server)
        alone = network.upload_cost
        away = server > 0
        sending = alone.gather(2, server[:, :, None])[:, :, 0]
        leaving = (root * (2 * there - root) + sending).where(away, network.local_cost)
        # Without the user itself at its present server.
        itself = torch.zeros_like(alone).scatter(2, server[:, :, None], root[:, :, None])
        beside = (total[:, None] - itself).clamp_min(0)
        joining = root[:, :, None] * (2 * beside + root[:, :, None]) + alone
        joining[:, :, 0] = network.local_cost
        return cls(total, there, leaving, joining)


def moves(network: Network, server: Tensor) -> Tensor:
    """Return the change of cost (B, N, M + 1) when a user alone goes to each server, or computes locally; infinite out
    of reach, 0 where it is.
    """
    stay = torch.zeros_like(network.upload, dtype=torch.bool).scatter(2, server[:, :, None], True)
    if network.in_closed_form:
        sums = Sums.of(network, server)
        change = sums.joining - sums.leaving[:, :, None]
    else:
        change = _simulated(network, server)
    return change.masked_fill(network.upload.isinf(), torch.inf).masked_fill(stay, 0.0)


def _simulated(network: Network, server: Tensor) -> Tensor:
    """Return the changes of cost (B, N, M + 1) of all moves within reach by simulation; infinite elsewhere."""
    change = torch.full_like(network.upload, torch.inf)
    before = network.cost(server)
    rows, users, targets = network.upload.isfinite().nonzero(as_tuple=True)
    for part in torch.arange(len(rows), device=rows.device).split(max(1, VALUES // server.shape[1])):
        row, user, target = rows[part], users[part], targets[part]
        moved = server[row].scatter(1, user[:, None], target[:, None])
        change[row, user, target] = network.take(row).cost(moved) - before[row]
    return change


def exchanges(network: Network, server: Tensor) -> tuple[Tensor, Tensor]:
    """Return the change of cost (B, N, N) when user i takes the place of user k, who goes where it costs least, and
    where k goes, (B, N, N); infinite where k computes locally, or at the same server, or out of reach of i. Closed form
    only.
    """
    root, sums, alone = network.root, Sums.of(network, server), network.upload_cost
    users = server.shape[1]
    place_k, place_i = server[:, None, :].expand(-1, users, -1), server[:, :, None].expand(-1, -1, users)
    sending = alone.gather(2, place_k)  # of i at the server of k
    total = sums.there[:, None, :]
    taking = (total + root[:, :, None] - root[:, None, :]).square() - total.square() + sending
    leaving_k = alone.gather(2, server[:, :, None])[:, :, 0][:, None, :]
    # k goes elsewhere, or to where i was, whose server is then emptier by i.
    elsewhere, target = sums.joining.scatter(2, server[:, :, None], torch.inf).min(2)
    both = 2 * root[:, :, None] * root[:, None, :]
    swapped = sums.joining.transpose(1, 2).gather(1, place_i) - both * (place_i > 0)
    swap = swapped < elsewhere[:, None, :]
    change = taking - leaving_k - sums.leaving[:, :, None] + torch.where(swap, swapped, elsewhere[:, None, :])
    allowed = (place_k > 0) & (place_k != place_i) & sending.isfinite()
    return change.where(allowed, torch.inf), torch.where(swap, place_i, target[:, None, :])
