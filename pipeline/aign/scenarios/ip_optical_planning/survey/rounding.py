"""Which way the relaxed plan of a matrix should be rounded, learned from solved matrices of the same network.

A small graph network over links looks at the least-cost modules of the relaxed plan, the traffic of both ends and what
the links next to them see, and says for each link how likely a solved plan has at least so many modules. Taking the
modules that are likely enough leaves little to mend (as in neural diving, Nair et al. 2020).

Axes: B matrices, n nodes, L links, J steps above or below the relaxed plan rounded down, H hidden values.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from aign.scenarios.ip_optical_planning.solver.instance import Floats, Instance

STEPS = (-1, 0, 1, 2)
"""Steps J: at least the relaxed modules rounded down, and so many."""
HIDDEN, PLACE = 48, 8
"""Hidden values H; values that a link has of its own, whatever the matrix."""
FEATURES = 6
LIKELY = 0.7
"""Modules at least so likely are proposed: fewer leave more to mend, which takes longer and costs less."""


class Rounding(nn.Module):
    """How likely each link (B, L) has at least so many modules (J), as logits."""

    ends: Tensor

    def __init__(self, instance: Instance) -> None:
        super().__init__()
        self.register_buffer("ends", torch.from_numpy(instance.ends))
        self.nodes = instance.nodes
        self.place = nn.Parameter(torch.zeros(instance.links, PLACE))
        self.enter = nn.Sequential(nn.Linear(FEATURES + PLACE, HIDDEN), nn.SiLU(), nn.Linear(HIDDEN, HIDDEN), nn.SiLU())
        self.mix = nn.Sequential(nn.Linear(2 * HIDDEN, HIDDEN), nn.SiLU(), nn.Linear(HIDDEN, HIDDEN), nn.SiLU())
        self.leave = nn.Linear(2 * HIDDEN, len(STEPS))

    def forward(self, features: Tensor) -> Tensor:
        """Return logits (B, L, J) of features (B, L, `FEATURES`)."""
        place = self.place.expand(len(features), -1, -1)
        links = self.enter(torch.cat([features, place], -1))
        links = links + self.mix(torch.cat([links, self._beside(links)], -1))
        logits: Tensor = self.leave(torch.cat([links, self._beside(links)], -1))
        return logits

    def _beside(self, links: Tensor) -> Tensor:
        """Return the sum over both ends of what the links (B, L, H) at that node hold."""
        at_nodes = links.new_zeros(len(links), self.nodes, links.shape[-1])
        for end in (0, 1):
            at_nodes = at_nodes.index_add(1, self.ends[:, end], links)
        return (at_nodes[:, self.ends[:, 0]] + at_nodes[:, self.ends[:, 1]]) / 8


def features(instance: Instance, demand: Floats, relaxed: Floats) -> Tensor:
    """Return what the network sees (B, L, `FEATURES`) of matrices (B, n, n) and their relaxed plans (B, L)."""
    traffic = demand.sum(2) / instance.module / 10
    first, second = instance.ends.T
    part = relaxed - np.floor(relaxed + 1e-9)
    direct = demand[:, first, second] / instance.module
    seen = [part, relaxed / 4, relaxed == 0, traffic[:, first], traffic[:, second], direct]
    return torch.from_numpy(np.stack(seen, -1)).float()


@dataclass(frozen=True, slots=True)
class Training:
    """How the network is trained: gradient steps, matrices a step, learning rate, and the seed."""

    steps: int = 600
    batch: int = 32
    rate: float = 3e-3
    seed: int = 0


def fitted(instance: Instance, demand: Floats, relaxed: Floats, plan: Floats, training: Training | None = None,
           report: Callable[[int, int], None] = lambda done, total: None) -> Rounding:
    """Return a network trained on solved matrices (N, n, n), their relaxed and survivable plans (N, L).

    It minimises the cross-entropy of each step's yes or no. Equal arguments give equal weights on one machine.
    """
    training = training or Training()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(training.seed)
        network = Rounding(instance)
    seen = features(instance, demand, relaxed)
    above = plan - np.floor(relaxed + 1e-9)
    reached = torch.from_numpy((above[..., None] >= np.array(STEPS)).astype(np.float32))
    optimiser = torch.optim.AdamW(network.parameters(), training.rate, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, training.steps)
    random = torch.Generator().manual_seed(training.seed)
    for step in range(training.steps):
        rows = torch.randint(len(seen), (training.batch,), generator=random)
        loss = nn.functional.binary_cross_entropy_with_logits(network(seen[rows]), reached[rows])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        report(step + 1, training.steps)
    return network.eval()


@torch.no_grad()
def proposal(network: Rounding, instance: Instance, demand: Floats, relaxed: Floats, likely: float = LIKELY) -> Floats:
    """Return whole modules (L,) of one matrix: on each link as many as are at least so likely.

    Args:
        network: trained for this instance.
        instance: prices, module and links.
        demand: (n, n).
        relaxed: (L,).
        likely: least probability; the lower, the more modules.
    """
    chance = torch.sigmoid(network(features(instance, demand[None], relaxed[None]))[0]).numpy()
    above = np.where(chance >= likely, np.array(STEPS), STEPS[0] - 1).max(1)
    modules: Floats = np.clip(np.floor(relaxed + 1e-9) + above, instance.least, instance.most)
    return modules
