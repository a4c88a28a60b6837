"""Suggestions: verified, irreducible, and where fewest is claimed, fewest by a search of our own."""

import itertools

import pytest
import torch

from aign.designs.deployed import Deployment
from aign.designs.objectives import parse as objectives
from aign.designs.suggestions import FURTHER, Mender
from aign.scenarios.core import registry
from aign.scenarios.core.constraints import parse, satisfied

THREE = registry.create("power-allocation", users=3)
POLSKA = registry.create("ip-optical-planning", topology="polska")


def suggested(scenario, context, start, where, objective="utility", keep=()):
    constraints = parse(where, scenario.labels)
    deployment = Deployment(scenario, context)
    targets = torch.cat([scenario.project(context[None], start[None], constraints).float(),
                         scenario.certify(context[None], constraints).design.float()])
    mender = Mender(deployment, constraints, objectives([objective], scenario.labels)[0], keep)
    return constraints, mender.suggestions(start, targets.unique(dim=0))


EVERY = torch.cartesian_prod(*[torch.arange(0.0, 41.0)] * 3)


def fewest(context, start, constraints):
    """Return the least number of users whose level has to change, by trying every design of three users."""
    met = satisfied(constraints, THREE.measure(context.expand(len(EVERY), -1), EVERY), len(EVERY))
    return int((start != EVERY).sum(dim=1)[met].min())


@pytest.mark.parametrize(("seed", "levels", "where"), [
    (0, (1, 9), ["min_rate>={rate}"]), (1, (15, 41), ["total_power<=40"]), (2, (15, 41), ["max_power<=10"]),
    (3, (15, 41), ["jain_fairness>=0.99"]), (4, (15, 41), ["min_rate>={rate}", "total_power<=90"])])
def test_what_is_mended_is_mended_by_as_few_as_claimed(seed, levels, where):
    generator = torch.Generator().manual_seed(seed)
    context = THREE.draw_contexts(1, generator)[0]
    start = torch.randint(*levels, (3,), generator=generator).float()
    rate = 0.75 * float(THREE.measure(context.expand(len(EVERY), -1), EVERY)["min_rate"].max())
    constraints, suggestions = suggested(THREE, context, start, [text.format(rate=rate) for text in where])
    assert not satisfied(constraints, THREE.measure(context[None], start[None]), 1)
    assert suggestions
    truth = fewest(context, start, constraints)
    assert min(each.count for each in suggestions) == truth
    assert max(each.count for each in suggestions) <= truth + FURTHER
    for each in suggestions:
        last = each.changes.steps[-1].after
        assert bool(satisfied(constraints, THREE.measure(context[None], last.design[None]), 1))
        assert int((last.design != start).sum()) == each.count
        assert each.gain == pytest.approx(last.utility - each.changes.start.utility)
        assert not each.fewest or each.count == truth
        numbers = (last.design != start).nonzero()[:, 0].tolist()
        for size in range(len(numbers)):
            for left in itertools.combinations(numbers, size):
                fewer = start.clone()
                fewer[list(left)] = last.design[list(left)]
                assert not satisfied(constraints, THREE.measure(context[None], fewer[None]), 1) or each.count > truth
    gains = [each.gain_a_change for each in suggestions[:-1]]
    assert gains == sorted(gains, reverse=True)


def test_a_failed_link_is_kept_and_others_are_raised():
    context = POLSKA.presets["published"]
    sound = POLSKA.certify(context[None], parse(["reliability>=1", "ip>=1"], POLSKA.labels)).design[0]
    sound[3] = 0
    name = f"link {POLSKA.topology.link_name(3)}"
    constraints, suggestions = suggested(POLSKA, context, sound, ["ip>=1", "reliability>=0.8"], keep=[name])
    assert suggestions
    for each in suggestions:
        last = each.changes.steps[-1].after
        assert last.design[3] == 0
        assert bool(satisfied(constraints, POLSKA.measure(context[None], last.design[None]), 1))
        assert all(name not in change.entities for change in each.changes.steps)
    assert "mends the request" in suggestions[0].sentence()
    assert "link " in suggestions[0].sentence()


def test_a_sound_design_is_improved():
    context = THREE.draw_contexts(1, torch.Generator().manual_seed(0))[0]
    _, suggestions = suggested(THREE, context, torch.full((3,), 3.0), ["total_power<=100"])
    assert all(each.gain > 0 and each.changes.steps[-1].after.meets for each in suggestions)
    assert "keeps the request" in suggestions[0].sentence()
    assert {each.count for each in suggestions} > {1}


def test_what_nothing_mends_has_no_suggestion():
    context = THREE.draw_contexts(1, torch.Generator().manual_seed(0))[0]
    assert suggested(THREE, context, torch.full((3,), 3.0), ["min_rate>=5000"])[1] == ()
