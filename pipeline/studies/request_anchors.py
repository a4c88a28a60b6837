"""Label values of a context between which the study's thresholds are drawn.

Axes: B contexts, C context values, N users.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from aign.scenarios.core.scenario import Scenario
from aign.scenarios.power_allocation.physics import P_MAX
from aign.scenarios.power_allocation.requirements import least_powers
from studies.request_sets import POWER, WORST_USER

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
        lowest = scenario.measure(contexts, torch.ones_like(fair))
        worst = scenario.measure(contexts, fair)
        efficient = scenario.measure(contexts, most_efficient(scenario, contexts))
        extreme = {**{name: lowest[name] for name in POWER}, **{name: worst[name] for name in WORST_USER},
                   "jain_fairness": torch.ones_like(certificate.utility),
                   "energy_efficiency": efficient["energy_efficiency"]}
        return cls(scenario.measure(contexts, certificate.design), extreme, certificate.utility)

    def threshold(self, label: str, row: int, tightness: float) -> float:
        """Return the value at a tightness between 0 and 1."""
        start, end = float(self.optimum[label][row]), float(self.extreme[label][row])
        return start + tightness * (end - start)


def fairest(scenario: Scenario[Any], context: Tensor) -> Tensor:
    """Return the whole-level design (N,) of least power whose worst user fares as well as in any design."""
    users, low = scenario.state_size, 0.0
    high = float(P_MAX * context.max())
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        powers = least_powers(context[None], torch.zeros(1, users), middle)
        low, high = (middle, high) if float(powers.max()) <= P_MAX else (low, middle)
    return least_powers(context[None], torch.ones(1, users), low)[0].float().clamp(max=P_MAX)


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
