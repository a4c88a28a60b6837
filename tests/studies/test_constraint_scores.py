import json

import pytest
import torch

from aign.scenarios.core import registry
from aign.scenarios.core.constraints import Constraint
from studies.constraint_scores import average, by_family, judged, projected, summary
from studies.request_sets import StudyRequest

SCENARIO = registry.create("power-allocation", users=2)
GAINS = torch.tensor([2.8e-3, 3.5e-4])
BUDGET = Constraint("total_power", "<=", 40.0)


def asked(*constraints, certified=True):
    found = SCENARIO.certify(GAINS[None], constraints)
    return StudyRequest("single", 0, GAINS, constraints, (0.5,), 26.1, float(found.utility[0]), certified)


def test_projection_is_judged_apart_from_what_came_before():
    raw = torch.tensor([[28.0, 31.0], [20.0, 20.0], [40.0, 40.0], [0.0, 40.0]])
    row = projected(SCENARIO, asked(BUDGET), raw)
    assert row["raw_share"] == 0.5
    assert row["raw_any"] is True
    assert row["raw_violation"] == pytest.approx((19 / 40 + 0 + 1 + 0) / 4)
    assert row["all_feasible"] is True
    assert 0.9 < row["utility_ratio"] <= 1
    assert "novelty" not in row
    json.dumps(row, allow_nan=False)


def test_the_best_feasible_design_counts_and_the_optimum_is_one():
    request = asked(BUDGET)
    best = SCENARIO.certify(GAINS[None], [BUDGET]).design
    designs = torch.cat([best, torch.tensor([[28.0, 31.0]])])  # the second is better, but not allowed
    row = judged(SCENARIO, request, designs, torch.tensor([False, False]))
    assert row["utility_ratio"] == pytest.approx(1.0)
    assert row["all_feasible"] is False
    assert row["raw_any"] is False


def test_no_feasible_design_has_no_ratio():
    row = judged(SCENARIO, asked(BUDGET), torch.tensor([[40.0, 40.0]]), torch.tensor([False]))
    assert row["utility_ratio"] is None
    assert row["good"] == 0


def test_diversity_and_novelty_of_a_known_answer():
    designs = torch.tensor([[20.0, 20.0], [20.0, 20.0], [19.0, 20.0], [18.0, 22.0]])
    memory = torch.tensor([[20.0, 20.0], [0.0, 0.0]])
    row = judged(SCENARIO, asked(BUDGET), designs, torch.ones(4, dtype=torch.bool), memory)
    assert row["distinct"] == 3
    assert row["mean_distance"] == pytest.approx((1 + 4 + 3) / 3)  # of the three different ones
    assert row["novelty"] == pytest.approx((0 + 0 + 1 + 4) / 4)
    assert row["new"] == 0.5


def rows():
    common = {"family": "pair", "raw_violation": 0.1, "distinct": 2, "mean_distance": None, "good": 1}
    return [{**common, "certified": True, "raw_share": 0.5, "raw_any": True, "all_feasible": True,
             "utility_ratio": 0.99},
            {**common, "certified": True, "raw_share": 0.0, "raw_any": False, "all_feasible": True,
             "utility_ratio": 0.97},
            {**common, "certified": False, "raw_share": 0.25, "raw_any": True, "all_feasible": False,
             "utility_ratio": 1.01},
            {**common, "certified": False, "raw_share": 0.25, "raw_any": True, "all_feasible": False,
             "utility_ratio": None}]


def test_a_family_is_summed_up():
    found = summary(rows())
    assert (found["requests"], found["unanswered"]) == (4, 1)
    assert found["satisfied_raw"] == 0.75
    assert found["satisfied_raw_single"] == 0.25
    assert found["satisfied"] == 0.5
    assert found["utility_ratio_mean"] == pytest.approx(0.99)
    assert found["utility_ratio_worst"] == 0.97
    assert found["certified_optimum"]["utility_ratio_mean"] == pytest.approx(0.98)
    assert found["best_known_optimum"] == {"requests": 2, "unanswered": 1, "utility_ratio_mean": 1.01,
                                           "utility_ratio_worst": 1.01}
    assert found["distinct"] == 2
    assert "mean_distance" not in found
    assert "milliseconds" not in found


def test_families_that_do_not_occur_are_left_out():
    assert list(by_family(rows())) == ["pair"]
    assert by_family([]) == {}


def test_averages_of_what_is_missing_are_missing():
    assert average([1.0, 0.5]) == 0.75
    assert average([1.0, None]) is None
    assert average([]) is None
