"""The front of several objectives, and its picture."""

import pytest
import torch

from aign.designs import front_picture
from aign.designs.answer import answer
from aign.designs.front import front
from aign.designs.objectives import Objective
from aign.designs.objectives import parse as objectives
from aign.designs.requests import Request
from aign.designs.settings import SamplingSettings


def asked(pipeline, objective, where=(), count=6, **request):
    wanted = Request(where, objective=objective, count=count, seed=3, **request).resolve(pipeline.scenario)
    return answer(pipeline, wanted, SamplingSettings(steps=5), seed=2)


@pytest.fixture(scope="module")
def both(water):
    return asked(water, ["utility", "total_power"], ["max_power<=1"], 12)


def test_no_design_beats_one_of_the_front_and_every_other_is_beaten(both):
    found, rows = both.front, both.rows()
    points = [(row["utility"], -row["total_power"]) for row in rows]

    def beaten(point):
        return any(x >= point[0] and y >= point[1] and (x, y) != point for x, y in points)

    chosen = {points[place] for place in found.places}
    assert chosen == {point for point in points if not beaten(point)}
    assert len(chosen) == len(found.places)
    assert not beaten(points[0]), "the first row is of the front"
    assert found.values.tolist() == [[row["utility"], row["total_power"]] for row in rows]
    assert all(row["gap"] is None for row in rows)


def test_equal_designs_count_once_and_those_that_break_the_request_do_not():
    wanted = (Objective("utility", False), Objective("cost", True))
    utility, cost = torch.tensor([5.0, 5.0, 4.0, 3.0, 9.0]), torch.tensor([3.0, 3.0, 2.0, 4.0, 1.0])
    found = front(wanted, utility, {"cost": cost}, torch.tensor([True, True, True, True, False]))
    assert found.places == (0, 2)
    assert found.to_json()["ranks"] == [1, 3]
    assert found.sentence() == "2 of 5 designs are beaten by no other in utility, min cost."


def test_the_search_knows_both_ends_and_points_between(both, water):
    context, searched = both.request.context[None], both.front.searched
    assert len(searched) > 2
    for point in searched:
        assert point.values[0] == pytest.approx(float(water.scenario.utility(context, point.design[None])[0]))
        labels = water.scenario.measure(context, point.design[None])
        assert point.values[1] == float(labels["total_power"][0])
        assert float(labels["max_power"][0]) <= 1
    assert min(point.values[1] for point in searched) == pytest.approx(0, abs=1e-3)
    assert max(point.values[0] for point in searched) == pytest.approx(both.optimum, rel=1e-5)


def test_two_objectives_are_a_scatter_and_three_parallel_lines(both, water, tmp_path):
    axes, = front_picture.draw(both.front).axes
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("utility", "min total_power")
    three = asked(water, ["utility", "min total_power", "active_channels"])
    axes, = front_picture.draw(three.front).axes
    ticks = [tick.get_text().split("\n")[0] for tick in axes.get_xticklabels()]
    assert ticks == ["utility", "min total_power", "max active_channels"]
    names = [path.name for path in three.save(tmp_path / "three")]
    assert names == ["three.json", "three.parquet", "three.png", "three-front.png"]
    assert three.spread(2).front is not None


def test_one_objective_has_no_front(water):
    found = asked(water, ["total_power"])
    assert found.front is None
    assert found.to_json()["front"] is None


def test_a_label_alone_is_certified_and_pressed_to_its_best_value(power):
    found = asked(power, ["total_power"], ["min_rate>=5"], preset=None, context=[2.8e-3, 3.5e-4])
    best, = found.best_values
    assert best.exact
    every = torch.cartesian_prod(torch.arange(0.0, 41.0), torch.arange(0.0, 41.0))
    labels = power.scenario.measure(found.request.context.expand(len(every), -1), every)
    assert best.value == float(labels["total_power"][labels["min_rate"] >= 5].min())
    row = found.rows()[0]
    assert row["total_power"] == best.value
    assert row["gap"] == 0
    assert found.verdict.startswith("least total_power")
    assert [row["total_power"] for row in found.rows()] == sorted(row["total_power"] for row in found.rows())


def test_the_same_objectives_written_and_read(both):
    written = both.to_json()["request"]
    assert objectives(written["objective"], both.scenario.labels) == both.request.objectives
