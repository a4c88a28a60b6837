"""What capacity is worth in the long run: prices of the fluid linear program, which knows rates but no arrivals.

With shares x_dj of the tasks of demand d going to provider j, which occupy w_d = rate d runtime(d) each,

    max sum_dj P(d) u_j(d) x_dj   where   sum_j x_dj <= 1,   sum_d P(d) w_d x_dj <= `FILLED` c_j.

The dual of a provider's row is what a unit of its capacity earns, tasks that come later being served as well as can be
(bid prices: Talluri and van Ryzin, The theory and practice of revenue management, 2004, section 3.2).

Axes: B networks, J providers, D kinds of demand.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from aign.scenarios.asp_selection.providers import ARRIVAL_RATE, DEMANDS, Fleet, runtime

KINDS = torch.arange(DEMANDS[0], DEMANDS[1] + 1.0, 10.0, dtype=torch.float64)
"""The demands that tasks have, all as likely."""
FILLED = 0.95
"""Share of a capacity that can be in use in the long run; the rest is lost to tasks that do not fit exactly."""


def occupancy(demand: Tensor) -> Tensor:
    """Return the capacity that tasks of these demands (...) would occupy on average if all tasks were so (...)."""
    return ARRIVAL_RATE * demand * runtime(demand)


def steady_prices(fleet: Fleet) -> Tensor:
    """Return the prices (B, J), float64, of a unit of `occupancy`; fleets that are alike are solved once."""
    rows, place = fleet.rows().cpu().unique(dim=0, return_inverse=True)
    return torch.stack([_solved(Fleet.of(row[None])) for row in rows])[place].to(fleet.capacity.device)


def _solved(fleet: Fleet) -> Tensor:
    """Return the prices (J,) of one fleet (B = 1)."""
    from scipy.optimize import linprog  # half a second
    quality = fleet.utility(KINDS).numpy()  # (D, J)
    kinds, providers = quality.shape
    once = np.kron(np.eye(kinds), np.ones((1, providers)))
    loads = np.kron(occupancy(KINDS).numpy() / kinds, np.eye(providers))
    limits = np.concatenate([np.ones(kinds), FILLED * fleet.capacity[0].numpy()])
    solved = linprog(-quality.ravel() / kinds, A_ub=np.vstack([once, loads]), b_ub=limits, method="highs")
    return torch.tensor(-solved.ineqlin.marginals[kinds:]).clamp_min(0.0)
