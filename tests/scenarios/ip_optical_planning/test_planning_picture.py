"""What the map shows."""

import pytest
import torch
from planning_cases import demands, square

from aign.scenarios.ip_optical_planning.picture import draw, worst_utilisation


def figure(plan):
    problem, _, oracle = square(most=9)
    path = torch.stack([torch.zeros(5), torch.tensor(plan)])
    return draw(problem, oracle, demands(1)[0], path, "a title")


def test_lit_links_are_as_wide_as_their_modules_and_dark_ones_dashed():
    drawn = figure([1.0, 2.0, 0.0, 4.0, 3.0])
    lines = drawn.axes[0].get_lines()
    assert [line.get_linestyle() for line in lines] == ["-", "-", "--", "-", "-"]
    widths = [line.get_linewidth() for line in lines]
    assert widths == [2.0, 3.0, 1.0, 5.0, 4.0]
    assert [note.get_text() for note in drawn.axes[0].texts] == ["1", "2", "4", "3", "a", "b", "c", "d"]
    assert drawn.get_suptitle() == "a title"


def test_the_way_there_ends_with_all_that_the_plan_carries():
    drawn = figure([9.0] * 5)
    modules, share = drawn.axes[1].get_lines()[0], drawn.axes[-1].get_lines()[0]
    assert modules.get_ydata().tolist() == [0.0, 45.0]
    assert share.get_ydata().tolist() == [0.0, 100.0]


def test_utilisation_is_load_over_capacity_in_the_worst_scenario():
    problem, _, oracle = square(failures=False, most=9)
    demand = torch.tensor([4.0, 0.0, 0.0, 0.0])  # a to b; only the link between them is lit: half full
    found = worst_utilisation(problem, oracle, demand, torch.tensor([2.0, 0, 0, 0, 0]).double())
    assert found.tolist() == pytest.approx([0.5, 0, 0, 0, 0])


def test_a_plan_too_small_shows_links_over_their_capacity():
    problem, _, oracle = square(failures=False, most=9)
    plan = torch.tensor([1.0, 0, 0, 0, 0]).double()
    assert worst_utilisation(problem, oracle, torch.tensor([8.0, 0.0, 0.0, 0.0]), plan).max() == pytest.approx(2)
