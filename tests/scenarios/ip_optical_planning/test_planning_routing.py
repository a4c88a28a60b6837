"""Exact routing against a program over all simple paths, and its prices as proofs."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from planning_reference import SQUARE, least_overflow

from aign.errors import SolverError
from aign.scenarios.core.topology import load
from aign.scenarios.ip_optical_planning.problem import Problem
from aign.scenarios.ip_optical_planning.solver.routing import Router
from aign.scenarios.ip_optical_planning.survivability import Survivability

PROGRAM = Router(4, SQUARE.ends, np.ones((4, 4)) - np.eye(4))
FAILED = st.sampled_from([None, 0, 4])
VALUES = st.floats(0, 9, allow_subnormal=False).map(lambda value: round(value, 3))


def route(demand, capacity, failed):
    """Return the routing of demands of pairs (P,) over the square."""
    traffic = np.zeros((4, 4))
    traffic[SQUARE.pairs[:, 0], SQUARE.pairs[:, 1]] = demand
    return PROGRAM.route(traffic + traffic.T, capacity, np.arange(5) != (-1 if failed is None else failed))


@settings(max_examples=40, deadline=None)
@given(FAILED, st.lists(VALUES, min_size=4, max_size=4), st.lists(VALUES, min_size=5, max_size=5))
def test_least_overflow_agrees_with_all_simple_paths(failed, demand, capacity):
    demand, capacity = np.array(demand), np.array(capacity)
    solved = route(demand, capacity, failed)
    assert solved.overflow == pytest.approx(least_overflow(SQUARE, demand, capacity, failed), abs=1e-6)
    assert np.maximum(solved.load - capacity, 0)[solved.load > 0].sum() == pytest.approx(solved.overflow, abs=1e-6)


@settings(max_examples=40, deadline=None)
@given(FAILED, st.lists(VALUES, min_size=4, max_size=4), st.lists(VALUES, min_size=5, max_size=5))
def test_prices_are_a_metric_that_proves_the_overflow(failed, demand, capacity):
    demand, capacity = np.array(demand), np.array(capacity)
    solved = route(demand, capacity, failed)
    distance = SQUARE.distances(solved.prices, failed)
    proven = demand @ distance[SQUARE.pairs[:, 0], SQUARE.pairs[:, 1]] - solved.prices @ capacity
    assert bool((solved.prices >= 0).all())
    assert proven == pytest.approx(solved.overflow, abs=1e-6)


def test_an_answer_depends_on_nothing_asked_before():
    problem = Problem(load("polska"), 497.6, True, 1.0, 16)
    used, fresh = Survivability(problem), Survivability(problem)
    demand = problem.topology.demand
    plan = problem.shortest_path_plan(torch.tensor(demand)[None].float())[0].numpy()
    generator = np.random.default_rng(0)
    for scenario in range(5):
        used.route(demand * generator.uniform(0.5, 2), (plan * generator.uniform(0.5, 2, 18)).round(), scenario)
    for name in ("overflow", "prices", "load"):
        answers = [getattr(oracle.route(demand, (0.8 * plan).round(), 3), name) for oracle in (used, fresh)]
        np.testing.assert_array_equal(*answers)


def test_a_failed_link_carries_nothing():
    solved = route(np.array([1.0, 1.0, 1.0, 1.0]), np.full(5, 100.0), 4)
    assert solved.load[4] == 0.0
    assert solved.overflow == 0.0


def test_parallel_links_share_what_one_cannot_carry():
    program = Router(2, np.array([[0, 1], [1, 0]]), np.array([[0.0, 1.0], [1.0, 0.0]]))
    traffic = np.array([[0.0, 5.0], [5.0, 0.0]])
    assert program.route(traffic, np.array([2.0, 3.0])).overflow == pytest.approx(0.0)
    assert program.route(traffic, np.array([2.0, 3.0]), np.array([True, False])).overflow == pytest.approx(3.0)


def test_a_routing_that_was_not_solved_is_an_error_and_no_figure():
    program = Router(4, SQUARE.ends, np.ones((4, 4)) - np.eye(4))
    program._solver.setOptionValue("simplex_iteration_limit", 0)
    with pytest.raises(SolverError, match=r"routing traffic over .*: .*limit.*unknown"):
        program.route(9.0 * (np.ones((4, 4)) - np.eye(4)), np.full(5, 0.1))
