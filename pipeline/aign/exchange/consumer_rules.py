"""What is exported obeys the rules of the libraries that read it: values lie in the spaces that are exported with them.

Axes: E episodes, T steps, A action values, D observation values.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from gymnasium.spaces import Space
from gymnasium.vector.utils import batch_space

from aign.errors import DatasetError
from aign.scenarios.core import environments
from aign.scenarios.core.scenario import Scenario

Array = np.ndarray[Any, Any]


def exported_actions(scenario: Scenario[Any], actions: Array) -> Array:
    """Return stored actions (..., A) as the environment takes them: float32 (..., A), or int64 (...) where one of
    several choices is taken.
    """
    if scenario.choices is None:
        return actions
    numbers: Array = actions.argmax(axis=-1).astype(np.int64)
    return numbers


def check_spaces(scenario: Scenario[Any], folder: Path, rows: Array, observations: Array, actions: Array,
                 length: Array) -> None:
    """Refuse episodes whose values are not in the spaces of their environment.

    Args:
        scenario: of which they are.
        folder: of the dataset, for the message.
        rows: (E,) of the dataset, for the message.
        observations: (E, T+1, D).
        actions: (E, T, ...), as exported.
        length: (E,) steps taken; what comes after is not looked at.

    Raises:
        DatasetError: with the row of the episode, the invalid step, its value and the space.
    """
    for name, values, space, extra in (("observation", observations, environments.observation_space(scenario), 1),
                                       ("action", actions, environments.action_space(scenario), 0)):
        episode, step = np.nonzero(np.arange(values.shape[1]) < length[:, None] + extra)
        place = _first_outside(space, values[episode, step])
        if place is not None:
            value = values[episode[place], step[place]]
            text = np.array2string(value, max_line_width=1_000_000, threshold=8)
            raise DatasetError(f"{folder}: episode in row {rows[episode[place]]}, step {step[place]}: the {name} "
                               f"{text} ({value.dtype}) is not in {space}, so other libraries would refuse or misread "
                               "it. Nothing was exported. Make the dataset again, or export a split without it.")


def _first_outside(space: Space[Any], values: Array) -> int | None:
    """Return the place of the first of values (n, ...) that is not in a space; None where all are."""
    if values.dtype == space.dtype and batch_space(space, len(values)).contains(values):
        return None
    return next((place for place, value in enumerate(values)
                 if values.dtype != space.dtype or not space.contains(value)), None)
