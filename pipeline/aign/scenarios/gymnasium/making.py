"""Making other people's environments: imports, options, and errors that say what to do."""

from __future__ import annotations

import difflib
import importlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import gymnasium
from gymnasium.envs.registration import EnvSpec
from gymnasium.error import DependencyNotInstalled

from aign.errors import ParameterError
from aign.scenarios.gymnasium.faults import ForeignCall

AnyEnv = gymnasium.Env[Any, Any]


@dataclass(frozen=True)
class Maker:
    """Makes one kind of environment.

    Attributes:
        environment: its id with Gymnasium.
        module: what to import first, because it registers the id; empty where nothing is needed.
        options: keyword arguments of `gymnasium.make`, as JSON; mappings are merged into those the id was registered
            with, at any depth.
        seed_option: where in the options the seed belongs, dotted; empty where `reset` takes it, as Gymnasium has it.
    """

    environment: str
    module: str
    options: str
    seed_option: str

    def spec(self) -> EnvSpec:
        """Return what Gymnasium knows of the environment.

        Raises:
            ParameterError: a module that cannot be imported, or an unknown id.
        """
        if self.module:
            imported(self.module, "module")
        try:
            return gymnasium.spec(self.environment)
        except Exception as error:  # an id may name a module, whose import may raise anything
            near = difflib.get_close_matches(self.environment, gymnasium.registry, n=3, cutoff=0.4)
            hint = f" Nearest known ids: {', '.join(near)}." if near else ""
            raise ParameterError(f"environment: Gymnasium knows no {self.environment!r} ({error}).{hint} Name the "
                                 "package that registers it as the parameter `module`.") from None

    def make(self, seed: int) -> AnyEnv:
        """Return a new environment for the episode of a seed, without a time limit of its own.

        Raises:
            ParameterError: it cannot be made: an unknown id, a missing package, or unsuitable options.
        """
        spec = self.spec()
        options = json.loads(self.options)
        if self.seed_option:
            place(options, self.seed_option.split("."), seed)
        merged = {name: merge(spec.kwargs.get(name), value) for name, value in options.items()}
        with ForeignCall(lambda: f"environment: {self.environment} cannot be made with options {options}", _missing):
            return gymnasium.make(self.environment, max_episode_steps=-1, disable_env_checker=True, **merged)


def _missing(error: BaseException) -> str:
    """Return what to do where a package is missing."""
    return " Install the package it needs with pip." if isinstance(error, ImportError | DependencyNotInstalled) else ""


def module_of_id(environment: str) -> Iterator[str]:
    """Yield the module that an id such as "package.module:Name-v0" names: Gymnasium imports it."""
    if ":" in environment:
        yield environment.partition(":")[0]


def imported(name: str, parameter: str) -> Any:
    """Import a module that the user's parameters name.

    Raises:
        ParameterError: it is not there, or raises something while it is imported.
    """
    with ForeignCall(lambda: f"{parameter}: {name!r} cannot be imported", _not_there):
        return importlib.import_module(name)


def _not_there(error: BaseException) -> str:
    """Return what to do where a module is missing."""
    there = not isinstance(error, ImportError)
    return "" if there else " Install the package that holds it with pip, or put its folder on PYTHONPATH."


def function(path: str, parameter: str) -> Callable[..., Any]:
    """Return the function that "package.module:function" names.

    Raises:
        ParameterError: there is no such function.
    """
    module, _, name = path.partition(":")
    value = getattr(imported(module, parameter), name, None)
    if not callable(value):
        raise ParameterError(f"{parameter}: module {module!r} holds no function {name!r}.")
    return value  # type: ignore[no-any-return]


def merge(registered: Any, new: Any) -> Any:
    """Return the new value, with what was registered added where both are mappings; neither is changed."""
    if not (isinstance(registered, Mapping) and isinstance(new, Mapping)):
        return new
    return {**registered, **{name: merge(registered.get(name), value) for name, value in new.items()}}


def place(options: dict[str, Any], path: list[str], value: int) -> None:
    """Write a value into nested options, making mappings on the way."""
    *way, last = path
    for name in way:
        options = options.setdefault(name, {})
        if not isinstance(options, dict):
            raise ParameterError(f"seed_option: {name!r} in the options is no mapping, so it cannot hold a seed.")
    options[last] = value
