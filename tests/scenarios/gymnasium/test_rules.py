"""Chance that can be repeated, and rules by name."""

import pytest
import torch
import toy_worlds  # registers the toys

from aign.errors import ParameterError
from aign.scenarios.core import registry
from aign.scenarios.gymnasium import rules

SEEDS, TIMES = torch.tensor([[5.0], [6.0], [5.0]]), torch.tensor([0, 0, 1])


def switches(**more):
    return registry.create("gymnasium", environment="toy/Switches-v0", horizon=3, **more)


def test_chance_is_a_function_of_seed_time_and_repeat():
    drawn = rules.uniform(SEEDS, TIMES, 0, 4)
    assert torch.equal(drawn, rules.uniform(SEEDS, TIMES, 0, 4))
    assert torch.equal(drawn[2:], rules.uniform(SEEDS[2:], TIMES[2:], 0, 4))
    others = torch.cat([drawn, rules.uniform(SEEDS, TIMES, 1, 4)])
    assert len(others.unique(dim=0)) == 6


def test_chance_is_even():
    drawn = rules.uniform(torch.arange(2000.0)[:, None], torch.zeros(2000, dtype=torch.int64), 0, 3)
    assert drawn.abs().max() <= 1
    assert drawn.mean() == pytest.approx(0, abs=0.03)
    assert drawn.std() == pytest.approx(3 ** -0.5, abs=0.02)
    assert torch.corrcoef(drawn.T).fill_diagonal_(0).abs().max() < 0.08


def test_the_constant_rule_takes_the_first_of_everything():
    scenario = switches()
    values = torch.tensor([[1.0], [2.0]])
    states = scenario.initial_state(values)
    applied = scenario.effective_actions(rules.constant(scenario.action_size)(values, torch.zeros(2), states))
    assert scenario.actions.decode(applied[0].numpy()).tolist() == [0, 1]


def test_a_named_rule_gives_the_environments_actions():
    scenario = switches()
    values = torch.arange(6.0)[:, None]
    states = scenario.initial_state(values)
    done = scenario.effective_actions(rules.named("toy_worlds:first", "x", scenario.action_space, scenario.actions)(
        values, torch.zeros(6), scenario.parts(states)[0])).numpy()
    assert [scenario.actions.decode(row).tolist() for row in done] == states[:, :2].tolist()
    assert toy_worlds.first is not None


def test_a_rule_that_is_not_there_is_named():
    with pytest.raises(ParameterError, match=r"rules.x: module 'toy_worlds' holds no function 'frist'"):
        switches(rules={"x": "toy_worlds:frist"})


@pytest.mark.parametrize(("rule", "said"), [
    ("refuses", r"raised LookupError: no such cell \(toy_worlds.py, line \d+\)"),
    ("short", r"its action has the shape \(1,\); its space allows numbers of shape \(2,\)"),
    ("unknown", r"its action .*nan"), ("beyond", "its action is .*; its space allows MultiDiscrete"),
    ("silent", "its action is 'nothing'")])
def test_what_a_rule_does_wrong_is_told_by_its_name(rule, said):
    scenario, values = switches(rules={"x": f"toy_worlds:{rule}"}), torch.tensor([[1.0]])
    with pytest.raises(ParameterError, match=f"rules.x: function toy_worlds:{rule}: {said}"):
        scenario.heuristics["x"](values)


def test_a_rule_may_go_beyond_a_range_but_not_beyond_numbers():
    scenario = registry.create("gymnasium", environment="toy/Faulty-v0",
                               rules={"far": "toy_worlds:beyond", "x": "toy_worlds:unknown"})
    values = torch.tensor([[1.0]])
    assert (scenario.heuristics["far"](values) == 1).all()
    with pytest.raises(ParameterError, match=r"rules.x: function toy_worlds:unknown: its action\[0\] is nan"):
        scenario.heuristics["x"](values)
