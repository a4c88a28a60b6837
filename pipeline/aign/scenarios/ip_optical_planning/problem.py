"""What a plan has to carry: demands, failures, modules, and the closed forms that follow from cuts and shortest paths.

Every sum here is over float32 demands or whole modules with whole coefficients and is therefore exact in float64: the
numbers of a network do not depend on its batch, nor on the order of summation.

Axes: B networks, P pairs, L links, K cuts, F failures, S scenarios (0: all links work; 1..F: one has failed), W cuts of
a link.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from scipy.sparse import csr_matrix
from torch import Tensor

from aign.scenarios.core.topology import Topology
from aign.scenarios.ip_optical_planning.cuts import Cuts
from aign.scenarios.ip_optical_planning.solver.instance import TOLERANCE, Failures, Flags, Floats, Instance
from aign.scenarios.ip_optical_planning.survey.library import binding_sets

TRADED_UP_TO = 30
"""Nodes up to which the best plan that does not survive everything is searched for too."""
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
        exempt: links whose failure need not be survived.
        closed: links that get no modules, of two layers lightpaths; they count as failing nonetheless.
    """

    topology: Topology
    module: float
    failures: bool
    protected: float
    most: int
    exempt: tuple[int, ...] = ()
    closed: tuple[int, ...] = ()

    @cached_property
    def largest(self) -> Tensor:
        """(L,) float64, modules that each link can have."""
        largest = torch.full((self.links,), float(self.most), dtype=torch.float64)
        largest[list(self.closed)] = 0.0
        return largest

    @property
    def links(self) -> int:
        """Number of links L whose modules a plan chooses."""
        return self.topology.links

    @property
    def channels(self) -> int:
        """Modules that take one unit of a fibre's spectrum."""
        return 1

    @property
    def widest(self) -> int:
        """Channels on a fibre route that no plan needs."""
        return self.most

    @property
    def traded(self) -> bool:
        """Whether plans that do not survive have a certificate of their own: where every cut is known, or nearly."""
        return self.topology.size <= TRADED_UP_TO

    @cached_property
    def failing(self) -> list[int]:
        """The links that may fail, by scenario: F numbers."""
        return [link for link in range(self.topology.links) if self.failures and link not in self.exempt]

    @cached_property
    def alive(self) -> Flags:
        """(S, L) links that work in each scenario."""
        alive = np.ones((self.scenarios, self.topology.links), bool)
        alive[np.arange(1, self.scenarios), self.failing] = False
        return alive

    @cached_property
    def instance(self) -> Instance:
        """The published demands as the solver plans them, without prices."""
        topology, links = self.topology, self.topology.links
        failures = Failures.of_groups([(link,) for link in self.failing], links, self.protected)
        return Instance(topology.size, topology.ends, self.traffic(torch.tensor(topology.demand)), self.module,
                        np.ones(links), np.zeros(links), self.largest.numpy(), failures)

    def traffic(self, context: Tensor) -> Floats:
        """Return demands (P,) as a symmetric matrix (n, n)."""
        matrix = np.zeros((self.topology.size, self.topology.size))
        matrix[self.topology.pairs[:, 0], self.topology.pairs[:, 1]] = context.double().numpy()
        both: Floats = matrix + matrix.T
        return both

    @cached_property
    def small_cuts(self) -> Cuts:
        """The cuts of the network: all of them, or those around small groups of nodes."""
        return Cuts.of(self.topology)

    @cached_property
    def cuts(self) -> Cuts:
        """The cuts used: `small_cuts`; of a network too large for these, the cuts that bind its least-cost plans."""
        if self.traded or not self.instance.single:
            return self.small_cuts
        return Cuts.around(self.topology, binding_sets(replace(self.instance, price=self.topology.length)))

    @property
    def scenarios(self) -> int:
        """Number of scenarios S."""
        return 1 + len(self.failing)

    @cached_property
    def shares(self) -> Tensor:
        """(S,) share of the demands to be carried in each scenario."""
        return torch.tensor([1.0, *[self.protected] * (self.scenarios - 1)], dtype=torch.float64)

    @cached_property
    def crossing(self) -> Tensor:
        """(L, K) float64, 1 where a link crosses a cut."""
        return self.cuts.crossing.T.contiguous()

    @cached_property
    def _paths(self) -> csr_matrix:
        """(S L, P), 1 where the shortest path of a pair uses a link in a scenario."""
        return csr_matrix(np.vstack([self.topology.shortest_paths(link).T for link in (None, *self.failing)]))

    def loads(self, contexts: Tensor) -> Tensor:
        """Return the load of each link under shortest-path routing in each scenario, (B, S, L)."""
        loads = torch.from_numpy(np.ascontiguousarray((self._paths @ contexts.double().numpy().T).T))
        return loads.reshape(len(contexts), self.scenarios, self.topology.links) * self.shares[:, None]

    def shortest_path_plan(self, contexts: Tensor) -> Tensor:
        """Return the modules (B, L) that shortest-path routing needs in its worst scenario, without a limit."""
        return ((self.loads(contexts).amax(1) - self._slack(contexts)[:, None]) / self.module).ceil().clamp_min(0.0)

    def routed_by_rule(self, contexts: Tensor, modules: Tensor) -> Tensor:
        """Return which scenarios (B, S) shortest paths carry over modules (B, L): a proof where they do."""
        return (self.loads(contexts) <= self.module * modules[:, None]).all(2)

    def _slack(self, contexts: Tensor) -> Tensor:
        """Return the shortage (B,) that counts as none."""
        return TOLERANCE * contexts.double().sum(1)

    def needed(self, contexts: Tensor, cuts: Cuts | None = None) -> Tensor:
        """Return the modules each of some cuts, or of those used, needs: (B, 2, K), when all links work and when one
        has failed; whole.
        """
        crossing, slack = (cuts or self.cuts).demand(contexts), self._slack(contexts)[:, None]
        return torch.stack([((share * (crossing - slack)) / self.module).ceil().clamp_min(0.0)
                            for share in (1.0, self.protected)], dim=1)

    def shortages(self, contexts: Tensor, designs: Tensor) -> Tensor:
        """Return what share of the modules that the worst cut needs is missing, in each scenario (B, S), in [0, 1].

        0 where every cut has the modules it needs: no cut then proves the scenario to be beyond routing.
        """
        parts = zip(torch.split(contexts, ROWS), torch.split(designs, ROWS), strict=True)
        return torch.cat([self._shortages(context, design.double()) for context, design in parts])

    def _shortages(self, contexts: Tensor, designs: Tensor) -> Tensor:
        needed, modules = self.needed(contexts), designs @ self.crossing
        worst = (1.0 - modules / needed[:, 0].clamp_min(1.0)).where(modules < needed[:, 0], 0.0).amax(1, keepdim=True)
        if not self.failing:
            return worst
        asked = needed[:, 1]
        beside = (1.0 - modules / asked.clamp_min(1.0)).where(modules < asked, 0.0).amax(1, keepdim=True)
        asked = asked[:, self.cuts.of_link]
        left = modules[:, self.cuts.of_link] - designs[:, :, None]
        through = (1.0 - left / asked.clamp_min(1.0)).where(left < asked, 0.0).amax(2) * self.cuts.covered
        return torch.cat([worst, torch.maximum(beside, through)[:, self.failing]], dim=1)

    def served(self, contexts: Tensor, designs: Tensor, wanted: Tensor) -> Tensor:
        """Return in how many wanted scenarios, cut by cut, a module more on a link (B, L) would serve a short cut."""
        needed, modules = self.needed(contexts), designs @ self.crossing
        short = (modules < needed[:, 0]).double() * wanted[:, :1]
        if not self.failing:
            return short @ self.cuts.crossing
        of_link = self.cuts.of_link
        failing = torch.zeros(len(designs), self.links, dtype=torch.float64)
        failing[:, self.failing] = wanted[:, 1:].double()
        beside = (modules < needed[:, 1]).double()
        left = modules[:, of_link] - designs[:, :, None]
        through = (left < needed[:, 1][:, of_link]) & self._first
        lost = through.double() * failing[:, :, None]
        gained = torch.zeros_like(beside).scatter_add(1, of_link.flatten().expand(len(designs), -1), lost.flatten(1))
        gained += beside * (failing.sum(1, keepdim=True) - failing @ self.crossing)
        return (short + gained) @ self.cuts.crossing - lost.sum(2)

    @cached_property
    def _first(self) -> Tensor:
        """(L, W) bool, which entries of `of_link` are no repetition."""
        return torch.cat([self.cuts.covered[:, None] > 0, self.cuts.of_link.diff(dim=1) > 0], dim=1)

    def room(self, designs: Tensor, cap: int) -> Tensor:
        """Return where one more module fits (B, L), with up to `cap` channels on a fibre route."""
        return designs < self.largest.clamp(max=cap)

    def capped(self, designs: Tensor, cap: int) -> Tensor:
        """Return plans (B, L) with at most `cap` channels on a fibre route."""
        return designs.minimum(self.largest.to(designs).clamp(max=cap))

    def sound(self, contexts: Tensor, designs: Tensor, wanted: Tensor) -> Tensor:
        """Return whether no cut lacks modules in any wanted scenario (B, S), (B,) bool."""
        return ((self.shortages(contexts, designs) == 0) | ~wanted).all(1)
