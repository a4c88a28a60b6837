"""One episode in an environment that someone else wrote, with everything checked that comes out of it.

Axes: S observed values.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple, NoReturn

import numpy as np
from gymnasium.spaces import Box, Space

from aign.errors import ParameterError
from aign.scenarios.gymnasium.faults import ForeignCall, brief, flag, number
from aign.scenarios.gymnasium.making import Maker
from aign.scenarios.gymnasium.observations import Flatten, OutsideSpaceError, Values, flattener

RESET = "reset(self, *, seed=None, options=None), which returns (observation, info)"
STEP = "step(self, action), which returns (observation, reward, terminated, truncated, info)"
OLD_ARGUMENTS = ("'seed'", "'options'")


class StepResult(NamedTuple):
    """What came out of `reset` or `step`, checked.

    Attributes:
        observed: the observation as a vector (S,), a copy.
        reward: finite; 0 at the reset.
        ended: whether the episode is over.
        observation: as it came; the environment may change it at its next step.
        info: as it came, likewise.
    """

    observed: Values
    reward: float
    ended: bool
    observation: Any
    info: Mapping[str, Any]


@dataclass(frozen=True)
class Spaces:
    """Observations and actions of an environment, the same in all its episodes."""

    observation: Space[Any]
    action: Space[Any]
    flatten: Flatten


@lru_cache(maxsize=64)
def spaces_of(maker: Maker) -> Spaces:
    """Return the spaces of the environment made for seed 0.

    Raises:
        ParameterError: it cannot be made or closed, or lacks a space of Gymnasium.
    """
    env = Environment(maker, 0)
    observation, action = env.spaces
    env.close()
    return Spaces(observation, action, flattener(observation))


class Environment:
    """A live environment. Whatever it raises, and whatever it returns against Gymnasium's interface or its own spaces,
    is a `ParameterError` that names the environment, the method, the step and the seed.

    Attributes:
        spaces: of observations and of actions.
        steps: taken since the reset, counting one that failed.
    """

    def __init__(self, maker: Maker, seed: int) -> None:
        self.steps, self._name, self._seed, self._maker = 0, maker.environment, seed, maker
        self._method = ""
        self._foreign = ForeignCall(self.place, _remedy)
        self._env = maker.make(seed)
        self.spaces = self._space("observation_space"), self._space("action_space")

    def place(self) -> str:
        """Return where in the episode the environment stands, for messages."""
        method = f"step {self.steps}" if self._method == "step" else self._method
        return f"environment: {self._name}, {method} with seed {self._seed}"

    def reset(self) -> StepResult:
        """Start the episode of the seed."""
        self._flatten = self._known_spaces().flatten
        self._method = "reset"
        with self._foreign:
            answer: Any = self._env.reset(seed=self._seed)
        if not isinstance(answer, tuple | list) or len(answer) != 2:
            came = f"{len(answer)} values" if isinstance(answer, tuple | list) else "an observation without info"
            self._refuse(f"returned {came}, {brief(answer)}, as older interfaces have it. Gymnasium asks for {RESET}")
        observation, info = answer
        return StepResult(self._observed(observation), 0.0, False, observation, self._info(info, RESET))

    def step(self, action: Any) -> StepResult:
        """Take an action, which the environment may keep or change."""
        self.steps, self._method = self.steps + 1, "step"
        with self._foreign:
            answer: Any = self._env.step(action)
        if not isinstance(answer, tuple | list) or len(answer) != 5:
            came = f"{len(answer)} values" if isinstance(answer, tuple | list) else brief(answer)
            self._refuse(f"returned {came}, where Gymnasium asks for 5: {STEP}. Four values with one `done` are the "
                         "interface of older versions")
        observation, reward, terminated, truncated, info = answer
        earned, ends = number(reward), (flag(terminated), flag(truncated))
        if earned is None:
            self._refuse(f"the reward is {brief(reward)}; allowed: one finite number")
        if None in ends:
            self._refuse(f"terminated is {brief(terminated)} and truncated {brief(truncated)}; allowed: True or False. "
                         f"Gymnasium asks for {STEP}")
        return StepResult(self._observed(observation), earned, any(ends), observation, self._info(info, STEP))

    def sample(self) -> Any:
        """Return an action drawn from the environment's space; the draws of an episode are the same for all seeds."""
        self._method = "action_space.sample"
        with self._foreign:
            if not self.steps:
                self.spaces[1].seed(0)
            return self.spaces[1].sample()

    def close(self) -> None:
        """Let the environment go."""
        self._method = "close"
        with self._foreign:
            self._env.close()

    def _space(self, name: str) -> Space[Any]:
        self._method = name
        with self._foreign:
            space = getattr(self._env, name)
        if not isinstance(space, Space):
            self._refuse(f"is {brief(space)} of type {type(space).__module__}.{type(space).__name__}; Gymnasium asks "
                         "for a space of gymnasium.spaces")
        return space

    def _known_spaces(self) -> Spaces:
        """Return the spaces of all episodes, after checking that this one has them too."""
        known = spaces_of(self._maker)
        for name, space, expected in (("observation_space", self.spaces[0], known.observation),
                                      ("action_space", self.spaces[1], known.action)):
            self._method = name
            with self._foreign:
                same = equal(space, expected)
            if not same:
                self._refuse(f"is {brief(space)}, with seed 0 {brief(expected)}; allowed: one space for all seeds")
        return known

    def _observed(self, observation: Any) -> Values:
        try:
            return self._flatten(observation)
        except OutsideSpaceError as error:
            self._refuse(str(error))

    def _info(self, info: Any, interface: str) -> Mapping[str, Any]:
        if not isinstance(info, Mapping):
            self._refuse(f"info is {brief(info)}; allowed: a mapping. Gymnasium asks for {interface}")
        return info

    def _refuse(self, fault: str) -> NoReturn:
        raise ParameterError(f"{self.place()}: {fault}. Correct the environment, or wrap it.")


def equal(space: Space[Any], other: Space[Any]) -> bool:
    """Return whether two spaces are equal; bounds of a `Box` in every bit, which is faster than its own comparison."""
    if type(space) is Box and type(other) is Box:
        return space is other or (space.dtype == other.dtype and np.array_equal(space.low, other.low)
                                  and np.array_equal(space.high, other.high))
    return bool(space == other)


def _remedy(error: BaseException) -> str:
    """Return what to do where `reset` has the arguments of older interfaces."""
    old = isinstance(error, TypeError) and "unexpected keyword argument" in str(error)
    if old and any(name in str(error) for name in OLD_ARGUMENTS):
        return f" That is the interface of older versions: Gymnasium asks for {RESET}."
    return " Correct the environment, or wrap it."
