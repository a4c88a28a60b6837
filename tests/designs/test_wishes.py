"""What the model is asked for where a label is the objective."""

import pytest
import torch

from aign.designs.generation import generate
from aign.designs.objectives import parse as objectives
from aign.designs.wishes import LEVELS, wishes
from aign.diffusion.conditions import Conditions
from aign.scenarios.core import registry
from aign.scenarios.core.constraints import Constraint, parse

WATER = registry.create("water-filling", channels=4)
DATA = torch.arange(1.0, 1001.0)
CONDITIONS = Conditions.fit(WATER.labels, {label.name: DATA for label in WATER.labels})


def wished(texts, where=(), count=12, unconditioned=0.0):
    return wishes(CONDITIONS, objectives(texts, WATER.labels), parse(where, WATER.labels), count, unconditioned)


def test_the_utility_wishes_for_nothing():
    bounds, chosen = wished(["utility"])
    assert (bounds, chosen.shape) == ([], (12, 0))


def test_wishes_are_quantiles_of_the_data_on_the_better_side():
    bounds, _ = wished(["max_power"])
    shares = torch.special.ndtr(-torch.tensor(LEVELS, dtype=torch.float64))
    assert [bound.side for bound in bounds] == [("max_power", "<=")] * len(LEVELS)
    for bound, share in zip(bounds, shares.tolist(), strict=True):
        assert bound.threshold / 1000 == pytest.approx(share, abs=0.01)
    up, _ = wished(["max max_power"])
    assert [bound.threshold for bound in up] == pytest.approx([1001 - bound.threshold for bound in bounds])


def test_no_wish_is_looser_than_the_request():
    bounds, _ = wished(["total_power"], ["total_power<=100"])
    assert max(bound.threshold for bound in bounds) == 100
    assert min(bound.threshold for bound in bounds) < 100


def test_candidates_take_turns_and_the_first_wish_for_nothing():
    bounds, chosen = wished(["total_power", "utility", "active_channels"], count=30, unconditioned=0.1)
    assert not bool(chosen[:3].any())
    labels = [[bounds[column].label for column in row.nonzero()[:, 0].tolist()] for row in chosen[3:]]
    assert labels == [["total_power"], [], ["active_channels"]] * 9
    assert set(chosen.sum(dim=0).tolist()) <= {1, 2}, "every level is asked for"


def test_every_objective_meets_every_bound_that_candidates_are_projected_on():
    wanted = objectives(["utility", "total_power"], WATER.labels)
    _, chosen = wishes(CONDITIONS, wanted, (), 16, 0.0, repeats=4)
    asked = chosen.any(dim=1)
    for turn in range(4):
        assert asked[turn::4].tolist() == [False, True] * 2


def test_designs_pressed_on_a_bound_meet_it_and_are_ranked_by_the_objective(water):
    context = water.scenario.presets["ladder"][None]
    wanted = objectives(["total_power"], water.scenario.labels)
    pressed = ((Constraint("total_power", "<=", 0.5),), (Constraint("total_power", "<=", 1.0),))
    found = generate(water, context, parse(["max_power<=0.4"], water.scenario.labels), 6, seed=1, objectives=wanted,
                     pressed=pressed)
    power = found.labels["total_power"][0]
    assert torch.equal(power, power.sort().values)
    assert int((power <= 0.5).sum()) >= 3
    assert float(power.max()) <= 1.0
    assert bool(found.feasible.all())
    alone = generate(water, context, (), 1, seed=1, objectives=wanted, pressed=pressed)
    assert float(alone.labels["total_power"]) <= 0.5
