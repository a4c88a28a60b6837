"""Whether agents and sources fit a network's actions; known before anything is explored. Light to import."""

from __future__ import annotations

from typing import Any, get_args

from aign.agents.settings import CollectSettings, Kind
from aign.errors import ParameterError, unknown_name
from aign.scenarios.core.scenario import Scenario

CHOOSING: tuple[Kind, ...] = ("ddqn", "ucb")
"""Agents that can only choose one action among several."""


def check(scenario: Scenario[Any], settings: CollectSettings) -> None:
    """Raise where an agent or a source of the block `collect` does not fit a scenario.

    Raises:
        ParameterError: naming the first that does not.
    """
    for place, kind in enumerate(settings.agents):
        try:
            check_fit(kind, scenario)
        except ParameterError as error:
            raise ParameterError(f"collect.agents[{place}]: {error}") from None
    if settings.sources.label_guided:
        check_label_guided(scenario)


def check_fit(kind: str, scenario: Scenario[Any]) -> None:
    """Raise where an agent cannot act in a scenario.

    Raises:
        ParameterError: an unknown kind, or one for other actions than the scenario's.
    """
    kinds: tuple[Kind, ...] = get_args(Kind)
    if kind not in kinds:
        raise ParameterError(unknown_name("agent", kind, kinds))
    if scenario.choices is None and kind in CHOOSING:
        fitting = ", ".join(other for other in kinds if other not in CHOOSING)
        raise ParameterError(f"Agent {kind} chooses one action among several, but the actions of scenario "
                             f"{scenario.name} are numbers from -1 to 1. Agents that fit: {fitting}.")


def check_label_guided(scenario: Scenario[Any]) -> None:
    """Raise where demonstrations cannot be guided by labels: designs around others must differ by small steps.

    Raises:
        ParameterError: it is a sequential scenario.
    """
    if not scenario.move_sizes([1.0]):
        raise ParameterError("collect.sources.label_guided: demonstrations guided by labels need a design that is "
                             f"changed step by step, but {scenario.name} is a sequential scenario. Allowed: 0.")
