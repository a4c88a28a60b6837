"""Which episodes the environment reproduces when it is reset as an export says, and its rewards.

Axes: E episodes, T steps (the horizon).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from aign.errors import AignError
from aign.scenarios.core.reset_options import CONTEXT, STATE, first_states
from aign.scenarios.core.scenario import Scenario
from aign.trajectories.replay import simulated
from aign.trajectories.schema import Episodes

Array = np.ndarray[Any, Any]


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
