"""Costs and worth by hand, and the order they put plans in."""

import pytest
import torch
from planning_cases import demands, plans, square


def test_costs_by_hand():
    _, free, _ = square()
    _, dear, _ = square(fibre=7.0)
    plan = torch.tensor([[1.0, 0, 2, 0, 3]])
    assert free.cost(plan).tolist() == [5 * (1.0 + 2 * 0.9 + 3 * 1.7)]
    assert dear.cost(plan).tolist() == [5 * (1.0 + 2 * 0.9 + 3 * 1.7) + 3 * 7.0]


@pytest.mark.parametrize(("failures", "fibre"), [(True, 0.0), (False, 0.0), (True, 3.0)])
def test_no_plan_that_fails_reaches_the_worth_of_the_shortest_path_plan(failures, fibre):
    problem, economics, oracle = square(failures, most=9, fibre=fibre)
    contexts, designs = demands(300), plans(300, most=6)
    utility, alive = economics.utility(contexts, designs, oracle), oracle.survive(contexts, designs)
    assert bool((utility[~alive] < 1).all())
    reference = problem.shortest_path_plan(contexts)
    torch.testing.assert_close(economics.utility(contexts, reference, oracle), torch.ones(300).double())
    torch.testing.assert_close(utility[alive], (2 - economics.cost(designs) / economics.cost(reference))[alive])
    assert 0 < int(alive.sum()) < 300


def test_the_loss_counts_lost_scenarios_and_what_they_lack():
    problem, economics, _ = square()
    contexts, designs = demands(30), plans(30)
    short = problem.shortages(contexts, designs)
    expected = [sum((1 + 3 * s) if s > 0 else 0 for s in row) / 6 for row in short.tolist()]
    assert economics.loss(contexts, designs).tolist() == pytest.approx(expected)


def test_building_pays_long_before_everything_survives():
    problem, economics, oracle = square(most=9)
    contexts = demands(50) + 1
    plan = problem.shortest_path_plan(contexts)
    steps = [economics.utility(contexts, (share * plan).round(), oracle).mean() for share in (0.0, 0.4, 0.7, 1.0)]
    assert steps == sorted(steps)


def test_nothing_built_loses_everything():
    _, economics, oracle = square()
    assert economics.utility(demands(3) + 0.1, torch.zeros(3, 5), oracle).tolist() == pytest.approx([-3.0] * 3)
