"""A log compared with the simulator: what differs by more than the tolerance is rejected, the rest is measured.

Axes: b episodes, T steps (the horizon).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from aign.exchange.batches import Report
from aign.exchange.logs.columns import Columns, FeatureColumns
from aign.exchange.logs.episodes import NONE, LogEpisodes
from aign.exchange.logs.paths import Paths, is_renumbered, paths
from aign.exchange.logs.row_errors import RowErrors
from aign.exchange.logs.values import LogValues
from aign.scenarios.core import Scenario
from aign.scenarios.core.constraints import written

Array = np.ndarray[Any, Any]


@dataclass
class Deviation:
    """How far the logged values of one name are from the simulator's.

    Attributes:
        compared: values compared.
        rejected: values beyond the tolerance.
        largest: largest absolute difference within the tolerance, in the value's unit.
    """

    compared: int = 0
    rejected: int = 0
    largest: float = 0.0


class Comparison:
    """Compares the episodes of a log, a batch at a time; rows beyond a tolerance get an error."""

    def __init__(self, values: LogValues, columns: Columns, scenario: Scenario[Any], errors: RowErrors) -> None:
        self.values = values
        self.columns = columns
        self.scenario = scenario
        self.errors = errors
        self.deviations: dict[str, Deviation] = {}

    def run(self, episodes: LogEpisodes, report: Report) -> LogEpisodes:
        """Return the episodes that are the simulator's within the tolerances; the rows of the others are rejected."""
        if self.scenario.action_size != self.scenario.state_size:
            for row in episodes.first[is_renumbered(self.values, episodes, self.scenario)].tolist():
                self.errors.add_row(row, "context: not in canonical order, and actions of this scenario cannot be "
                                         "reordered")
        for places, part in episodes.batches():
            path = paths(self.values, part, self.scenario)
            self._compare_states(part, path)
            self._compare_observations(part, path)
            measured = self.scenario.measure(path.contexts, self.scenario.design_of(path.final))
            for name, block in self.columns.labels.items():
                self._compare(block, self.values.labels[name][part.last, None], measured[name][:, None], part.last)
            report(places.stop, len(episodes))
        return episodes.without(self.errors)

    def _compare_states(self, part: LogEpisodes, path: Paths) -> None:
        """Compare each first state with the nearest possible one, each other state with where the action before it
        leads, and each reward.
        """
        following, rewards = path.step(self.scenario)
        possible = self.scenario.nearest_start(path.contexts, path.states[:, 0]).float()
        start = 0
        for block in self.columns.state:
            inside, start = slice(start, start + block.feature.size), start + block.feature.size
            self._compare(block, path.states[:, 0, inside].numpy(), possible[:, inside], part.first,
                          "start", "an episode can start at")
            self._compare(block, path.states[:, 1:, inside].numpy(), following[..., inside], part.rows[:, 1:],
                          verb="but the action before leads to")
        if self.columns.reward is not None and self.values.reward is not None:
            rows = np.where(path.taken.numpy(), part.rows[:, :-1], NONE)
            self._compare(self.columns.reward, self.values.reward[part.rows[:, :-1], None], rewards[..., None], rows)

    def _compare_observations(self, part: LogEpisodes, path: Paths) -> None:
        """Compare what was observed beside the state with what follows from context and time."""
        observed, start = path.observed(self.scenario), 0
        for feature in self.scenario.observation_features:
            inside, start = slice(start, start + feature.size), start + feature.size
            if feature.name in self.columns.fixed:
                self._compare(self.columns.fixed[feature.name], self.values.fixed[feature.name][part.rows],
                              observed[..., inside], part.rows)

    def _compare(self, block: FeatureColumns, logged: Array, simulated: Tensor, rows: Array, name: str = "",
                 verb: str = "the simulator says") -> None:
        """Compare values (..., size) of `rows` (...); where that is NONE the log has no value."""
        name, logged, exact = name or block.feature.name, logged.astype(np.float64), simulated.double().numpy()
        difference = np.abs(logged - exact)
        present = (rows != NONE)[..., None]
        beyond = present & ~(difference <= block.tolerance * (1.0 + np.abs(exact)))
        deviation = self.deviations.setdefault(name, Deviation())
        deviation.compared += int(present.sum()) * logged.shape[-1]
        deviation.rejected += int(beyond.sum())
        deviation.largest = max(deviation.largest, float(difference[present & ~beyond].max(initial=0.0)))
        for place in zip(*np.nonzero(beyond.any(axis=-1)), strict=True):  # the first wrong value of a row says enough
            which = (*place, int(beyond[place].argmax()))
            value = f"{name}[{which[-1]}]" if block.feature.size > 1 else name
            unit = "" if block.feature.unit == "1" else f" {block.feature.unit}"
            self.errors.add_row(int(rows[place]), f"{value}: {written(float(logged[which]), 9)}{unit}, {verb} "
                                                  f"{written(float(exact[which]), 9)}; tolerance {block.tolerance:g}")
