"""What the model is asked for where a label is the objective: values of it that are better than most in its data.

Axes: K candidates, W wishes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from aign.designs.objectives import Objective
from aign.diffusion.conditions import Conditions
from aign.scenarios.core.constraints import Constraint, tightest

LEVELS = (0.5, 1.0, 1.5, 2.0, 2.4)
"""How good the label shall be, in scores, which are standard normal in the training data: better than 69 to 99 %."""


def wishes(conditions: Conditions, objectives: Sequence[Objective], constraints: Sequence[Constraint], count: int,
           unconditioned: float, repeats: int = 1) -> tuple[list[Constraint], Tensor]:
    """Return bounds on labels to condition on, and which candidate is asked for which.

    Each candidate is asked for one objective, in turn, and from turn to turn for another level of it; nothing of this
    is enforced by projection.

    Args:
        conditions: what the model can be asked for.
        objectives: of the request.
        constraints: of the request; no wish is looser than these.
        count: K.
        unconditioned: share of the candidates, the first ones, that are asked for nothing.
        repeats: candidates in a row that are asked for the same objective: what else takes turns then meets them all.

    Returns:
        W bounds, and (K, W) bool.
    """
    bounds, columns = [], []
    turn = torch.arange(count)
    for place, objective in enumerate(objectives):
        for number, level in enumerate(LEVELS if not objective.is_utility else ()):
            bounds.append(_bound(conditions, objective, constraints, level))
            columns.append((turn // repeats % len(objectives) == place)
                           & (turn // len(objectives) % len(LEVELS) == number))
    chosen = torch.stack(columns, dim=1) if columns else torch.zeros(count, 0, dtype=torch.bool)
    chosen[:int(unconditioned * count)] = False
    return bounds, chosen


def _bound(conditions: Conditions, objective: Objective, constraints: Sequence[Constraint], level: float) -> Constraint:
    """Return the bound that a label is as good as so many scores above the median of the data."""
    place = conditions.column(objective.name) - 1
    value = np.interp(-level if objective.lower else level, conditions.scores[place], conditions.knots[place])
    bound = objective.bound(0.0)
    return bound.at(tightest(constraints, bound.side, float(value)))
