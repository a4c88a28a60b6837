"""Baselines for environments nothing is known of: random actions, the same action always, and functions of the user's.

Axes: B networks, C context values, S observed values, A action values.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from gymnasium.spaces import Box, Space
from numpy.typing import NDArray
from torch import Tensor

from aign.errors import ParameterError
from aign.scenarios.gymnasium.faults import ForeignCall
from aign.scenarios.gymnasium.making import function
from aign.scenarios.gymnasium.observations import OutsideSpaceError, flattener
from aign.scenarios.gymnasium.spaces import Actions

Policy = Callable[[Tensor, Tensor, Tensor], Tensor]
"""Contexts (B, C), steps taken (B,) and what is observed (B, S) -> actions (B, A)."""


def uniform(contexts: Tensor, time: Tensor, repeat: int, size: int) -> Tensor:
    """Return uniform values in [-1, 1], (B, size): a function of seed, time and repeat, so that draws can be repeated.

    Args:
        contexts: (B, C), the seed first.
        time: (B,) int64.
        repeat: which of the independent draws.
        size: values of each network.
    """
    draws = [np.random.default_rng((repeat, int(seed), int(step))).uniform(-1.0, 1.0, size)
             for seed, step in zip(contexts[:, 0].tolist(), time.tolist(), strict=True)]
    return torch.from_numpy(np.array(draws, np.float32).reshape(len(draws), size)).to(contexts.device)


def chance(size: int, repeat: int = 0) -> Policy:
    """Return the policy that draws each of `size` action values uniformly."""
    return lambda contexts, time, observed: uniform(contexts, time, repeat, size)


def constant(size: int) -> Policy:
    """Return the policy that always takes the first choice or the middle of a range; often that does nothing."""
    return lambda contexts, time, observed: torch.zeros(len(observed), size, device=observed.device)


def named(path: str, name: str, space: Space[Any], actions: Actions) -> Policy:
    """Return the policy of a user's function, from the flat observation (S,), float32, and the environment's action
    space to an action of it. It raises a `ParameterError` where the function raises, or gives no such action.
    """
    decide = function(path, f"rules.{name}")
    foreign = ForeignCall(lambda: f"rules.{name}: function {path}")
    # A rule may go beyond a range, as controllers do: `applied` clips what it asks for.
    check = flattener(Box(-np.inf, np.inf, space.shape, np.float64) if isinstance(space, Box) else space, "its action")

    def action(row: NDArray[np.float32]) -> NDArray[np.float32]:
        with foreign:
            decided = decide(row, space)
        try:
            check(decided)
        except OutsideSpaceError as error:
            raise ParameterError(f"rules.{name}: function {path}: {error}.") from error
        return actions.encode(decided)

    def policy(contexts: Tensor, time: Tensor, observed: Tensor) -> Tensor:
        rows = [action(row) for row in observed.cpu().numpy().astype(np.float32)]
        return torch.from_numpy(np.array(rows, np.float32).reshape(len(rows), -1)).to(observed.device)
    return policy
