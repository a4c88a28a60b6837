"""Every scenario by name. A network is one module (or package) of this folder: dropping it in registers it."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from functools import cache
from typing import Any

import aign.scenarios as room
from aign.errors import ParameterError, unknown_name
from aign.scenarios.base import Scenario


@cache
def scenarios() -> dict[str, type[Scenario[Any]]]:
    """Return every concrete scenario class by its name, found by importing this folder's modules."""
    found: dict[str, type[Scenario[Any]]] = {}
    for module in pkgutil.iter_modules(room.__path__):
        members = vars(importlib.import_module(f"{room.__name__}.{module.name}")).values()
        for member in members:
            if inspect.isclass(member) and issubclass(member, Scenario) and not inspect.isabstract(member):
                found[member.name] = member
    return dict(sorted(found.items()))


def create(name: str, **parameters: Any) -> Scenario[Any]:
    """Build a scenario from its name and plain parameter values.

    Raises:
        ParameterError: an unknown name or parameter, or a value out of range.
    """
    if name not in scenarios():
        raise ParameterError(unknown_name("scenario", name, scenarios()))
    return scenarios()[name].create(**parameters)
