"""What a few random episodes show of an environment: whether seeds fix its episodes, and how far observations reach.

Axes: S observed values, t steps.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from aign.errors import ParameterError
from aign.scenarios.gymnasium.making import Maker
from aign.scenarios.gymnasium.spaces import flat, observed_bounds

Values = NDArray[np.float64]
STEPS = 64
"""Most steps of an episode that is tried twice."""
SEEDS = 4
"""Episodes compared with each other."""
MEASURED_SEEDS = 16
"""Episodes from which bounds are taken."""
MARGIN = 0.5
"""What measured bounds are widened by on each side, as a share of the range."""


@lru_cache(maxsize=64)
def bounds(maker: Maker, horizon: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return lower and upper bounds of the S observed values: as the space states them; where it states none, those of
    16 episodes of uniform actions, seeds 0 to 15, widened by half of the range on each side.
    """
    env = maker.make(0)
    low, high = observed_bounds(env.observation_space, maker.environment)
    env.close()
    open_ended = ~(np.isfinite(low) & np.isfinite(high))
    if bool(open_ended.any()):
        seen = np.concatenate([played(maker, seed, horizon)[0] for seed in range(MEASURED_SEEDS)])
        least, most = seen.min(0), seen.max(0)
        margin = MARGIN * (most - least)
        low, high = np.where(open_ended, least - margin, low), np.where(open_ended, most + margin, high)
    flat_line = high <= low
    return tuple(np.where(flat_line, low - 0.5, low).tolist()), tuple(np.where(flat_line, high + 0.5, high).tolist())


@lru_cache(maxsize=64)
def check_reproducible(maker: Maker, horizon: int) -> None:
    """Play an episode twice, and other seeds' episodes by the same actions.

    Raises:
        ParameterError: one seed gives different episodes, or all seeds give the same one.
    """
    steps = min(horizon, STEPS)
    first, again = played(maker, 0, steps), played(maker, 0, steps)
    if not same(first, again):
        raise ParameterError(f"environment: {maker.environment} goes differently although seed and actions are the "
                             "same, so no design for it could be checked. Use one that draws everything random from "
                             "the seed given to reset, or say with seed_option where in the options its seed belongs.")
    if all(same(first, played(maker, seed, steps)) for seed in range(1, SEEDS)):
        raise ParameterError(f"environment: the episodes of {maker.environment} are the same for every seed, so there "
                             "is nothing to generalise to. If its seed belongs in the options, name the place with "
                             "seed_option, such as config.seed.")


def played(maker: Maker, seed: int, steps: int) -> tuple[Values, Values]:
    """Return observations (t+1, S) and rewards (t,) of an episode of uniform actions, the same for all seeds."""
    env, observation, _ = maker.start(seed)
    env.action_space.seed(0)
    observations, ended = [flat(env.observation_space, observation)], False
    rewards: list[float] = []
    while not ended and len(rewards) < steps:
        observation, reward, terminated, truncated, _ = env.step(env.action_space.sample())
        observations.append(flat(env.observation_space, observation))
        rewards.append(float(reward))
        ended = terminated or truncated
    env.close()
    return np.stack(observations), np.array(rewards)


def same(one: tuple[Values, Values], other: tuple[Values, Values]) -> bool:
    """Return whether two episodes are equal in every bit."""
    return all(np.array_equal(a, b, equal_nan=True) for a, b in zip(one, other, strict=True))
