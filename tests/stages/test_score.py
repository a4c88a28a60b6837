import math

import pytest
import torch

from aign.stages.evaluate.score import Score, summary
from aign.trajectories.contexts import Contexts


def known(reference, optimum):
    """Contexts with these reference utilities."""
    reference, optimum = (torch.tensor(values, dtype=torch.float64) for values in (reference, optimum))
    return Contexts(torch.arange(len(reference)), torch.zeros(len(reference), 1), reference, optimum, "test")


def scored(utility, reference, optimum, earned=False):
    return Score(known(reference, optimum), torch.tensor(utility, dtype=torch.float64), 1.23456, earned)


def test_summary_is_mean_interval_quantile_and_worst():
    values = torch.tensor([0.9, 0.95, 1.0, 0.8], dtype=torch.float64)
    found = summary(values)
    mean = (0.9 + 0.95 + 1.0 + 0.8) / 4
    deviation = math.sqrt(sum((float(v) - mean) ** 2 for v in values) / 3)
    assert found["mean"] == pytest.approx(mean)
    assert found["mean_high"] - found["mean"] == pytest.approx(1.96 * deviation / 2)
    assert found["mean"] - found["mean_low"] == pytest.approx(1.96 * deviation / 2)
    assert found["worst"] == pytest.approx(0.8)
    assert found["q05"] == pytest.approx(0.8 + 0.15 * 0.1)  # linear between the two smallest: position 0.05 * 3


def test_score_in_json_has_what_the_report_reads():
    score = scored([5.0, 9.0], [4.0, 8.0], [6.0, 10.0])
    found = score.to_json()
    assert set(found) == {"normalised_return_pooled", "utility_ratio"}
    assert found["normalised_return_pooled"]["mean"] == 0.5
    assert found["utility_ratio"] == summary(torch.tensor([5 / 6, 0.9], dtype=torch.float64))
    assert score.timed() == {**found, "milliseconds_per_design": 1.23}


def test_one_context_without_room_costs_what_is_lost_in_it():
    """In the first the reference is optimal: a loss of 0.1 there divided by its own room would be -1e8."""
    found = scored([9.9, 15.0, 16.0], [10.0, 10.0, 10.0], [10.0, 20.0, 20.0]).to_json()["normalised_return_pooled"]
    assert found["mean"] == pytest.approx((-0.1 + 5 + 6) / 20)
    assert found["worst"] == pytest.approx(1 - 5 / (20 / 3))
    assert all(abs(value) < 1.5 for value in found.values())


def test_the_ratio_stands_only_where_utilities_count_from_zero():
    assert scored([1.0, 1.0], [0.0, 1.0], [2.0, 2.0]).ratio is None
    assert "utility_ratio" not in scored([1.0, 1.0], [0.0, 1.0], [2.0, 2.0]).to_json()
    assert scored([30.0, 30.0], [1.0, 2.0], [60.0, 60.0], earned=True).to_json()["utility"]["mean"] == 30.0
