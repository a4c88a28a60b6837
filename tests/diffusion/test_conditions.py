import dataclasses
import json
import math
from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from aign.diffusion.conditions import CLIP, GREATEST_GAP, LEAST_GAP, Conditions, encode_return, scale_of
from aign.scenarios.core.constraints import Constraint, Label

LINEAR = {"labels": ["power", "rate"], "mean": [10.0, -1.0], "std": [2.0, 0.5], "better": ["lower", "higher"]}
CONDITIONS = Conditions.from_json(LINEAR)
"""Scores as earlier models had them: standard scores."""


@given(st.floats(-0.99, 0.997))
def test_a_return_becomes_the_logarithm_of_its_gap(value):
    assert float(encode_return(torch.tensor(value))) == pytest.approx(-math.log10(1 - value) / 1.5, abs=1e-4)


def test_better_returns_are_told_apart_only_within_bounds():
    gaps = torch.tensor([31.0, GREATEST_GAP, 1.0, 0.1, 0.01, LEAST_GAP, 0.0, -0.5], dtype=torch.float64)
    values = encode_return(1 - gaps)
    assert values.dtype == torch.float32
    assert values[0] == values[1]
    assert (values[1:6].diff() > 0.1).all()
    torch.testing.assert_close(values[5:], torch.full((3,), -math.log10(LEAST_GAP) / 1.5), atol=1e-6, rtol=0)


def test_scores_are_standard_normal_in_training_whatever_the_tails():
    generator = torch.Generator().manual_seed(0)
    values = {"power": torch.randn(20_000, generator=generator).exp() ** 3, "rate": torch.full((20_000,), 4.0)}
    fitted = Conditions.fit([Label("power", "W", "lower", ""), Label("rate", "bit/s", "higher", "")], values)
    assert list(fitted.labels) == ["power", "rate"]
    assert len(fitted) == 3
    encoded = fitted.encode(torch.zeros(20_000), values)
    share = torch.special.ndtr(encoded[:, 1].double()).sort().values
    torch.testing.assert_close(share, torch.linspace(0, 1, 20_000, dtype=torch.float64), atol=0.01, rtol=0)
    assert encoded[:, 2].tolist() == [0.0] * 20_000, "a constant label is not blown up"


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=40).filter(lambda values: max(values) > min(values) + 1e-3),
       st.floats(-2e6, 2e6), st.floats(-2e6, 2e6))
def test_a_greater_value_never_scores_less(values, one, other):
    fitted = Conditions.fit([Label("power", "W", "lower", "")], {"power": torch.tensor(values, dtype=torch.float64)})
    low, high = fitted.score(0, torch.tensor([min(one, other), max(one, other)], dtype=torch.float64)).tolist()
    assert -CLIP <= low <= high <= CLIP


def test_a_value_that_many_share_gets_one_score():
    knots, scores = scale_of(torch.tensor([-100.0] * 50 + [float(value) for value in range(50)]))
    assert knots[0] == -100.0
    assert scores[0] == pytest.approx(-0.79, abs=0.05), "the mean of the lower half of a normal distribution"
    assert all(a < b for a, b in pairwise(scores))


def test_labels_become_clipped_standard_scores_and_missing_ones_zero():
    labels = {"power": torch.tensor([10.0, 13.0, 1e9, -1e9], dtype=torch.float64)}
    encoded = CONDITIONS.encode(torch.zeros(4), labels)
    assert encoded.dtype == torch.float32
    assert encoded[:, 0].tolist() == [0.0] * 4
    assert encoded[:, 1].tolist() == [0.0, 1.5, CLIP, -CLIP]
    assert encoded[:, 2].tolist() == [0.0] * 4
    order = CONDITIONS.encode(torch.zeros(1), {"rate": torch.tensor([0.0]), "power": torch.tensor([8.0])})
    assert order.tolist() == [[0.0, -1.0, 2.0]]


def test_a_request_shows_the_return_and_the_thresholds():
    returns = torch.tensor([0.9, 0.0])
    encoded, visible = CONDITIONS.request(returns, [Constraint("rate", ">=", -0.5)])
    assert torch.equal(encoded[:, 0], encode_return(returns))
    assert encoded[:, 1:].tolist() == [[0.0, 1.0]] * 2
    assert visible.tolist() == [[True, False, True]] * 2


