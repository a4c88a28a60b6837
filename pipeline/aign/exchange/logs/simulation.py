"""A log compared with the simulator: what differs by more than the tolerance is rejected, the rest is measured.

Axes: b episodes, T steps (the horizon).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from aign.exchange.batches import Report
from aign.exchange.logs.columns import Columns
from aign.exchange.logs.episodes import NONE, LogEpisodes
from aign.exchange.logs.faults import Faults
from aign.exchange.logs.paths import Paths, is_renumbered, paths
from aign.exchange.logs.values import LogValues
from aign.scenarios.core import DesignScenario, Feature, Scenario
from aign.scenarios.core.constraints import written

Array = np.ndarray[Any, Any]
BATCH = 2_048
"""Episodes compared at a time."""


@dataclass
class Deviation:
    """How far the given values of one name are from the simulator's.

    Attributes:
        compared: values compared.
        rejected: values beyond the tolerance.
        largest: largest absolute difference within the tolerance, in the value's unit.
    """

    compared: int = 0
    rejected: int = 0
    largest: float = 0.0


class Comparison:
    """Compares the episodes of a log, a batch at a time; rows beyond a tolerance become faults."""

    def __init__(self, values: LogValues, columns: Columns, scenario: Scenario[Any], faults: Faults) -> None:
        self.values = values
        self.columns = columns
        self.scenario = scenario
        self.faults = faults
        self.deviations: dict[str, Deviation] = {}

    def run(self, episodes: LogEpisodes, report: Report) -> LogEpisodes:
        """Return the episodes that are the simulator's within the tolerances; the rows of the others fall."""
        self._check_numbering(episodes)
        for start in range(0, len(episodes), BATCH):
            part = episodes.take(slice(start, start + BATCH))
            given = paths(self.values, part, self.scenario)
            self._compare_states(part, given)
            self._compare_observations(part, given)
            self._compare_labels(part, given)
            report(min(start + BATCH, len(episodes)), len(episodes))
        return episodes.sound(self.faults)

    def _check_numbering(self, episodes: LogEpisodes) -> None:
        if self.scenario.action_size == self.scenario.state_size:
            return
        for row in episodes.first[is_renumbered(self.values, episodes, self.scenario)].tolist():
            self.faults.note(row, "context: not in canonical order, and actions of this scenario cannot be reordered")

    def _compare_states(self, part: LogEpisodes, given: Paths) -> None:
        """Compare each state with where the action before it leads, each reward, and the admissible designs."""
        following, rewards = given.step(self.scenario)
        admissible = self.scenario.admissible(given.states.flatten(0, 1)).float().reshape(given.states.shape) \
            if isinstance(self.scenario, DesignScenario) else given.states
        start = 0
        for block in self.columns.state:
            inside, start = slice(start, start + block.feature.size), start + block.feature.size
            self._compare("design", block.feature, given.states[..., inside], admissible[..., inside], block.tolerance,
                          part.rows, "the nearest that the scenario allows is")
            self._compare(block.feature.name, block.feature, given.states[:, 1:, inside], following[..., inside],
                          block.tolerance, part.rows[:, 1:], "but the action before leads to")
        if self.columns.reward is not None and self.values.reward is not None:
            paid = torch.from_numpy(self.values.reward)[part.rows[:, :-1]]
            rows = np.where(given.taken.numpy(), part.rows[:, :-1], NONE)
            self._compare("reward", self.columns.reward.feature, paid[..., None], rewards[..., None],
                          self.columns.reward.tolerance, rows)

    def _compare_observations(self, part: LogEpisodes, given: Paths) -> None:
        """Compare what was observed beside the state with what follows from context and time."""
        observed, start = given.observed(self.scenario), 0
        for feature in self.scenario.observation_features:
            inside, start = slice(start, start + feature.size), start + feature.size
            if feature.name in self.columns.fixed:
                seen = torch.from_numpy(self.values.fixed[feature.name])[part.rows]
                self._compare(feature.name, feature, seen, observed[..., inside],
                              self.columns.fixed[feature.name].tolerance, part.rows)

    def _compare_labels(self, part: LogEpisodes, given: Paths) -> None:
        measured = self.scenario.measure(given.contexts, self.scenario.design_of(given.final))
        for name, block in self.columns.labels.items():
            told = torch.from_numpy(self.values.labels[name])[part.last]
            self._compare(name, block.feature, told[:, None], measured[name][:, None], block.tolerance, part.last)

    def _compare(self, name: str, feature: Feature, given: Tensor, simulated: Tensor, tolerance: float, rows: Array,
                 verb: str = "the simulator says") -> None:
        """Compare values (..., size) that stand in `rows` (...); where that is NONE nothing was given."""
        told, exact = given.double().numpy(), simulated.double().numpy()
        difference = np.abs(told - exact)
        there = (rows != NONE)[..., None]
        beyond = there & ~(difference <= tolerance * (1.0 + np.abs(exact)))
        within = difference[there & ~beyond]
        found = self.deviations.setdefault(name, Deviation())
        found.compared += int(there.sum()) * given.shape[-1]
        found.rejected += int(beyond.sum())
        found.largest = max(found.largest, float(within.max(initial=0.0)))
        # The first value at fault of each row says enough.
        for place in zip(*np.nonzero(beyond.any(axis=-1)), strict=True):
            which = (*place, int(beyond[place].argmax()))
            value = f"{name}[{which[-1]}]" if feature.size > 1 else name
            unit = "" if feature.unit == "1" else f" {feature.unit}"
            self.faults.note(int(rows[place]), f"{value}: {written(float(told[which]), 9)}{unit}, {verb} "
                                               f"{written(float(exact[which]), 9)}; tolerance {tolerance:g}")
