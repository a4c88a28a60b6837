"""Whether agents and sources fit a network's actions; known before anything is explored. Light to import."""

from __future__ import annotations

from typing import Any, get_args

from aign.agents.settings import CollectSettings, Kind
from aign.errors import ParameterError, unknown_name
from aign.scenarios.core.scenario import DesignScenario, Scenario

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
        changeable(scenario)


def check_fit(kind: str, scenario: Scenario[Any]) -> None:
    """Raise where an agent cannot act in a scenario.

    Raises:
        ParameterError: an unknown kind, or one for other actions than the scenario's.
    """
    kinds: tuple[Kind, ...] = get_args(Kind)
    if kind not in kinds:
        raise ParameterError(unknown_name("agent", kind, kinds))
    if scenario.choices is None and kind in CHOOSING:
        fitting = ", ".join(one for one in kinds if one not in CHOOSING)
        raise ParameterError(f"Agent {kind} chooses one action among several, but the actions of scenario "
                             f"{scenario.name} are numbers from -1 to 1. Agents that fit: {fitting}.")


def changeable(scenario: Scenario[Any]) -> DesignScenario[Any]:
    """Return the scenario, whose state is a design that can be searched around.

    Raises:
        ParameterError: its decisions follow each other.
    """
    if isinstance(scenario, DesignScenario):
        return scenario
    raise ParameterError("collect.sources.label_guided: walks guided by labels need a design that is changed step by "
                         f"step, but the decisions of scenario {scenario.name} follow each other. Allowed: 0.")