def test_each_row_may_show_constraints_of_its_own():
    constraints = [Constraint("power", "<=", 12.0), Constraint("power", ">=", 8.0), Constraint("rate", "<=", 99.0)]
    shown = torch.tensor([[1, 0, 0], [0, 1, 0], [1, 1, 1], [0, 0, 0]], dtype=torch.bool)
    encoded, visible = CONDITIONS.request(torch.zeros(4), constraints, shown)
    assert encoded[:, 1:].tolist() == [[1.0, 0.0], [-1.0, 0.0], [-1.0, CLIP], [0.0, 0.0]], "the last bound shown counts"
    assert visible.tolist() == [[True, True, False], [True, True, False], [True, True, True], [True, False, False]]


def test_without_constraints_only_the_return_is_shown():
    assert CONDITIONS.request(torch.zeros(2), [])[1].tolist() == [[True, False, False]] * 2


def test_a_threshold_is_encoded_like_the_value_that_meets_it():
    value = 11.3
    request = CONDITIONS.request(torch.zeros(1), [Constraint("power", "<=", value)])[0]
    achieved = CONDITIONS.encode(torch.zeros(1), {"power": torch.tensor([value])})
    torch.testing.assert_close(request, achieved)


def test_json_changes_nothing():
    assert Conditions.from_json(json.loads(json.dumps(CONDITIONS.to_json()))) == CONDITIONS


def test_a_hidden_return_is_zero_and_not_shown():
    encoded, shown = CONDITIONS.request(torch.tensor([0.99, math.nan]), [])
    assert shown[:, 0].tolist() == [True, False]
    assert encoded[1].tolist() == [0.0, 0.0, 0.0]
    assert torch.isfinite(encoded).all()


def test_margins_ask_for_more_than_the_threshold():
    constraints = [Constraint("power", "<=", 14.0), Constraint("rate", ">=", -1.0)]
    encoded, _ = CONDITIONS.request(torch.zeros(2), constraints, margins=torch.tensor([0.0, 0.5]))
    assert encoded[:, 1].tolist() == [2.0, 1.5], "(14 - 10) / 2, then half a standard deviation lower"
    assert encoded[:, 2].tolist() == [0.0, 0.5]


def test_the_one_hot_says_on_which_side_of_the_mean_a_label_lies():
    one_hot = dataclasses.replace(CONDITIONS, kind="one_hot")
    achieved = torch.tensor([[0.3, -2.0, -2.0], [0.3, 1.0, 1.0]])
    sides = one_hot.in_training(achieved, achieved)[:, 1:]
    assert sides.tolist() == [[1.0, -1.0], [-1.0, 1.0]]
    asked = [Constraint("power", "<=", 3.0), Constraint("rate", "<=", 3.0)]
    assert one_hot.request(torch.zeros(1), asked)[0][0, 1:].tolist() == [1.0, -1.0], "whatever the threshold"


def test_no_more_is_asked_for_than_is_reachable():
    returns = torch.linspace(-2, 0.8, 2_001)
    conditions = Conditions.fit([], {}, returns=returns)
    assert conditions.reachable == pytest.approx(0.8 - 0.05 * 2.8, abs=1e-3)
    asked, visible = conditions.request(torch.tensor([0.998, conditions.reachable, 0.1, torch.nan]), ())
    assert asked[0, 0] == asked[1, 0] > asked[2, 0]
    assert visible[:, 0].tolist() == [True, True, True, False]
    assert Conditions.from_json(conditions.to_json()) == conditions


def test_returns_of_any_range_are_told_apart_where_the_data_are():
    """Their scores are standard normal, like those of labels; near 1 alone says little where nobody comes near it."""
    returns = -5.0 + 0.2 * torch.randn(4_000, generator=torch.Generator().manual_seed(0))
    scores = Conditions.fit([], {}, returns=returns).encode(returns, {})[:, 0]
    assert (float(scores.mean()), float(scores.std())) == pytest.approx((0.0, 1.0), abs=0.05)
    assert bool((scores[returns.argsort()].diff() >= 0).all())
    unknown = Conditions.fit([], {}, returns=returns).encode(torch.tensor([torch.nan]), {})
    assert unknown.tolist() == [[0.0]]


def test_without_a_limit_any_return_can_be_asked_for():
    conditions = Conditions.fit([], {})
    assert "reachable" not in conditions.to_json()
    assert torch.equal(conditions.request(torch.tensor([0.998]), ())[0][:, 0], encode_return(torch.tensor([0.998])))
