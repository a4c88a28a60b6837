import pytest

from studies import runs
from studies.constraint_choices import best, choices
from studies.constraint_files import raw_by_labels, raw_by_seed, verdicts


def row(raw, single, ratio, model="a"):
    return {"model": model, "satisfied_raw": raw, "satisfied_raw_single": single, "utility_ratio_mean": ratio}


def test_the_best_row_keeps_the_least_ratio():
    rows = [row(0.99, 0.9, 0.9), row(0.8, 0.5, 0.999), row(0.8, 0.6, 0.999)]
    assert best(rows, 0.998) is rows[2]
    assert best(rows, 0.5) is rows[0]


def test_where_none_keeps_it_the_highest_satisfaction_wins():
    rows = [row(0.5, 0.1, 0.99), row(0.6, 0.1, None)]
    assert best(rows, 0.998) is rows[1]


def test_repetitions_are_averaged_way_by_way(monkeypatch):
    def way(guidance, raw):
        return {"guidance": guidance, "composed": False, "target_returns": [0.9], "margins": [0.0],
                "satisfied_raw": raw, "satisfied_raw_single": raw / 2, "raw_violation": 0.0, "utility_ratio_mean": 1.0,
                "families": {"single": {"satisfied_raw": raw, "satisfied_raw_single": raw}}}

    results = {("0", "a"): [way(1.0, 0.5), way(1.5, 0.7)], ("1", "a"): [way(1.0, 0.7), way(1.5, 0.7)]}
    monkeypatch.setattr(runs, "results", lambda stage: {key: {"choices": rows} for key, rows in results.items()})
    table = choices("choose-guidance")
    assert [row["guidance"] for row in table] == [1.0, 1.5]
    assert [row["satisfied_raw"] for row in table] == pytest.approx([0.6, 0.7])
    assert table[0]["families"]["single"]["satisfied_raw"] == pytest.approx(0.6)
    results["1", "b"] = results.pop(("1", "a"))
    assert len(choices("choose-guidance")) == 4


def test_verdicts_are_counted_on_both_sides():
    rows = [{"family": "infeasible", "called_infeasible": True}, {"family": "infeasible", "called_infeasible": False},
            {"family": "pair", "called_infeasible": True}, {"family": "single", "called_infeasible": False}]
    assert verdicts(rows) == {"infeasible": {"requests": 2, "named": 1}, "feasible_called_infeasible": 1}


def test_raw_satisfaction_is_told_apart_by_labels_whatever_their_order():
    requests = [{"where": ["min_rate>=1", "total_power<=9"]}, {"where": ["total_power<8", "min_rate>=2"]},
                {"where": ["max_power<=3"]}, {"where": ["max_power<=1"]}]
    rows = [{"family": "pair", "raw_any": True}, {"family": "pair", "raw_any": False},
            {"family": "single", "raw_any": True}, {"family": "infeasible"}]
    assert raw_by_labels(requests, rows) == {"max_power": {"requests": 1, "satisfied_raw": 1.0},
                                             "min_rate and total_power": {"requests": 2, "satisfied_raw": 0.5}}


def test_raw_satisfaction_is_told_apart_by_seed():
    first = [{"family": "pair", "raw_any": True}, {"family": "pair", "raw_any": False}, {"family": "infeasible"}]
    second = [{"family": "pair", "raw_any": True}, {"family": "single", "raw_any": False}]
    assert raw_by_seed([first, second]) == {"single": [None, 0.0], "pair": [0.5, 1.0]}
