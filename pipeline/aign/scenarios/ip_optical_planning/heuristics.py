"""Plans by rules: shortest paths, reverse deletion, rounding a linear program up.

Axes: B networks, L links.
"""

from __future__ import annotations

import torch
from torch import Tensor

from aign.scenarios.ip_optical_planning.economics import Economics
from aign.scenarios.ip_optical_planning.integer_program import IntegerProgram
from aign.scenarios.ip_optical_planning.repair import Repair


class Rules:
    """Heuristics of one problem; each maps contexts (B, P) to plans (B, L)."""

    def __init__(self, economics: Economics, repair: Repair) -> None:
        self.problem, self.economics, self._repair = economics.problem, economics, repair

    def shortest_path(self, contexts: Tensor) -> Tensor:
        """Return enough modules for shortest-path routing in every scenario, up to the limit of a link."""
        return self.problem.shortest_path_plan(contexts).clamp_max(self.problem.most)

    def reverse_delete(self, contexts: Tensor) -> Tensor:
        """Return the shortest-path plan without the modules that nothing needs, dearest links first."""
        return self._repair.mended(contexts, self.shortest_path(contexts), self._everything(contexts),
                                   self.problem.most)

    def round_up(self, contexts: Tensor) -> Tensor:
        """Return the linear relaxation over all cuts, rounded up."""
        plans = torch.stack([self._relaxed(context) for context in contexts]).clamp_max(self.problem.most)
        return self._repair.routed(contexts, plans, self._everything(contexts), self.problem.most)

    def _everything(self, contexts: Tensor) -> Tensor:
        return torch.ones(len(contexts), self.problem.scenarios, dtype=torch.bool)

    def _relaxed(self, context: Tensor) -> Tensor:
        """Return the rounded-up relaxation (L,) of one context (P,)."""
        program = IntegerProgram(0.0)
        columns = program.columns(self.economics.link_prices.numpy() / self.economics.unit, 0.0,
                                  float(self.problem.most), whole=False)
        for low, matrix in self.problem.rows(context):
            program.rows(low, matrix, columns)
        values = program.solve().values
        if values is None:
            return self.problem.shortest_path_plan(context[None])[0]
        return torch.tensor(values - 1e-7).ceil().clamp_min(0.0)
