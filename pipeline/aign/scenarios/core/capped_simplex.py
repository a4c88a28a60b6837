"""The nearest point of a capped simplex: the geometry of sharing a budget of power, time or money.

Shares lie between 0 and a cap, and their sum is bounded. The nearest such point, in Euclidean distance, lowers all
values alike and cuts them at 0 and at the cap, p = clip(x - drop, 0, cap); only the drop is to be found (Wang and Lu,
"Projection onto the capped simplex", 2015). Pouring a budget over a ground is the same problem upside down.

Axes: B points, C values.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import pad

ROUNDING = 8  # units of relative rounding error by which results stay inside the limits, so that none is crossed


def nearest_within(points: Tensor, total: float, cap: float) -> Tensor:
    """Return the nearest points with sum p <= total and 0 <= p <= cap; a limit below 0 counts as 0.

    Computed in float64 and returned in the type of the points, inside the limits even after rounding to that type. A
    point that lies inside is returned as it is.

    Args:
        points: (B, C), of any sign.
        total: largest sum.
        cap: largest value.

    Returns:
        (B, C), the type of the points.
    """
    inside = 1.0 - ROUNDING * torch.finfo(points.dtype).eps
    total, cap = max(0.0, total * inside), max(0.0, cap * inside)
    values = points.double()
    wanted = values.clamp(0.0, cap).sum(dim=1, keepdim=True).clamp_max(total)
    return (values - drop_to_sum(values, wanted, cap).clamp_min(0.0)).clamp(0.0, cap).to(points.dtype)


def drop_to_sum(points: Tensor, total: Tensor, cap: float) -> Tensor:
    """Return the drop at which clip(points - drop, 0, cap) sums to total.

    The sum grows in pieces, each linear, as the drop falls: a value leaves 0 at drop x and meets the cap at drop
    x - cap. Sorting these 2 C knots and adding up the pieces finds the one that holds the total.

    Args:
        points: (B, C) float64.
        total: (B, 1) float64, at least 0.
        cap: largest value, at least 0.

    Returns:
        (B, 1) float64; minus infinity where even C values at the cap sum to less than the total.
    """
    knots, order = torch.cat([points, points - cap], dim=1).sort(dim=1, descending=True, stable=True)
    moving = torch.where(order < points.shape[1], 1.0, -1.0).double().cumsum(dim=1)  # values that grow below each knot
    sums = pad((moving[:, :-1] * -knots.diff(dim=1)).cumsum(dim=1), (1, 0))  # the sum at each knot
    last = (torch.searchsorted(sums, total) - 1).clamp_min(0)  # the last knot at which the sum is still too small
    return knots.gather(1, last) - (total - sums.gather(1, last)) / moving.gather(1, last)
