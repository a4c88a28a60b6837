"""What networks there are, and their pictures."""

import numpy as np
import pytest
from matplotlib.image import imread
from rich.console import Console

from aign.cli import catalogue
from aign.scenarios.core import registry


def test_every_network_stands_in_the_table_with_its_parameters():
    console = Console(width=400, record=True)
    console.print(catalogue.table())
    shown = console.export_text()
    for name, kind in registry.scenarios().items():
        assert name in shown
        assert kind.summary in shown
        assert all(parameter in shown for parameter in kind.Parameters.model_fields)


def test_no_name_is_cut_on_a_narrow_terminal():
    console = Console(width=80, record=True)
    console.print(catalogue.table())
    assert "\u2026" not in console.export_text()


@pytest.mark.parametrize("name", ["water-filling", "power-allocation"])
def test_the_path_shown_follows_the_dynamics_and_ends_at_the_certified_design(name):
    scenario = registry.create(name)
    context, path = catalogue.certified_path(scenario, 3)
    certified = scenario.certify(context[None]).design
    assert path.shape[0] == scenario.horizon + 1
    assert np.allclose(scenario.design_of(path[-1:]), certified, atol=1e-5)


def test_a_seed_fixes_the_context_and_another_changes_it():
    scenario = registry.create("water-filling")
    first, again, other = (catalogue.certified_path(scenario, seed)[0] for seed in (1, 1, 2))
    assert (first == again).all()
    assert not (first == other).all()


def test_pictures_are_drawn_for_networks_with_defaults_and_other_files_stay(tmp_path, monkeypatch):
    monkeypatch.setattr(catalogue, "scenarios", lambda: {"water-filling": registry.scenario_class("water-filling")})
    folder = tmp_path / "new" / "pictures"
    catalogue.draw(folder, seed=1)
    assert imread(folder / "water-filling.png").std() > 0.05
    (folder / "mine.txt").write_text("stays")
    catalogue.draw(folder, seed=2)
    assert {path.name for path in folder.iterdir()} == {"water-filling.png", "mine.txt"}
