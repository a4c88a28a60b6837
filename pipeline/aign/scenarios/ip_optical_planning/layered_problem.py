"""What a plan of two layers has to carry: lightpaths over fibre routes, of which a cut fails all that run over it.

The same questions as in `problem`, with lightpaths for links; scenarios are cuts of fibre routes.

Axes: B networks, P pairs, R fibre routes, L lightpaths, K cuts, S scenarios (0: all works; others: a route is cut).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from aign.scenarios.ip_optical_planning import two_layers
from aign.scenarios.ip_optical_planning.cuts import Cuts
from aign.scenarios.ip_optical_planning.problem import Problem
from aign.scenarios.ip_optical_planning.solver.instance import Failures, Flags, Instance
from aign.scenarios.ip_optical_planning.two_layers import Candidates, Prices

CUTS = 128
"""Cuts used, those with the fewest fibre routes."""


@dataclass(frozen=True, eq=False, kw_only=True)
class LayeredProblem(Problem):
    """A network to be planned in two layers.

    Attributes:
        lightpaths: L candidates, the direct ones over each of R fibre routes first.
        prices: of both layers.
    """

    lightpaths: Candidates
    prices: Prices

    @property
    def links(self) -> int:
        """Number of candidate lightpaths L."""
        return len(self.lightpaths)

    @property
    def channels(self) -> int:
        """Lightpaths that a fibre pair carries."""
        return self.prices.channels

    @property
    def widest(self) -> int:
        """Channels on a fibre route that no plan needs."""
        return self.most * self.links

    @property
    def traded(self) -> bool:
        """Whether plans that do not survive have a certificate of their own: no."""
        return False

    @cached_property
    def over(self) -> Tensor:
        """(L, R) float64, 1 where a lightpath runs over a fibre route."""
        return torch.tensor(self.lightpaths.over.T, dtype=torch.float64)

    @cached_property
    def alive(self) -> Flags:
        """(S, L) lightpaths that work in each scenario."""
        alive: Flags = np.vstack([np.ones((1, self.links), bool), ~self.lightpaths.over[self.failing]])
        return alive

    @cached_property
    def instance(self) -> Instance:
        """The published demands as the solver plans them."""
        built = two_layers.instance(self.topology, self.traffic(torch.tensor(self.topology.demand)), self.module,
                                    self.lightpaths, self.prices, self.protected)
        most = self.largest.numpy()
        if self.failing or built.fibres is None:
            return replace(built, most=most)
        fibres = replace(built.fibres, failures=Failures.none(self.topology.links))
        return replace(built, most=most, failures=Failures.none(self.links), fibres=fibres)

    @cached_property
    def small_cuts(self) -> Cuts:
        """Cuts that lightpaths cross."""
        return Cuts.of(self.topology, self.lightpaths.ends, CUTS)

    @cached_property
    def cuts(self) -> Cuts:
        """The cuts used."""
        return self.small_cuts

    @cached_property
    def _holding(self) -> Tensor:
        """(L, S K) float64, 1 where a lightpath crosses a cut and works in a scenario."""
        working = torch.tensor(self.alive.T, dtype=torch.float64)
        return (working[:, :, None] * self.crossing[:, None]).flatten(1)

    def pairs(self, designs: Tensor) -> Tensor:
        """Return the fibre pairs (B, R) that lightpaths (B, L) need."""
        return (designs.double() @ self.over / self.channels).ceil()

    def shortest_path_plan(self, contexts: Tensor) -> Tensor:
        """Return direct lightpaths (B, L), enough for shortest-path routing in every scenario."""
        direct = super().shortest_path_plan(contexts)
        return torch.nn.functional.pad(direct, (0, self.links - direct.shape[1]))

    def routed_by_rule(self, contexts: Tensor, modules: Tensor) -> Tensor:
        """Return which scenarios (B, S) shortest paths carry over direct lightpaths alone: a proof where they do."""
        return super().routed_by_rule(contexts, modules[:, :self.topology.links])

    def _missing(self, contexts: Tensor, designs: Tensor) -> tuple[Tensor, Tensor]:
        """Return the modules that each cut lacks in each scenario, and those it needs, (B, S, K); not below 0."""
        needed = self.needed(contexts)
        asked = torch.cat([needed[:, :1], needed[:, 1:].expand(-1, self.scenarios - 1, -1)], dim=1)
        held = (designs.double() @ self._holding).reshape(asked.shape)
        return (asked - held).clamp_min(0.0), asked

    def _shortages(self, contexts: Tensor, designs: Tensor) -> Tensor:
        missing, asked = self._missing(contexts, designs)
        return (missing / asked.clamp_min(1.0)).amax(2)

    def served(self, contexts: Tensor, designs: Tensor, wanted: Tensor) -> Tensor:
        """Return in how many wanted scenarios, cut by cut, a lightpath more (B, L) would serve a short cut."""
        short = (self._missing(contexts, designs)[0] > 0).double() * wanted[:, :, None]
        return short.flatten(1) @ self._holding.T

    def room(self, designs: Tensor, cap: int) -> Tensor:
        """Return where one more lightpath fits (B, L), with up to `cap` channels on a fibre route."""
        full = (designs.double() @ self.over >= cap).double()
        return (designs < self.largest) & (full @ self.over.T == 0)

    def capped(self, designs: Tensor, cap: int) -> Tensor:
        """Return plans (B, L) with lightpaths taken in equal shares from routes with more than `cap` channels."""
        share = (cap / (designs.double() @ self.over).clamp_min(1.0)).clamp(max=1.0)
        least = torch.where(self.over > 0, share[:, None], 1.0).amin(2)
        return (designs.double().minimum(self.largest) * least + 1e-9).floor()
