"""Baselines for environments nothing is known of: chance, the same action all along, and what the user names.

Axes: B networks, C context values, Z state values, A action values.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from gymnasium.spaces import Box
from numpy.typing import NDArray
from torch import Tensor

from aign.errors import ParameterError
from aign.scenarios.core.sequential import Rule
from aign.scenarios.gymnasium.faults import Calling
from aign.scenarios.gymnasium.making import function
from aign.scenarios.gymnasium.observations import OutsideSpaceError, flattener

if TYPE_CHECKING:
    from aign.scenarios.gymnasium.scenario import GymnasiumScenario


def uniform(contexts: Tensor, time: Tensor, repeat: int, size: int) -> Tensor:
    """Return uniform values in [-1, 1], (B, size): a function of seed, time and repeat, so that chance can be repeated.

    Args:
        contexts: (B, C), the seed first.
        time: (B,) int64.
        repeat: which of the independent draws.
        size: values of each network.
    """
    draws = [np.random.default_rng((repeat, int(seed), int(step))).uniform(-1.0, 1.0, size)
             for seed, step in zip(contexts[:, 0].tolist(), time.tolist(), strict=True)]
    return torch.from_numpy(np.array(draws, np.float32).reshape(len(draws), size)).to(contexts.device)


def chance(scenario: GymnasiumScenario, repeat: int = 0) -> Rule:
    """Return the rule that acts by chance, evenly over all there is."""
    def rule(contexts: Tensor, states: Tensor) -> Tensor:
        return uniform(contexts, scenario.parts(states)[2], repeat, scenario.action_size)
    return rule


def constant(scenario: GymnasiumScenario) -> Rule:
    """Return the rule that always takes the first choice, or the middle of a range; often the one that does nothing."""
    def rule(contexts: Tensor, states: Tensor) -> Tensor:
        return torch.zeros(len(states), scenario.action_size, device=states.device)
    return rule


def named(scenario: GymnasiumScenario, path: str, name: str) -> Rule:
    """Return a rule of the user's: a function from the flat observation (S,), float32, and the environment's action
    space to an action of it. It raises a `ParameterError` where the function raises, or gives no such action.
    """
    decide, space = function(path, f"rules.{name}"), scenario.action_space
    calling = Calling(lambda: f"rules.{name}: function {path}")
    # A rule may go beyond a range, as controllers do: `applied` clips what it asks for.
    check = flattener(Box(-np.inf, np.inf, space.shape, np.float64) if isinstance(space, Box) else space, "its action")

    def action(row: NDArray[np.float32]) -> NDArray[np.float32]:
        with calling:
            decided = decide(row, space)
        try:
            check(decided)
        except OutsideSpaceError as error:
            raise ParameterError(f"rules.{name}: function {path}: {error}.") from error
        return scenario.actions.encode(decided)

    def rule(contexts: Tensor, states: Tensor) -> Tensor:
        observed = scenario.parts(states)[0].cpu().numpy().astype(np.float32)
        actions = [action(row) for row in observed]
        return torch.from_numpy(np.array(actions, np.float32).reshape(len(actions), -1)).to(states.device)
    return rule
