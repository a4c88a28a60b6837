"""What is certified of each context: the bound of the linear relaxation, and the best of several assignments.

Assignments are made task by task: to the provider of largest utility less charge, at the bound's prices, among those
with room; and by the rules. The best one that meets the constraints is the design.

Axes: B networks, J providers, T tasks, K moments, R assignments.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from aign.scenarios.asp_selection.bound import Problem, upper_bound
from aign.scenarios.asp_selection.prices import best_prices
from aign.scenarios.asp_selection.providers import Fleet
from aign.scenarios.core.certificate import Certificate, CertificateKind
from aign.scenarios.core.constraints import Constraint, satisfied, tightest
from aign.scenarios.core.sequential import Rule

if TYPE_CHECKING:
    from aign.scenarios.asp_selection.scenario import AspSelection

MARKUPS = (1.0, 1.1)
"""Factors on the prices: higher ones leave more room for tasks that need it."""
RULES = ("prophet", "threshold", "crash_avoid", "round_robin")
"""Rules whose assignments compete."""
KEPT = 2_048
"""Contexts of which the findings are kept."""
AT_ONCE = 64
"""Contexts simulated at once: bounds memory."""
TURNED_AWAY = -10.0
"""Score of a provider without room: below all others."""
STATEMENT = ("Weak duality of the linear relaxation (fractional assignment, all arrivals known), with an allowance for "
             "what crashes could gain: no sequence of decisions has a higher utility, whatever the constraints. The "
             "design is the best of several assignments and need not be optimal.")


@dataclass(frozen=True, eq=False)
class Finding:
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


Known = OrderedDict[tuple[bytes, float], Finding]
"""Findings by context and by the share of capacities that may be filled, the latest last."""


def certify(scenario: AspSelection, contexts: Tensor, constraints: Sequence[Constraint], known: Known) -> Certificate:
    """Return bound and best design of each context (B, C); what is in `known` is not computed again."""
    share = _fillable(constraints)
    findings = _findings(scenario, contexts.cpu(), share, known)
    choice, feasible = [], []
    for finding in findings:
        held = satisfied(constraints, finding.labels, len(finding.utility))
        choice.append(int(finding.utility.where(held | ~held.any(), -torch.inf).argmax()))
        feasible.append(bool(held.any()))
    design = torch.stack([finding.designs[place] for finding, place in zip(findings, choice, strict=True)])
    utility = torch.tensor([finding.bound for finding in findings], dtype=torch.float64)
    return Certificate(utility.to(contexts.device), design.to(contexts.device),
                       torch.tensor(feasible, device=contexts.device), CertificateKind.UPPER_BOUND, STATEMENT,
                       impossible=torch.zeros(len(contexts), dtype=torch.bool, device=contexts.device))


def _fillable(constraints: Sequence[Constraint]) -> float:
    """Return the share of each capacity that constraints allow to be filled."""
    return max(0.0, tightest(constraints, ("max_occupancy", "<="), 1.0))


def _findings(scenario: AspSelection, contexts: Tensor, share: float, known: Known) -> list[Finding]:
    keys = [(row.tobytes(), share) for row in contexts.numpy()]
    new = {key: row for row, key in enumerate(keys) if key not in known}
    rows = list(new.values())
    for start in range(0, len(rows), AT_ONCE):
        chunk = rows[start:start + AT_ONCE]
        found = _found(scenario, contexts[chunk], share)
        known.update({keys[row]: finding for row, finding in zip(chunk, found, strict=True)})
    result = [known[key] for key in keys]
    while len(known) > KEPT:
        known.popitem(last=False)
    return result


def _found(scenario: AspSelection, contexts: Tensor, share: float) -> list[Finding]:
    fleet, (arrivals, demands) = scenario.fleet_of(contexts), scenario.tasks_of(contexts)
    bounds, charges = [], []
    for row in range(len(contexts)):
        own = Fleet.of(fleet.rows()[row:row + 1])
        problem = Problem.of(own, arrivals[row], demands[row], share)
        prices = best_prices(problem)
        bounds.append(upper_bound(problem, prices))
        charges.append(problem.charges(prices))
    rules = [*(_priced(scenario, markup * torch.stack(charges), share) for markup in MARKUPS),
             *(scenario.rules[name] for name in RULES)]
    ends = [scenario.rollout(rule, contexts) for rule in rules]
    designs = torch.stack([scenario.design_of(end).float() for end in ends], dim=1)
    outcomes = [scenario.outcome(contexts, end) for end in ends]
    utility = torch.stack([outcome[0] for outcome in outcomes], dim=1)
    labels = {label.name: torch.stack([outcome[1][label.name] for outcome in outcomes], dim=1)
              for label in scenario.labels}
    return [Finding(bounds[row], designs[row], utility[row], {name: value[row] for name, value in labels.items()})
            for row in range(len(contexts))]


def _priced(scenario: AspSelection, charges: Tensor, share: float) -> Rule:
    """Return the rule that takes what is worth most less its charge (B, T, J), where there is room."""
    def rule(contexts: Tensor, states: Tensor) -> Tensor:
        view = scenario.view(contexts, states)
        worth = view.utility - charges[torch.arange(len(charges)), view.time]
        spare = view.free - (1.0 - share) * view.capacity
        fits = (spare >= view.demand[:, None]) if share == 1.0 else (spare - 1e-6 >= view.demand[:, None])
        # Without room anywhere, who has most of it; free capacity is too small a number to matter otherwise.
        return torch.where(fits, worth, TURNED_AWAY + 1e-6 * view.free)
    return rule
