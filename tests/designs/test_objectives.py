"""Objectives as text, and ranking by them."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from aign.designs.objectives import BY_UTILITY, Objective, dominators, parse, preference
from aign.errors import ParameterError
from aign.scenarios.core import registry

LABELS = registry.create("power-allocation", users=2).labels


def test_a_label_goes_in_its_better_direction_unless_it_is_said():
    assert parse(["total_power", "min_rate"], LABELS) == (Objective("total_power", True), Objective("min_rate", False))
    assert parse(["max total_power", " min  min_rate "], LABELS) == (Objective("total_power", False),
                                                                    Objective("min_rate", True))
    assert parse([], LABELS) == parse(["utility"], LABELS) == parse(["max utility"], LABELS) == BY_UTILITY


@pytest.mark.parametrize(("texts", "message"), [
    (["min utility"], "only raised"), (["total_pwer"], "Did you mean 'total_power'"),
    (["min"], "Unknown objective 'min'"), (["least total_power"], "cannot be read"),
    (["total_power<=3"], "cannot be read"), ([""], "cannot be read"),
    (["min_rate", "max min_rate"], "'min_rate' was given twice"), (["utility", "utility"], "given twice")])
def test_what_is_no_objective_says_why(texts, message):
    with pytest.raises(ParameterError, match=message):
        parse(texts, LABELS)


TEXTS = ["utility", *(f"{sense} {label.name}" for label in LABELS for sense in ("min", "max"))]


@given(st.lists(st.sampled_from(TEXTS),
                unique_by=lambda text: text.split()[-1], min_size=1))
def test_what_is_printed_is_read_the_same(texts):
    objectives = parse(texts, LABELS)
    assert parse([str(objective) for objective in objectives], LABELS) == objectives


VALUES = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.booleans()), min_size=1, max_size=8)


@given(VALUES)
def test_a_design_is_beaten_by_those_as_good_everywhere_and_better_somewhere(rows):
    counted = dominators(torch.tensor([[a, b] for a, b, _ in rows]).double(), torch.tensor([ok for *_, ok in rows]))
    for (a, b, _), count in zip(rows, counted.tolist(), strict=True):
        assert count == sum(ok and x >= a and y >= b and (x, y) != (a, b) for x, y, ok in rows)


def test_several_objectives_rank_the_front_first():
    labels = {"total_power": torch.tensor([[5.0, 3.0, 9.0, 1.0]])}
    utility, feasible = torch.tensor([[3.0, 2.0, 3.0, 9.0]]), torch.tensor([[True, True, True, False]])
    objectives = parse(["utility", "total_power"], LABELS)
    beaten, first = preference(objectives, utility, labels, feasible)
    assert beaten.tolist() == [[0, 0, -1, 0]]  # the last one breaks the request, and beats nothing by that
    assert first.tolist() == utility.tolist()
