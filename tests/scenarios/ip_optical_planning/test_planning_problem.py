"""Closed forms against counting cut by cut and path by path."""

import math

import pytest
import torch
from planning_cases import demands, plans, square

from aign.scenarios.core.topology import load
from aign.scenarios.ip_optical_planning.problem import Problem


def counted(problem, demand, plan, scenario):
    """Return the missing share of the worst cut, one cut at a time in plain Python."""
    worst = 0.0
    share = 1.0 if scenario == 0 else problem.protected
    for crossing, separated in zip(problem.cuts.crossing.tolist(), problem.cuts.separated.T.tolist(), strict=True):
        wanted = share * sum(d for d, apart in zip(demand, separated, strict=True) if apart)
        needed = math.ceil(wanted / problem.module - 1e-5)
        have = sum(y for link, (y, on) in enumerate(zip(plan, crossing, strict=True)) if on and link != scenario - 1)
        if needed > have:
            worst = max(worst, 1 - have / needed)
    return worst


@pytest.mark.parametrize(("failures", "protected"), [(True, 1.0), (True, 0.5), (False, 1.0)])
def test_shortages_agree_with_counting(failures, protected):
    problem, _, _ = square(failures, protected)
    contexts, designs = demands(40), plans(40)
    found = problem.shortages(contexts, designs)
    assert found.shape == (40, 6 if failures else 1)
    for row in range(40):
        expected = [counted(problem, contexts[row].tolist(), designs[row].tolist(), s) for s in range(found.shape[1])]
        assert found[row].tolist() == pytest.approx(expected, abs=1e-12)
    assert 0 < int((found == 0).sum()) < found.numel()


def test_a_row_does_not_depend_on_its_batch():
    problem = Problem(load("polska"), 497.6, True, 1.0, 16)
    generator = torch.Generator().manual_seed(1)
    published = torch.tensor(problem.topology.demand, dtype=torch.float32)
    contexts = published * (0.5 + torch.rand(9, 66, generator=generator))
    designs = torch.randint(0, 8, (9, 18), generator=generator).double()
    for method in (problem.shortages, lambda c, _: problem.loads(c), lambda c, _: problem.needed(c)):
        whole = method(contexts, designs)
        assert torch.equal(whole, torch.cat([method(contexts[r:r + 1], designs[r:r + 1]) for r in range(9)]))


def test_the_shortest_path_plan_by_hand():
    problem, _, _ = square(failures=False)
    # a-b 3 and b-d 2 (over a: 100 + 120 < 130 + 90 is a tie at 220, over a or c), a-c 5 over the diagonal, c-d 4
    plan = problem.shortest_path_plan(torch.tensor([[3.0, 5.0, 0.0, 4.0]]))
    assert plan.tolist() == [[1.0, 0.0, 1.0, 0.0, 2.0]]
    loads = problem.loads(torch.tensor([[3.0, 5.0, 0.0, 4.0]]))
    assert loads.tolist() == [[[3.0, 0.0, 4.0, 0.0, 5.0]]]


def test_the_shortest_path_plan_has_no_short_cut_and_less_of_it_has():
    problem = Problem(load("nobel-germany"), 32.0, True, 1.0, 99)
    contexts = torch.tensor(problem.topology.demand, dtype=torch.float32) * torch.tensor([[0.5], [1.0], [1.5]])
    plan = problem.shortest_path_plan(contexts)
    assert not bool(problem.shortages(contexts, plan).any())
    assert bool((problem.shortages(contexts, (plan - 2).clamp_min(0)) > 0).any(1).all())


def test_demand_that_fills_modules_exactly_needs_no_further_one():
    problem, _, _ = square(failures=False)
    demand = torch.tensor([[8.0, 0.0, 0.0, 0.0]])
    assert problem.shortest_path_plan(demand).tolist() == [[2.0, 0.0, 0.0, 0.0, 0.0]]
    assert problem.shortages(demand, torch.tensor([[2.0, 0, 0, 0, 0]])).tolist() == [[0.0]]
