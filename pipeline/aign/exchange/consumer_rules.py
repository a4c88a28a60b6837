"""What is exported obeys the rules of the libraries that read it: values lie in the spaces that are exported with them,
and an episode that is called replayable comes out again when the environment is reset as the export says.

Axes: E episodes, T steps, A action values, D observation values.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from gymnasium.spaces import Space
from gymnasium.vector.utils import batch_space

from aign.errors import AignError, DatasetError
from aign.scenarios.core import environments
from aign.scenarios.core.reset_options import CONTEXT, STATE, first_states
from aign.scenarios.core.scenario import Scenario
from aign.trajectories.replay import simulated
from aign.trajectories.schema import Episodes

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


def stored_options(scenario: Scenario[Any], part: Episodes, index: int | slice) -> dict[str, Array]:
    """Return the options by which `reset` of the environment begins one of the episodes, or several, again."""
    return {CONTEXT: part.context[index], STATE: part.observations[index, 0, :scenario.state_size]}


def replayability(scenario: Scenario[Any], part: Episodes) -> tuple[Array, Array]:
    """Simulate episodes from their reset options and their actions.

    Returns:
        rewards (E, T) float64: as stored; where format versions before 3 hold the simulator's in float32, its own;
        replayable (E,) bool: whether the environment can begin the episode, and observations and rewards (in the
        precision of float32, since environments of others may round the last digits otherwise) come out so.
    """
    rewards, replayable = part.rewards.astype(np.float64), np.zeros(len(part), np.bool_)
    rows = _can_begin(scenario, part)
    if not len(rows):
        return rewards, replayable
    contexts, observed, actions, length = (torch.from_numpy(values[rows]) for values in
                                           (part.context, part.observations, part.actions, part.length))
    first = first_states(scenario, contexts, observed[:, 0, :scenario.state_size])
    applied = scenario.effective_actions(actions.flatten(0, 1)).unflatten(0, actions.shape[:2])
    observations, earned, _ = simulated(scenario, contexts, first, applied, length.long())
    paid = earned.double().numpy()
    stored = part.rewards[rows]
    same_rewards = paid.astype(np.float32) == stored.astype(np.float32)
    in_single = stored == stored.astype(np.float32)
    same_observations = (observations.float() == observed).all(dim=2).numpy()
    steps = np.arange(scenario.horizon + 1)
    replayable[rows] = ((same_rewards | (steps[:-1] >= part.length[rows, None])).all(axis=1)
                        & (same_observations | (steps > part.length[rows, None])).all(axis=1))
    rewards[rows] = np.where(same_rewards & in_single, paid, stored)
    return rewards, replayable


def _can_begin(scenario: Scenario[Any], part: Episodes) -> Array:
    """Return which of the episodes, by their place, have options that `reset` accepts."""
    if _accepts(scenario, stored_options(scenario, part, slice(None))):
        return np.arange(len(part))
    return np.flatnonzero([_accepts(scenario, stored_options(scenario, part, index)) for index in range(len(part))])


def _accepts(scenario: Scenario[Any], options: dict[str, Array]) -> bool:
    contexts, observed = torch.from_numpy(options[CONTEXT]), torch.from_numpy(options[STATE])
    try:
        first_states(scenario, scenario.check_contexts(contexts), observed)
    except AignError:
        return False
    return True
