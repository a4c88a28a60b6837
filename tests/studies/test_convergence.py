import pytest
from study_fixtures import curve, curves

from studies import convergence


def test_where_a_goal_is_first_reached():
    line = curve(10, (0.5, 0.96, 0.94, 0.99))
    assert convergence.reached(line, 20, 0.95, "seconds") == 20
    assert convergence.reached(line, 20, 0.98, "gradient_steps") == 400
    assert convergence.reached(line, 20, 0.999, "seconds") is None


def test_one_seed_that_never_arrives_leaves_no_mean():
    assert convergence.typical([10.0, 30.0]) == 20.0
    assert convergence.typical([10.0, None]) is None
    assert convergence.typical([]) is None


def test_the_largest_fall_is_from_the_best_so_far():
    assert convergence.steadiness(curve(1, (0.5, 0.9, 0.8, 0.95, 0.7)), 20) == pytest.approx(0.25)
    assert convergence.steadiness(curve(1, (0.1, 0.2, 0.3)), 20) == 0.0


def test_a_model_for_several_sizes_is_judged_at_each():
    point = {"normalised_return_pooled": 0.5, "normalised_return_pooled_20_users": 0.9}
    assert (convergence.quality(point, 20), convergence.quality(point, 50)) == (0.9, 0.5)
    assert convergence.quality({"normalised_return_pooled": None}, 20) != convergence.quality(
        {"normalised_return_pooled": None}, 20)  # not a number


def test_the_summary_has_every_learner_at_every_size():
    rows = convergence.summary(curves())
    assert len(rows) == 5 * 2
    bcq = next(row for row in rows if (row["method"], row["users"]) == ("bcq", 50))
    assert bcq["reached"]["0.98"] == {"gradient_steps": 200.0, "seconds": 2.0, "environment_steps": 2000.0}
    assert bcq["reached"]["0.95"]["seconds"] == 2.0
    assert (bcq["final"], bcq["seeds"]) == (0.99, 2)


def test_the_plot_is_a_picture_and_the_same_each_time(tmp_path):
    for name in ("one.png", "two.png"):
        convergence.draw(curves(), [20, 50], tmp_path / name)
    assert (tmp_path / "one.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()
