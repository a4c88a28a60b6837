"""Episodes in live environments, found again by their decisions.

An environment cannot be set to a state. What it shows after some decisions is therefore found by stepping on the
environment that stands where all but the last were taken, and where none does, by taking all of them from the start:
the same seed and the same decisions give the same, whichever way it is found.

Axes: S observed values, K totals, W values of a decision, t decisions.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aign.errors import ParameterError
from aign.scenarios.gymnasium.environment import Environment, StepResult
from aign.scenarios.gymnasium.faults import ForeignCall
from aign.scenarios.gymnasium.labels import LabelParameters, LabelTracker, Record
from aign.scenarios.gymnasium.making import Maker
from aign.scenarios.gymnasium.spaces import Actions

Floats = NDArray[np.float32]
Totals = NDArray[np.float64]
BASE_TOTALS = ("ended", "steps", "return")
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
        self._actions, self._return, self.ended = actions, 0.0, False
        self._env = Environment(maker, seed)
        self._measured = [LabelTracker(name, label) for name, label in labels.items()]
        self._keeps_all = any(label.function for label in labels.values())
        self._record = Record()
        result = self._env.reset()
        self._note(result)
        self.moment = self._now(result)

    def take(self, decision: Floats) -> None:
        """Carry out a decision (W,); nothing happens after the end.

        Raises:
            ParameterError: the environment or a label's function does something wrong, or a label is no number.
        """
        if self.ended:
            return
        action = self._actions.decode(decision)
        taken = self._copy(action, "the action") if self._keeps_all else None  # before anybody can change it
        result = self._env.step(action)
        self.ended = result.ended
        self._return += result.reward
        self._note(result)
        if self._keeps_all:
            self._record.actions.append(taken)
            self._record.rewards.append(result.reward)
        try:
            for label in self._measured:
                label.add(self._record)
        except ParameterError as error:
            raise ParameterError(f"{self._env.place()}: {error}") from error
        self.moment = self._now(result)

    def close(self) -> None:
        """Let the environment go."""
        self._env.close()

    def _note(self, result: StepResult) -> None:
        """Keep what labels read: copies of all there was where a function reads it, else the last info alone."""
        if self._keeps_all:
            self._record.observations.append(self._copy(result.observation, "the observation"))
            self._record.infos.append(self._copy(result.info, "info"))
        else:
            self._record.infos[:] = [result.info]

    def _copy(self, value: Any, what: str) -> Any:
        if type(value) is np.ndarray and value.dtype.kind != "O":
            return value.copy()
        with ForeignCall(lambda: f"{self._env.place()}: {what} is kept for the functions of labels, but copying it",
                     lambda error: " Wrap the environment so that it shows plain values."):
            return deepcopy(value)

    def _now(self, result: StepResult) -> Moment:
        totals = [float(self.ended), float(self._env.steps), self._return, *(label.value for label in self._measured)]
        return Moment(result.observed.astype(np.float32), np.array(totals, np.float64), result.reward)


class Episodes:
    """What every seed and sequence of decisions leads to; remembers, but never answers differently for it."""

    def __init__(self, maker: Maker, actions: Actions, labels: Mapping[str, LabelParameters], horizon: int) -> None:
        self._maker, self._actions, self._labels, self._horizon = maker, actions, labels, horizon
        self._live: OrderedDict[bytes, Episode] = OrderedDict()
        self._passed: OrderedDict[bytes, Moment] = OrderedDict()

    def after(self, seed: int, decisions: Floats) -> Moment:
        """Return what is known after decisions (t, W) in the episode of a seed."""
        key = _key(seed, decisions)
        if key in self._passed:
            self._passed.move_to_end(key)
            return self._passed[key]
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
