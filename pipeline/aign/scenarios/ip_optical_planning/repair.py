"""Mending plans: modules added where cuts fall short, cheapest first, then those taken away that nothing needs.

Both work on cuts, for whole batches; what routing then still finds short is mended plan by plan by its metrics.

Axes: B networks, L links, K cuts, S scenarios.
"""

from __future__ import annotations

import torch
from torch import Tensor

from aign.scenarios.ip_optical_planning.economics import Economics
from aign.scenarios.ip_optical_planning.survivability import Survivability


class Repair:
    """Mends plans of one problem."""

    def __init__(self, economics: Economics, survivability: Survivability) -> None:
        self.problem, self.economics, self.survivability = economics.problem, economics, survivability
        self._prices = economics.link_prices

    def mended(self, contexts: Tensor, designs: Tensor, wanted: Tensor, cap: int) -> Tensor:
        """Return plans (B, L) with modules added and taken away so that they just carry the wanted scenarios (B, S).

        No fibre route gets more than `cap` channels; where that is not enough, the plan is as near as it gets.
        """
        return self.routed(contexts, self.by_cuts(contexts, designs, wanted, cap), wanted, cap)

    def by_cuts(self, contexts: Tensor, designs: Tensor, wanted: Tensor, cap: int) -> Tensor:
        """Return plans as `mended` does, but as far as cuts tell: routing may still find them short."""
        return self.trimmed(contexts, self.raised(contexts, designs.double(), wanted, cap), wanted)

    def survivable(self, contexts: Tensor, designs: Tensor) -> Tensor:
        """Return plans (B, L) mended so that they just survive everything."""
        everything = torch.ones(len(contexts), self.problem.scenarios, dtype=torch.bool)
        return self.mended(contexts, designs, everything, self.problem.widest)

    def raised(self, contexts: Tensor, designs: Tensor, wanted: Tensor, cap: int) -> Tensor:
        """Return plans with modules added, one at a time where it serves most short cuts for its price."""
        designs, rows = designs.clone(), torch.arange(len(designs))
        while len(rows):
            score = self.problem.served(contexts[rows], designs[rows], wanted[rows]) / self._prices
            best, link = torch.where(self.problem.room(designs[rows], cap), score, 0.0).max(1)
            rows, link = rows[best > 0], link[best > 0]
            designs[rows, link] += 1
        return designs

    def trimmed(self, contexts: Tensor, designs: Tensor, wanted: Tensor) -> Tensor:
        """Return plans without the modules no cut of a wanted scenario needs, taken from the dearest links first.

        Plans that are short of modules anyway are left alone.
        """
        designs = designs.clone()
        sound = self.problem.sound(contexts, designs, wanted).nonzero()[:, 0]
        for link in self._prices.argsort(descending=True, stable=True).tolist():
            rows = sound
            while len(rows):
                rows = rows[designs[rows, link] > 0]
                fewer = designs[rows]
                fewer[:, link] -= 1
                rows = rows[self.problem.sound(contexts[rows], fewer, wanted[rows])]
                designs[rows, link] -= 1
        return designs

    def routed(self, contexts: Tensor, designs: Tensor, wanted: Tensor, cap: int) -> Tensor:
        """Return plans with modules added until routing carries the wanted scenarios, not only cuts allow it."""
        designs = designs.clone()
        missing = wanted & ~self.problem.routed_by_rule(contexts, designs)
        for row in missing.any(1).nonzero()[:, 0].tolist():
            for scenario in missing[row].nonzero()[:, 0].tolist():  # those before it stay mended: nothing is taken away
                if not self._carrying(contexts[row], designs[row], scenario, cap):
                    break
        return designs

    def _carrying(self, context: Tensor, design: Tensor, scenario: int, cap: int) -> bool:
        """Add modules to a plan (L,) in place until it carries a scenario; return whether there was room for enough."""
        while (routing := self.survivability.shortfall(context, design.numpy(), scenario)) is not None:
            room = self.problem.room(design[None], cap)[0]
            score = torch.where(room, torch.tensor(routing.prices) / self._prices, 0.0)
            if float(score.max()) <= 0:
                return False
            design[score.argmax()] += 1
        return True

    def thinned(self, contexts: Tensor, designs: Tensor, budget: float) -> Tensor:
        """Return plans with modules taken away, where that loses least utility, until they keep to a budget."""
        designs, links, reference = designs.clone(), designs.shape[1], self.economics.reference(contexts)
        while True:
            rows = ((self.economics.cost(designs) > budget) & (designs > 0).any(1)).nonzero()[:, 0]
            if not len(rows):
                return designs
            fewer = (designs[rows][:, None] - torch.eye(links, dtype=designs.dtype)).flatten(0, 1)
            repeated = contexts[rows].repeat_interleave(links, 0)
            saved = -self.economics.cost(fewer).reshape(len(rows), links) / reference[rows, None]
            value = saved - self.economics.loss(repeated, fewer.clamp_min(0)).reshape(len(rows), links)
            designs[rows, torch.where(designs[rows] > 0, value, -torch.inf).argmax(1)] -= 1
