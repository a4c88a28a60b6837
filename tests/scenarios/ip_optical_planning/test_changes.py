"""Changes from what stands: against enumeration, and in an order that keeps the network survivable."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from small_networks import drawn, routed

from aign.errors import ParameterError
from aign.scenarios.ip_optical_planning.changes import cheapest, growth, steps
from aign.scenarios.ip_optical_planning.solver.answers import ImpossibleError


def installed_of(instance, seed):
    return np.random.default_rng(seed).integers(0, 3, instance.links).astype(float)


def best_change(instance, installed, earned):
    """Return the least cost of changes, trying every plan from the cheapest change on."""
    plans = np.array(list(itertools.product(range(4), repeat=instance.links)), dtype=float)
    change = plans - installed
    costs = (np.maximum(change, 0) - earned * np.maximum(-change, 0)) @ instance.price
    possible = (change >= 0).all(1) if earned == 0 else np.ones(len(plans), bool)
    for index in np.argsort(costs, kind="stable"):
        if not possible[index]:
            continue
        if all(routed(instance, plans[index], scenario) for scenario in range(instance.scenarios)):
            return float(costs[index])
        possible &= (plans > plans[index]).any(1)  # with fewer modules everywhere it fails too
    return None


@pytest.mark.parametrize(("seed", "earned"), [(0, 0.0), (1, 0.0), (2, 0.0), (4, 0.0), (0, 0.5), (1, 0.5)])
def test_changes_are_the_cheapest_of_all(seed, earned):
    instance = drawn(seed, "links")
    installed = installed_of(instance, seed)
    expected = best_change(instance, installed, earned)
    if expected is None:
        with pytest.raises(ImpossibleError):
            cheapest(instance, installed, earned)
        return
    changes = cheapest(instance, installed, earned)
    assert changes.cost == pytest.approx(expected, abs=1e-4)
    assert changes.bound == pytest.approx(expected, abs=1e-4)
    assert all(routed(instance, changes.plan, scenario) for scenario in range(instance.scenarios))


@pytest.mark.parametrize("seed", [1, 3])
def test_growth_is_where_routing_begins_to_fail(seed):
    instance = drawn(seed, "links")
    plan = np.full(instance.links, 2.0)
    factor = growth(instance, plan, most=8.0)

    def carried(scale):
        scaled = replace(instance, demand=scale * instance.demand)
        return all(routed(scaled, plan, scenario) for scenario in range(scaled.scenarios))

    assert carried(factor * 0.999)
    assert factor == 8.0 or not carried(factor + 0.02)


@pytest.mark.parametrize("seed", [1, 3])
def test_steps_lead_to_the_plan_and_never_carry_less(seed):
    old = drawn(seed, "links")
    standing = cheapest(old, np.zeros(old.links)).plan
    grown = replace(old, demand=1.4 * old.demand, most=np.full(old.links, 6.0))
    changes = cheapest(grown, standing)
    ordered = steps(grown, standing, changes.plan)
    reached, carries = standing.copy(), 0.0
    for step in ordered:
        reached[step.link] += step.modules
        assert step.carries >= carries - 1e-3
        assert growth(grown, reached) == pytest.approx(step.carries, abs=2e-3)
        assert all(routed(old, reached, scenario) for scenario in range(old.scenarios))  # today's traffic, always
        carries = step.carries
    assert np.array_equal(reached, changes.plan)
    assert sum(step.cost for step in ordered) == pytest.approx(changes.cost)
    assert not ordered or ordered[-1].carries == 1.0


def test_what_does_not_fit_is_refused():
    instance = drawn(0, "links")
    for wrong in (np.zeros(2), np.full(instance.links, 0.5), np.full(instance.links, -1.0)):
        with pytest.raises(ParameterError, match="whole numbers from 0"):
            cheapest(instance, wrong)
    with pytest.raises(ParameterError, match="allowed: 0 to 1"):
        cheapest(instance, np.zeros(instance.links), earned=2.0)
