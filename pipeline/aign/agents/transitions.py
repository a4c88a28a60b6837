"""Logged episodes as each decision maker experienced them: what offline learning learns from.

Axes: K transitions of whole networks, N decision makers, M = K N transitions of single ones, F values one observes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from aign.errors import ParameterError
from aign.scenarios.core.scenario import Scenario
from aign.trajectories.gathering import Gatherer
from aign.trajectories.reader import TrajectoryStore

VALUES = 1 << 22
"""Numbers handled at once when rewards are computed, which takes N designs a transition: bounds memory."""


@dataclass(frozen=True, eq=False)
class Transitions:
    """Transitions of single decision makers.

    Attributes:
        observations: (M, F) float32.
        choices: (M,) int64, which action of the grid it took.
        rewards: (M,) float32, by `Scenario.agent_rewards`.
        next_observations: (M, F) float32, or (M, 0) where bootstrapping does not need it.
        ends: (M,) float32, 1 where the episode came to its own end.
    """

    observations: Tensor
    choices: Tensor
    rewards: Tensor
    next_observations: Tensor
    ends: Tensor

    def __len__(self) -> int:
        return len(self.observations)

    def take(self, rows: Tensor) -> Transitions:
        """Return the given rows, int64."""
        return Transitions(*(value.index_select(0, rows) for value in vars(self).values()))


def grid(scenario: Scenario[Any], levels: int) -> Tensor:
    """Return the actions one decision maker chooses from, ascending in [-1, 1], odd in number: 0 stands still.

    These are the scenario's own steps where they are whole, else `levels` steps each way. Per decision maker, because
    a joint choice of N of them has as many actions as the grid to the power N.

    Raises:
        ParameterError: a decision maker of this scenario handles several action values.
    """
    if scenario.action_size != scenario.agents:
        raise ParameterError(f"Scenario {scenario.name}: {scenario.agents} decision makers handle "
                             f"{scenario.action_size} action values; the discrete learner needs one each.")
    levels = scenario.action_levels or levels
    return torch.arange(-levels, levels + 1) / levels


def nearest(actions: Tensor, levels: int) -> Tensor:
    """Return the index, int64, of the grid's action nearest to each of `actions`; halves to even, as steps round."""
    return (levels * actions.clamp(-1, 1)).round().long() + levels


def transitions(store: TrajectoryStore, rows: Tensor, most: int, levels: int, following: bool,
                generator: torch.Generator) -> Transitions:
    """Return logged transitions, all or, if there are more, evenly drawn ones without repetition.

    Rewards are computed from the logged states by the scenario's formula: the same difference reward that the agents
    which explore are trained on. The dataset holds only the whole network's reward, so that learning offline in this
    form needs the reward model beside the data.

    Args:
        store: the dataset.
        rows: (b,) episodes to learn from.
        most: decision makers' transitions to return at most, rounded down to whole networks, at least one network.
        levels: steps each way of the action grid.
        following: whether to keep the next observations.
        generator: of the draw.

    Raises:
        ParameterError: `rows` is empty.
    """
    if not len(rows):
        raise ParameterError("There are no episodes to learn from. Choose other behaviours, or collect more.")
    parts = [_at(store, places, time, levels, following)
             for time, places in _places(store, rows, max(1, most // store.scenario.agents), generator)]
    return Transitions(*(torch.cat(values) for values in zip(*(vars(part).values() for part in parts), strict=True)))


def _places(store: TrajectoryStore, rows: Tensor, most: int,
            generator: torch.Generator) -> Iterator[tuple[int, Tensor]]:
    """Yield drawn (row, step) places (k, 2) int64 in small groups of equal step."""
    lengths = store.gather("length", rows).long()
    row, step = (torch.arange(int(lengths.max())) < lengths[:, None]).nonzero().unbind(1)
    if len(row) > most:
        chosen = torch.randperm(len(row), generator=generator)[:most]
        row, step = row[chosen], step[chosen]
    size = max(1, VALUES // store.scenario.agents ** 2)
    for time in range(int(lengths.max())):
        here = rows[row[step == time].sort().values]
        for part in torch.split(here, size):
            if len(part):
                yield time, torch.stack([part, torch.full_like(part, time)], 1)


def _at(store: TrajectoryStore, places: Tensor, time: int, levels: int, following: bool) -> Transitions:
    """Return the transitions at these places, all at the same time step."""
    scenario, (rows, steps) = store.scenario, places.unbind(1)
    pair = Gatherer(store.tensors("observations")).steps(rows, steps, 2).all()[:, :, :scenario.state_size]
    actions = Gatherer(store.tensors("actions")).steps(rows, steps, 1).all()[:, 0]
    reward = Gatherer(store.tensors("rewards")).steps(rows, steps, 1).all()[:, 0]
    contexts = store.gather("context", rows)
    last = (store.gather("length", rows) == time + 1) & store.gather("terminated", rows)
    observations = scenario.agent_observations(contexts, pair[:, 0], time).flatten(0, 1)
    next_observations = (scenario.agent_observations(contexts, pair[:, 1], time + 1).flatten(0, 1) if following
                         else observations[:, :0])
    rewards = scenario.agent_rewards(contexts, pair[:, 0], pair[:, 1], reward).flatten()
    return Transitions(observations, nearest(actions, levels).flatten(), rewards, next_observations,
                       last.float().repeat_interleave(scenario.agents))
