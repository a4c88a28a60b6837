import math

import pytest
import torch

from aign.stages.score import Score, summary


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
    found = Score(values, values, 0.75, 1.23456).to_json()
    assert found["utility_ratio"] == found["normalised_return"] == summary(values)
    assert (found["normalised_return_pooled"], found["milliseconds_per_design"]) == (0.75, 1.23)
