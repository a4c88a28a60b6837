"""Exact routing against a program over all simple paths, and its prices as proofs."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planning_reference import SQUARE, least_overflow

from aign.errors import SolverError
from aign.scenarios.ip_optical_planning.routing import Router
from aign.scenarios.ip_optical_planning.topology import load

ROUTERS = {failed: Router(SQUARE, failed, np.full(5, 4.0)) for failed in (None, 0, 4)}
FAILED = st.sampled_from(list(ROUTERS))
VALUES = st.floats(0, 9, allow_subnormal=False).map(lambda value: round(value, 3))


@settings(max_examples=40, deadline=None)
@given(FAILED, st.lists(VALUES, min_size=4, max_size=4), st.lists(VALUES, min_size=5, max_size=5))
def test_least_overflow_agrees_with_all_simple_paths(failed, demand, capacity):
    demand, capacity = np.array(demand), np.array(capacity)
    found = ROUTERS[failed].route(demand, capacity)
    assert found.overflow == pytest.approx(least_overflow(SQUARE, demand, capacity, failed), abs=1e-6)
    assert np.maximum(found.load - capacity, 0)[found.load > 0].sum() == pytest.approx(found.overflow, abs=1e-6)


@settings(max_examples=40, deadline=None)
@given(FAILED, st.lists(VALUES, min_size=4, max_size=4), st.lists(VALUES, min_size=5, max_size=5))
def test_prices_are_a_metric_that_proves_the_overflow(failed, demand, capacity):
    demand, capacity = np.array(demand), np.array(capacity)
    found = ROUTERS[failed].route(demand, capacity)
    distance = SQUARE.distances(found.prices, failed)
    proven = demand @ distance[SQUARE.pairs[:, 0], SQUARE.pairs[:, 1]] - found.prices @ capacity
    assert bool((found.prices >= 0).all())
    assert proven == pytest.approx(found.overflow, abs=1e-6)


def test_an_answer_depends_on_nothing_asked_before():
    topology = load("polska")
    typical = topology.demand @ topology.shortest_paths()
    used, fresh = (Router(topology, 3, typical) for _ in range(2))
    generator = np.random.default_rng(0)
    for _ in range(5):
        used.route(topology.demand * generator.uniform(0.5, 2), typical * generator.uniform(0.5, 2, 18))
    asked = topology.demand, 0.9 * typical
    for name in ("overflow", "prices", "load"):
        np.testing.assert_array_equal(getattr(used.route(*asked), name), getattr(fresh.route(*asked), name))


def test_a_failed_link_carries_nothing():
    found = ROUTERS[4].route(np.array([1.0, 1.0, 1.0, 1.0]), np.full(5, 100.0))
    assert found.load[4] == 0.0
    assert found.overflow == 0.0


def test_a_routing_that_was_not_solved_is_an_error_and_no_figure():
    router = Router(SQUARE, None, np.full(5, 4.0))
    router._solver.setOptionValue("simplex_iteration_limit", 0)
    with pytest.raises(SolverError, match=r"routing the demands of .*: .*limit.*unknown"):
        router.route(np.full(4, 9.0), np.full(5, 0.1))
