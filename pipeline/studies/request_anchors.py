"""Between which values the thresholds of requests are drawn, and which are the hardest feasible ones.

Axes: B contexts, C context values, N users.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from aign.scenarios.core.constraints import Constraint
from aign.scenarios.core.scenario import Scenario
from aign.scenarios.power_allocation.physics import P_MAX
from aign.scenarios.power_allocation.requirements import feasible, least_powers, requirements
from studies.request_sets import POWER, WORST_USER

CLOSED_FORM = (*POWER, *WORST_USER)
"""Labels whose feasibility has a closed form."""
HALVINGS = 24
"""Steps of a bisection."""


@dataclass(frozen=True)
class Anchors:
    """Label values of each context between which thresholds are drawn.

    Attributes:
        optimum: label -> (B,), at the certified unconstrained design.
        extreme: label -> (B,). Powers: everybody at level 1. Worst user: the greatest value any design reaches. Jain's
            index: 1. Energy efficiency: the best that a coordinate search finds with nobody silent.
        utility: (B,) certified, unconstrained.
    """

    optimum: Mapping[str, Tensor]
    extreme: Mapping[str, Tensor]
    utility: Tensor

    @classmethod
    def of(cls, scenario: Scenario[Any], contexts: Tensor) -> Anchors:
        """Compute the anchors of power-allocation contexts (B, C)."""
        certificate = scenario.certify(contexts)
        fair = torch.stack([fairest(scenario, context) for context in contexts])
        lowest, worst = scenario.measure(contexts, torch.ones_like(fair)), scenario.measure(contexts, fair)
        efficient = scenario.measure(contexts, most_efficient(scenario, contexts))["energy_efficiency"]
        extreme = {**{name: lowest[name] for name in POWER}, **{name: worst[name] for name in WORST_USER},
                   "jain_fairness": torch.ones_like(certificate.utility), "energy_efficiency": efficient}
        return cls(scenario.measure(contexts, certificate.design), extreme, certificate.utility)

    def threshold(self, label: str, row: int, tightness: float) -> float:
        """Return the value at a tightness between 0 and 1."""
        start, end = float(self.optimum[label][row]), float(self.extreme[label][row])
        return start + tightness * (end - start)


def fairest(scenario: Scenario[Any], context: Tensor) -> Tensor:
    """Return the whole-level design (N,) of least power whose worst user fares as well as in any design."""
    silent, one_level = torch.zeros(1, scenario.state_size), torch.ones(1, scenario.state_size)
    sinr = hardest_possible(0.0, float(P_MAX * context.max()),
                            lambda middle: float(least_powers(context[None], silent, middle).max()) <= P_MAX)
    return least_powers(context[None], one_level, sinr)[0].float().clamp(max=P_MAX)


def most_efficient(scenario: Scenario[Any], contexts: Tensor, sweeps: int = 2) -> Tensor:
    """Return designs (B, N) of high energy efficiency with nobody silent, by coordinate search from level 1."""
    levels = torch.arange(1.0, P_MAX + 1)
    designs = torch.ones(len(contexts), scenario.state_size)
    repeated = contexts.repeat_interleave(len(levels), dim=0)
    for user in [*range(scenario.state_size)] * sweeps:
        trial = designs.repeat_interleave(len(levels), dim=0)
        trial[:, user] = levels.repeat(len(contexts))
        value = scenario.measure(repeated, trial)["energy_efficiency"].reshape(-1, len(levels))
        designs[:, user] = levels[value.argmax(dim=1)]
    return designs


def hardest_possible(lax: float, hard: float, possible: Callable[[float], bool]) -> float:
    """Return the hardest possible threshold between a possible and an impossible one, by bisection."""
    for _ in range(HALVINGS):
        middle = (lax + hard) / 2
        lax, hard = (middle, hard) if possible(middle) else (lax, middle)
    return lax


def hardest_threshold(scenario: Scenario[Any], context: Tensor, label: str,
                      rest: Sequence[Constraint]) -> float | None:
    """Return the hardest threshold of a label that is feasible beside the closed-form part of the rest; None where the
    laxest threshold is too hard already, or the hardest thinkable is feasible.
    """
    lax, hard = {"total_power": (float(P_MAX * scenario.state_size), 0.0), "max_power": (float(P_MAX), 0.0),
                 "min_rate": (0.0, 1e4), "min_sinr_db": (-99.0, 60.0)}[label]

    def possible(threshold: float) -> bool:
        """Return whether a design meets the threshold beside the rest."""
        tried = Constraint(label, "<=" if label in POWER else ">=", threshold)
        return closed_form_feasible(scenario, context, (tried, *rest))

    return hardest_possible(lax, hard, possible) if possible(lax) and not possible(hard) else None


def beyond(label: str, edge: float, share: float) -> float:
    """Return a threshold harder than the hardest feasible one by a share of it."""
    if label == "min_sinr_db":
        return edge + 10 * math.log10(1 + share)
    return edge * (1 - share) if label in POWER else edge * (1 + share)


def bound(scenario: Scenario[Any], label: str, threshold: float) -> Constraint:
    """Return the constraint on the side that costs something, its threshold rounded to what an operator would type."""
    rounded = float(math.floor(threshold)) if label in scenario.integer_labels else float(f"{threshold:.4g}")
    return Constraint(label, "<=" if scenario.label(label).better == "lower" else ">=", rounded)


def closed_form_feasible(scenario: Scenario[Any], context: Tensor, constraints: Sequence[Constraint]) -> bool:
    """Return whether a design in a context (1, C) meets those of the constraints that have a closed form; exact."""
    users = scenario.state_size
    return bool(feasible(context, requirements(constraints, users), users)[0][0])
