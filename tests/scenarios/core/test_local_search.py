"""Local search on a network that is not power control, and against exhaustive search on a small grid."""

import torch

from aign.scenarios.core import registry
from aign.scenarios.core.constraints import parse, satisfied
from aign.scenarios.core.local_search import LocalSearch

WATER = registry.create("water-filling", channels=4)
TWO = registry.create("power-allocation", users=2)


def test_channels_are_switched_on_until_the_request_is_met_and_utility_grows_after():
    contexts = WATER.draw_contexts(6, torch.Generator().manual_seed(0))
    constraints = parse(["active_channels>=4", "total_power<=2"], WATER.labels)
    search = LocalSearch(WATER, constraints, (0.05, 0.2))
    start = torch.zeros(6, 4)
    met = search.run(contexts, start, 60)
    better = search.run(contexts, start, 60, climb=60)
    assert bool(satisfied(constraints, WATER.measure(contexts, met), 6).all())
    assert bool(satisfied(constraints, WATER.measure(contexts, better), 6).all())
    assert bool((WATER.utility(contexts, better) > WATER.utility(contexts, met)).all())
    assert bool((WATER.utility(contexts, better) <= WATER.certify(contexts, constraints[1:]).utility + 1e-9).all())


def test_climbing_reaches_the_exhaustive_optimum_of_two_users():
    contexts = TWO.draw_contexts(8, torch.Generator().manual_seed(1))
    for texts in ([], ["total_power<=30"], ["jain_fairness>=0.99"], ["total_power>=60", "max_power<=35"]):
        constraints = parse(texts, TWO.labels)
        found = LocalSearch(TWO, constraints, (1.0, 3.0, 9.0)).run(contexts, torch.full((8, 2), 10.0), 100, 100)
        truth = TWO.certify(contexts, constraints)
        assert bool(satisfied(constraints, TWO.measure(contexts, found), 8)[truth.feasible].all())
        gap = (truth.utility - TWO.utility(contexts, found))[truth.feasible]
        assert float(gap.amin()) > -1e-9
        assert float(gap.amax()) < 0.02


def test_what_cannot_be_met_ends_no_worse_than_it_began():
    contexts = TWO.draw_contexts(3, torch.Generator().manual_seed(2))
    constraints = parse(["energy_efficiency>=100", "total_power>=10"], TWO.labels)
    search, start = LocalSearch(TWO, constraints, (1.0, 4.0)), torch.full((3, 2), 20.0)
    ended = search.run(contexts, start, 50, 50)
    assert bool((search.evaluate(contexts, ended)[0] < search.evaluate(contexts, start)[0]).all())
    assert torch.equal(ended, TWO.admissible(ended))
    assert torch.equal(search.run(contexts, start, 0, 50), start)  # no rounds, and nothing to climb from
