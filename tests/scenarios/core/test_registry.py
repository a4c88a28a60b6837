"""A network registers itself by being there; names and parameters are checked when one is built."""

import pkgutil
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel

import aign.scenarios as room
from aign.errors import ParameterError, TrustError
from aign.scenarios.core import registry
from aign.trust import NamesCode

MODULE = '''
    from aign.scenarios.water_filling import WaterFilling

    class DroppedIn(WaterFilling):
        name = "dropped-in"
'''


@pytest.fixture
def dropped_in(tmp_path, monkeypatch):
    """Put a new module into the folder of scenarios, as a user would, and take it out again."""
    (tmp_path / "dropped_in").mkdir()
    (tmp_path / "dropped_in/__init__.py").write_text(textwrap.dedent(MODULE))
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


def test_every_package_but_the_shared_one_is_a_network():
    packages = {module.name for module in pkgutil.iter_modules(room.__path__)}
    assert {registry.package_of(name) for name in registry.scenarios()} == packages - {registry.CORE}


def test_hyphen_and_underscore_name_the_same_network():
    assert registry.create("water_filling").spec() == registry.create("water-filling").spec()
    assert registry.create("water_filling").spec()["name"] == "water-filling"


def test_using_one_network_imports_no_other(python):
    script = ("import sys; from aign.scenarios.core.registry import create; create('water-filling'); "
              "print([name for name in sys.modules if name.startswith('aign.scenarios.power')])")
    assert subprocess.run([python, "-c", script], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_a_module_that_holds_no_network_of_its_name_is_refused(tmp_path, monkeypatch):
    (tmp_path / "misnamed").mkdir()
    (tmp_path / "misnamed/__init__.py").write_text(textwrap.dedent(MODULE))
    monkeypatch.setattr(room, "__path__", [*room.__path__, str(tmp_path)])
    with pytest.raises(ParameterError, match=r"misnamed in .* holds no scenario called misnamed"):
        registry.create("misnamed")
    sys.modules.pop(f"{room.__name__}.misnamed", None)


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


# --- code that parameters name ----------------------------------------------------------------------------------------
NAMES_NO_CODE = {
    ("gymnasium", "seed_option"), ("gymnasium", "labels.info"), ("gymnasium", "labels.unit"),
    ("gymnasium", "labels.description"), ("ip-optical-planning", "topology"),
    ("video-delivery", "origin"), ("video-delivery", "topology"), ("video-streaming", "source")}
"""Parameters that hold free text which nothing imports: looked at one by one."""


def inside(annotation: Any) -> Iterator[Any]:
    """Yield all types of an annotation, at any depth."""
    yield annotation
    for part in get_args(annotation):
        yield from inside(part)


def free_texts(parameters: type[BaseModel], where: str = "") -> Iterator[tuple[str, bool]]:
    """Yield the place of each parameter that may hold any text, and whether it is marked as naming code."""
    for name, field in parameters.model_fields.items():
        # A key of a mapping is a name that the user makes up; `options` of an environment are marked with theirs.
        kinds = list(inside(get_args(field.annotation)[1] if getattr(field.annotation, "__origin__", None) is dict
                            else field.annotation))
        marked = any(isinstance(mark, NamesCode) for mark in field.metadata)
        if marked or any(kind is str or "Json" in str(kind) or kind is Any for kind in kinds):
            yield where + name, marked
        for kind in kinds:
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                yield from free_texts(kind, f"{where}{name}.")


@pytest.mark.parametrize("name", registry.names())
def test_every_free_text_is_marked_as_naming_code_or_known_to_name_none(name):
    """A new parameter with free text fails here until somebody has decided which it is."""
    places = dict(free_texts(registry.scenario_class(name).Parameters))
    assert {(name, place) for place, marked in places.items() if not marked} == \
        {entry for entry in NAMES_NO_CODE if entry[0] == name}
    assert name != "gymnasium" or {place for place, marked in places.items() if marked} == {
        "environment", "module", "options", "labels.function", "rules"}


@pytest.mark.parametrize("spec", [{"name": "gymnasium", "module": "no_such_module"},
                                  {"name": "gymnasium", "environment": "no_such_module:Name-v0"}])
def test_what_a_file_names_is_refused_until_it_is_trusted(spec):
    with pytest.raises(TrustError, match=r"info\.json: .*'no_such_module'"):
        registry.recreate(spec, Path("info.json"))
    with pytest.raises(TrustError, match=r"not the scenario of your params\.yaml"):
        registry.recreate(spec, Path("info.json"), {"name": "gymnasium", "module": "another"})
    for trusted in (True, spec, {**spec, "rollouts": 4}):  # the default: the same scenario, said otherwise
        with pytest.raises(ParameterError, match="no_such_module"):
            registry.recreate(spec, Path("info.json"), trusted)


@pytest.mark.parametrize("spec", [{"name": "gymnasium", "module": "os", "speed": 1}, {"name": "nothing"}, {"name": 3},
                                  {}, None, []])
def test_what_describes_no_scenario_is_nobodys_code(spec):
    registry.check_code(spec, Path("info.json"))


def test_a_scenario_that_names_no_code_needs_no_trust():
    assert registry.recreate({"name": "water-filling", "channels": 4}, Path("info.json")).spec()["channels"] == 4
