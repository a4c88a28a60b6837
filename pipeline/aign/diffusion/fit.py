"""Whether settings of training and sampling fit a network, and each other; known before anything is learned.

Light to import: no diffusers here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aign.diffusion.settings import TrainSettings
from aign.diffusion.strategies import strategy_of
from aign.errors import ParameterError, unknown_name
from aign.scenarios.core import Feature, Scenario
from aign.scenarios.core.forecasting import forecasting_of

EVENLY_SPACED = ("DDIMScheduler",)
"""Schedulers that take every step to be as long as the first: with any other number of steps the noise left after a
step would not be what the next one expects."""


def check(scenario: Scenario[Any], settings: TrainSettings, datasets: int = 1) -> None:
    """Raise where settings contradict each other or a scenario, learned from so many datasets together.

    Raises:
        ParameterError: naming the first value at fault, with what is allowed.
    """
    if settings.window is not None:
        check_window(scenario, settings.window, settings.stride)
    elif scenario.horizon % settings.stride:
        raise ParameterError(f"train.stride = {settings.stride}: it must divide the horizon {scenario.horizon} of "
                             f"{scenario.name}.")
    check_futures(scenario, settings)
    if datasets > 1 and settings.network.kind != "set":
        raise ParameterError(f"train.network.kind = {settings.network.kind}: learning from {datasets} datasets "
                             "together needs the kind set.")
    if settings.network.kind == "set":
        check_set(scenario)
    names = [label.name for label in scenario.labels]
    for place, pair in enumerate(settings.never_together):
        for side, name in enumerate(pair):
            if name not in names:
                raise ParameterError(f"train.never_together[{place}][{side}]: {unknown_name('label', name, names)}")


def check_window(scenario: Scenario[Any], window: int, stride: int) -> None:
    """Raise ParameterError where plans of `window` steps suit neither scenario nor stride."""
    if not strategy_of(scenario).allows_windows:
        raise ParameterError(f"train.window = {window}: a design of {scenario.name} is the last state of a whole "
                             "episode. Leave train.window out; it is for sequential scenarios.")
    if window > scenario.horizon or window % stride:
        raise ParameterError(f"train.window = {window}: it must be a multiple of train.stride = {stride}, and at most "
                             f"the {scenario.horizon} steps of an episode of {scenario.name}.")


def check_futures(scenario: Scenario[Any], settings: TrainSettings) -> None:
    """Raise ParameterError where a scenario has no futures of so many steps."""
    steps = settings.futures_window
    if steps is not None and forecasting_of(scenario) is None:
        raise ParameterError(f"train.futures_window = {steps}: {scenario.name} forecasts nothing. Leave it out.")
    if steps is not None and steps > scenario.horizon:
        raise ParameterError(f"train.futures_window = {steps}: allowed at most the {scenario.horizon} steps of an "
                             f"episode of {scenario.name}.")


def check_set(scenario: Scenario[Any]) -> None:
    """Raise ParameterError where a scenario's values cannot be divided among its decision makers."""
    if scenario.choices is not None:
        raise ParameterError(f"train.network.kind = set: {scenario.name} chooses one of {scenario.choices}, which "
                             "belong to no decision maker. Use kind: temporal.")
    for features in (scenario.state_features, scenario.fixed_features):
        entity_widths(scenario, features)


def entity_widths(scenario: Scenario[Any], features: Sequence[Feature]) -> list[int]:
    """Return how many values of each feature belong to one decision maker.

    Raises:
        ParameterError: a feature cannot be divided among the scenario's decision makers.
    """
    for feature in features:
        if feature.size % scenario.agents:
            raise ParameterError(f"train.network.kind = set: {scenario.name} has {scenario.agents} decision makers, "
                                 f"and {feature.size} values of {feature.name} cannot be divided among them. "
                                 "Use kind: temporal.")
    return [feature.size // scenario.agents for feature in features]


def resource_place(scenario: Scenario[Any]) -> int | None:
    """Return the place among the fixed features of the one that numbers resources; None where there is none."""
    names = [feature.name for feature in scenario.fixed_features]
    return None if scenario.resource_feature is None else names.index(scenario.resource_feature)


def check_steps(scheduler: str, steps: int, trained: int) -> None:
    """Raise where a scheduler cannot denoise in so many steps.

    Args:
        scheduler: its name.
        steps: of denoising.
        trained: the number of steps the model was, or will be, trained with.

    Raises:
        ParameterError: more steps than that, or a number that the scheduler cannot space evenly.
    """
    if not 1 <= steps <= trained:
        raise ParameterError(f"denoising steps {steps}: allowed from 1 to {trained}, the number the model is trained "
                             "with.")
    if scheduler in EVENLY_SPACED and trained % steps:
        raise ParameterError(f"denoising steps {steps}: with {scheduler} the number must divide {trained}, the number "
                             "the model is trained with. Choose such a number or another scheduler.")
