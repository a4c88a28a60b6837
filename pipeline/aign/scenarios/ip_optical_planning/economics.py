"""What a plan costs and what it is worth.

A survivable network is worth twice what the shortest-path plan for the same demands costs; its utility is that worth
less its own cost, in units of the shortest-path plan's cost. So the shortest-path plan has utility 1, and one a quarter
cheaper 1.25. A plan that fails in some scenario loses the cost of a whole shortest-path plan, more than any
survivable plan worth having costs, and in addition, averaged over all scenarios, 1 for each that a cut proves to be
lost and 3 times the share of modules missing on its worst cut: no such plan reaches utility 1, and the loss says how
far it has to go. A module that fills a gap earns more than it costs, so that building pays from the first one on.

Axes: B networks, P pairs, L links, S scenarios.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from aign.scenarios.ip_optical_planning.problem import Problem
from aign.scenarios.ip_optical_planning.survivability import Survivability

WORTH = 2.0
"""Worth of a survivable network, in shortest-path plans."""
FAILURE = 1.0
"""Loss where any scenario fails."""
LOST, MISSING = 1.0, 3.0
"""Loss of a scenario that a cut proves to be lost, and per share of modules that its worst cut lacks."""


@dataclass(frozen=True, eq=False)
class Economics:
    """Prices of a problem: capacity units of a module, cost of lighting a fibre [km x units]."""

    problem: Problem
    unit: float
    fibre: float

    @property
    def link_prices(self) -> Tensor:
        """(L,) cost of a module [km x units]."""
        return torch.tensor(self.problem.topology.length) * (self.unit / 100)

    def cost(self, designs: Tensor) -> Tensor:
        """Return the cost (B,) of modules (B, L); exact up to the last product."""
        modules = designs.double()
        return (modules @ torch.tensor(self.problem.topology.length)) * (self.unit / 100) + (
            self.fibre * (modules > 0).sum(1))

    def reference(self, contexts: Tensor) -> Tensor:
        """Return the cost (B,) of the shortest-path plan."""
        return self.cost(self.problem.shortest_path_plan(contexts))

    def loss(self, contexts: Tensor, designs: Tensor) -> Tensor:
        """Return what cuts alone prove to be lost (B,): the mean over scenarios of `LOST` and `MISSING`."""
        short = self.problem.shortages(contexts, designs)
        return (LOST * (short > 0).double() + MISSING * short).sum(1) / self.problem.scenarios

    def utility(self, contexts: Tensor, designs: Tensor, survivability: Survivability) -> Tensor:
        """Return the utility (B,) of modules (B, L)."""
        loss = self.loss(contexts, designs)
        failed, sound = torch.ones_like(loss), loss == 0
        failed[sound] = (~survivability.survive(contexts[sound], designs[sound])).double()
        return WORTH - self.cost(designs) / self.reference(contexts) - FAILURE * failed - loss
