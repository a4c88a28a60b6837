"""What a plan has to carry: demands, failures, modules, and the closed forms that follow from cuts and shortest paths.

Every sum here is over float32 demands or whole modules with whole coefficients and is therefore exact in float64: the
numbers of a network do not depend on its batch, nor on the order of summation.

Axes: B networks, P pairs, L links, K cuts, S scenarios (0: all links work; 1..L: a link has failed), W cuts of a link.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from aign.scenarios.ip_optical_planning.cuts import Cuts
from aign.scenarios.ip_optical_planning.routing import TOLERANCE, Floats
from aign.scenarios.ip_optical_planning.topology import Topology

ROWS = 1_024
"""Networks worked on at once: bounds memory."""


@dataclass(frozen=True, eq=False)
class Problem:
    """A network to be planned.

    Attributes:
        topology: cities, links, published demands.
        module: traffic a module carries within its load limit.
        failures: whether every single link may fail.
        protected: share of each demand that must survive a failure.
        most: modules a link can have.
    """

    topology: Topology
    module: float
    failures: bool
    protected: float
    most: int

    @cached_property
    def cuts(self) -> Cuts:
        """The cuts used."""
        return Cuts.of(self.topology)

    @property
    def scenarios(self) -> int:
        """Number of scenarios S."""
        return 1 + self.topology.links * self.failures

    @cached_property
    def shares(self) -> Tensor:
        """(S,) share of the demands to be carried in each scenario."""
        return torch.tensor([1.0, *[self.protected] * (self.scenarios - 1)], dtype=torch.float64)

    @cached_property
    def crossing(self) -> Tensor:
        """(L, K) float64, 1 where a link crosses a cut."""
        return self.cuts.crossing.T.contiguous()

    @cached_property
    def paths(self) -> Tensor:
        """(S, P, L) float64, 1 where the shortest path of a pair uses a link."""
        failed = [None, *range(self.scenarios - 1)]
        return torch.tensor(np.stack([self.topology.shortest_paths(link) for link in failed]))

    def total(self, contexts: Tensor) -> Tensor:
        """Return the sum of all demands (B,)."""
        return contexts.double().sum(1)

    def loads(self, contexts: Tensor) -> Tensor:
        """Return the load of each link under shortest-path routing in each scenario, (B, S, L)."""
        return torch.einsum("bp,spl->bsl", contexts.double(), self.paths) * self.shares[:, None]

    def shortest_path_plan(self, contexts: Tensor) -> Tensor:
        """Return the modules (B, L) that shortest-path routing needs in its worst scenario, without a limit."""
        return ((self.loads(contexts).amax(1) - self._slack(contexts)[:, None]) / self.module).ceil().clamp_min(0.0)

    def _slack(self, contexts: Tensor) -> Tensor:
        """Return the shortage (B,) that counts as none."""
        return TOLERANCE * self.total(contexts)

    def needed(self, contexts: Tensor) -> Tensor:
        """Return the modules each cut needs: (B, 2, K), when all links work and when one has failed; whole."""
        crossing, slack = self.cuts.demand(contexts), self._slack(contexts)[:, None]
        return torch.stack([((share * (crossing - slack)) / self.module).ceil().clamp_min(0.0)
                            for share in (1.0, self.protected)], dim=1)

    @cached_property
    def broken_cuts(self) -> tuple[NDArray[np.int64], NDArray[np.int64], Floats]:
        """Each cut with each of its links failed: the cut, the link, and the links left, (M,), (M,) and (M, L)."""
        crossing = self.cuts.crossing.numpy()
        cut, link = np.nonzero(crossing)
        left = crossing[cut]
        left[np.arange(len(cut)), link] = 0.0
        return cut, link, left

    def rows(self, context: Tensor) -> list[tuple[Floats, Floats]]:
        """Return the cut inequalities of a context (P,) that ask for anything: lower bounds (R,), matrices (R, L)."""
        needed, (cut, _, left) = self.needed(context[None])[0].numpy(), self.broken_cuts
        parts = [(needed[0], self.cuts.crossing.numpy())] + [(needed[1][cut], left)] * self.failures
        return [(low[low > 0], matrix[low > 0]) for low, matrix in parts]

    def shortages(self, contexts: Tensor, designs: Tensor) -> Tensor:
        """Return what share of the modules that the worst cut needs is missing, in each scenario (B, S), in [0, 1].

        0 where every cut has the modules it needs: no cut then proves the scenario to be beyond routing.
        """
        parts = zip(torch.split(contexts, ROWS), torch.split(designs, ROWS), strict=True)
        return torch.cat([self._shortages(context, design.double()) for context, design in parts])

    def _shortages(self, contexts: Tensor, designs: Tensor) -> Tensor:
        needed, modules = self.needed(contexts), designs @ self.crossing
        worst = (1.0 - modules / needed[:, 0].clamp_min(1.0)).where(modules < needed[:, 0], 0.0).amax(1, keepdim=True)
        if not self.failures:
            return worst
        asked = needed[:, 1]
        beside = (1.0 - modules / asked.clamp_min(1.0)).where(modules < asked, 0.0).amax(1, keepdim=True)
        asked = asked[:, self.cuts.of_link]
        left = modules[:, self.cuts.of_link] - designs[:, :, None]
        through = (1.0 - left / asked.clamp_min(1.0)).where(left < asked, 0.0).amax(2) * self.cuts.covered
        return torch.cat([worst, torch.maximum(beside, through)], dim=1)

    def sound(self, contexts: Tensor, designs: Tensor, wanted: Tensor) -> Tensor:
        """Return whether no cut lacks modules in any wanted scenario (B, S), (B,) bool."""
        return ((self.shortages(contexts, designs) == 0) | ~wanted).all(1)
