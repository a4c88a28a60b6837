"""Best values of labels against a search through every design of two users, and closed forms elsewhere."""

import pytest
import torch

from aign.designs.best_value import NEAR_BEST, best_value, pressures
from aign.designs.bisection import TOLERANCE
from aign.designs.objectives import parse as objectives
from aign.scenarios.core import registry
from aign.scenarios.core.certificate import CertificateKind
from aign.scenarios.core.constraints import parse, satisfied

TWO = registry.create("power-allocation", users=2)
SIX = registry.create("power-allocation", users=6)
WATER = registry.create("water-filling", channels=4)
POLSKA = registry.create("ip-optical-planning", topology="polska")
EVERY = torch.cartesian_prod(torch.arange(0.0, 41.0), torch.arange(0.0, 41.0))
CONTEXT = TWO.presets["aign-two-users"]


def best_of(scenario, context, where, text, known=0):
    objective, = objectives([text], scenario.labels)
    designs = torch.zeros(known, scenario.state_size)
    return best_value(scenario, context, parse(where, scenario.labels), objective, designs)


@pytest.mark.parametrize("where", [[], ["min_rate>=5"], ["jain_fairness>=0.9", "total_power>=20"]])
@pytest.mark.parametrize("label", [label.name for label in TWO.labels])
@pytest.mark.parametrize("sense", ["min", "max"])
def test_every_label_of_two_users_is_as_good_as_any_design_has_it(where, label, sense):
    values = TWO.measure(CONTEXT.expand(len(EVERY), -1), EVERY)
    constraints = parse(where, TWO.labels)
    allowed = values[label][satisfied(constraints, values, len(EVERY))]
    truth = float(allowed.amin() if sense == "min" else allowed.amax())
    best = best_of(TWO, CONTEXT, where, f"{sense} {label}")
    assert best.value == pytest.approx(truth, rel=2 * TOLERANCE, abs=1e-6)
    assert best.exact
    assert best.kind is CertificateKind.UPPER_BOUND
    measured = TWO.measure(CONTEXT[None], best.design[None])
    assert float(measured[label][0]) == best.value == best.labels[label]
    assert bool(satisfied(constraints, measured, 1))
    assert ("has less" if sense == "min" else "has more") in best.sentence()


def test_the_least_power_for_a_rate_is_certified_and_the_witness_is_worth_most():
    context = SIX.draw_contexts(1, torch.Generator().manual_seed(0))[0]
    best = best_of(SIX, context, ["min_rate>=20"], "total_power")
    assert best.exact
    fewer = parse(["min_rate>=20", f"total_power<={best.value - 1}"], SIX.labels)
    assert bool(SIX.feasible(context[None], fewer).impossible)
    same = SIX.certify(context[None], parse(["min_rate>=20", f"total_power<={best.value}"], SIX.labels))
    assert best.utility >= float(SIX.utility(context[None], same.design)[0]) - 1e-9


def test_the_cheapest_network_that_survives_is_that_of_the_integer_program():
    context = POLSKA.presets["published"]
    where = ["reliability>=1", "ip>=1"]
    best = best_of(POLSKA, context, where, "cost")
    certified = POLSKA.certify(context[None], parse(where, POLSKA.labels))
    assert best.exact
    assert best.value == float(POLSKA.measure(context[None], certified.design)["cost"][0])


def test_where_nothing_is_proven_the_value_is_only_the_best_known():
    best = best_of(WATER, WATER.presets["ladder"], [], "active_channels")
    assert best.value >= 3
    assert (best.exact, best.kind) == (False, CertificateKind.BEST_KNOWN)
    assert "best known: nothing is proven" in best.sentence()
    assert best.to_json()["certificate"] == "best known"


def test_a_bound_on_the_same_label_is_no_contradiction():
    best = best_of(TWO, CONTEXT, ["total_power<=60", "total_power>=17"], "total_power")
    assert (best.value, best.exact) == (17, True)


def test_there_is_no_best_value_of_what_cannot_be():
    assert best_of(TWO, CONTEXT, ["min_rate>=5000"], "total_power") is None


def test_designs_are_pressed_from_the_best_value_to_the_usual_one():
    best = best_of(TWO, CONTEXT, ["min_rate>=5"], "total_power")
    *bounds, free = pressures([best], {"total_power": best.value + 100}, NEAR_BEST)
    assert free == ()
    assert [bound.threshold for bound, in bounds] == pytest.approx([best.value, best.value + 3, best.value + 10])
    assert all(bound.side == ("total_power", "<=") for bound, in bounds)
