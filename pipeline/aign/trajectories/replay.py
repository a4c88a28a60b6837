"""Replay: every stored episode is simulated again from its context, its first state and its actions.

What the simulator gives is compared bit by bit with what is stored. That is possible because no formula of a scenario
mixes networks: an episode comes out the same in any batch, so that many can be replayed at once, whatever the batch
in which it was recorded. What is not stored cannot be contradicted: an action changed so slightly that the path stays
the same makes another valid episode.

Axes: E episodes, T steps (the horizon), S state values.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from aign.errors import DatasetError
from aign.scenarios.core.episode import Episode
from aign.scenarios.core.scenario import Scenario
from aign.trajectories.comparison import Comparison
from aign.trajectories.contexts import OnProgress
from aign.trajectories.reader import TrajectoryStore
from aign.trajectories.reference_utilities import ReferenceUtilities
from aign.trajectories.shard import Shard

BATCH = 4_096
"""Episodes simulated at once, at most."""
VALUES = 1 << 26
"""Observed values simulated at once, at most: bounds memory where episodes are long."""
ROUNDING = 1e-12
"""Differences up to this, as a share of the largest value in a column, are what processors make that round otherwise;
measured up to 1e-14 between vectorised and other code of one library."""


def replay(store: TrajectoryStore, references: ReferenceUtilities | None = None,
           on_progress: OnProgress = lambda done, total: None) -> Comparison:
    """Simulate every episode again and count those that differ from what is stored, in any bit of its precision.

    Compared are observations, actions (see `Scenario.effective_actions`), rewards, every label, utility, return_raw
    and, where the reference utilities of the contexts are known, return_normalised.

    Args:
        store: a dataset that `verification.verify` accepts.
        references: of the dataset's contexts.
        on_progress: is told how many episodes are done, and of how many.
    """
    result = Comparison("the simulator")
    scenario = store.scenario
    batch = max(1, min(BATCH, VALUES // (scenario.horizon * scenario.observation_size)))
    for shard in store.shards:
        for start in range(0, len(shard), batch):
            result.add(shard, _simulated(scenario, shard, slice(start, start + batch), references), start)
            on_progress(result.episodes, len(store))
    return result


def check_replay(result: Comparison, rounding: bool = False) -> None:
    """Refuse a dataset of which an episode came out otherwise.

    Args:
        result: of `replay`.
        rounding: whether differences up to `ROUNDING` are none, as where an environment of others adds up the members
            of a set, in whatever order they lie in memory.

    Raises:
        DatasetError: with the first difference, and how many episodes differ in which columns.
    """
    if result.first is not None and not (rounding and result.share <= ROUNDING):
        columns = ", ".join(f"{name} in {count:,}" for name, count in result.columns.most_common())
        cause = ("They were altered, or not made by this simulator (imported logs may differ)."
                 if result.share > ROUNDING else
                 f"No difference is more than {result.share:.0e} of the largest value in its column: so do processors "
                 "of different kinds round. Replay it on one of the kind that made it.")
        raise DatasetError(f"{result.first}. {result.differing:,} of {result.episodes:,} episodes differ: {columns}. "
                           f"{cause}")


def _simulated(scenario: Scenario[Any], shard: Shard, rows: slice,
               references: ReferenceUtilities | None) -> dict[str, Tensor]:
    """Return the columns of some rows of a shard as the simulator gives them."""
    columns = columns_simulated(scenario, *(shard.view(name)[rows]
                                            for name in ("context", "observations", "actions", "length")))
    if references is not None:
        utility = columns["utility"]
        last = columns["observations"][torch.arange(len(utility)), shard.view("length")[rows].long()]
        # Before version 3 a utility that no state shows was a float32 number from the start.
        recorded = scenario.recorded_utility(shard.view("context")[rows].clone(), last[:, :scenario.state_size])
        exact = utility.to(shard.precision("utility")).double() if recorded is None else utility
        columns["return_normalised"] = references.normalised(exact, references.rows(shard.view("context_id")[rows]))
    return columns


def columns_simulated(scenario: Scenario[Any], contexts: Tensor, observations: Tensor, actions: Tensor,
                      length: Tensor) -> dict[str, Tensor]:
    """Return the columns of episodes as the simulator gives them, by name; what is measured is float64.

    Args:
        scenario: where they took place.
        contexts: (E, C).
        observations: (E, T+1, D), of which the first state is taken.
        actions: (E, T, A).
        length: (E,) steps taken.
    """
    # Copies, because the views lie in a file that cannot be written, and strides may not enter any sum.
    contexts, length = contexts.clone(), length.long()
    first = scenario.complete_state(contexts, observations[:, 0, :scenario.state_size].clone())
    actions = scenario.effective_actions(actions.flatten(0, 1)).unflatten(0, (len(length), -1))
    observed, earned, final = simulated(scenario, contexts, first, actions, length)
    utility, labels = scenario.outcome(contexts, final)
    # Zeros, not fewer terms: the order in which a sum is formed depends on how many terms it has.
    taken = torch.arange(scenario.horizon) < length[:, None]
    return {"observations": observed, "actions": actions, "rewards": earned.double(), **labels, "utility": utility,
            "return_raw": earned.where(taken, 0.0).double().sum(1)}


def simulated(scenario: Scenario[Any], contexts: Tensor, first: Tensor, actions: Tensor,
              length: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Simulate episodes to the horizon.

    Args:
        scenario: where they take place.
        contexts: (E, C).
        first: (E, Z) states they begin in.
        actions: (E, T, A), as applied; see `Scenario.effective_actions`.
        length: (E,) after how many steps each one is over.

    Returns:
        observations (E, T+1, D), rewards (E, T), and the states (E, Z) in which the episodes were over.
    """
    episode, final = Episode(scenario, contexts, first, record=True), first
    for time in range(scenario.horizon):
        episode.advance(actions[:, time].contiguous())
        final = torch.where((length == time + 1)[:, None], episode.states, final)
    steps = episode.rollout()
    return steps.observations, steps.rewards, final
