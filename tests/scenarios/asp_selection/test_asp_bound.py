"""The bound: never below what any sequence of decisions gives, crashes included, whatever the prices."""

import pytest
import torch
from asp_events import best_of_all, hurried, small
from hypothesis import given, settings
from hypothesis import strategies as st

from aign.scenarios.asp_selection.bound import Problem, crash_allowance, program_prices, upper_bound


def problem_of(scenario, context, share=1.0):
    return Problem.of(scenario.workload(context[None]), share)


@settings(max_examples=20)
@given(st.integers(0, 2**31), st.floats(0, 0.3), st.floats(-6, -1))
def test_no_sequence_of_decisions_exceeds_it_at_any_prices(seed, pace, scale):
    scenario = small(tasks=7)
    context = hurried(scenario, 1, seed, pace)[0]
    problem = problem_of(scenario, context)
    best = best_of_all(scenario, context)
    chance = torch.rand(problem.moments, 2, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    for prices in (program_prices(problem)[0], 10**scale * chance, torch.zeros_like(chance)):
        assert upper_bound(problem, prices) >= best - 1e-5


def test_without_rivalry_it_is_the_sum_of_the_best_utilities():
    scenario = small()
    context = hurried(scenario, 1, 0, 1.0)[0]
    start = 8
    context[start:start + 6] = torch.arange(6) * 50_000.0
    problem = problem_of(scenario, context)
    assert upper_bound(problem, torch.zeros(problem.moments, 2, dtype=torch.float64)) == pytest.approx(
        float(problem.utility.amax(1).sum()))
    assert float(program_prices(problem)[0].abs().max()) == pytest.approx(0, abs=1e-9)


def test_it_adds_what_a_crash_could_gain():
    """A high price upon the end of many small tasks: without the allowance a crash would slip under the bound."""
    scenario = small(tasks=6)
    end = 14_760.0
    context = torch.tensor([400.0, 400, 0, 0, 150, 150, 0.9, 0.1, 0, 1, 2, 3, end - 5, end + 9, 100, 100, 100, 100, 250,
                            250])
    problem = problem_of(scenario, context)
    prices = torch.zeros(problem.moments, 2, dtype=torch.float64)
    moment = int(problem.first[4])
    prices[moment, 0] = 0.02
    assert int(problem.last[0]) == moment + 1
    # Each of four tasks has (nearly) nothing left and would pay 2; the crash costs 2.
    left = 5 / end
    assert crash_allowance(problem, prices) == pytest.approx(4 * (2 - 2 * left) - 2, rel=1e-2)
    assert crash_allowance(problem, 0.0 * prices) == 0


@settings(max_examples=20)
@given(st.integers(0, 2**31), st.floats(0.01, 1.0))
def test_what_fits_at_the_moments_kept_fits_at_every_arrival(seed, pace):
    scenario = small(tasks=20, providers=3)
    problem = problem_of(scenario, hurried(scenario, 1, seed, pace)[0])
    draws = torch.rand(20, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    runs = (problem.arrival[None] <= problem.arrival[:, None]) & (problem.end[None] > problem.arrival[:, None])
    runs &= torch.arange(20)[None] <= torch.arange(20)[:, None]
    at_arrivals = (runs.double() @ (problem.demand[:, None] * draws)).amax(0)
    torch.testing.assert_close(problem.used(draws).amax(0), at_arrivals)


def test_charges_are_prices_while_a_task_runs():
    scenario = small(tasks=20, providers=3)
    problem = problem_of(scenario, hurried(scenario, 1, 5, 0.3)[0])
    prices = torch.rand(problem.moments, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    by_hand = torch.stack([problem.demand[i] * prices[problem.first[i]:problem.last[i]].sum(0) for i in range(20)])
    torch.testing.assert_close(problem.charges(prices), by_hand)
    assert (problem.last > problem.first).all()


def test_a_share_of_the_capacities_bounds_more_tightly():
    scenario = small(tasks=30, providers=3)
    context = hurried(scenario, 1, 5, 0.3)[0]
    full, half = (program_prices(problem_of(scenario, context, share))[1] for share in (1.0, 0.5))
    assert half < full
