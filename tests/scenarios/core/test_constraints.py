"""Constraints as an operator writes them: parsing, tightening, contradictions, slack."""

import math
import operator

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from aign.errors import ConstraintError
from aign.scenarios.core.constraints import Constraint, Label, parse, satisfied, tightest, violation, written

LABELS = (Label("total_power", "W", "lower", "Sum."), Label("min_rate", "bit/s", "higher", "Worst user."))
NAMES = st.sampled_from([label.name for label in LABELS])
SENSES = st.sampled_from(["<=", ">="])
EVERY_SENSE = st.sampled_from(["<=", ">=", "<", ">"])
COMPARE = {"<=": operator.le, ">=": operator.ge, "<": operator.lt, ">": operator.gt}
NUMBERS = st.floats(-1e12, 1e12, allow_nan=False)
CONSTRAINTS = st.builds(Constraint, NAMES, SENSES, NUMBERS)


def write(constraint):
    return f"{constraint.label}{constraint.sense}{constraint.threshold!r}"


@given(CONSTRAINTS)
def test_what_is_written_is_read_back(constraint):
    assert parse([write(constraint)], LABELS) == (constraint,)


@given(NAMES, SENSES, st.integers(-10**5, 10**5))
def test_the_printed_form_is_read_back(name, sense, threshold):
    constraint = Constraint(name, sense, float(threshold) / 4)
    assert parse([str(constraint)], LABELS)[0].threshold == constraint.threshold


@pytest.mark.parametrize(("text", "threshold"), [("total_power<=300", 300), (" total_power  <=  3e2 ", 300),
                                                 ("total_power<=+.5", 0.5), ("total_power<=-2.", -2)])
def test_spaces_signs_and_exponents_are_allowed(text, threshold):
    assert parse([text], LABELS) == (Constraint("total_power", "<=", threshold),)


@pytest.mark.parametrize("text", ["", "total_power", "not total_power", "total_power=3", "not not total_power<=3",
                                  "<=3", "total_power<=", "3>=2",
                                  "total_power<=3 W", "total_power<=nan", "total_power<=inf", "total_power<=1,5",
                                  "total_power<=1<=2"])
def test_malformed_text_is_refused_with_an_example(text):
    with pytest.raises(ConstraintError, match=r"cannot be read.*total_power<=1"):
        parse([text], LABELS)


def test_a_number_too_large_to_be_finite_is_refused():
    with pytest.raises(ConstraintError, match="finite"):
        parse(["total_power<=1e999"], LABELS)


def test_an_unknown_label_is_answered_with_the_nearest():
    with pytest.raises(ConstraintError, match="Did you mean 'total_power'"):
        parse(["totl_power<=3"], LABELS)


@given(st.lists(NUMBERS, min_size=1, max_size=5), NAMES, SENSES)
def test_several_bounds_on_one_label_become_the_tightest(thresholds, name, sense):
    tightest = min(thresholds) if sense == "<=" else max(thresholds)
    assert parse([write(Constraint(name, sense, value)) for value in thresholds], LABELS) == (
        Constraint(name, sense, tightest),)


@given(NUMBERS, NUMBERS, NAMES)
def test_an_empty_interval_is_refused_and_a_point_is_not(low, high, name):
    texts = [write(Constraint(name, ">=", low)), write(Constraint(name, "<=", high))]
    if low > high:
        with pytest.raises(ConstraintError, match="contradict"):
            parse(texts, LABELS)
    else:
        assert len(parse(texts, LABELS)) == 2


@given(st.lists(CONSTRAINTS, max_size=6), st.lists(NUMBERS, min_size=2, max_size=2))
def test_parsing_changes_no_verdict(constraints, numbers):
    values = {label.name: torch.tensor([number], dtype=torch.float64)
              for label, number in zip(LABELS, numbers, strict=True)}
    try:
        read = parse([write(constraint) for constraint in constraints], LABELS)
    except ConstraintError:
        assert not bool(satisfied(constraints, values, 1))
    else:
        assert bool(satisfied(read, values, 1)) == bool(satisfied(constraints, values, 1))


@given(CONSTRAINTS, NUMBERS)
def test_slack_is_the_distance_on_the_allowed_side(constraint, value):
    slack = float(constraint.slack(torch.tensor(value, dtype=torch.float64)))
    allowed = value <= constraint.threshold if constraint.sense == "<=" else value >= constraint.threshold
    assert math.isclose(abs(slack), abs(value - constraint.threshold))
    assert (slack >= 0) == allowed
    assert bool(constraint.holds(torch.tensor(value, dtype=torch.float64))) == allowed


@given(CONSTRAINTS, st.floats(1e-3, 1e3))
def test_a_relaxed_constraint_holds_wherever_the_strict_one_does(constraint, step):
    wider = Constraint(constraint.label, constraint.sense,
                       constraint.threshold + (step if constraint.sense == "<=" else -step))
    assume(wider.threshold != constraint.threshold)
    values = constraint.threshold + torch.linspace(-2 * step, 2 * step, 41, dtype=torch.float64)
    assert bool((wider.holds(values) | ~constraint.holds(values)).all())
    assert int(wider.holds(values).sum()) > int(constraint.holds(values).sum())


def test_satisfied_asks_for_all_constraints_at_zero_tolerance():
    values = {"total_power": torch.tensor([1.0, 2.0, 2.0 + 1e-6]), "min_rate": torch.tensor([0.0, 5.0, 5.0])}
    request = parse(["total_power<=2", "min_rate>=5"], LABELS)
    assert satisfied(request, values, 3).tolist() == [False, True, False]
    assert satisfied((), values, 3).tolist() == [True, True, True]


