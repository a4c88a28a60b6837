"""Dives and regrowth in two layers: plans that meet every known row, and survive, for no more than before."""

import numpy as np
import pytest
from small_networks import drawn, routed

from aign.scenarios.ip_optical_planning.solver.regrowth import regrown
from aign.scenarios.ip_optical_planning.solver.search import Limits, Search


@pytest.fixture
def search():
    """Return a search whose rows are those of every set of two nodes or fewer, and its instance."""
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
    assert search.mender.dive.plan(floor, below=search.bound) is None


def test_regrown_plans_survive_and_never_cost_more(search):
    prices, random = search.instance.prices, np.random.default_rng(0)
    plan = search.mender.mended(search.instance.lower)
    for _ in range(10):
        other = regrown(search.mender, plan, random)
        assert other @ prices <= plan @ prices + 1e-9
        plan = other
    assert all(routed(search.instance, plan[:search.instance.links], scenario)
               for scenario in range(search.instance.scenarios))
    assert plan @ prices == pytest.approx(Search(search.instance).run().cost, rel=0.3)
