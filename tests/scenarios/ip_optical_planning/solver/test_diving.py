"""Dives and regions planned anew in two layers: plans that meet every known row, and survive, for less."""

import pytest
from small_networks import drawn, routed

from aign.scenarios.ip_optical_planning.solver import heuristics
from aign.scenarios.ip_optical_planning.solver.answers import Limits
from aign.scenarios.ip_optical_planning.solver.neighbourhoods import Neighbourhoods
from aign.scenarios.ip_optical_planning.solver.search import Search


@pytest.fixture
def search():
    """Return a search that has solved its relaxation only."""
    instance = drawn(2, "two layers")
    prepared = Search(instance, Limits(rounds=0))
    prepared.run()
    return prepared


def test_a_dive_meets_every_known_row_from_its_floor_up(search):
    floor = search.instance.lower.copy()
    floor[0] = 2.0
    plan = search.mender.dive.plan(floor)
    assert (plan == plan.round()).all()
    assert (plan >= floor).all()
    assert (search.rows.matrix @ plan >= search.rows.low - 1e-6).all()
    low, matrix = search.instance.structure()
    assert (matrix @ plan >= low - 1e-6).all()


def test_regions_planned_anew_survive_and_cost_less(search):
    prices, regions = search.instance.prices, Neighbourhoods(search.mender)
    plan = search.mender.mended(search.instance.lower) + 1.0
    costs = [float(plan @ prices)]
    for _ in range(20):
        cheaper = regions.cheaper(plan)
        if cheaper is not None:
            plan = cheaper
            costs.append(float(plan @ prices))
    assert costs == sorted(costs, reverse=True)
    assert len(set(costs)) == len(costs) > 1
    assert all(routed(search.instance, plan[:search.instance.links], scenario)
               for scenario in range(search.instance.scenarios))
    assert costs[-1] == pytest.approx(Search(search.instance).run().cost, rel=0.1)


def test_a_plan_that_only_grows_survives_too(search, monkeypatch):
    monkeypatch.setattr(heuristics, "FRESH", 0)
    plan = search.mender.grown(search.instance.lower)
    assert all(routed(search.instance, plan[:search.instance.links], scenario)
               for scenario in range(search.instance.scenarios))
