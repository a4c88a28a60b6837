"""The search: its limits and reports, and its answers against the certificate of the scenario."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from flow_program import least_cost
from small_networks import routed

from aign.scenarios.core import registry
from aign.scenarios.ip_optical_planning.solver import programs, search
from aign.scenarios.ip_optical_planning.solver.answers import ImpossibleError, Limits
from aign.scenarios.ip_optical_planning.solver.instance import Failures, Instance
from aign.scenarios.ip_optical_planning.solver.search import Search


def planned(name, share=1.0):
    """Return a scenario of the package and the same network as an instance, with its published demands."""
    scenario = registry.create("ip-optical-planning", topology=name, most_modules=100, protected=share)
    topology, problem = scenario.topology, scenario.problem
    demand = np.zeros((topology.size, topology.size))
    demand[topology.pairs[:, 0], topology.pairs[:, 1]] = scenario.presets["published"].double().numpy()
    failures = Failures.of_groups([(link,) for link in range(topology.links)], topology.links, share)
    instance = Instance(topology.size, topology.ends, demand + demand.T, problem.module,
                        scenario.economics.link_prices.numpy(), np.zeros(topology.links),
                        np.full(topology.links, 100.0), failures)
    return scenario, instance


@pytest.mark.parametrize(("name", "share"),
                         [("polska", 1.0), ("polska", 0.5), ("nobel-us", 1.0), ("nobel-germany", 0.8)])
def test_the_certificate_of_the_scenario_says_the_same(name, share):
    scenario, instance = planned(name, share)
    context = scenario.presets["published"][None]
    certificate = scenario.certify(context)
    answer = Search(instance).run()
    plan = torch.tensor(answer.plan)[None]
    assert answer.gap == pytest.approx(0, abs=1e-9)
    assert float(scenario.utility(context, plan)) == pytest.approx(float(certificate.utility), rel=1e-6)
    assert bool(scenario.survivability.survive(context, plan))


def test_a_search_can_be_repeated_and_tells_where_it_stands():
    _, instance = planned("nobel-us")
    told = [[], []]
    first, second = (Search(instance).run(lines.append) for lines in told)
    assert np.array_equal(first.plan, second.plan)
    assert [(step.bound, step.cost) for step in told[0]] == [(step.bound, step.cost) for step in told[1]]
    bounds, costs = ([getattr(step, name) for step in told[0]] for name in ("bound", "cost"))
    assert bounds == sorted(bounds)
    assert costs == sorted(costs, reverse=True)
    assert told[0][0].gap > told[0][-1].gap == pytest.approx(0, abs=1e-9)


def test_an_interrupted_search_answers_with_what_it_has():
    _, instance = planned("nobel-us")

    def stop(progress):
        raise KeyboardInterrupt

    answer = Search(instance).run(stop)
    assert routed(instance, answer.plan, 0)
    assert 0 < answer.gap < 0.1
    assert answer.bound < Search(instance).run().cost <= answer.cost


def test_limits_end_a_search_with_its_gap():
    _, instance = planned("nobel-us")
    answer = Search(instance, Limits(gap=0.01)).run()
    assert 0 <= answer.gap <= 0.01


def test_a_large_program_that_chooses_failures_gets_few_nodes_and_its_bound_stays_true(monkeypatch):
    _, instance = planned("polska")
    choosing, nodes = replace(instance, may_drop=1), []
    proven = Search(choosing).run()
    monkeypatch.setattr(search, "LARGE", 60)
    monkeypatch.setattr(search, "least_cost", lambda *program, **options: (
        nodes.append(options["nodes"]), programs.least_cost(*program, **options))[1])
    answer = Search(choosing, Limits(rounds=3)).run()
    assert search.FEWEST <= nodes[0] < Limits().nodes
    assert answer.bound <= proven.cost * (1 + 1e-9) <= answer.cost * (1 + 2e-9)
    nodes.clear()
    Search(instance, Limits(rounds=3)).run()
    assert nodes[0] == Limits().nodes, "each must be survived: no limit"


def test_a_failure_that_leaves_no_path_is_named():
    ends = np.array([[0, 1], [1, 2]])
    demand = np.ones((3, 3)) - np.eye(3)
    instance = Instance(3, ends, demand, 1.0, np.ones(2), np.zeros(2), np.full(2, 9.0),
                        Failures.of_groups([(0,), (1,)], 2))
    with pytest.raises(ImpossibleError, match=r"link 0 leaves demands without any path\. Exempt that failure"):
        Search(instance).run()


def test_too_few_modules_are_said_to_be_too_few():
    _, instance = planned("polska")
    small = Instance(instance.nodes, instance.ends, instance.demand, instance.module, instance.price, instance.least,
                     np.full(instance.links, 1.0), instance.failures)
    with pytest.raises(ImpossibleError, match="within the most modules that links may have"):
        Search(small).run()


def test_an_exempt_bridge_needs_no_more_than_its_traffic():
    """Two triangles joined by a bridge that may not fail: the row that counts all links across would ask for double."""
    ends = np.array([[0, 1], [1, 2], [2, 0], [2, 3], [3, 4], [4, 5], [5, 3]])
    demand = np.zeros((6, 6))
    for a, b in ((0, 4), (1, 5), (0, 1), (3, 4)):
        demand[a, b] = demand[b, a] = 1.0
    failures = Failures.of_groups([(link,) for link in range(7) if link != 3], 7)
    instance = Instance(6, ends, demand, 1.0, np.array([1, 1, 1, 5, 1, 1, 1.0]), np.zeros(7), np.full(7, 4.0), failures)
    answer = Search(instance).run()
    assert answer.plan[3] == 2
    assert answer.cost == pytest.approx(least_cost(instance))


def test_installed_modules_are_kept_and_the_plan_costs_no_less():
    _, instance = planned("polska")
    free = Search(instance).run()
    installed = np.zeros(instance.links)
    installed[int(np.argmax(instance.price))] = 5.0
    grown = Search(Instance(instance.nodes, instance.ends, instance.demand, instance.module, instance.price, installed,
                            instance.most, instance.failures)).run()
    assert (grown.plan >= installed).all()
    assert grown.cost > free.cost
