"""What a user observes where several base stations share the band: enough for one policy to serve any number of users.

Axes: B networks, N users, M base stations, F = 12 values.
"""

from __future__ import annotations

import torch
from torch import Tensor

from aign.scenarios.power_allocation.physics import P_MAX
from aign.scenarios.power_allocation.rate_problem import PRICE, RateProblem


def user_observations(contexts: Tensor, powers: Tensor, mean_gain: float) -> Tensor:
    """Return what each user observes, float32 (B, N, 12), every value of order 1.

    Own channel and power: log gain, power, log power. Its base station: all that it receives, interference, own SINR,
    SINR at full power, gain against the strongest other user there, gain of all others there. Beyond: gain to the
    loudest foreign base station; what one more level costs all other users in log(1 + SINR), as base stations
    can broadcast it (pricing, Huang, Berry, Honig 2006); what it brings to oneself against that cost.
    """
    problem = RateProblem.of(contexts, powers.shape[1])
    levels, gain = powers.double(), problem.serving_gain
    signal, total = (value[:, 0] for value in problem.received(levels[:, None]))
    interference = total - signal
    harm = 1.0 / interference - 1.0 / total
    felt = torch.einsum("bn,bnm->bm", harm, problem.served)
    # A user does not interfere with itself.
    cost = torch.einsum("bm,bnm->bn", felt, problem.gains) - gain * harm + PRICE
    together = problem.served @ problem.served.transpose(1, 2)
    apart = together - torch.eye(levels.shape[1], dtype=together.dtype, device=together.device)
    rival = (apart * gain[:, None]).amax(dim=2)
    foreign = (problem.gains - problem.served * problem.gains).amax(dim=2)
    views = [(gain / mean_gain).log() / 2, levels / 20 - 1, levels.log1p() - 2,
             total.log() - 1, interference.log() - 1, (signal / interference).log1p() - 1,
             (P_MAX * gain / interference).log1p() - 1, limited((gain / rival.clamp_min(1e-12)).log()),
             (P_MAX * (apart @ gain[:, :, None])[..., 0]).log1p() - 1, (foreign / mean_gain).log() / 2,
             (P_MAX * cost).log1p() - 1, limited((gain / total / cost.clamp_min(1e-12)).log())]
    return torch.stack(views, dim=2).float()


def limited(values: Tensor) -> Tensor:
    """Return values squeezed into [-3, 3]."""
    return 3 * (values / 3).tanh()
