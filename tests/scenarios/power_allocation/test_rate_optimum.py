"""Rounding, coordinate ascent, multi-start and branch and bound against exhaustive search."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from rate_reference import exhaustive, network, sinrs, utility

from aign.scenarios.core.constraints import parse
from aign.scenarios.power_allocation.branch_and_bound import Boxes, branch_and_bound
from aign.scenarios.power_allocation.heuristics import coordinate_ascent
from aign.scenarios.power_allocation.multi_start import (
    METHODS,
    best_of_starts,
    best_response,
    local_optima,
    starts_needed,
    whole_levels,
)
from aign.scenarios.power_allocation.physics import cross_gains
from aign.scenarios.power_allocation.rate_problem import RateProblem
from aign.scenarios.power_allocation.requirements import Requirements, requirements

ALL_LEVELS = list(range(41))
REQUESTS = pytest.mark.parametrize("request_texts", [(), ("total_power<=45",), ("total_power<=80", "min_rate>=20"),
                                                     ("max_power<=15",)])


def needs_of(scenario, texts):
    return requirements(parse(texts, scenario.labels), scenario.agents)


@pytest.mark.parametrize("gains", ["general", "strong"])
def test_best_response_is_the_coordinate_ascent_of_the_heuristics(gains):
    scenario, contexts = network(5, 2, count=4, gains=gains)
    start = scenario.initial_state(contexts, torch.Generator().manual_seed(1))
    climbed = best_response(RateProblem.of(contexts, 5), start[:, None], 4)[:, 0]
    assert torch.equal(climbed.float(), coordinate_ascent(contexts, start, "rate"))


@REQUESTS
def test_no_single_user_can_improve_an_end_of_best_response(request_texts):
    scenario, contexts = network(4, 2, count=2, seed=7)
    needs = needs_of(scenario, request_texts)
    problem = RateProblem.of(contexts, 4, needs)
    ends = best_response(problem, whole_levels(problem, problem.starts(5, torch.Generator().manual_seed(2))), 30)
    for row in range(2):
        for design, fits in zip(ends[row].numpy(), problem.valued(ends)[row].isfinite().tolist(), strict=True):
            assert fits
            for user in range(4):
                for level in range(41):
                    other = design.copy()
                    other[user] = level
                    if (other.sum() <= needs.budget and other.max() <= needs.cap
                            and (sinrs(contexts[row], other) >= needs.target * (1 + 1e-9)).all()):
                        assert utility(contexts[row], other) <= utility(contexts[row], design) * (1 + 1e-8)


@REQUESTS
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_branch_and_bound_finds_the_optimum_of_three_users(request_texts, seed):
    scenario, contexts = network(3, 2, seed=seed)
    needs = needs_of(scenario, request_texts)
    searched = branch_and_bound(RateProblem.of(contexts, 3, needs))
    levels = [level for level in ALL_LEVELS if level <= needs.cap]
    expected = exhaustive(contexts[0], 3, levels, needs.budget, needs.target)
    assert searched.proven
    assert searched.utility == pytest.approx(expected, rel=1e-9)
    if np.isfinite(expected):
        assert utility(contexts[0], searched.design.numpy()) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("texts", [("min_rate>=4000",), ("total_power<=0", "min_rate>=1")])
def test_branch_and_bound_says_that_nothing_fits(texts):
    scenario, contexts = network(3, 1)
    searched = branch_and_bound(RateProblem.of(contexts, 3, needs_of(scenario, texts)))
    assert searched.utility == -torch.inf
    assert searched.bound == -torch.inf


def test_an_interrupted_search_still_bounds_every_design():
    _, contexts = network(9, 2, seed=4)
    problem = RateProblem.of(contexts, 9)
    short, long = branch_and_bound(problem, most_boxes=3), branch_and_bound(problem)
    assert long.proven
    assert not short.proven
    assert short.utility <= long.utility * (1 + 1e-12)
    assert short.bound >= long.utility


def test_box_bounds_and_slopes_hold_inside_the_box():
    _, contexts = network(4, 2, seed=9)
    problem = RateProblem.of(contexts, 4)
    boxes = Boxes(cross_gains(problem.gains)[0], problem)
    generator = torch.Generator().manual_seed(3)
    corners = torch.randint(0, 41, (2, 50, 4), generator=generator).double()
    low, high = corners.amin(dim=0), corners.amax(dim=0)
    inside = low + (high - low) * torch.rand(50, 4, generator=generator, dtype=torch.float64)
    least, most = boxes.slopes(low, high)
    slope = problem.gradient(inside[None])[0] / (6.948 * 423.1 / np.log(2))
    assert bool((slope >= least - 1e-9).all() and (slope <= most + 1e-9).all())
    assert bool((boxes.bound(low, high) >= problem.utility(inside[None])[0]).all())


@pytest.mark.parametrize("method", METHODS)
def test_many_starts_reach_the_proven_optimum(method):
    _, contexts = network(6, 2, count=2, seed=11)
    problem = RateProblem.of(contexts, 6)
    levels, value = local_optima(problem, problem.starts(60, torch.Generator().manual_seed(5)), METHODS[method])
    assert torch.equal(value, problem.valued(levels))
    for row in range(2):
        optimum = branch_and_bound(problem.take(torch.tensor([row]))).utility
        assert float(value[row].max()) == pytest.approx(optimum, rel=1e-9)
        assert float(value[row].max()) <= optimum * (1 + 1e-9)


def test_best_of_starts_returns_an_admissible_design_under_a_request():
    scenario, contexts = network(6, 2, count=3, seed=2)
    needs = needs_of(scenario, ("total_power<=60",))
    problem = RateProblem.of(contexts, 6, needs)
    designs = best_of_starts(problem, problem.starts(40, torch.Generator().manual_seed(6)))
    assert bool((designs.sum(dim=1) <= 60).all())
    assert torch.equal(designs, designs.round())
    for row in range(3):
        optimum = branch_and_bound(problem.take(torch.tensor([row]))).utility
        assert utility(contexts[row], designs[row].numpy()) == pytest.approx(optimum, rel=5e-3)


def test_inadmissible_designs_count_for_nothing():
    _, contexts = network(4, 2)
    problem = RateProblem.of(contexts, 4, Requirements(40, 10.0, 0.0, ()))
    value = problem.valued(torch.tensor([[[40.0, 0, 0, 0], [10.0, 0, 0, 0]]], dtype=torch.float64))
    assert value[0, 0] == -torch.inf
    assert torch.isfinite(value[0, 1])


def test_starts_needed_counts_in_the_order_given():
    value = torch.tensor([[1.0, 5.0, 10.0], [9.9999, 1.0, 2.0], [1.0, 2.0, 3.0]], dtype=torch.float64)
    best = torch.full((3,), 10.0, dtype=torch.float64)
    assert starts_needed(value, best, 1e-6).tolist() == [3, 4, 4]
    assert starts_needed(value, best, 1e-3).tolist() == [3, 1, 4]
