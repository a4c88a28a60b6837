"""Mended plans carry what was wanted, and nothing can be left out of them."""

import pytest
import torch
from planning_cases import demands, plans, square

from aign.scenarios.core.topology import load
from aign.scenarios.ip_optical_planning.cuts import Cuts
from aign.scenarios.ip_optical_planning.economics import Economics
from aign.scenarios.ip_optical_planning.problem import Problem
from aign.scenarios.ip_optical_planning.repair import Repair
from aign.scenarios.ip_optical_planning.scenario import IpOpticalPlanning
from aign.scenarios.ip_optical_planning.solver.routing_check import RoutingCheck
from aign.scenarios.ip_optical_planning.survivability import Survivability


def everything(count, scenarios=6):
    return torch.ones(count, scenarios, dtype=torch.bool)


@pytest.mark.parametrize("start", ["nothing", "anything", "plenty"])
def test_mended_plans_survive_and_no_single_module_can_go(start):
    _, economics, oracle = square(most=9)
    contexts = demands(40)
    first = {"nothing": torch.zeros(40, 5), "anything": plans(40, 5), "plenty": torch.full((40, 5), 9.0)}[start]
    found = Repair(economics, oracle).mended(contexts, first, everything(40), 9)
    assert bool(oracle.survive(contexts, found).all())
    assert torch.equal(found, found.round().clamp(0, 9))
    for link in range(5):
        fewer = found - torch.eye(5)[link]
        assert not bool(oracle.survive(contexts, fewer.clamp_min(0))[found[:, link] > 0].any())


@pytest.mark.parametrize("failures", [True, False])
def test_only_wanted_scenarios_count(failures):
    problem, economics, oracle = square(failures, most=9)
    contexts, wanted = demands(30), everything(30, problem.scenarios)
    if failures:
        wanted = torch.rand(30, 6, generator=torch.Generator().manual_seed(0)) < 0.5
    found = Repair(economics, oracle).mended(contexts, torch.zeros(30, 5), wanted, 9)
    assert bool((oracle.carried(contexts, found) | ~wanted).all())
    whole = Repair(economics, oracle).mended(contexts, torch.zeros(30, 5), everything(30, problem.scenarios), 9)
    assert float(economics.cost(found).mean()) <= float(economics.cost(whole).mean())


def test_a_limit_on_links_is_kept_even_where_it_forbids_survival():
    _, economics, oracle = square()
    contexts = torch.full((1, 4), 50.0)
    found = Repair(economics, oracle).mended(contexts, torch.zeros(1, 5), everything(1), 3)
    assert float(found.max()) <= 3
    assert not bool(oracle.survive(contexts, found))


def test_what_cuts_miss_routing_adds():
    problem, _, _ = square(most=9)
    poor = Problem(problem.topology, problem.module, True, 1.0, 9)
    poor.__dict__["cuts"] = Cuts.made(problem.cuts.crossing[:1], problem.cuts.separated[:, :1])
    oracle = Survivability(poor)
    found = Repair(Economics(poor, 5.0, 0.0), oracle).mended(demands(10), torch.zeros(10, 5), everything(10), 9)
    assert bool(Survivability(problem).survive(demands(10), found).all())


def test_thinned_plans_keep_to_the_budget_and_lose_little_first():
    _, economics, oracle = square(most=9)
    contexts, designs = demands(30), plans(30, 6)
    repair = Repair(economics, oracle)
    budget = float(economics.cost(designs).median())
    found = repair.thinned(contexts, designs, budget)
    kept = economics.cost(designs) <= budget
    assert bool((economics.cost(found) <= budget).all())
    assert torch.equal(found[kept], designs[kept])
    assert bool((found <= designs).all())
    over = torch.full((1, 5), 9.0)  # plenty: what can go without loss goes first
    slim = repair.thinned(demands(1), over, float(economics.cost(over)) - 1)
    assert float(economics.loss(demands(1), slim)) == 0.0


def test_on_polska_a_noisy_optimum_is_mended_to_a_few_per_cent_above_it():
    problem = Problem(load("polska"), 497.6, True, 1.0, 16)
    economics, oracle = Economics(problem, 622.0, 0.0), Survivability(problem)
    context = torch.tensor(problem.topology.demand, dtype=torch.float32)
    optimum = torch.tensor([2., 5, 3, 4, 3, 6, 4, 4, 2, 4, 4, 2, 4, 3, 5, 2, 4, 6])
    noise = torch.randn(32, 18, generator=torch.Generator().manual_seed(0))
    found = Repair(economics, oracle).mended(context.expand(32, -1), (optimum + noise).round().clamp_min(0),
                                             everything(32, 19), 16)
    assert bool(oracle.survive(context.expand(32, -1), found).all())
    ratio = economics.cost(found) / economics.cost(optimum[None])
    assert float(ratio.min()) >= 1.0
    assert float(ratio.mean()) <= 1.08


def test_plans_of_forty_nodes_are_mended_to_survive_and_cost_less_than_shortest_paths_need():
    scenario = IpOpticalPlanning.create(topology="pioro40", repair=True)
    context = scenario.presets["published"][None]
    plan = scenario.project(context, scenario.initial_state(context, torch.Generator().manual_seed(1)))
    verdict = RoutingCheck(scenario.economics.instance(context[0], 16)).verdict(plan[0].double().numpy())
    assert verdict.failed == -1
    assert 1.2 < float(scenario.utility(context, plan)) < 1.45
