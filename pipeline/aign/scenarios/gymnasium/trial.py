"""What a few random episodes show of an environment: whether seeds fix its episodes, and how far observations reach.

Axes: S observed values, T steps of a whole episode, W values of a decision.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from aign.errors import ParameterError
from aign.scenarios.gymnasium.environment import Environment, spaces_of
from aign.scenarios.gymnasium.episodes import Episode, Moment
from aign.scenarios.gymnasium.labels import LabelParameters
from aign.scenarios.gymnasium.making import Maker
from aign.scenarios.gymnasium.observations import Values
from aign.scenarios.gymnasium.spaces import actions_of, observed_bounds

SEEDS = 4
"""Seeds whose episodes are compared with each other."""
MEASURED_SEEDS = 16
"""Episodes from which bounds are taken."""
ROUNDING = 1e-12
"""Relative difference of rewards and labels that is no difference: an environment may add up the members of a set, and
their order, so the last digits of the sum, depends on where these are stored."""
MARGIN = 0.5
"""What measured bounds are widened by on each side, as a share of the range."""


@lru_cache(maxsize=64)
def bounds(maker: Maker, horizon: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return lower and upper bounds of the S observed values: as the space states them; where it states none, those of
    16 episodes of uniform actions, seeds 0 to 15, widened by half of the range on each side.
    """
    low, high = observed_bounds(spaces_of(maker).observation, maker.environment)
    open_ended = ~(np.isfinite(low) & np.isfinite(high))
    if bool(open_ended.any()):
        observed = np.concatenate([random_observations(maker, seed, horizon) for seed in range(MEASURED_SEEDS)])
        least, most = observed.min(0), observed.max(0)
        margin = MARGIN * (most - least)
        low, high = np.where(open_ended, least - margin, low), np.where(open_ended, most + margin, high)
    flat_line = high <= low
    return tuple(np.where(flat_line, low - 0.5, low).tolist()), tuple(np.where(flat_line, high + 0.5, high).tolist())


@lru_cache(maxsize=64)
def check_reproducible(maker: Maker, horizon: int, labels: tuple[tuple[str, LabelParameters], ...] = ()) -> None:
    """Play the whole episode of seed 0 alone, then step by step beside that of seed 1, by the same random decisions.

    Observations have to be the same in every bit, rewards, labels and ends up to `ROUNDING`; the seed has to matter.

    Raises:
        ParameterError: one seed gives different episodes, alone or beside others, or all seeds give the same one; or
            the environment or a label does something wrong.
    """
    alone, = _courses(maker, labels, horizon, [0])
    beside, other = _courses(maker, labels, horizon, [0, 1])
    if _parting(alone, beside) is not None:
        again, = _courses(maker, labels, horizon, [0])
        disturbed = _parting(alone, again) is None
        _refuse_different(maker, alone, beside if disturbed else again, disturbed)
    if _parting(alone, other) is None and all(
            _parting(alone, _courses(maker, labels, horizon, [seed])[0]) is None for seed in range(2, SEEDS)):
        raise ParameterError(f"environment: the episodes of {maker.environment} are the same for every seed, so there "
                             "is nothing to generalise to. If its seed belongs in the options, name the place with "
                             "seed_option, such as config.seed.")


def _parting(course: list[Moment], other: list[Moment]) -> int | None:
    """Return the step in which two episodes part; None where they are the same."""
    for step, (before, after) in enumerate(zip(course, other, strict=True)):
        measured, again = (np.append(moment.totals, moment.reward) for moment in (before, after))
        if not (np.array_equal(before.observed, after.observed)
                and np.allclose(measured, again, rtol=ROUNDING, atol=0.0, equal_nan=True)):
            return step
    return None


def _refuse_different(maker: Maker, alone: list[Moment], again: list[Moment], disturbed: bool) -> None:
    step = _parting(alone, again)
    when = f"first in step {step}" if step else "at once after reset"
    if disturbed:
        raise ParameterError(f"environment: an episode of {maker.environment} goes differently while another one is "
                             f"under way ({when}), but episodes are played side by side. Use one that keeps nothing "
                             "outside itself: no global random generator (random.seed, numpy.random.seed), nothing "
                             "that changes in its class or module.")
    raise ParameterError(f"environment: {maker.environment} goes differently although seed and actions are the same "
                         f"({when}), so no design for it could be checked. Use one that draws everything random from "
                         "the seed given to reset, or say with seed_option where in the options its seed belongs.")


def _courses(maker: Maker, labels: tuple[tuple[str, LabelParameters], ...], horizon: int,
             seeds: Sequence[int]) -> list[list[Moment]]:
    """Return all T+1 moments of the episodes of some seeds, played side by side by the same decisions."""
    actions = actions_of(spaces_of(maker).action, maker.environment)
    episodes = [Episode(maker, actions, dict(labels), seed) for seed in seeds]
    courses = [[episode.moment] for episode in episodes]
    generator = np.random.default_rng(0)
    for _ in range(horizon):
        if actions.choices is None:
            decision = generator.uniform(-1.0, 1.0, actions.size).astype(np.float32)
        else:
            decision = generator.integers(actions.choices, size=1).astype(np.float32)
        for episode, course in zip(episodes, courses, strict=True):
            episode.take(decision)
            course.append(episode.moment)
    for episode in episodes:
        episode.close()
    return courses


def random_observations(maker: Maker, seed: int, steps: int) -> Values:
    """Return the observations (t+1, S) of an episode of uniform actions, the same for all seeds."""
    env = Environment(maker, seed)
    result = env.reset()
    observations = [result.observed]
    while not result.ended and env.steps < steps:
        result = env.step(env.sample())
        observations.append(result.observed)
    env.close()
    return np.stack(observations)
