"""Weighted MMSE, fractional programming, projected gradient: monotone, stationary, within limits, as good as SciPy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from rate_reference import ALPHA, BANDWIDTH, PRICE, network, utility
from scipy.optimize import minimize

from aign.scenarios.power_allocation.rate_ascents import (
    affordable,
    fractional_programming,
    gradient_ascent,
    weighted_mmse,
)
from aign.scenarios.power_allocation.rate_problem import RateProblem
from aign.scenarios.power_allocation.requirements import Requirements

SEARCHES = pytest.mark.parametrize("search", [weighted_mmse, fractional_programming, gradient_ascent])


def problem_of(users=6, stations=2, count=3, seed=0, needs=None):
    _, contexts = network(users, stations, count, seed)
    return RateProblem.of(contexts, users, needs)


@SEARCHES
@pytest.mark.parametrize("budget", [240.0, 70.0])
def test_utility_never_falls_and_limits_hold(search, budget):
    problem = problem_of(needs=Requirements(40, budget, 0.0, ()))
    powers = problem.starts(12, torch.Generator().manual_seed(1))
    value = problem.utility(powers)
    for _ in range(12):
        powers = search(problem, powers, 1)
        following = problem.utility(powers)
        assert bool((following >= value - 1e-6 * value.abs()).all())
        value = following
        assert float(powers.amin()) >= 0
        assert float(powers.amax()) <= 40
        assert float(powers.sum(dim=2).amax()) <= budget * (1 + 1e-9)


@SEARCHES
def test_one_user_a_network_sends_at_the_best_power(search):
    """Without interference the optimum is closed: full power, or where marginal revenue meets the price."""
    _, contexts = network(2, 2, 1)
    lonely = torch.tensor([[1e-4, 1e-4, 20.0, 1e-4]])  # user 1 drowns user 0's chances: it is alone in effect
    problem = RateProblem.of(lonely, 2)
    end = search(problem, torch.full((1, 1, 2), 30.0, dtype=torch.float64), 150)
    best = max(utility(lonely[0], np.array([a, b])) for a in (0.0, 40.0) for b in np.linspace(0, 40, 401))
    assert float(problem.utility(end)) == pytest.approx(best, rel=1e-3)
    assert contexts.shape == lonely.shape


@SEARCHES
def test_ends_are_stationary(search):
    problem = problem_of(users=5, count=2)
    end = search(problem, problem.starts(6, torch.Generator().manual_seed(2)), 200)
    slope = problem.gradient(end)
    # Amplitude methods creep towards zero power, so a falling user may still be slightly above it.
    rising = torch.where(end < 40 - 1e-6, slope.clamp_min(0) * (end > 1e-3), 0.0)
    falling = slope.clamp_max(0) * end
    scale = problem.utility(end)[..., None]
    assert float((rising * 40 / scale).amax()) < 2e-2
    assert float((falling / scale).amin()) > -2e-2


def test_weighted_mmse_makes_the_steps_of_fractional_programming_by_the_lagrangian_dual():
    """Shen and Yu 2018, part II: gamma_i = SINR, y_i = sqrt((1 + gamma_i) signal_i) / T_i, then p in closed form."""
    problem = problem_of(users=5, stations=3, count=1)
    gain = problem.gains[0].numpy()
    own, serving = gain.max(axis=1), gain.argmax(axis=1)
    powers = problem.starts(1, torch.Generator().manual_seed(3))
    p = powers[0, 0].numpy()
    for _ in range(5):
        total = 1 + (p @ gain)[serving]
        gamma = own * p / (total - own * p)
        y = np.sqrt((1 + gamma) * own * p) / total
        below = np.array([sum(y[j] ** 2 * gain[i, serving[j]] for j in range(5)) for i in range(5)])
        p = np.minimum(40, (y * np.sqrt((1 + gamma) * own) / (below + PRICE / (ALPHA * BANDWIDTH / np.log(2)))) ** 2)
    np.testing.assert_allclose(weighted_mmse(problem, powers, 5)[0, 0], p, rtol=1e-9)


def test_projected_gradient_is_as_good_as_l_bfgs_b():
    problem = problem_of(users=8, stations=2, count=2, seed=5)
    starts = problem.starts(15, torch.Generator().manual_seed(4))
    ends = problem.utility(gradient_ascent(problem, starts, 100))
    for row in range(2):
        one = problem.take(torch.tensor([row]))

        def objective(p, one=one):
            at = torch.tensor(p)[None, None]
            return -float(one.utility(at)), -one.gradient(at)[0, 0].numpy()

        scipy = [-minimize(objective, start.numpy(), jac=True, method="L-BFGS-B", bounds=[(0, 40)] * 8).fun
                 for start in starts[row]]
        assert float(ends[row].max()) >= max(scipy) * (1 - 1e-6)
        assert float(ends[row].mean()) >= np.mean(scipy) * 0.95


def test_the_multiplier_of_the_budget_is_the_least_that_fits():
    wish, resistance = torch.tensor([[[4.0, 2.0, 1.0]]]), torch.tensor([[[0.5, 0.5, 0.5]]])
    amplitude = affordable(wish.double(), resistance.double(), 6.0, 21.0)
    # (4^2 + 2^2 + 1) / (0.5 + mu)^2 = 21 at mu = 0.5
    np.testing.assert_allclose(amplitude[0, 0], [4.0, 2.0, 1.0], rtol=1e-9)
    free = affordable(wish.double(), resistance.double(), 6.0, 1000.0)
    np.testing.assert_allclose(free[0, 0], [6.0, 4.0, 2.0])
