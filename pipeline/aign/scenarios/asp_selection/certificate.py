"""What is certified of each context: the bound of the linear relaxation, and the best of several assignments.

Assignments are made task by task: to the provider of largest utility less charge, at the bound's prices, among those
with room; and by the rules. The best one that meets the constraints is the design.

Axes: B networks, J providers, T tasks, K moments, R assignments.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from aign.scenarios.asp_selection.bound import Problem, best_prices, upper_bound
from aign.scenarios.asp_selection.providers import Workload
from aign.scenarios.asp_selection.rules import RULES, Policy, View
from aign.scenarios.core.certificate import Certificate, CertificateKind
from aign.scenarios.core.constraints import Constraint, satisfied, tightest

MARKUPS = (1.0, 1.1)
"""Factors on the prices: higher ones leave more room for tasks that need it."""
COMPETING = ("prophet", "threshold", "crash_avoid", "round_robin")
"""Rules whose assignments compete."""
KEPT = 2_048
"""Most contexts whose results are kept."""
AT_ONCE = 64
"""Contexts simulated at once, so that large batches fit."""
TURNED_AWAY = -10.0
"""Score of a provider without room: below all others."""
STATEMENT = ("Weak duality of the linear relaxation (fractional assignment, all arrivals known), with an allowance for "
             "what crashes could gain: no sequence of decisions has a higher utility, whatever the constraints. The "
             "design is the best of several assignments and need not be optimal.")

Simulate = Callable[[Policy, Tensor], tuple[Tensor, Tensor, Mapping[str, Tensor]]]
"""Plays a policy in contexts (B, C); returns designs (B, T), their utility (B,) and labels, each (B,)."""


@dataclass(frozen=True, eq=False)
class ContextResult:
    """What is known of one context.

    Attributes:
        bound: on the utility of any design.
        designs: (R, T).
        utility: (R,) of these designs.
        labels: each (R,).
    """

    bound: float
    designs: Tensor
    utility: Tensor
    labels: Mapping[str, Tensor]


class Certifier:
    """Certifies contexts, each once: results are kept by context and by the share of capacities that may be filled.

    Attributes:
        cache: the results, the latest last.
    """

    def __init__(self, providers: int, simulate: Simulate) -> None:
        self._providers, self._simulate = providers, simulate
        self.cache: OrderedDict[tuple[bytes, float], ContextResult] = OrderedDict()

    def certify(self, contexts: Tensor, constraints: Sequence[Constraint]) -> Certificate:
        """Return bound and best design of each context (B, C)."""
        share = max(0.0, tightest(constraints, ("max_occupancy", "<="), 1.0))
        results, designs, feasible = self._results(contexts.cpu(), share), [], []
        for result in results:
            held = satisfied(constraints, result.labels, len(result.utility))
            designs.append(result.designs[result.utility.where(held | ~held.any(), -torch.inf).argmax()])
            feasible.append(bool(held.any()))
        utility = torch.tensor([result.bound for result in results], dtype=torch.float64)
        device = contexts.device
        return Certificate(utility.to(device), torch.stack(designs).to(device), torch.tensor(feasible, device=device),
                           CertificateKind.UPPER_BOUND, STATEMENT,
                           impossible=torch.zeros(len(contexts), dtype=torch.bool, device=device))

    def _results(self, contexts: Tensor, share: float) -> list[ContextResult]:
        keys = [(row.tobytes(), share) for row in contexts.numpy()]
        rows = list({key: row for row, key in enumerate(keys) if key not in self.cache}.values())
        for start in range(0, len(rows), AT_ONCE):
            chunk = rows[start:start + AT_ONCE]
            computed = self._computed(contexts[chunk], share)
            self.cache.update({keys[row]: result for row, result in zip(chunk, computed, strict=True)})
        results = [self.cache[key] for key in keys]
        while len(self.cache) > KEPT:
            self.cache.popitem(last=False)
        return results

    def _computed(self, contexts: Tensor, share: float) -> list[ContextResult]:
        workload, bounds, charges = Workload.read(contexts, self._providers), [], []
        for row in range(len(contexts)):
            problem = Problem.of(workload.row(row), share)
            prices = best_prices(problem)
            bounds.append(upper_bound(problem, prices))
            charges.append(problem.charges(prices))
        policies = [*(priced(markup * torch.stack(charges), share) for markup in MARKUPS),
                    *(RULES[name] for name in COMPETING)]
        designs, utility, labels = zip(*(self._simulate(policy, contexts) for policy in policies), strict=True)
        return [ContextResult(bound, torch.stack([design[row] for design in designs]),
                              torch.stack([value[row] for value in utility]),
                              {name: torch.stack([values[name][row] for values in labels]) for name in labels[0]})
                for row, bound in enumerate(bounds)]


def priced(charges: Tensor, share: float) -> Policy:
    """Return the policy that takes what is worth most less its charge (B, T, J), where there is room."""
    def policy(view: View) -> Tensor:
        worth = view.utility - charges[torch.arange(len(charges)), view.time]
        spare = view.free - (1.0 - share) * view.capacity
        fits = (spare >= view.demand[:, None]) if share == 1.0 else (spare - 1e-6 >= view.demand[:, None])
        # Without room anywhere, who has most of it; free capacity is too small a number to matter otherwise.
        return torch.where(fits, worth, TURNED_AWAY + 1e-6 * view.free)
    return policy
