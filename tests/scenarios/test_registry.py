"""A network registers itself by being there; names and parameters are checked when one is built."""

import sys
import textwrap

import pytest

import aign.scenarios as room
from aign.errors import ParameterError
from aign.scenarios import registry

MODULE = '''
    from aign.scenarios.water_filling import WaterFilling

    class DroppedIn(WaterFilling):
        name = "dropped-in"
'''


@pytest.fixture
def dropped_in(tmp_path, monkeypatch):
    """Put a new module into the folder of scenarios, as a user would, and take it out again."""
    (tmp_path / "dropped_in_for_the_test.py").write_text(textwrap.dedent(MODULE))
    monkeypatch.setattr(room, "__path__", [*room.__path__, str(tmp_path)])
    registry.scenarios.cache_clear()
    yield "dropped-in"
    registry.scenarios.cache_clear()
    sys.modules.pop(f"{room.__name__}.dropped_in_for_the_test", None)


def test_every_scenario_is_found_under_its_own_name_in_order():
    found = registry.scenarios()
    assert "water-filling" in found
    assert list(found) == sorted(found)
    assert all(kind.name == name for name, kind in found.items())


def test_modules_without_a_network_are_no_scenarios():
    assert {kind.__name__ for kind in registry.scenarios().values()}.isdisjoint({"Scenario", "DesignScenario"})


def test_dropping_a_module_in_registers_its_network(dropped_in):
    assert registry.create(dropped_in, channels=3).context_size == 3
    assert "water-filling" in registry.scenarios()


@pytest.mark.parametrize("name", registry.scenarios())
def test_a_specification_builds_the_same_scenario_again(name):
    scenario = registry.create(name)
    again = registry.create(**scenario.spec())
    assert type(again) is type(scenario)
    assert again.spec() == scenario.spec()


@pytest.mark.parametrize("name", registry.scenarios())
def test_every_scenario_says_what_it_is(name):
    kind = registry.scenarios()[name]
    assert kind.summary
    assert len({label.name for label in kind.create().labels}) == len(kind.create().labels)


def test_an_unknown_name_is_answered_with_the_nearest():
    with pytest.raises(ParameterError, match="Did you mean 'water-filling'"):
        registry.create("waterfilling")


def test_an_unknown_parameter_is_refused():
    with pytest.raises(ParameterError, match=r"water-filling: chanels: .*Parameters: channels, budget, gain"):
        registry.create("water-filling", chanels=3)
