"""Prices of capacity at which the bound is (nearly) as low as it gets.

Small problems: the linear program itself, by HiGHS. Large ones: descent on the dual, whose maxima are softened ever
less; it takes a twentieth of the time and comes within a thousandth at the usual load (within two hundredths where
networks are overloaded). Any prices give a valid bound, so nothing hangs on whether either has converged.

Axes: T tasks, J providers, K moments.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy.optimize import linprog
from scipy.sparse import csc_matrix, vstack
from torch import Tensor

from aign.scenarios.asp_selection.bound import Problem

LARGEST_PROGRAM = 2_500
"""Task-provider pairs up to which the linear program is solved."""
STEPS = 300
STEP_SIZES = (4.0, 0.02)
"""Relative to the price at which an average task pays what an average provider gives, first and last."""
SOFTNESS = (3e-2, 1e-3)
"""Temperature of the choice among providers [utility], first and last."""
MOMENTA = (0.9, 0.99)
"""Of the running means of the slope and its square (Kingma and Ba, Adam, 2015)."""


def best_prices(problem: Problem) -> Tensor:
    """Return prices (K, J), not negative."""
    solved = program_prices(problem) if problem.utility.numel() <= LARGEST_PROGRAM else None
    return descended_prices(problem) if solved is None else solved[0]


def program_prices(problem: Problem) -> tuple[Tensor, float] | None:
    """Return the prices (K, J) that the linear program gives, and its optimum, by HiGHS (interior points, crossover);
    None where the solver gave up.
    """
    tasks, providers = problem.utility.shape
    task, provider = (place.ravel() for place in np.indices((tasks, providers)))
    lengths = (problem.last - problem.first).numpy()[task]
    column = np.repeat(np.arange(len(task)), lengths)
    moment = np.arange(len(column)) - np.repeat(lengths.cumsum() - lengths - problem.first.numpy()[task], lengths)
    rows = moment * providers + provider[column]
    demand = problem.demand.numpy()[task]
    loads = csc_matrix((demand[column], (rows, column)), (problem.moments * providers, len(task)))
    once = csc_matrix((np.ones(len(task)), (task, np.arange(len(task)))), (tasks, len(task)))
    limits = np.concatenate([np.tile(problem.capacity.numpy(), problem.moments), np.ones(tasks)])
    solved = linprog(-problem.utility.numpy().ravel(), A_ub=vstack([loads, once]), b_ub=limits, bounds=(0, None),
                     method="highs-ipm")
    if not solved.success:
        return None
    prices = torch.tensor(-solved.ineqlin.marginals[:problem.moments * providers]).clamp_min(0.0)
    return prices.reshape(problem.moments, providers), -float(solved.fun)


@torch.no_grad()
def descended_prices(problem: Problem) -> Tensor:
    """Return the best prices (K, J) met in a fixed number of steps down the softened dual."""
    prices = problem.utility.new_zeros(problem.moments, len(problem.capacity))
    lengths = (problem.last - problem.first).double()
    typical = float(problem.utility.mean() / (problem.demand * lengths).mean())
    slope, square = torch.zeros_like(prices), torch.zeros_like(prices)
    lowest, best = torch.inf, prices
    for step in range(STEPS):
        gains = problem.utility - problem.charges(prices)
        value = float((prices * problem.capacity).sum() + gains.amax(1).clamp_min(0.0).sum())
        if value < lowest:
            lowest, best = value, prices
        done = step / STEPS
        # One more choice, to leave the task out, gains nothing.
        choices = torch.nn.functional.pad(gains, (0, 1)) / _between(SOFTNESS, done)
        spare = 1.0 - problem.used(choices.softmax(1)[:, :-1]) / problem.capacity
        slope, square = (momentum * mean + (1 - momentum) * new
                         for momentum, mean, new in zip(MOMENTA, (slope, square), (spare, spare**2), strict=True))
        mean, spread = (value / (1 - momentum**(step + 1))
                        for value, momentum in zip((slope, square), MOMENTA, strict=True))
        prices = (prices - typical * _between(STEP_SIZES, done) * mean / (spread.sqrt() + 1e-3)).clamp_min(0.0)
    return best


def _between(ends: tuple[float, float], done: float) -> float:
    """Return the value a share `done` of the way from one end to the other, in equal ratios."""
    return float(ends[0] * (ends[1] / ends[0])**done)
