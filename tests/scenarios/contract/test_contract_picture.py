"""The picture shows the menu it is given."""

import pytest
import torch

from aign.scenarios.contract import Contract


@pytest.mark.parametrize("types", [2, 10])
def test_the_picture_shows_contracts_curves_and_choices(types):
    scenario = Contract.create(types=types)
    context = scenario.presets["even"]
    design = scenario.certify(context[None]).design
    figure = scenario.picture(context, torch.cat([scenario.initial_state(context[None]), design]), "a title")
    plane, heat, table = figure.axes[:3]
    assert figure.get_suptitle() == "a title"
    shown = torch.tensor(plane.collections[0].get_offsets())
    torch.testing.assert_close(shown[:, 0], 30 / design[0, :types].double())
    torch.testing.assert_close(shown[:, 1], design[0, types:].double())
    assert heat.images[0].get_array().shape == (types, types)
    cells = table.tables[0].get_celld()
    rows = max(row for row, _ in cells)
    assert rows == min(types, 6)
    assert all(cells[row, 0].get_text().get_text() == cells[row, 4].get_text().get_text() for row in range(1, rows + 1))
    assert len(plane.lines) == rows


def test_a_menu_nobody_signs_says_so():
    scenario = Contract.create()
    context = scenario.presets["rare-simple"]
    figure = scenario.picture(context, scenario.initial_state(context[None]))
    cells = figure.axes[2].tables[0].get_celld()
    assert [cells[row, 4].get_text().get_text() for row in (1, 2)] == ["none", "none"]


def test_a_type_that_takes_anothers_contract_is_shown_with_it():
    scenario = Contract.create()
    context = torch.tensor([0.25, 0.75, 20.0, 60.0, 30.0])
    figure = scenario.picture(context, torch.tensor([[2.0, 1.0, 4.0, 3.25]]))
    assert figure.axes[2].tables[0].get_celld()[1, 4].get_text().get_text() == "2"
