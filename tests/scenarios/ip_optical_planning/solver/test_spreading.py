"""Routing of large networks by spreading flows: plans that it says fit are routed by a program over all paths."""

from dataclasses import replace

import numpy as np
import pytest
from small_networks import drawn, routed

from aign.scenarios.core.topology import load
from aign.scenarios.ip_optical_planning import single_layer
from aign.scenarios.ip_optical_planning.solver import spreading
from aign.scenarios.ip_optical_planning.solver.answers import Limits
from aign.scenarios.ip_optical_planning.solver.routing_check import RoutingCheck
from aign.scenarios.ip_optical_planning.solver.search import Search
from aign.scenarios.ip_optical_planning.solver.spreading import Spreading


def survives(instance, plan):
    """Return whether a program over all paths routes a plan in every scenario."""
    return all(routed(instance, plan, scenario) for scenario in range(instance.scenarios))


@pytest.mark.parametrize("kind", ["links", "none", "nodes", "groups", "parallel", "bridge", "mixed"])
@pytest.mark.parametrize("seed", range(3))
def test_raised_plans_survive_and_so_do_those_with_a_module_less_that_fit(kind, seed):
    instance = drawn(seed, kind)
    instance = replace(instance, most=np.full(instance.links, 30.0))
    spread = Spreading(instance)
    plan = spread.raised(instance.lower)
    assert survives(instance, plan)
    assert spread.fits(plan)
    for link in range(instance.links):
        while plan[link] > 0 and spread.fits_without(plan, link):
            plan[link] -= 1
    assert survives(instance, plan)


def test_a_plan_that_carries_too_little_does_not_fit_and_full_links_cannot_be_raised():
    instance = drawn(0, "links")
    spread = Spreading(replace(instance, most=np.zeros(instance.links)))
    assert not spread.fits(instance.lower)
    assert spread.raised(instance.lower) is None


def test_a_large_network_gets_a_survivable_plan_and_a_gap(monkeypatch):
    topology = load("polska", largest=None)
    instance, _ = single_layer.instance(topology, single_layer.traffic_of(topology), single_layer.unit_of(topology))
    exact = Search(instance).run()
    monkeypatch.setattr(spreading, "FLOWS", 0)
    answer = Search(instance, Limits(gap=0.1, rounds=0)).run()
    assert RoutingCheck(instance).verdict(answer.plan).failed == -1
    assert answer.bound <= exact.cost <= answer.cost
    assert answer.gap < 0.2
