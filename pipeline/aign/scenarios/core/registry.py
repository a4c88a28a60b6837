"""Every scenario by name. A network is one package of `aign.scenarios`: dropping it in registers it.

A scenario called `some-network` lies in the package `some_network`, so that using one network imports no other. As in
package names of Python, hyphen and underscore are the same: `some_network` names it too.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError

import aign.scenarios as room
from aign.errors import ParameterError, unknown_name
from aign.scenarios.core.parameters import ScenarioParameters
from aign.scenarios.core.scenario import Scenario
from aign.trust import Trust, named_code, refusal

CORE = "core"
"""The package of this folder that is no network but what all of them share."""


def names() -> list[str]:
    """Return the names of all scenarios, without importing any."""
    return sorted(canonical(module.name) for module in pkgutil.iter_modules(room.__path__)
                  if module.ispkg and module.name != CORE)


def canonical(name: str) -> str:
    """Return the canonical spelling of a scenario's name that is stored and printed."""
    return name.replace("_", "-")


def scenario_class(name: str) -> type[Scenario[Any]]:
    """Return the class of a scenario.

    Raises:
        ParameterError: an unknown name.
    """
    name = canonical(name)
    if name not in names():
        raise ParameterError(unknown_name("scenario", name, names()))
    for member in vars(importlib.import_module(f"{room.__name__}.{package_of(name)}")).values():
        if inspect.isclass(member) and issubclass(member, Scenario) and getattr(member, "name", None) == name:
            return member
    raise ParameterError(f"{package_of(name)} in {room.__path__[0]} holds no scenario called {name}. Call it so.")


@cache
def scenarios() -> dict[str, type[Scenario[Any]]]:
    """Return every scenario's class by its name."""
    return {name: scenario_class(name) for name in names()}


def package_of(name: str) -> str:
    """Return the name of the package that holds the scenario of that name."""
    return name.replace("-", "_")


def create(name: str, **parameters: Any) -> Scenario[Any]:
    """Build a scenario from its name and plain parameter values.

    Raises:
        ParameterError: an unknown name or parameter, or a value out of range.
    """
    return scenario_class(name).create(**parameters)


def recreate(spec: Mapping[str, Any], file: Path, trust_code: Trust = False) -> Scenario[Any]:
    """Build the scenario that a file of a dataset or model describes; the only way to build one that was read.

    Args:
        spec: name and parameters, as `Scenario.spec` returned them.
        file: that holds them, for the message.
        trust_code: which code that they name may be imported.

    Raises:
        TrustError: they name code that is not trusted; nothing of it was imported.
        ParameterError: an unknown name or parameter, or a value out of range.
    """
    check_code(spec, file, trust_code)
    return create(**spec)


def check_code(spec: Any, file: Path, trust_code: Trust = False) -> None:
    """Refuse a scenario's specification, read from a file, that names code which is not trusted; see `recreate`.

    One that describes no scenario passes: nothing is ever built of it, and `recreate` says why.

    Raises:
        TrustError: naming the file and the code, of which nothing was imported.
    """
    described = None if trust_code is True else _parameters(spec)
    if described is None:
        return
    named = named_code(described[1])
    if named and (trust_code is False or _parameters(trust_code) != described):
        raise refusal(file, named, trust_code)


def _parameters(spec: Any) -> tuple[str, ScenarioParameters] | None:
    """Return name and checked parameters, without building the scenario; None where there is none of them."""
    if not isinstance(spec, Mapping) or not isinstance(spec.get("name"), str):
        return None
    try:
        values = {name: value for name, value in spec.items() if name != "name"}
        return spec["name"], scenario_class(spec["name"]).Parameters(**values)
    except (ParameterError, ValidationError):
        return None


def assigned(name: str, texts: Sequence[str]) -> dict[str, Any]:
    """Return parameters of a scenario, typed, from texts such as `users=20`, as they are typed on a command line.

    Raises:
        ParameterError: an unknown scenario or parameter, a value out of range, or no assignment.
    """
    values: dict[str, str] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key.isidentifier() or key == "name" or key in values:
            raise ParameterError(f"--set {text}: give each parameter of the scenario once, as NAME=VALUE.")
        values[key] = value
    if not values:
        return {}
    spec = create(name, **values).spec()
    return {key: spec[key] for key in values}
