"""Between AIGN's flat vectors and whatever an environment observes and takes as an action.

Axes: B networks, S observed values, A action values, W values of a decision, P parts of a compound choice.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import torch
from gymnasium import spaces
from gymnasium.spaces.utils import flatten_space
from numpy.typing import NDArray
from torch import Tensor

from aign.errors import ParameterError

LARGEST = 4_096
"""Most values observed, or of an action: the networks here are for vectors, not for pictures."""
BOUNDED = 1e30
"""Bounds beyond this are no bounds but the largest number of some type."""


class Actions(Protocol):
    """How action values (A,) in [-1, 1], or scores of choices, become actions of an environment."""

    @property
    def size(self) -> int:
        """A, the number of action values."""

    @property
    def choices(self) -> int | None:
        """The number of choices where one is chosen."""

    def decode(self, decision: NDArray[np.float32]) -> Any:
        """Return the environment's action for a decision (W,)."""

    def encode(self, action: Any) -> NDArray[np.float32]:
        """Return the action values (A,) that stand for an action of the environment."""

    def applied(self, values: Tensor) -> Tensor:
        """Return action values (B, A), in [-1, 1], as they take effect."""


class Choice:
    """`Discrete`: one of J choices; a decision is its number."""

    def __init__(self, space: spaces.Discrete) -> None:
        self.size = self.choices = int(space.n)
        self._start = int(space.start)

    def decode(self, decision: NDArray[np.float32]) -> Any:
        """Return the chosen number."""
        return np.int64(self._start + int(decision[0]))

    def encode(self, action: Any) -> NDArray[np.float32]:
        """Return 1 for the choice and 0 for the others."""
        scores = np.zeros(self.size, np.float32)
        scores[int(action) - self._start] = 1.0
        return scores

    def applied(self, values: Tensor) -> Tensor:
        """Not asked for: a scenario of choices applies scores itself."""
        return values


class Range:
    """`Box` with finite bounds: [-1, 1] is stretched over them; whole numbers are rounded to."""

    choices = None

    def __init__(self, space: spaces.Box) -> None:
        self._space, self.size = space, int(np.prod(space.shape))
        self._low, self._high = space.low.astype(np.float64), space.high.astype(np.float64)
        self._whole = np.issubdtype(space.dtype, np.integer)

    def decode(self, decision: NDArray[np.float32]) -> Any:
        """Return the action in the environment's own units."""
        share = (decision.astype(np.float64).reshape(self._space.shape) + 1) / 2
        action = np.clip(self._low + share * (self._high - self._low), self._low, self._high)
        return (np.rint(action) if self._whole else action).astype(self._space.dtype)

    def encode(self, action: Any) -> NDArray[np.float32]:
        """Return the action on the scale from -1 to 1."""
        span = np.where(self._high > self._low, self._high - self._low, 1.0)
        share = (np.asarray(action, np.float64).reshape(self._space.shape) - self._low) / span
        return np.asarray(share * 2 - 1, np.float32).flatten()

    def applied(self, values: Tensor) -> Tensor:
        """Return the values."""
        return values


class Scores:
    """`MultiDiscrete` and `MultiBinary`: P choices at once, each by scores of its alternatives, the largest decides.

    Scores, because the number of combinations is out of reach in all but toy cases (five users of three stations:
    1024), and because alternatives have no order that a single number could express. As it takes effect a score is 1
    for what was chosen (the first of equals) and -1 for the rest.
    """

    choices = None

    def __init__(self, space: spaces.MultiDiscrete | spaces.MultiBinary) -> None:
        self._shape, self._dtype = space.shape, space.dtype
        counts, start = np.full(space.shape, 2), np.zeros(space.shape, np.int64)
        if isinstance(space, spaces.MultiDiscrete):
            counts, start = space.nvec, space.start
        self._counts: list[int] = [int(count) for count in counts.flatten()]
        self._start = start.flatten()
        self.size = sum(self._counts)

    def decode(self, decision: NDArray[np.float32]) -> Any:
        """Return the numbers of what was chosen."""
        parts = np.split(decision, np.cumsum(self._counts)[:-1])
        chosen = self._start + [int(part.argmax()) for part in parts]
        return chosen.reshape(self._shape).astype(self._dtype)

    def encode(self, action: Any) -> NDArray[np.float32]:
        """Return 1 for what was chosen and -1 for the rest."""
        numbers = np.asarray(action).flatten() - self._start
        return np.concatenate([2 * np.eye(count, dtype=np.float32)[int(number)] - 1
                               for count, number in zip(self._counts, numbers, strict=True)])

    def applied(self, values: Tensor) -> Tensor:
        """Return 1 for the largest score of each part and -1 for the rest."""
        parts = values.split(self._counts, dim=1)
        chosen = [torch.nn.functional.one_hot(part.argmax(1), part.shape[1]) for part in parts]
        return torch.cat(chosen, dim=1).to(values.dtype) * 2 - 1


def actions_of(space: spaces.Space[Any], environment: str) -> Actions:
    """Return how to act in a space.

    Raises:
        ParameterError: a space of another kind, without bounds, or too large.
    """
    actions: Actions | None = None
    if isinstance(space, spaces.Discrete):
        actions = Choice(space)
    elif isinstance(space, spaces.MultiDiscrete | spaces.MultiBinary):
        actions = Scores(space)
    elif isinstance(space, spaces.Box) and bool((np.abs([space.low, space.high]) < BOUNDED).all()):
        actions = Range(space)
    if actions is None or not 1 <= actions.size <= LARGEST:
        raise ParameterError(f"environment: actions of {environment} are {space}. Allowed: Discrete, MultiDiscrete, "
                             f"MultiBinary, and Box with finite bounds, of at most {LARGEST} values. Wrap the "
                             "environment so that it takes such actions.")
    return actions


def observed_bounds(space: spaces.Space[Any], environment: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return lower and upper bounds (S,) of flattened observations, infinite where the space states none.

    Raises:
        ParameterError: observations that do not flatten into a vector, or too many values.
    """
    if not space.is_np_flattenable:
        raise ParameterError(f"environment: observations of {environment} are {space}, which cannot be flattened into "
                             "a vector. Wrap the environment so that it shows a Box.")
    box = flatten_space(space)
    if not isinstance(box, spaces.Box) or not 1 <= box.shape[0] <= LARGEST:
        raise ParameterError(f"environment: observations of {environment} are {box.shape} values; allowed: 1 to "
                             f"{LARGEST}. Wrap the environment so that it shows fewer.")
    low, high = box.low.astype(np.float64), box.high.astype(np.float64)
    return np.where(np.abs(low) < BOUNDED, low, -np.inf), np.where(np.abs(high) < BOUNDED, high, np.inf)
