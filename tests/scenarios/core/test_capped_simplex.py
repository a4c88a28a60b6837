"""Projection on the capped simplex against a general-purpose solver and the conditions that define it."""

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.optimize import Bounds, LinearConstraint, minimize

from aign.scenarios.core.capped_simplex import drop_to_sum, nearest_within

POINTS = arrays(np.float64, st.tuples(st.integers(1, 3), st.integers(1, 6)), elements=st.floats(-1e3, 1e3))
LIMITS = st.floats(0, 100)


@given(POINTS, LIMITS, LIMITS)
@example(np.zeros((1, 1)), 0.0, 0.0)
@example(np.ones((2, 4)), 4.0, 1.0)
@example(np.full((1, 5), 0.3), 1.0, 0.2)
def test_the_result_is_inside_and_no_point_inside_is_nearer(points, total, cap):
    nearest = nearest_within(torch.tensor(points), total, cap).numpy()
    assert nearest.min() >= 0
    assert nearest.max() <= cap
    assert nearest.sum(axis=1).max() <= total + 1e-12
    # p is nearest if and only if (x - p).(q - p) <= 0 for every q inside; a corner is the worst: fill the best first
    for x, p in zip(points, nearest, strict=True):
        best, left = 0.0, total
        for gradient in sorted(x - p, reverse=True):
            amount = min(cap, left) if gradient > 0 else 0.0
            best, left = best + gradient * amount, left - amount
        assert best - (x - p) @ p <= 1e-7 * (1 + np.abs(x).max()) * (1 + total)


@pytest.mark.parametrize("seed", range(12))
def test_it_agrees_with_a_general_solver(seed):
    generator = np.random.default_rng(seed)
    x, total, cap = generator.normal(size=5), generator.uniform(0.1, 2), generator.uniform(0.1, 1)
    solved = minimize(lambda p: ((p - x) ** 2).sum(), np.zeros(5), jac=lambda p: 2 * (p - x), method="SLSQP",
                      bounds=Bounds(0, cap), constraints=LinearConstraint(np.ones((1, 5)), -np.inf, total),
                      options={"ftol": 1e-14, "maxiter": 500})
    np.testing.assert_allclose(nearest_within(torch.tensor(x[None]), total, cap)[0], solved.x, atol=1e-6)


@given(POINTS, LIMITS, LIMITS)
def test_projecting_twice_is_projecting_once(points, total, cap):
    once = nearest_within(torch.tensor(points), total, cap)
    torch.testing.assert_close(nearest_within(once, total, cap), once, rtol=1e-12, atol=1e-12)


@given(arrays(np.float32, (4, 30), elements=st.floats(0, 1, width=32)), st.floats(1e-3, 20), st.floats(1e-3, 1))
def test_rounding_to_float32_crosses_no_limit(points, total, cap):
    nearest = nearest_within(torch.tensor(points), total, cap)
    assert nearest.dtype == torch.float32
    assert float(nearest.double().sum(dim=1).max()) <= total
    assert float(nearest.double().max()) <= cap


def test_a_point_well_inside_is_returned_as_it_is():
    points = torch.tensor([[0.1, 0.0, 0.7], [0.0, 0.0, 0.0]])
    assert torch.equal(nearest_within(points, 2.0, 0.8), points)


@pytest.mark.parametrize(("total", "cap"), [(-1.0, 1.0), (1.0, -1.0)])
def test_a_limit_below_zero_leaves_nothing(total, cap):
    assert torch.equal(nearest_within(torch.ones(2, 3), total, cap), torch.zeros(2, 3))


@given(arrays(np.float64, (3, 5), elements=st.floats(-10, 10)), st.floats(0, 0.999), st.floats(1e-2, 10))
def test_the_drop_gives_the_sum_that_was_asked_for(points, share, cap):
    x, total = torch.tensor(points), torch.full((3, 1), share * 5 * cap, dtype=torch.float64)
    sums = (x - drop_to_sum(x, total, cap)).clamp(0, cap).sum(dim=1, keepdim=True)
    torch.testing.assert_close(sums, total, rtol=1e-9, atol=1e-9)


def test_a_sum_beyond_reach_has_no_finite_drop():
    assert drop_to_sum(torch.zeros(1, 2, dtype=torch.float64), torch.full((1, 1), 3.0).double(), 1.0) == -torch.inf
