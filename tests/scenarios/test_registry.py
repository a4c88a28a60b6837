"""A network registers itself by being there; names and parameters are checked when one is built."""

import pkgutil
import subprocess
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
    (tmp_path / "dropped_in.py").write_text(textwrap.dedent(MODULE))
    monkeypatch.setattr(room, "__path__", [*room.__path__, str(tmp_path)])
    registry.scenarios.cache_clear()
    yield "dropped-in"
    registry.scenarios.cache_clear()
    sys.modules.pop(f"{room.__name__}.dropped_in", None)


def test_every_scenario_is_found_under_its_own_name_in_order():
    found = registry.scenarios()
    assert "water-filling" in found
    assert list(found) == sorted(found)
    assert all(kind.name == name for name, kind in found.items())


def test_modules_are_networks_or_shared_and_no_module_is_both():
    modules = {module.name for module in pkgutil.iter_modules(room.__path__)}
    assert {registry.code_of(name) for name in registry.scenarios()} == modules - set(registry.SHARED)
    assert set(registry.WRAPPERS) < set(registry.SHARED) < modules


def test_using_one_network_imports_no_other():
    script = ("import sys; from aign.scenarios.registry import create; create('water-filling'); "
              "print([name for name in sys.modules if name.startswith('aign.scenarios.power')])")
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_a_module_that_holds_no_network_of_its_name_is_refused(tmp_path, monkeypatch):
    (tmp_path / "misnamed.py").write_text(textwrap.dedent(MODULE))
    monkeypatch.setattr(room, "__path__", [*room.__path__, str(tmp_path)])
    with pytest.raises(ParameterError, match=r"misnamed in .* holds no scenario called misnamed"):
        registry.create("misnamed")
    sys.modules.pop(f"{room.__name__}.misnamed", None)


def test_a_network_depends_on_its_own_code_and_on_what_all_share():
    found = registry.sources("water-filling")
    assert "scenarios/water_filling" in found
    assert "scenarios/base" in found
    assert not any("power_allocation" in place or "gymnasium_env" in place for place in found)


def test_dropping_a_module_in_registers_its_network(dropped_in):
    assert registry.create(dropped_in, channels=3).context_size == 3
    assert "water-filling" in registry.scenarios()


@pytest.mark.parametrize("name", registry.names())
def test_a_specification_builds_the_same_scenario_again(name):
    scenario = registry.create(name)
    again = registry.create(**scenario.spec())
    assert type(again) is type(scenario)
    assert again.spec() == scenario.spec()


@pytest.mark.parametrize("name", registry.names())
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


def test_parameters_typed_on_a_command_line_get_their_types():
    assert registry.assigned("water-filling", ["channels=3", "budget=2"]) == {"channels": 3, "budget": 2.0}
    assert registry.assigned("no-such-network", []) == {}


@pytest.mark.parametrize("texts", [["channels"], ["=3"], ["channels=3", "channels=4"], ["name=power-allocation"],
                                   ["channels=many"], ["chanels=3"]])
def test_what_is_no_assignment_of_a_parameter_is_refused(texts):
    with pytest.raises(ParameterError, match=r"channels|NAME=VALUE"):
        registry.assigned("water-filling", texts)
