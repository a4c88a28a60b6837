"""Plans by rules: shortest paths, reverse deletion, rounding a linear program up.

Axes: B networks, P pairs, L links.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from aign.scenarios.ip_optical_planning.economics import Economics, LayeredEconomics
from aign.scenarios.ip_optical_planning.repair import Repair
from aign.scenarios.ip_optical_planning.solver.answers import Limits
from aign.scenarios.ip_optical_planning.solver.node_sets import CutRows
from aign.scenarios.ip_optical_planning.solver.relaxation import Relaxation, Separation, tighten
from aign.scenarios.ip_optical_planning.solver.search import Search

RANDOM = 16
"""Random plans of which the cheapest is taken."""
RANDOM_LIGHTPATHS = 0.25
"""Lightpaths of every candidate in a random plan, on average, beside half of those that demands need end to end."""


class Rules:
    """Heuristics of one problem; each maps contexts (B, P) to plans (B, L)."""

    def __init__(self, economics: Economics, repair: Repair) -> None:
        self.problem, self.economics, self._repair = economics.problem, economics, repair

    def shortest_path(self, contexts: Tensor) -> Tensor:
        """Return enough modules for shortest-path routing in every scenario, up to the limit of a link."""
        return self.problem.shortest_path_plan(contexts).minimum(self.problem.largest)

    def reverse_delete(self, contexts: Tensor) -> Tensor:
        """Return the shortest-path plan without the modules that nothing needs, dearest links first."""
        return self._repair.survivable(contexts, self.shortest_path(contexts))

    def round_up(self, contexts: Tensor) -> Tensor:
        """Return the linear relaxation over cuts, rounded up."""
        plans = torch.stack([self._relaxed(context) for context in contexts]).minimum(self.problem.largest)
        return self._repair.routed(contexts, plans, self._everything(contexts), self.problem.widest)

    def solver_first(self, contexts: Tensor) -> Tensor:
        """Return the first plan of the certificate's search; the shortest-path plan where it has none."""
        plans = self.shortest_path(contexts)
        for row, context in enumerate(contexts):
            search = Search(self.economics.instance(context, self.problem.widest), Limits(gap=1.0, rounds=0))
            answer = search.run(keep_interrupted=False)
            if answer.plan is not None:
                plans[row] = torch.tensor(answer.plan[:self.problem.links])
        return plans

    def random_repaired(self, contexts: Tensor) -> Tensor:
        """Return the best of `RANDOM` plans, uniform up to twice the modules of the shortest-path plan, mended.

        All are mended by cuts; the cheapest then gets what its routing lacks, which takes the longest by far.
        """
        share = 2 * torch.rand(RANDOM, self.problem.links, generator=torch.Generator().manual_seed(0)).double()
        drawn = (share * self._scale(contexts)[:, None]).round().flatten(0, 1)
        repeated = contexts.repeat_interleave(RANDOM, 0)
        plans = self._repair.by_cuts(repeated, drawn.minimum(self.problem.largest), self._everything(repeated),
                                     self.problem.widest)
        best = self.economics.cost(plans).reshape(-1, RANDOM).argmin(1)
        cheapest: Tensor = plans.unflatten(0, (-1, RANDOM))[torch.arange(len(contexts)), best]
        return self._repair.routed(contexts, cheapest, self._everything(contexts), self.problem.widest)

    def _scale(self, contexts: Tensor) -> Tensor:
        """Return the modules (B, L) about which random plans are drawn."""
        return self.problem.shortest_path_plan(contexts)

    def _everything(self, contexts: Tensor) -> Tensor:
        return torch.ones(len(contexts), self.problem.scenarios, dtype=torch.bool)

    def _relaxed(self, context: Tensor) -> Tensor:
        """Return the rounded-up relaxation (L,) of one context (P,)."""
        instance = self.economics.instance(context, self.problem.widest)
        rows, separation = CutRows(instance.columns), Separation(instance)
        relaxation = Relaxation(instance, rows)
        relaxation.add(rows.add(*separation.rows(np.eye(instance.nodes, dtype=bool))))
        if not (relaxation.solve() and tighten(relaxation, separation)):
            return self.problem.shortest_path_plan(context[None])[0]
        return torch.tensor(relaxation.plan[:instance.links] - 1e-7).ceil().clamp_min(0.0)


class LayeredRules(Rules):
    """Heuristics in two layers, with lightpaths for modules; the shortest-path plan has direct ones only."""

    def __init__(self, economics: LayeredEconomics, repair: Repair) -> None:
        super().__init__(economics, repair)
        problem, topology = economics.problem, economics.problem.topology
        ends, lightpaths = np.sort(topology.pairs, axis=1), problem.lightpaths
        joins = (np.sort(lightpaths.ends, axis=1)[None] == ends[:, None]).all(2)
        self._shortest = torch.tensor(np.where(joins, lightpaths.length, np.inf).argmin(1))

    def bypass(self, contexts: Tensor) -> Tensor:
        """Return lightpaths from end to end for every demand, over the shortest candidate, and what survival takes."""
        return self._repair.survivable(contexts, self._end_to_end(contexts))

    def _end_to_end(self, contexts: Tensor) -> Tensor:
        whole = (contexts.double() / self.problem.module).ceil()
        plans = torch.zeros(len(contexts), self.problem.links, dtype=torch.float64)
        plans.index_add_(1, self._shortest, whole)
        return plans.minimum(self.problem.largest)

    def _scale(self, contexts: Tensor) -> Tensor:
        """Return the lightpaths (B, L) about which random plans are drawn: one in four of every candidate, or more."""
        return self._end_to_end(contexts) / 2 + RANDOM_LIGHTPATHS
