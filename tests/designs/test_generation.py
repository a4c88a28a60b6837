import dataclasses
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from aign.designs import generation
from aign.designs.generation import binding, constraint_satisfaction, generate, ranked
from aign.designs.settings import SamplingSettings
from aign.diffusion.conditions import Conditions
from aign.diffusion.plans import Sampling
from aign.scenarios.core.constraints import parse, satisfied

CASES = st.lists(st.tuples(st.booleans(), st.floats(-1e9, 1e9) | st.sampled_from([0.0, 1e-6, -1e-6])),
                 min_size=1, max_size=12)


@given(CASES)
def test_feasible_first_then_by_utility_and_every_field_moves_along(cases):
    count = len(cases)
    fields = {"feasible": torch.tensor([[feasible for feasible, _ in cases]]),
              "utility": torch.tensor([[utility for _, utility in cases]], dtype=torch.float64),
              "number": torch.arange(count)[None],
              "deep": torch.arange(count * 6).reshape(1, count, 3, 2)}
    sorted_fields = ranked(fields)
    order = sorted_fields["number"][0].tolist()
    assert order == sorted(range(count), key=lambda index: (not cases[index][0], -cases[index][1]))
    for name, value in fields.items():
        assert torch.equal(sorted_fields[name], value[:, order])


def test_each_context_is_ranked_by_itself():
    found = ranked({"feasible": torch.tensor([[True, True], [False, True]]),
                    "utility": torch.tensor([[1.0, 2.0], [9.0, 1.0]], dtype=torch.float64)})
    assert found["utility"].tolist() == [[2.0, 1.0], [1.0, 9.0]]


@pytest.fixture(scope="module")
def contexts(water):
    drawn = water.scenario.draw_contexts(3, torch.Generator().manual_seed(7))
    return drawn[:, torch.tensor([2, 0, 3, 1])]  # not in canonical order: users come in any


@pytest.fixture(scope="module")
def constraints(water):
    return parse(["total_power<=2", "active_channels>=3"], water.scenario.labels)


def same(one, other):
    return all(torch.equal(value, vars(other)[name]) for name, value in vars(one).items()
               if isinstance(value, torch.Tensor))


def test_shapes_order_and_truth_of_every_figure(water, contexts, constraints):
    scenario = water.scenario
    found = generate(water, contexts, constraints, 5, seed=1)
    assert found.designs.shape == (3, 5, 4)
    assert found.paths.shape == (3, 5, 9, 4)
    for row in range(3):
        context = contexts[row:row + 1].expand(5, -1)
        labels = scenario.measure(context, found.designs[row])
        assert torch.equal(found.utility[row], scenario.utility(context, found.designs[row]))
        assert all(torch.equal(found.labels[name][row], value) for name, value in labels.items())
        assert torch.equal(found.feasible[row], satisfied(constraints, labels, 5))
        keys = list(zip((~found.feasible[row]).tolist(), (-found.utility[row]).tolist(), strict=True))
        assert keys == sorted(keys)
        assert sorted(found.target_returns[row].tolist()) == sorted(
            torch.tensor(SamplingSettings().constrained_target_returns[:5]).tolist())


def test_the_seed_decides(water, contexts, constraints):
    one, again, other = (generate(water, contexts, constraints, 3, seed=seed) for seed in (1, 1, 2))
    assert same(one, again)
    assert not same(one, other)


def test_contexts_are_worked_on_in_parts_that_bound_memory(water, contexts, monkeypatch):
    rows = []
    original = generation.verify

    def spy(pipeline, part, *rest):
        rows.append(len(part))
        return original(pipeline, part, *rest)

    monkeypatch.setattr(generation, "verify", spy)
    monkeypatch.setattr(generation, "ROWS", 8)
    assert generate(water, contexts, (), 4).utility.shape == (3, 4)
    assert rows == [8, 4]
    rows.clear()
    generate(water, contexts, (), 20)
    assert rows == [20, 20, 20]


@pytest.mark.parametrize("count", [1, 3, 11])
def test_target_returns_cycle_over_the_candidates(water, contexts, count):
    targets = (0.5, 0.25, 0.125)
    found = generate(water, contexts, (), count, SamplingSettings(target_returns=targets, steps=5))
    expected = sorted((targets * count)[:count])
    assert [sorted(row) for row in found.target_returns.tolist()] == [expected] * 3


def test_only_constraints_that_a_draft_breaks_are_shown(water, contexts):
    scenario = water.scenario
    where = parse(["max_power<=0.5", "total_power<=100", "total_power>=0.1"], scenario.labels)
    shown = binding(water, contexts, where, Sampling(), torch.Generator().manual_seed(3))
    returns = torch.full((3,), generation.TARGET_RETURN)
    draft = water(contexts, returns, sampling=Sampling(), generator=torch.Generator().manual_seed(3)).designs
    power = draft.double()
    assert shown.tolist() == [[bool(row.max() > 0.5), bool(row.sum() > 100), bool(row.sum() < 0.1)] for row in power]
    assert shown[:, 0].all()
    assert not shown[:, 1:].any()


def test_satisfaction_is_the_share_of_designs_before_and_after_projection(water, contexts, constraints):
    few, many = (generate(water, contexts, constraints, count, seed=1) for count in (1, 3))
    few = dataclasses.replace(few, raw_feasible=torch.tensor([[True], [True], [False]]))
    assert bool(many.feasible.all())
    assert not bool(many.raw_feasible.any())
    assert constraint_satisfaction([few, many]) == {"raw": pytest.approx(2 / 12), "returned": 1.0}
    assert math.isnan(constraint_satisfaction([])["returned"])


def test_nothing_is_shown_where_nothing_is_asked(water, contexts):
    assert binding(water, contexts, (), Sampling(), torch.Generator()).shape == (3, 0)


def spied_conditions(monkeypatch):
    """Return a list to which each call of `Conditions.request` adds its arguments."""
    asked, request = [], Conditions.request
    monkeypatch.setattr(Conditions, "request", lambda *all: asked.append(all) or request(*all))
    return asked


def test_margins_cycle_over_the_candidates(water, contexts, constraints, monkeypatch):
    asked = spied_conditions(monkeypatch)
    generate(water, contexts, constraints, 5, SamplingSettings(margins=(0.0, 0.3)), seed=1)
    draft, last = (margins for *_, margins in asked)
    assert draft is None, "the draft has no constraints, hence no margins"
    torch.testing.assert_close(last, torch.tensor([0.0, 0.3, 0.0, 0.3, 0.0] * 3))


@pytest.mark.parametrize(("count", "hidden"), [(16, 2), (8, 1), (7, 0), (1, 0)])
def test_the_first_candidates_are_not_shown_the_constraints(water, contexts, constraints, monkeypatch, count, hidden):
    asked = spied_conditions(monkeypatch)
    monkeypatch.setattr(generation, "binding", lambda *_: torch.tensor([[True, True], [True, False], [False, False]]))
    found = generate(water, contexts, constraints, count, seed=1)
    shown = asked[0][3].unflatten(0, (3, count))
    assert not bool(shown[:, :hidden].any())
    assert shown[:, hidden:].tolist() == [[[True, True]] * (count - hidden), [[True, False]] * (count - hidden),
                                          [[False, False]] * (count - hidden)]
    assert bool(found.feasible.all()), "those are projected like all others"
