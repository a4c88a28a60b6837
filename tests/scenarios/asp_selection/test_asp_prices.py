"""Prices: strong duality, the linear program written down a second time, and descent against it."""

from functools import partial

import numpy as np
import pytest
import torch
from asp_events import hurried, small
from scipy.optimize import linprog
from test_asp_bound import problem_of

from aign.scenarios.asp_selection import bound
from aign.scenarios.asp_selection.bound import best_prices, descended_prices, program_prices


def dense_optimum(problem):
    """Return the optimum of the linear program with capacity at every arrival, as a dense table."""
    tasks, providers = problem.utility.shape
    rows = []
    for now in range(tasks):
        running = [float(problem.demand[i]) if i <= now and problem.end[i] > problem.arrival[now] else 0.0
                   for i in range(tasks)]
        rows += [np.kron(running, np.eye(providers)[place]) for place in range(providers)]
    limits = [*np.tile(problem.capacity.numpy(), tasks), *np.ones(tasks)]
    rows += [np.kron(np.eye(tasks)[i], np.ones(providers)) for i in range(tasks)]
    return -linprog(-problem.utility.numpy().ravel(), A_ub=np.array(rows), b_ub=limits, method="highs-ds").fun


@pytest.mark.parametrize("seed", range(4))
def test_the_program_is_solved_and_its_prices_prove_it(seed):
    scenario = small(tasks=24, providers=3)
    problem = problem_of(scenario, hurried(scenario, 1, seed, 0.3)[0])
    found, optimum = program_prices(problem)
    assert optimum == pytest.approx(dense_optimum(problem), rel=1e-6)
    assert float(problem.dual(found)) == pytest.approx(optimum, rel=1e-6)
    assert float(found.min()) >= 0
    assert float(problem.utility.amax(1).sum()) > optimum * 1.001  # capacity was scarce


@pytest.mark.parametrize(("seed", "pace"), [(0, 1.0), (1, 1.0), (0, 0.6), (1, 0.3)])
def test_descent_comes_near_to_the_program_and_nearer_without_overload(seed, pace):
    scenario = small(tasks=120, providers=10)
    problem = problem_of(scenario, hurried(scenario, 1, seed, pace)[0])
    found, optimum = descended_prices(problem), program_prices(problem)[1]
    assert float(found.min()) >= 0
    assert 1 - 1e-7 <= float(problem.dual(found)) / optimum < (1.0025 if pace == 1.0 else 1.02)


def test_small_problems_are_solved_and_large_ones_descended(monkeypatch):
    scenario = small(tasks=20, providers=3)
    problem = problem_of(scenario, hurried(scenario, 1, 0, 0.3)[0])
    torch.testing.assert_close(best_prices(problem), program_prices(problem)[0])
    monkeypatch.setattr(bound, "LARGEST_PROGRAM", 59)
    torch.testing.assert_close(best_prices(problem), descended_prices(problem))


def test_where_the_solver_gives_up_descended_prices_stand_in(monkeypatch):
    scenario = small(tasks=20, providers=3)
    problem = problem_of(scenario, hurried(scenario, 1, 0, 0.3)[0])
    monkeypatch.setattr(bound, "linprog", partial(linprog, options={"maxiter": 0, "presolve": False}))
    assert program_prices(problem) is None
    torch.testing.assert_close(best_prices(problem), descended_prices(problem))
