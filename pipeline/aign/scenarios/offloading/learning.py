"""What agents that learn see and are paid: one policy, shared by all users, decides for each of them.

Axes: B networks, N users, K links of a user.
"""

from __future__ import annotations

import torch
from torch import Tensor

from aign.scenarios.offloading.changes import moves
from aign.scenarios.offloading.features import MOST
from aign.scenarios.offloading.physics import Network


def observations(network: Network, options: Tensor, server: Tensor, clock: float) -> Tensor:
    """Return what each user observes where tasks are computed at servers (B, N), float32 (B, N, 2 K + 8): its task,
    what each option saves as the others now choose (of its local cost), its present option, and the time.
    """
    change = moves(network, server).gather(2, options)
    nowhere = options == 0
    nowhere[:, :, 0] = False
    saved = (-change / network.local_cost[:, :, None]).clamp(-MOST, MOST).masked_fill(nowhere, -MOST)
    present = (options == server[:, :, None]) & ~nowhere
    task = [network.local_cost.clamp_min(1e-9).log(), network.root.clamp_min(1e-9).log(), network.weight,
            network.local_delay / network.semantics.deadline, network.local_energy.clamp_min(1e-9).log()]
    common = torch.full_like(saved[:, :, :1], clock)
    return torch.cat([torch.stack(task, 2).clamp(-MOST, MOST), saved, present, common], 2).float()


def rewards(network: Network, before: Tensor, after: Tensor) -> Tensor:
    """Return what each user's move from servers (B, N) to others gained, while all others moved as they did, compressed
    by a logarithm; float32 (B, N).
    """
    gain = moves(network, after).gather(2, before[:, :, None])[:, :, 0]
    return (gain.sign() * gain.abs().log1p()).clamp(-10, 10).float()
