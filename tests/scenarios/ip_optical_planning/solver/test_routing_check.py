"""The routing check: what it remembers of one traffic says nothing of another; parallel links share their capacity."""

from dataclasses import replace

import numpy as np
import pytest
from small_networks import drawn, routed

from aign.scenarios.ip_optical_planning.solver.routing_check import RoutingCheck


def survives(instance, plan):
    return all(routed(instance, plan, scenario) for scenario in range(instance.scenarios))


@pytest.mark.parametrize("kind", ["links", "parallel", "two layers"])
def test_plans_asked_in_turn_get_the_verdict_of_another_router(kind):
    instance = drawn(1, kind)
    check, random, survived = RoutingCheck(instance), np.random.default_rng(0), []
    for _ in range(12):
        plan = random.integers(0, 5, instance.links).astype(float)
        survived.append(survives(instance, plan))
        assert (check.verdict(plan).failed < 0) == survived[-1]
    assert 0 < sum(survived) < 12


def test_other_traffic_is_routed_anew():
    instance = drawn(1, "links")
    check, plan = RoutingCheck(instance), np.full(instance.links, 3.0)
    assert check.verdict(plan).failed < 0
    solved = check.solved
    assert check.verdict(plan).failed < 0
    assert check.solved == solved
    check.instance = replace(instance, demand=9 * instance.demand)
    assert check.verdict(plan).failed >= 0