def test_a_value_that_is_not_a_number_satisfies_nothing():
    values = {"total_power": torch.tensor([math.nan])}
    assert not bool(satisfied(parse(["total_power<=2"], LABELS), values, 1))
    assert not bool(satisfied(parse(["total_power>=2"], LABELS), values, 1))


# --- strict bounds and negation --------------------------------------------------------------------------------------
@given(NAMES, EVERY_SENSE, NUMBERS, NUMBERS)
def test_every_sense_is_the_comparison_of_the_same_name(name, sense, threshold, number):
    constraint = Constraint(name, sense, threshold)
    for value in (number, threshold, math.nextafter(threshold, math.inf), math.nextafter(threshold, -math.inf)):
        truth = COMPARE[sense](value, threshold)
        tensor = torch.tensor([value], dtype=torch.float64)
        assert bool(constraint.holds(tensor)) == bool(constraint.closed.holds(tensor)) == truth
        assert bool(constraint.negated.holds(tensor)) == (not truth)
        assert bool(violation([constraint], {name: tensor}, 1) == 0) == truth


@given(NAMES, EVERY_SENSE, NUMBERS)
def test_negation_is_written_with_not(name, sense, threshold):
    constraint = Constraint(name, sense, threshold)
    read, = parse([f"not {name}{sense}{threshold!r}"], LABELS)
    assert read == constraint.negated
    assert read.negated == constraint
    assert parse([f"{name}{sense}{threshold!r}"], LABELS) == (constraint,)
    assert constraint.closed.sense in ("<=", ">=")


def test_a_strict_bound_is_printed_as_written_and_is_tighter_than_the_closed_one():
    strict, closed = "total_power<3", "total_power<=3"
    assert [str(one) for one in parse([closed, strict], LABELS)] == [strict]
    assert [str(one) for one in parse([strict, closed, "min_rate>1"], LABELS)] == [strict, "min_rate>1"]
    assert str(parse(["not min_rate>=8"], LABELS)[0]) == "min_rate<8"


@pytest.mark.parametrize("texts", [["total_power<=300", "total_power>300"], ["total_power<300", "total_power>=300"],
                                   ["total_power<=300", "not total_power<=300"], ["total_power<1", "total_power>1"]])
def test_an_empty_intersection_is_refused_whatever_the_senses(texts):
    with pytest.raises(ConstraintError, match="contradict"):
        parse(texts, LABELS)


def test_violation_is_relative_to_the_threshold_and_never_rounds_to_none():
    constraints = parse(["total_power<=200", "min_rate>=4"], LABELS)
    values = {"total_power": torch.tensor([100.0, 220.0, 200.0]), "min_rate": torch.tensor([5.0, 3.0, 4.0 - 1e-6])}
    torch.testing.assert_close(violation(constraints, values, 3)[:2], torch.tensor([0.0, 0.35], dtype=torch.float64))
    assert 0 < float(violation(constraints, values, 3)[2]) < 1e-6
    assert float(violation(constraints, {"total_power": torch.tensor([math.nan]), "min_rate": torch.ones(1)}, 1)) > 1e9


# --- which side of which label ----------------------------------------------------------------------------------------
NAMES = ("rate", "rate_min", "min_rate")  # one begins with another


@given(st.sampled_from(NAMES), st.sampled_from(["<=", "<", ">=", ">"]), st.floats(-1e6, 1e6))
def test_strict_and_closed_bounds_are_on_one_side(name, sense, threshold):
    constraint = Constraint(name, sense, threshold)
    assert constraint.side == constraint.closed.side == (name, sense[0] + "=")


@given(st.lists(st.builds(Constraint, st.sampled_from(NAMES), st.sampled_from(["<=", "<", ">=", ">"]),
                          st.integers(-9, 9).map(float)), max_size=8),
       st.sampled_from(NAMES), st.sampled_from(["<=", ">="]), st.none() | st.integers(-9, 9).map(float))
def test_the_tightest_threshold_is_met_exactly_by_what_meets_all_of_its_side(constraints, name, sense, limit):
    edge = tightest(constraints, (name, sense), limit)
    bounds = [one for one in constraints if one.label == name and one.sense.startswith(sense[0])]
    bounds += [Constraint(name, sense, limit)] * (limit is not None)
    values = torch.tensor([-10.0, *(move for near in range(-9, 10) for move in (near - 0.5, near)), 10.0]).double()
    met = torch.stack([one.holds(values) for one in bounds]).all(0) if bounds else torch.ones(len(values)).bool()
    assert torch.equal(met, values <= edge if sense == "<=" else values >= edge)
    assert math.isinf(edge) == (not bounds)
@pytest.mark.parametrize(("value", "text"), [
    (16777217.0, "16777217"), (2.0**53 - 1, "9007199254740991"), (-3.0, "-3"), (0.123456, "0.1235"),
    (12345.5, "1.235e+04"), (1e300, "1e+300"), (math.inf, "inf"), (math.nan, "nan")])
def test_whole_numbers_are_written_in_full(value, text):
    assert written(value, 4) == text


def test_thresholds_are_written_so_that_they_read_back():
    for threshold, text in ((300.0, "300"), (0.1, "0.1"), (0.1 + 0.2, "0.30000000000000004"),
                            (1e15, "1000000000000000"), (2.0**53 - 1, "9007199254740991")):
        bound = Constraint("min_rate", ">=", threshold)
        assert str(bound) == f"min_rate>={text}"
        assert parse([str(bound)], LABELS) == (bound,)
