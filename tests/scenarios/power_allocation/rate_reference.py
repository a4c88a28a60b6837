"""Independent arithmetic for rate utility: loops and numpy, no shared code with the solvers."""

from __future__ import annotations

import itertools

import numpy as np
import torch
from torch import Tensor

from aign.scenarios.core.registry import create
from aign.scenarios.core.scenario import Scenario

ALPHA, BANDWIDTH, PRICE = 6.948, 423.1, 0.2206


def network(users: int, stations: int, count: int = 1, seed: int = 0, gains: str = "strong") -> tuple[Scenario, Tensor]:
    """Return a rate-utility scenario and contexts."""
    scenario = create("power-allocation", users=users, base_stations=stations, utility="rate", gains=gains)
    return scenario, scenario.draw_contexts(count, torch.Generator().manual_seed(seed))


def sinrs(context: Tensor, powers: np.ndarray) -> np.ndarray:
    """Return every user's SINR (N,) by explicit loops."""
    users = len(powers)
    gain = context.double().numpy().reshape(users, -1)
    serving = gain.argmax(axis=1)
    return np.array([gain[i, serving[i]] * powers[i]
                     / (1 + sum(gain[k, serving[i]] * powers[k] for k in range(users) if k != i))
                     for i in range(users)])


def utility(context: Tensor, powers: np.ndarray) -> float:
    """Return the rate utility."""
    return float(ALPHA * BANDWIDTH * np.log2(1 + sinrs(context, powers)).sum() - PRICE * powers.sum())


def exhaustive(context: Tensor, users: int, levels: list[int], budget: float = np.inf, target: float = 0.0) -> float:
    """Return the best utility over all designs of the given levels within budget and SINR target; -inf if none."""
    gain = context.double().numpy().reshape(users, -1)
    serving = gain.argmax(axis=1)
    designs = np.array(list(itertools.product(levels, repeat=users)), dtype=float)
    signal = designs * gain[np.arange(users), serving]
    heard = designs @ gain
    ratio = signal / (1 + heard[:, serving] - signal)
    value = ALPHA * BANDWIDTH * np.log2(1 + ratio).sum(axis=1) - PRICE * designs.sum(axis=1)
    allowed = (designs.sum(axis=1) <= budget) & (ratio >= target).all(axis=1)
    return float(value[allowed].max()) if allowed.any() else -np.inf
