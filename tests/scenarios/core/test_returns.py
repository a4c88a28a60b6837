"""Averages of returns against values computed by hand; what happens where the reference is optimal."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from aign.scenarios.core import returns
from aign.scenarios.core.returns import normalised_return, pooled_return, pooled_returns

FINITE = st.floats(-1e6, 1e6)


def tensors(*values):
    return [torch.tensor(each, dtype=torch.float64) for each in values]


# Room 2, 8, 0, 10: mean 5. Gains 1, 6, -1, 5: sum 11 of 20.
REFERENCE, OPTIMUM = [1.0, 2.0, 50.0, -10.0], [3.0, 10.0, 50.0, 0.0]
UTILITY = [2.0, 8.0, 49.0, -5.0]


@given(FINITE, st.floats(1e-3, 1e6), st.floats(-2, 3))
def test_normalised_return_is_zero_at_the_reference_and_one_at_the_optimum(reference, spread, share):
    low, high = (torch.tensor([value], dtype=torch.float64) for value in (reference, reference + spread))
    assert float(normalised_return(low, low, high)) == 0
    assert float(normalised_return(high, low, high)) == pytest.approx(1, rel=1e-6)
    between = low + share * (high - low)
    assert float(normalised_return(between, low, high)) == pytest.approx(share, rel=1e-4, abs=1e-4)


@given(FINITE)
def test_an_optimal_reference_leaves_the_score_finite(utility):
    value = torch.tensor([utility], dtype=torch.float64)
    assert float(normalised_return(value, value, value)) == 0
    assert math.isfinite(float(normalised_return(value - 1, value, value)))


def test_the_pooled_return_by_hand():
    utility, reference, optimum = tensors(UTILITY, REFERENCE, OPTIMUM)
    assert pooled_return(utility, reference, optimum) == 11 / 20
    # 1 - (U* - U) / 5, with shortfalls 1, 2, 1, 5
    assert pooled_returns(utility, reference, optimum).tolist() == pytest.approx([0.8, 0.6, 0.8, 0.0])
    found = returns.summary(utility, reference, optimum)
    assert found["mean"] == 0.55
    assert found["worst"] == pytest.approx(0.0)
    assert found["q05"] == pytest.approx(0.15 * 0.6)  # linear between the two smallest: position 0.05 * 3
    assert returns.degenerate(reference, optimum).tolist() == [False, False, True, False]
    assert returns.degenerate_contexts(reference, optimum) | {"meaning": ""} == {"count": 1, "of": 4, "meaning": ""}


def test_a_reference_that_is_optimal_makes_no_figure_explode():
    """The third context's normalised return is -2e7 and would be the mean of all."""
    utility, reference, optimum = tensors(UTILITY, REFERENCE, OPTIMUM)
    assert float(normalised_return(utility, reference, optimum).mean()) < -1e6
    for value in returns.summary(utility, reference, optimum).values():
        assert abs(value) <= 1
    alone = [each[2:3] for each in (utility, reference, optimum)]
    assert set(returns.summary(*alone).values()) == {None}
    assert math.isnan(pooled_return(*alone))
    assert returns.shown(returns.summary(*alone)) == "-"
    assert returns.degenerate(*alone[1:]).tolist() == [True]


def test_reference_and_optimum_are_exactly_zero_and_one():
    _, reference, optimum = tensors(UTILITY, REFERENCE, OPTIMUM)
    assert pooled_return(reference, reference, optimum) == 0
    assert pooled_return(optimum, reference, optimum) == 1


@given(st.floats(0.01, 100), st.floats(-1e3, 1e3), st.integers(0, 50))
def test_it_stays_the_same_when_utilities_are_scaled_and_shifted(scale, shift, seed):
    generator = torch.Generator().manual_seed(seed)
    reference, room, share = torch.rand(3, 20, generator=generator, dtype=torch.float64)
    figures = reference + share * room, reference, reference + room
    moved = [scale * each + shift for each in figures]
    assert pooled_return(*moved) == pytest.approx(pooled_return(*figures), rel=1e-6, abs=1e-6)
    assert torch.equal(returns.degenerate(*moved[1:]), returns.degenerate(*figures[1:]))


def test_gains_come_back_from_normalised_returns_also_where_there_is_no_room():
    utility, reference, optimum = tensors(UTILITY, REFERENCE, OPTIMUM)
    normalised = normalised_return(utility, reference, optimum)
    torch.testing.assert_close(returns.utility_gain(normalised, reference, optimum), utility - reference)


def test_the_interval_is_a_seeded_bootstrap_over_contexts():
    gain, room = tensors(np.random.default_rng(3).normal(0.6, 0.2, 400), np.full(400, 1.0))
    low, high = returns.interval(gain, room)
    assert (low, high) == returns.interval(gain, room)
    half = 1.96 * float(gain.std()) / 20  # with equal rooms the ratio is a plain mean
    assert low == pytest.approx(float(gain.mean()) - half, abs=0.15 * half)
    assert high == pytest.approx(float(gain.mean()) + half, abs=0.15 * half)


def test_the_bootstrap_draws_gain_and_room_together():
    """Gain is always half the room: the ratio has no spread, however unequal the rooms are."""
    (room,) = tensors([1.0, 2.0, 100.0, 0.0])
    assert returns.interval(room / 2, room) == (0.5, 0.5)


def test_the_bootstrap_is_the_same_however_many_are_drawn_at_once(monkeypatch):
    gain, room = tensors(np.arange(50.0), np.arange(50.0) + 1)
    whole = returns.interval(gain, room)
    monkeypatch.setattr(returns, "DRAWN_AT_ONCE", 500)
    assert returns.interval(gain, room) == whole


@pytest.mark.parametrize("count", [0, 1])
def test_one_context_tells_nothing_of_the_spread(count):
    assert all(map(math.isnan, returns.interval(torch.ones(count), torch.ones(count))))


def test_methods_are_ranked_by_the_pooled_return_or_else_by_the_ratio():
    assert returns.rank({"normalised_return_pooled": {"mean": 0.3}, "utility_ratio": {"mean": 0.9}}) == 0.3
    assert returns.rank({"normalised_return_pooled": {"mean": None}, "utility_ratio": {"mean": 0.9}}) == 0.9
    assert returns.rank({"normalised_return_pooled": {"mean": None}}) == 0.0


def test_the_ratio_tells_only_where_utilities_count_from_zero():
    ones, mixed = torch.ones(2), torch.tensor([1.0, 0.0])
    assert returns.ratio_tells(ones, 2 * ones)
    assert not returns.ratio_tells(mixed, ones), "a reference at 0"
    assert not returns.ratio_tells(-ones, ones)
    assert not returns.ratio_tells(-2 * ones, -ones)


def test_figures_are_shown_with_their_interval():
    assert returns.shown({"mean": 0.93333, "mean_low": 0.91, "mean_high": 0.95}) == "0.9333 [0.9100, 0.9500]"
    assert returns.shown({"mean": 0.5, "mean_low": None, "mean_high": None}, 2) == "0.50"
