import pytest
from study_fixtures import METHODS, compared, table

from studies import table_one
from studies.comparison import CERTIFIED, ROUNDED
from studies.figures import interval

KEYS = {"users", "gains", "method", "seeds", "utility", "paper", "utility_ratio", "normalised_return_pooled",
        "training_seconds", "milliseconds_per_design", "environment_steps"}


def test_every_method_has_a_row_of_the_agreed_shape():
    rows = table()
    assert len(rows) == 2 * 2 * len(METHODS)
    for row in rows:
        assert set(row) == KEYS
        assert set(row["utility_ratio"]) == set(row["normalised_return_pooled"]) == {"mean", "low", "high"}


def test_a_row_is_the_mean_over_seeds_with_its_interval():
    row = table_one.find(table(), 20, "general", "sac")
    assert row["seeds"] == 3
    assert row["utility"] == pytest.approx(200 * 0.9951)
    assert row["utility_ratio"] == interval([0.995, 0.9951, 0.9952])
    assert (row["training_seconds"], row["environment_steps"], row["milliseconds_per_design"]) == (60.0, 1000, 1.23)


@pytest.mark.parametrize(("method", "users", "printed"), [
    ("sac", 20, 254.04), ("bcq", 50, 489.08), ("diffuser_unet_best_of_16", 80, 633.02),
    ("diffuser_set_single", 20, None), ("ppo", 20, None), ("sac", 35, None)])
def test_the_papers_figures(method, users, printed):
    assert table_one.paper(method, users) == printed


def test_the_papers_figures_stand_at_the_preset_only():
    rows = table()
    assert table_one.find(rows, 20, "preset", "bcq")["paper"] == 254.16
    assert table_one.find(rows, 20, "general", "bcq")["paper"] is None


def test_what_is_not_trained_costs_nothing():
    row = table_one.find(table(), 20, "preset", "full_power")
    assert (row["training_seconds"], row["environment_steps"]) == (0.0, 0)


def test_the_winner_competes_and_the_optimum_does_not():
    rows = table_one.block(table(), 50, "preset")
    assert [row["method"] for row in rows[:2]] == [CERTIFIED, ROUNDED]
    assert table_one.competing(rows)[0]["method"] == "diffuser_unet_best_of_4"


def test_details_keep_the_worst_of_all_seeds():
    found = table_one.details({(20, "general"): [compared(20), compared(20, -0.001)]})
    sac = next(row for row in found if row["method"] == "sac")
    assert sac["ratio_worst"] == pytest.approx(0.994 - 0.05)
    assert sac["ratio_by_seed"] == [0.995, pytest.approx(0.994)]
    assert sac["ratio_interval_over_contexts"][0] == {"low": pytest.approx(0.985), "high": pytest.approx(1.005)}


def test_a_row_that_is_not_there():
    with pytest.raises(KeyError, match="nobody"):
        table_one.find(table(), 20, "general", "nobody")
