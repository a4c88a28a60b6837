import itertools
import shutil

import pytest
import torch
from smoke import WATER as WATER_4
from smoke import flip_byte

from aign.designs import baselines
from aign.designs.baselines import best_of, best_training_design, no_learning, training_designs
from aign.scenarios.core import registry
from aign.scenarios.core.constraints import parse

WATER = registry.create("water-filling", channels=3)
POWER = registry.create("power-allocation", users=2)


def contexts(scenario, count=4):
    return scenario.draw_contexts(count, torch.Generator().manual_seed(1))


@pytest.mark.parametrize("scenario", [WATER, POWER])
@pytest.mark.parametrize("where", [(), ("total_power<=2",)])
def test_no_learning_equals_an_explicit_loop(scenario, where):
    constraints, count, given = parse(where, scenario.labels), 5, contexts(scenario)
    high = scenario.state_features[0].high
    found = no_learning(scenario, given, count, constraints)
    assert found.shape == (4, count, scenario.state_size)
    for row, number in itertools.product(range(4), range(count)):
        design = torch.full((1, scenario.state_size), high * (number + 1) / count)
        expected = scenario.project(given[row:row + 1], design, constraints)[0]
        torch.testing.assert_close(found[row, number], expected)


def test_the_last_design_without_learning_is_the_most_of_everything():
    found = no_learning(POWER, contexts(POWER), 16)
    assert found[:, -1].tolist() == [[40.0, 40.0]] * 4
    assert found[:, 0].unique().tolist() == [2.0] or found[:, 0].unique().tolist() == [3.0]


@pytest.mark.parametrize("scenario", [WATER, POWER])
def test_best_of_finds_the_best_by_simulation(scenario):
    given = contexts(scenario)
    designs = torch.stack([scenario.initial_state(given, torch.Generator().manual_seed(k)) for k in range(6)], dim=1)
    best = best_of(scenario, given, designs)
    for row in range(len(given)):
        values = [float(scenario.utility(given[row:row + 1], design[None])) for design in designs[row]]
        assert torch.equal(best[row], designs[row, values.index(max(values))])


@pytest.mark.parametrize("rows", [1, 7, 1000])
def test_memory_is_searched_whole_in_parts_of_any_size(monkeypatch, rows):
    monkeypatch.setattr(baselines, "ROWS", rows)
    given = contexts(POWER)
    memory = torch.randint(0, 41, (50, 2), generator=torch.Generator().manual_seed(2)).float()
    found = best_training_design(POWER, given, memory)
    for row in range(len(given)):
        values = [float(POWER.utility(given[row:row + 1], design[None])) for design in memory]
        assert float(POWER.utility(given[row:row + 1], found[row:row + 1])) == max(values)
        assert (memory == found[row]).all(dim=1).any()


def test_memory_of_every_design_reaches_the_certified_optimum():
    given = contexts(POWER)
    memory = torch.cartesian_prod(torch.arange(41.0), torch.arange(41.0))
    utility = POWER.utility(given, best_training_design(POWER, given, memory))
    torch.testing.assert_close(utility, POWER.certify(given).utility)


def nothing_is_damaged(error):
    raise error


def test_training_designs_are_found_by_their_scenario_and_left_out_where_there_are_none(smoke, tmp_path):
    small = registry.create("water-filling", channels=4)
    found = training_designs(smoke.folder / "data" / "trajectories", small, nothing_is_damaged)
    assert found.shape[1] == 4
    assert len(found) > 40
    torch.testing.assert_close(small.admissible(found), found)
    assert training_designs(smoke.folder / "data" / "trajectories", WATER, nothing_is_damaged) is None
    assert training_designs(tmp_path / "none", small, nothing_is_damaged) is None


@pytest.mark.parametrize("name", ["meta/info.json", "meta/manifest.json", "data-00000-of-*.arrow", "README.md"])
def test_a_damaged_data_set_is_told_of_and_never_compared_with(smoke, tmp_path, name):
    small = registry.create("water-filling", channels=4)
    shutil.copytree(smoke.folder / "data" / "trajectories" / WATER_4, tmp_path / "a-damaged")
    file = next((tmp_path / "a-damaged").glob(name))
    flip_byte(file)
    told = []
    assert training_designs(tmp_path, small, told.append) is None
    assert [str(file) in str(error) for error in told] == [True]
    shutil.copytree(smoke.folder / "data" / "trajectories" / WATER_4, tmp_path / "whole")
    assert training_designs(tmp_path, small, told.append) is not None
