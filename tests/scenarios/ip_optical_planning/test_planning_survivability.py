"""Exact verdicts against a program over all simple paths; memory changes speed, never an answer."""

import numpy as np
import pytest
import torch
from planning_cases import demands, plans, square
from planning_reference import SQUARE, least_overflow

from aign.scenarios.core.topology import load
from aign.scenarios.ip_optical_planning.problem import Problem
from aign.scenarios.ip_optical_planning.survivability import Survivability


@pytest.mark.parametrize(("failures", "protected"), [(True, 1.0), (True, 0.6), (False, 1.0)])
def test_verdicts_agree_with_all_simple_paths(failures, protected):
    problem, _, oracle = square(failures, protected)
    contexts, designs = demands(25), plans(25, most=5)
    carried = oracle.carried(contexts, designs)
    for row in range(25):
        for scenario in range(problem.scenarios):
            demand = contexts[row].double().numpy() * (protected if scenario else 1.0)
            over = least_overflow(SQUARE, demand, 4.0 * designs[row].numpy(), scenario - 1 if scenario else None)
            assert bool(carried[row, scenario]) == (over < 1e-5)
    assert 0 < int(carried.sum()) < carried.numel()
    assert torch.equal(oracle.survive(contexts, designs), carried.all(1))


def test_a_short_cut_is_a_proof():
    problem = Problem(load("polska"), 497.6, True, 1.0, 16)
    oracle, generator = Survivability(problem), torch.Generator().manual_seed(0)
    published = torch.tensor(problem.topology.demand, dtype=torch.float32)
    contexts = published * (0.8 + 0.4 * torch.rand(30, 66, generator=generator))
    designs = (problem.shortest_path_plan(contexts) - torch.randint(0, 3, (30, 18), generator=generator)).clamp_min(0)
    carried, sound = oracle.carried(contexts, designs), problem.shortages(contexts, designs) == 0
    assert not bool((carried & ~sound).any())
    assert 0 < int(carried.sum()) < carried.numel()


def test_answers_do_not_depend_on_what_was_asked_before_or_with():
    problem, _, used = square()
    contexts, designs = demands(60).repeat(2, 1), plans(120, most=5)
    together = used.carried(contexts, designs)
    assert torch.equal(together, used.carried(contexts, designs))
    assert torch.equal(together, used.carried(contexts.flip(0), designs.flip(0)).flip(0))
    alone = [Survivability(problem).carried(contexts[row:row + 1], designs[row:row + 1]) for row in range(120)]
    assert torch.equal(together, torch.cat(alone))


def test_more_of_a_known_plan_and_repeated_questions_cost_no_program():
    problem = Problem(load("polska"), 497.6, True, 1.0, 16)
    oracle = Survivability(problem)
    context = torch.tensor(problem.topology.demand, dtype=torch.float32)[None]
    plan = torch.tensor([[2., 5, 3, 4, 3, 6, 4, 4, 2, 4, 4, 2, 4, 3, 5, 2, 4, 6]])  # the certified optimum
    assert bool(oracle.survive(context, plan))
    solved = oracle.solved
    assert solved > 0
    assert bool(oracle.survive(context, plan))
    assert bool(oracle.survive(context, plan + torch.eye(18)[:1]))
    assert oracle.solved == solved


def test_capacity_never_hurts_and_demand_never_helps():
    _, _, oracle = square()
    contexts, designs = demands(50, seed=3), plans(50, seed=3)
    base = oracle.carried(contexts, designs)
    assert not bool((base & ~oracle.carried(contexts, designs + 1)).any())
    assert not bool((oracle.carried(contexts * 1.3, designs) & ~base).any())


def test_routing_of_a_scenario_uses_the_protected_share():
    _, _, oracle = square(protected=0.5)
    demand, plan = np.array([4.0, 4.0, 4.0, 4.0]), np.full(5, 9.0)
    whole, half = (oracle.route(demand, plan, scenario).load.sum() for scenario in (0, 1))
    assert 0 < half < whole
