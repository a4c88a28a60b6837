"""Relaxations against a search through every design of two users, and on water-filling by hand."""

import pytest
import torch

from aign.designs.bisection import TOLERANCE
from aign.designs.diagnosis import diagnose
from aign.scenarios.core import registry
from aign.scenarios.core.constraints import parse, satisfied

TWO = registry.create("power-allocation", users=2)
SIX = registry.create("power-allocation", users=6)
WATER = registry.create("water-filling", channels=4)
EVERY = torch.cartesian_prod(torch.arange(0.0, 41.0), torch.arange(0.0, 41.0))
CONTEXT = TWO.presets["aign-two-users"]


def best_threshold(texts, number):
    """Return the label value nearest to the asked threshold among all designs that meet the other constraints."""
    constraints = parse(texts, TWO.labels)
    asked = constraints[number]
    values = TWO.measure(CONTEXT.expand(len(EVERY), -1), EVERY)
    others = [one for one in constraints if one != asked]
    label = values[asked.label][satisfied(others, values, len(EVERY))]
    if not len(label):
        return None
    return float(label.amin() if asked.upper else label.amax())


@pytest.mark.parametrize("texts", [
    ["min_rate>=200", "total_power<=30"], ["jain_fairness>=0.95", "total_power>=75"],
    ["energy_efficiency>=40", "max_power>20"], ["min_rate>=200", "min_sinr_db<-10", "max_power<5"],
    ["total_power>=70", "energy_efficiency>=20"]])
def test_each_relaxation_is_the_least_there_is(texts):
    constraints = parse(texts, TWO.labels)
    found = diagnose(TWO, CONTEXT, constraints)
    assert found.proven
    shares = []
    for number, one in enumerate(found.relaxations):
        truth = best_threshold(texts, number)
        assert one.constraint == constraints[number]
        assert (one.relaxed is None) == (truth is None)
        assert one.exact
        if one.relaxed is not None:
            assert one.relaxed.threshold == pytest.approx(truth, rel=2 * TOLERANCE)
            if one.constraint.label in TWO.integer_labels:
                assert one.relaxed.threshold == truth
            request = [one.relaxed if other == one.constraint else other for other in constraints]
            assert bool(satisfied(request, TWO.measure(CONTEXT[None], one.design[None]), 1))
            shares.append((one.share, one.constraint))
    if shares:
        assert found.cause == min(shares, key=lambda pair: pair[0])[1]
        assert f"because of {found.cause}" in str(found)
        relaxed = {one.constraint: one.relaxed for one in found.relaxations}[found.cause]
        request = [relaxed if one == found.cause else one for one in constraints]
        best = TWO.certify(CONTEXT[None], request)
        assert found.utility == pytest.approx(float(best.utility[0]))
    else:
        assert found.design is None
        assert "relaxing one alone does not help" in str(found)


def test_a_request_of_more_users_names_rate_and_power():
    context = SIX.draw_contexts(1, torch.Generator().manual_seed(0))[0]
    least = SIX.feasible(context[None], parse(["min_rate>=20"], SIX.labels)).witness
    assert bool(SIX.feasible(context[None], parse(["min_rate>=20"], SIX.labels)).known)
    total = float(least.sum()) * 0.2
    found = diagnose(SIX, context, parse(["min_rate>=20", f"total_power<={total}"], SIX.labels))
    by_rate, by_power = found.relaxations
    assert by_rate.relaxed.threshold < 20
    assert by_power.relaxed.threshold > total
    assert by_power.relaxed.threshold == int(by_power.relaxed.threshold)
    tighter = parse(["min_rate>=20", f"total_power<={by_power.relaxed.threshold - 1}"], SIX.labels)
    assert bool(SIX.feasible(context[None], tighter).impossible)
    assert found.labels["total_power"] <= total or found.cause.label == "total_power"
    assert "%" in str(found)
    assert found.to_json()["relaxations"][0]["constraint"] == "min_rate>=20"


def test_water_filling_says_which_bound_is_the_cause():
    found = diagnose(WATER, WATER.presets["ladder"], parse(["total_power>=2", "max_power<=0.4"], WATER.labels))
    assert not found.proven  # this network proves nothing of bounds from below
    total, cap = (one.relaxed.threshold for one in found.relaxations)
    assert total == pytest.approx(1.6, rel=1e-2)  # four channels at the cap
    assert cap >= 0.5 * (1 - 1e-6)
    assert found.cause.label == "total_power"


def test_a_request_that_can_be_met_needs_no_relaxing():
    found = diagnose(TWO, CONTEXT, parse(["total_power<=50"], TWO.labels))
    assert found.cause is None
    assert not found.proven
    assert "nothing needs relaxing" in str(found)
