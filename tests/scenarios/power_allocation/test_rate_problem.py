"""Rate utility as a smooth function: values, slopes and feasible starts against independent arithmetic."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from rate_reference import network, utility

from aign.scenarios.power_allocation.rate_problem import RateProblem
from aign.scenarios.power_allocation.requirements import Requirements, requirements


@pytest.mark.parametrize("stations", [1, 2, 4])
def test_utility_agrees_with_loops_and_with_the_scenario(stations):
    scenario, contexts = network(6, stations, count=3, seed=1)
    powers = 40 * torch.rand(3, 5, 6, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    value = RateProblem.of(contexts, 6).utility(powers)
    for row in range(3):
        expected = [utility(contexts[row], one.numpy()) for one in powers[row]]
        np.testing.assert_allclose(value[row], expected, rtol=1e-10)
        torch.testing.assert_close(scenario.utility(contexts[row].expand(5, -1), powers[row]), value[row])


@pytest.mark.parametrize("stations", [1, 3])
def test_the_gradient_is_the_derivative(stations):
    _, contexts = network(5, stations, count=2, seed=3)
    problem = RateProblem.of(contexts, 5)
    powers = (40 * torch.rand(2, 4, 5, generator=torch.Generator().manual_seed(4), dtype=torch.float64))
    powers.requires_grad_(True)
    (slope,) = torch.autograd.grad(problem.utility(powers).sum(), powers)
    torch.testing.assert_close(problem.gradient(powers.detach()), slope, rtol=1e-9, atol=1e-9)


def test_within_is_the_nearest_point_of_box_and_budget():
    _, contexts = network(4, 2, count=1)
    problem = RateProblem.of(contexts, 4, Requirements(30, 50.0, 0.0, ()))
    wish = torch.tensor([[[35.0, 20.0, -5.0, 12.0], [10.0, 10.0, 10.0, 10.0]]], dtype=torch.float64)
    nearest = problem.within(wish)
    # min |p - wish| with sum 50: drop every positive value by 16.5/3 = 17/3, the first stays below the cap.
    assert float(nearest[0, 0].sum()) == pytest.approx(50)
    np.testing.assert_allclose(nearest[0, 0], [35 - 17 / 3, 20 - 17 / 3, 0, 12 - 17 / 3], atol=1e-6)
    assert torch.equal(nearest[0, 1], wish[0, 1])


def test_starts_are_reproducible_admissible_and_cover_on_off_designs():
    _, contexts = network(8, 2, count=2)
    problem = RateProblem.of(contexts, 8, Requirements(25, 90.0, 0.0, ()))
    starts = problem.starts(60, torch.Generator().manual_seed(0))
    assert starts.shape == (2, 60, 8)
    assert torch.equal(starts, problem.starts(60, torch.Generator().manual_seed(0)))
    assert float(starts.amax()) <= 25
    assert float(starts.amin()) >= 0
    assert float(starts.sum(dim=2).amax()) <= 90 + 1e-9
    free = RateProblem.of(contexts, 8).starts(60, torch.Generator().manual_seed(0))
    switched = ((free == 40) | (free == 0.4)).all(dim=2)
    assert 0.6 < float(switched.double().mean()) < 0.7


def test_take_keeps_the_networks_apart():
    _, contexts = network(5, 2, count=4)
    problem = RateProblem.of(contexts, 5)
    powers = torch.full((4, 1, 5), 20.0, dtype=torch.float64)
    rows = torch.tensor([3, 1])
    assert len(problem.take(rows)) == 2
    assert torch.equal(problem.take(rows).utility(powers[rows]), problem.utility(powers)[rows])
    assert problem.needs == requirements((), 5)
