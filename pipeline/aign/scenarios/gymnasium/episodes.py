"""Episodes in live environments, found again by their decisions.

An environment cannot be set to a state. What it shows after some decisions is therefore found by stepping on the
environment that stands where all but the last were taken, and where none does, by taking all of them from the start:
the same seed and the same decisions give the same, whichever way it is found.

Axes: S observed values, K totals, W values of a decision, t decisions.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aign.errors import ParameterError
from aign.scenarios.gymnasium.labels import LabelParameters, Measured, Record
from aign.scenarios.gymnasium.making import Maker
from aign.scenarios.gymnasium.spaces import Actions, flat

Floats = NDArray[np.float32]
Totals = NDArray[np.float64]
OWN_TOTALS = ("ended", "steps", "return")
"""The first totals; the labels follow."""
ENDED, STEPS, RETURN = range(3)
LIVE = 4_096
"""Most environments alive at once, those longest unused making room."""
KEPT = 1 << 22
"""Most values kept of moments that environments have passed."""


@dataclass(frozen=True, slots=True)
class Moment:
    """What is known after some decisions: observed (S,), totals (K,), and the reward of the last decision."""

    observed: Floats
    totals: Totals
    reward: float


class Episode:
    """One live environment with what has added up in it."""

    def __init__(self, maker: Maker, actions: Actions, labels: Mapping[str, LabelParameters], seed: int) -> None:
        self._name, self._actions, self._return = maker.environment, actions, 0.0
        self._env, observation, info = maker.start(seed)
        self._measured = [Measured(name, asked) for name, asked in labels.items()]
        self._keeps_all = any(asked.function for asked in labels.values())
        self._record = Record([observation], [], [], [info])
        self.ended, self.steps = False, 0
        self.moment = self._now(observation, 0.0)

    def take(self, decision: Floats) -> None:
        """Carry out a decision (W,); nothing happens after the end."""
        if self.ended:
            return
        action = self._actions.decode(decision)
        observation, reward, terminated, truncated, info = self._env.step(action)
        self.ended, self.steps = bool(terminated or truncated), self.steps + 1
        self._return += float(reward)
        self._note(observation, action, float(reward), info)
        for label in self._measured:
            label.add(self._record)
        self.moment = self._now(observation, float(reward))

    def close(self) -> None:
        """Let the environment go."""
        self._env.close()

    def _note(self, observation: Any, action: Any, reward: float, info: Mapping[str, Any]) -> None:
        if not self._keeps_all:
            self._record = Record()
        self._record.observations.append(observation)
        self._record.actions.append(action)
        self._record.rewards.append(reward)
        self._record.infos.append(info)

    def _now(self, observation: Any, reward: float) -> Moment:
        observed = flat(self._env.observation_space, observation)
        if not (np.isfinite(observed).all() and np.isfinite(reward)):
            raise ParameterError(f"environment: {self._name} gave an observation or a reward that is not finite after "
                                 f"{self.steps} steps: {observed.tolist()[:8]}, {reward}.")
        totals = [float(self.ended), float(self.steps), self._return, *(label.value for label in self._measured)]
        return Moment(observed.astype(np.float32), np.array(totals, np.float64), reward)


class Episodes:
    """What every seed and sequence of decisions leads to; remembers, but never answers differently for it."""

    def __init__(self, maker: Maker, actions: Actions, labels: Mapping[str, LabelParameters], horizon: int) -> None:
        self._maker, self._actions, self._labels, self._horizon = maker, actions, labels, horizon
        self._live: OrderedDict[bytes, Episode] = OrderedDict()
        self._passed: OrderedDict[bytes, Moment] = OrderedDict()

    def after(self, seed: int, decisions: Floats) -> Moment:
        """Return what is known after decisions (t, W) in the episode of a seed."""
        key = _key(seed, decisions)
        found = self._passed.get(key)
        if found is not None:
            self._passed.move_to_end(key)
            return found
        episode = self._arrived(seed, decisions)
        self._remember(key, episode.moment)
        if len(decisions) < self._horizon and not episode.ended:
            self._keep(key, episode)
        else:
            episode.close()
        return episode.moment

    def _arrived(self, seed: int, decisions: Floats) -> Episode:
        """Return the environment in which the decisions were taken."""
        standing = self._live.pop(_key(seed, decisions[:-1]), None) if len(decisions) else None
        if standing is not None:
            standing.take(decisions[-1])
            return standing
        episode = Episode(self._maker, self._actions, self._labels, seed)
        for decision in decisions:
            episode.take(decision)
        return episode

    def _remember(self, key: bytes, moment: Moment) -> None:
        self._passed[key] = moment
        if len(self._passed) * (moment.observed.size + moment.totals.size) > KEPT:
            self._passed.popitem(last=False)

    def _keep(self, key: bytes, episode: Episode) -> None:
        self._live[key] = episode
        if len(self._live) > LIVE:
            self._live.popitem(last=False)[1].close()


def _key(seed: int, decisions: Floats) -> bytes:
    """Return a digest of seed and decisions: they may be many, and are kept for every moment."""
    return blake2b(seed.to_bytes(8, "little") + np.ascontiguousarray(decisions).tobytes(), digest_size=16).digest()
