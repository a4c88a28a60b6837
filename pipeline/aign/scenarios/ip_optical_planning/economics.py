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

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from aign.scenarios.ip_optical_planning.layered_problem import LayeredProblem
from aign.scenarios.ip_optical_planning.problem import Problem
from aign.scenarios.ip_optical_planning.solver.instance import Fibres, Instance
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

    def instance(self, context: Tensor, cap: int) -> Instance:
        """Return one context's demands (P,) as the solver plans them, with up to `cap` channels on a fibre route."""
        problem, prices = self.problem.instance, self.link_prices.numpy()
        most, links = self.problem.largest.numpy().clip(max=max(0, cap)), len(prices)
        fibres = Fibres(problem.ends, np.eye(links, dtype=bool), self.problem.most, np.full(links, self.fibre),
                        np.ones(links), problem.failures) if self.fibre else None
        return replace(problem, demand=self.problem.traffic(context), price=prices, most=most, fibres=fibres)

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


@dataclass(frozen=True, eq=False)
class LayeredEconomics(Economics):
    """Prices of a problem in two layers: lightpaths, by ports and regenerators, and lit fibre pairs, by length."""

    problem: LayeredProblem

    @property
    def regenerators(self) -> Tensor:
        """(L,) of each lightpath."""
        return (torch.tensor(self.problem.lightpaths.length) / self.problem.prices.reach).ceil() - 1

    @property
    def link_prices(self) -> Tensor:
        """(L,) cost of a lightpath, with its share of the fibre pairs below it."""
        prices = self.problem.prices
        shared = self.problem.over @ torch.tensor(self.problem.topology.length) * (prices.fibre / 100 / prices.channels)
        return 2 * prices.port + prices.regeneration * self.regenerators + shared

    def instance(self, context: Tensor, cap: int) -> Instance:
        """Return one context's demands (P,) as the solver plans them, with up to `cap` channels on a fibre route."""
        problem = self.problem.instance
        assert problem.fibres is not None  # two layers have them
        pairs = np.full(self.problem.topology.links, float(max(0, cap) // self.problem.channels))
        return replace(problem, demand=self.problem.traffic(context), fibres=replace(problem.fibres, most=pairs))

    def cost(self, designs: Tensor) -> Tensor:
        """Return the cost (B,) of lightpaths (B, L); exact up to the last products."""
        lightpaths, prices = designs.double(), self.problem.prices
        return (2 * prices.port * lightpaths.sum(1) + prices.regeneration * (lightpaths @ self.regenerators)
                + self.fibre_km(designs) * prices.fibre)

    def fibre_km(self, designs: Tensor) -> Tensor:
        """Return the length (B,) of lit fibre pairs [km]."""
        return self.problem.pairs(designs) @ torch.tensor(self.problem.topology.length) / 100
