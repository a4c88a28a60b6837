"""Rows, equal budgets and verdicts of the rate study, on answers made up so that the result is known."""

from __future__ import annotations

import pytest

from studies.rate_verdict import at_budgets, fewer_starts, overall, picture, published, row, rows, verdict

CONTEXTS = 10


def case(diffuser, classic, milliseconds=(1.0, 1.0), **more):
    """Return a case in which the warm start reaches `diffuser` and random starts `classic`, each a list of ratios."""
    ratios = {"diffuser + gradient_ascent": diffuser, "gradient_ascent": classic,
              "diffuser": [[0.1]] * len(diffuser), "diffuser 4": [[0.5, 0.6, 0.7, 0.4]] * len(diffuser)}
    times = {"diffuser + gradient_ascent": milliseconds[0], "gradient_ascent": milliseconds[1], "diffuser": 1.0,
             "diffuser 4": 2.0}
    needs = {"gradient_ascent": {"0.001": {"mean": 3.0}}, "diffuser + gradient_ascent": {"0.001": {"mean": 2.0}}}
    return {"users": 10, "base_stations": 2, "gains": "strong", "seed": 0, "constraints": [],
            "contexts": len(diffuser), "best_known": [1.0] * len(diffuser), "best_known_by": {"gradient_ascent": 10},
            "landscape": {"share_of_gradient_ascent_starts_at_best": 0.25}, "starts_needed": needs,
            "ratios": ratios, "milliseconds": times, **more}


SURE, POOR = [[1.0, 1.0]] * CONTEXTS, [[0.9, 0.95]] * CONTEXTS
MIXED = [[0.9, 1.0] if place % 2 else [0.99, 0.9] for place in range(CONTEXTS)]


def test_a_row_is_the_best_of_the_first_answers():
    answers = case([[0.2, 0.9, 0.5, 0.1], [0.3, 0.1, 0.2, 1.0]], [[0.5]] * 2)
    assert [point["values"] for point in rows(answers)["diffuser + gradient_ascent"]] == [
        [0.2, 0.3], [0.9, 0.3], [0.9, 1.0]]
    one = row(2, 12.3456, [1.0, 0.5, 0.9995, 0.0])
    assert one["milliseconds"] == 12.3
    assert one["utility_ratio_mean"] == pytest.approx(0.624875)
    assert (one["worst"], one["share_at_best"], one["share_near_best"], one["infeasible"]) == (0.0, 0.25, 0.5, 1)
    assert one["low"] < one["utility_ratio_mean"] < one["high"]


def test_the_diffuser_alone_is_judged_by_runs_of_its_own():
    table = rows(case(SURE, POOR))
    assert set(table) == {"diffuser", "diffuser + gradient_ascent", "gradient_ascent"}
    (alone,) = table["diffuser"]
    assert (alone["starts"], alone["milliseconds"], alone["utility_ratio_mean"]) == (4, 8.0, pytest.approx(0.7))
    assert [one["starts"] for one in table["gradient_ascent"]] == [1, 2]


@pytest.mark.parametrize(("diffuser", "classic", "winner"),
                         [(SURE, POOR, "diffuser"), (POOR, SURE, "classic"), (SURE, SURE, "tie"),
                          (MIXED, [one[::-1] for one in MIXED], "tie")])
def test_the_better_side_wins_only_where_the_paired_interval_leaves_out_zero(diffuser, classic, winner):
    budgets = at_budgets(rows(case(diffuser, classic)))
    assert {one["winner"] for one in budgets if one["milliseconds"] >= 10} == {winner}


def test_a_side_without_an_answer_in_time_loses():
    slow = at_budgets(rows(case(SURE, POOR, milliseconds=(50.0, 2.0))))
    winners = {one["milliseconds"]: one["winner"] for one in slow}
    assert winners[1.0] == "nobody"
    assert winners[3.0] == "classic"
    assert winners[10.0] == "classic"  # the diffuser alone is there after 8 ms, at 0.7
    assert winners[300.0] == "diffuser"
    assert slow[0]["classic"] is None


def test_the_verdict_follows_the_numbers():
    good, bad = case(SURE, POOR), case(POOR, SURE)
    assert "diffuser at" in verdict(good)
    assert "classic at" not in verdict(good)
    assert "classic at" in verdict(bad)
    assert fewer_starts(good) == ["gradient_ascent"]
    assert overall([good]).startswith("The generator wins more often than it loses")
    assert overall([bad]).startswith("The generator wins nowhere")
    assert overall([good, bad, bad]).startswith("The generator wins at some budgets")


def test_what_is_published_holds_no_single_contexts():
    shown = published(case(SURE, POOR))
    assert not {"ratios", "best_known"} & set(shown)
    assert "values" not in shown["methods"]["gradient_ascent"][0]
    assert len(shown["budgets"]) == 7


def test_every_case_gets_a_picture_with_logarithmic_axes():
    axes = picture(case(SURE, POOR)).axes[0]
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    lines = {line.get_label(): line for line in axes.get_lines()}
    assert list(lines["gradient_ascent"].get_ydata()) == pytest.approx([0.1, 0.05])
    assert min(lines["diffuser + gradient_ascent"].get_ydata()) > 0
    assert "total_power<=60" in picture(case(POOR, SURE, constraints=["total_power<=60"])).axes[0].get_title()
