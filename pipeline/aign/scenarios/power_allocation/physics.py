"""Uplink physics: from gains and powers to SINR, rate and utility.

All gains are normalised by the noise power, so the noise is 1 and a gain has the unit 1/level. For one base station
every formula needs only sums over users, which keeps the simulator at O(N) a network. Each formula works in place on
what the one before it made: large batches gain up to a factor of two, at the price of not being differentiable.

Axes: B networks, N users, M base stations. Powers are levels in 0..P_MAX.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor

REVENUE = 6.948
"""alpha: revenue per unit of ln(rate) (log utility) or per Mbit/s (rate utility)."""
BANDWIDTH = 423.1
"""B: rate per unit of log2(1 + SINR), in Mbit/s."""
POWER_PRICE = 0.2206
"""c: cost of one power level."""
P_MAX = 40
"""Highest power level; designs are whole levels 0..P_MAX."""
RATE_FLOOR = 0.01
"""R_f in Mbit/s: what a silent user is credited with, so that ln(rate) stays finite at the published start (0, 0)."""
MEAN_GAIN = 1.54e-3
"""Mean normalised gain; with the constants above it reproduces the paper's utilities for 20, 50 and 80 users."""

SILENT_DB = -100.0
"""What the label `min_sinr_db` says of a silent user."""

Utility = Literal["log", "rate"]


def gain_matrix(contexts: Tensor, users: int) -> Tensor:
    """Reshape contexts (B, N*M) to gains (B, N, M), float64."""
    return contexts.double().reshape(len(contexts), users, contexts.shape[1] // users)


def cross_gains(gains_BNM: Tensor) -> Tensor:
    """Return G (B, N, N): G[b, i, k] is the gain of user k at the base station that serves user i."""
    serving_BN = gains_BNM.argmax(dim=2)
    index = serving_BN[:, :, None].expand(-1, -1, gains_BNM.shape[1])
    return gains_BNM.transpose(1, 2).gather(1, index)


def received(contexts: Tensor, powers: Tensor) -> tuple[Tensor, Tensor]:
    """Return each user's received signal and the interference plus noise on it, both (B, N) float64."""
    users = powers.shape[1]
    if contexts.shape[1] == users:
        signal = contexts.double() * powers
        return signal, signal.sum(dim=1, keepdim=True) + 1.0 - signal
    gains_BNM = gain_matrix(contexts, users)
    best_BN, serving_BN = gains_BNM.max(dim=2)
    signal = best_BN * powers
    heard_BM = torch.einsum("bnm,bn->bm", gains_BNM, powers.double())
    return signal, heard_BM.gather(1, serving_BN) + 1.0 - signal


def sinr(contexts: Tensor, powers: Tensor) -> Tensor:
    """Return the signal-to-interference-plus-noise ratio (B, N) of powers (B, N)."""
    signal, interference = received(contexts, powers)
    return signal.div_(interference)


def shannon(ratio: Tensor) -> Tensor:
    """Return the rate B log2(1 + SINR) in Mbit/s."""
    return torch.log1p(ratio).mul_(BANDWIDTH / math.log(2.0))


def decibels(ratio: Tensor) -> Tensor:
    """Return the SINR in dB, at least SILENT_DB."""
    return ratio.log10().mul_(10.0).clamp_min_(SILENT_DB)


def rates(contexts: Tensor, powers: Tensor) -> Tensor:
    """Return each user's Shannon rate in Mbit/s, (B, N)."""
    return shannon(sinr(contexts, powers))


def utility(contexts: Tensor, powers: Tensor, kind: Utility) -> Tensor:
    """Return the network's utility (B,), float64: revenue of the rates less the cost of power.

    log:  sum_i alpha ln(max(R_i, R_f)) - c p_i   (the paper's "logarithmic revenue", sum-proportional fairness)
    rate: sum_i alpha R_i - c p_i                 (alpha-fairness 0, NP-hard with interference)
    """
    return worth(rates(contexts, powers), powers, kind)


def worth(rate: Tensor, powers: Tensor, kind: Utility) -> Tensor:
    """Return the utility (B,) of powers at rates (B, N), which are overwritten."""
    revenue = rate.clamp_min_(RATE_FLOOR).log_().sum(dim=1) if kind == "log" else rate.sum(dim=1)
    return REVENUE * revenue - POWER_PRICE * powers.double().sum(dim=1)


def sinr_target(constraint_label: str, threshold: float) -> float:
    """Return the least SINR at which `min_rate` (Mbit/s) or `min_sinr_db` (dB) reaches a threshold.

    Least to the last bit of the label's own formula, so that asking this SINR of every user accepts exactly the designs
    whose label, as `Uplink.measure` computes it, meets the threshold. 0 where silence meets it, infinite where
    no float does.
    """
    by_rate = constraint_label == "min_rate"
    if threshold <= (0.0 if by_rate else SILENT_DB):
        return 0.0
    try:
        nearly = math.expm1(threshold / BANDWIDTH * math.log(2.0)) if by_rate else 10.0 ** (threshold / 10.0)
    except OverflowError:
        return math.inf
    # Half a unit in the last place at a time, so that rounding leaves out no float near the closed form.
    near = nearly + nearly * 2.0**-53 * torch.arange(-8192, 8193, dtype=torch.float64)
    label = shannon(near) if by_rate else decibels(near)
    return float(near[min(int((label < threshold).sum()), len(near) - 1)])
