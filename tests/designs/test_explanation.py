"""Explanations against certificates computed here, on two networks."""

import pytest
import torch

from aign.designs.explanation import explain, settled
from aign.designs.explanation_picture import draw
from aign.scenarios.core import registry
from aign.scenarios.core.constraints import Constraint, parse

SIX = registry.create("power-allocation", users=6)
WATER = registry.create("water-filling", channels=4)


def explained(scenario, texts, seed=0):
    context = scenario.draw_contexts(1, torch.Generator().manual_seed(seed))[0]
    constraints = parse(texts, scenario.labels)
    certificate = scenario.certify(context[None], constraints)
    design = certificate.design[0]
    path = torch.linspace(0, 1, scenario.horizon + 1)[:, None] * design
    return context, design, certificate, explain(scenario, context, constraints, design, path, certificate)


def test_a_binding_budget_has_a_price_that_certifying_again_confirms():
    context, _, certificate, found = explained(SIX, ["total_power<=60", "max_power<=39"])
    budget, cap = found.effects
    more = SIX.certify(context[None], parse(["total_power<=61", "max_power<=39"], SIX.labels))
    assert budget.binds
    assert budget.price == pytest.approx(float(certificate.prices[Constraint("total_power", "<=", 60.0)][0]))
    assert budget.measured == pytest.approx(float(more.utility - certificate.utility))
    assert 0 < budget.measured <= budget.predicted * (1 + 1e-6)  # concave: the first unit gives most
    assert budget.predicted == pytest.approx(budget.measured, rel=0.1)
    assert not cap.binds
    text = found.sentences()
    assert text[0].startswith("total_power<=60 binds (the design has 60 level); by its shadow price 1 level more")
    assert "certified again with total_power<=61" in text[0]
    assert "max_power<=39 is slack" in text[1]


def test_a_bound_from_below_is_loosened_downwards():
    _, _, _, found = explained(SIX, ["min_rate>=20"])
    rate, = found.effects
    assert rate.step == pytest.approx(-0.2)
    assert rate.loosened == "min_rate>=19.8"
    assert rate.predicted >= 0
    assert rate.predicted == pytest.approx(rate.price * rate.step)


def test_who_pays_is_measured_against_the_unconstrained_optimum():
    context, design, _, found = explained(SIX, ["total_power<=40"])
    free = SIX.certify(context[None]).design
    rates, before = (SIX.per_entity(context[None], one)["rate [Mbit/s]"][0] for one in (design[None], free))
    change = (rates - before) / before
    assert [one.number for one in found.entities] == [int(k) + 1 for k in change.argsort(stable=True) if change[k]]
    assert found.entities[0].here["power [level]"] == float(design[found.entities[0].number - 1])
    lost = int((rates < before).sum())
    assert f"{lost} pay in rate and {6 - lost} gain" in " ".join(found.sentences())


def test_without_constraints_only_the_path_is_told():
    *_, found = explained(WATER, [])
    assert (found.effects, found.entities) == ((), ())
    assert len(found.sentences()) == 1
    assert len(found.utility) == WATER.horizon + 1


def test_the_measured_gain_stands_alone_where_there_is_no_price():
    context, _, certificate, found = explained(WATER, ["total_power<=1"])
    bound, = found.effects
    more = WATER.certify(context[None], parse(["total_power<=1.01"], WATER.labels))
    assert (bound.price, bound.predicted) == (None, None)
    assert bound.measured == pytest.approx(float(more.utility - certificate.utility), rel=1e-3)
    assert bound.binds
    assert "shadow price" not in bound.sentence()


def test_a_value_is_settled_from_the_step_after_its_last_change():
    path = torch.tensor([[0.0, 5.0, 1.0], [2.0, 5.0, 3.0], [2.0, 5.0, 1.0], [2.0, 5.0, 4.0]])
    assert settled(path) == [1, 0, 3]


def test_the_picture_has_a_panel_for_each_figure_of_the_users_the_prices_and_the_path():
    context, design, _, found = explained(SIX, ["total_power<=60"])
    titles = [axes.get_title() for axes in draw(SIX, context, design, found, "why").axes if axes.get_title()]
    assert titles == ["who pays", "who pays", "one more unit", "the path of decisions"]
    context, design, _, found = explained(WATER, [])
    titles = [axes.get_title() for axes in draw(WATER, context, design, found).axes if axes.get_title()]
    assert titles == ["who pays", "the path of decisions"]
