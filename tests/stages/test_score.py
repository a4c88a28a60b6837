import math

import pytest
import torch

from aign.stages.score import Score, ratio_tells, summary


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
    values = torch.tensor([0.5, 1.0], dtype=torch.float64)
    score = Score(values, values, 0.75, 1.23456)
    found = score.to_json()
    assert found["utility_ratio"] == found["normalised_return"] == summary(values)
    assert found["normalised_return_pooled"] == 0.75
    assert score.timed() == {**found, "milliseconds_per_design": 1.23}


def test_the_ratio_tells_only_where_utilities_count_from_zero():
    one, zero = torch.ones(2), torch.tensor([1.0, 0.0])
    assert ratio_tells(one, 2 * one)
    assert not ratio_tells(zero, one), "a reference at 0"
    assert not ratio_tells(-one, one)
    assert not ratio_tells(-2 * one, -one)


def test_without_ratio_the_normalised_return_decides():
    values = torch.tensor([0.1, 0.5])
    score = Score(None, values, 0.3, 2.0, 100 * values)
    assert score.decisive is values
    found = score.to_json()
    assert "utility_ratio" not in found
    assert found["utility"]["mean"] == pytest.approx(30.0)
    assert Score(one := values + 1, values, 0.3, 2.0).decisive is one
