"""The search for the best decisions, against trying them all."""

import itertools

import pytest
import torch
import toy_worlds  # registers the toys

from aign.scenarios.core import registry
from aign.scenarios.core.constraints import parse
from aign.scenarios.gymnasium.best_known import best_known

assert toy_worlds.Corridor


@pytest.fixture(scope="module")
def corridor():
    return registry.create("gymnasium", environment="toy/Corridor-v0", horizon=3,
                           labels={"leaning": {"function": "toy_worlds:lean"}})


VALUES = torch.tensor([[3.0], [44.0], [5.0]])


def all_of_them(scenario):
    """Return utility and label of each of the 27 designs in each context, (27, 3)."""
    designs = torch.tensor(list(itertools.product(range(3), repeat=3))).float()
    tried = [(scenario.utility(VALUES, one.expand(3, -1)), scenario.measure(VALUES, one.expand(3, -1))["leaning"])
             for one in designs]
    return torch.stack([utility for utility, _ in tried]), torch.stack([label for _, label in tried])


@pytest.mark.parametrize("where", [[], ["leaning<=1"], ["leaning<=2", "leaning>=2"]])
def test_a_long_search_finds_the_optimum(corridor, where):
    utility, label = all_of_them(corridor)
    constraints = parse(where, corridor.labels)
    allowed = torch.ones_like(label, dtype=torch.bool)
    for constraint in constraints:
        allowed &= constraint.holds(label)
    design, found, broken = best_known(corridor._simulator, VALUES, constraints, 60)
    assert (broken == 0).all()
    assert torch.equal(found, utility.where(allowed, -torch.inf).amax(0))
    assert torch.equal(found, corridor.utility(VALUES, design))


def test_more_search_is_never_worse_where_the_same_is_tried_first(corridor):
    utility = [best_known(corridor._simulator, VALUES, (), 1)[1], best_known(corridor._simulator, VALUES, (), 60)[1]]
    assert (utility[1] >= utility[0]).all()
    assert (utility[0] >= torch.stack([corridor.utility(VALUES, rule(VALUES))
                                       for rule in corridor.heuristics.values()]).amax(0)).all()


def test_a_contexts_answer_does_not_depend_on_the_others(corridor):
    together = best_known(corridor._simulator, VALUES, (), 4)
    for row in range(3):
        alone = best_known(corridor._simulator, VALUES[row:row + 1], (), 4)
        assert all(torch.equal(one, many[row:row + 1]) for one, many in zip(alone, together, strict=True))


def test_what_breaks_the_constraints_least_is_kept_where_none_meets_them(corridor):
    _, _, broken = best_known(corridor._simulator, VALUES, parse(["leaning>=5"], corridor.labels), 60)
    assert broken.tolist() == pytest.approx([2 / 5] * 3)
