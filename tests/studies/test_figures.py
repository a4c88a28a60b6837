import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from studies.figures import interval

VALUES = st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=12)


@given(VALUES)
def test_the_interval_is_scipys(values):
    found = interval(values)
    assert found["mean"] == pytest.approx(sum(values) / len(values), abs=1e-9)
    error = stats.sem(values)
    if error > 1e-6:
        low, high = stats.t.interval(0.95, len(values) - 1, loc=sum(values) / len(values), scale=error)
        assert (found["low"], found["high"]) == (pytest.approx(low, rel=1e-6, abs=1e-6),
                                                 pytest.approx(high, rel=1e-6, abs=1e-6))
    else:
        assert found["high"] - found["low"] < 1e-3


def test_three_seeds_take_the_tabulated_factor():
    found = interval([1.0, 2.0, 3.0])  # standard deviation 1; t(0.975, 2) = 4.303
    assert found["high"] - 2.0 == pytest.approx(4.3027 / math.sqrt(3), abs=1e-4)
    assert found["low"] + found["high"] == pytest.approx(4.0)


def test_one_seed_tells_nothing_of_the_spread():
    assert interval([0.5]) == {"mean": 0.5, "low": None, "high": None}


def test_no_value_is_refused():
    with pytest.raises(ValueError, match="at least one"):
        interval([])


def test_intervals_cover_the_truth_about_as_often_as_they_say():
    import numpy as np

    draws = np.random.default_rng(0).normal(size=(2000, 3))
    inside = [found["low"] <= 0 <= found["high"] for found in map(interval, draws.tolist())]
    assert abs(sum(inside) / len(inside) - 0.95) < 0.015
