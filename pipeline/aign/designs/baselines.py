"""What the generator has to beat: no learning, and the recorded designs.

Axes: B contexts, K candidates, X design values, E training episodes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from aign.errors import DatasetError
from aign.files import manifest
from aign.files.writing import read_json
from aign.scenarios.core.constraints import Constraint
from aign.scenarios.core.scenario import Scenario

if TYPE_CHECKING:
    from aign.trajectories.reader import TrajectoryStore

ROWS = 200_000
"""Designs simulated at once: bounds memory."""


def no_learning(scenario: Scenario[Any], contexts: Tensor, count: int,
                constraints: Sequence[Constraint] = ()) -> Tensor:
    """Return (B, count, X): evenly spaced designs that treat everybody alike, projected on the constraints."""
    low = torch.cat([torch.full((feature.size,), feature.low) for feature in scenario.state_features])
    high = torch.cat([torch.full((feature.size,), feature.high) for feature in scenario.state_features])
    share = torch.arange(1, count + 1)[:, None] / count
    designs = (low + share * (high - low)).repeat(len(contexts), 1)
    projected = scenario.project(contexts.repeat_interleave(count, dim=0), designs, constraints)
    return projected.reshape(len(contexts), count, -1)


def best_of(scenario: Scenario[Any], contexts: Tensor, designs: Tensor) -> Tensor:
    """Return the best (B, X) of K designs (B, K, X) by simulation."""
    count = designs.shape[1]
    utility = scenario.utility(contexts.repeat_interleave(count, dim=0), designs.flatten(0, 1)).reshape(-1, count)
    return designs[torch.arange(len(designs)), utility.argmax(dim=1)]


def best_training_design(scenario: Scenario[Any], contexts: Tensor, training_designs: Tensor) -> Tensor:
    """Return, for each context (B, C), the training design (E, X) that turns out best in it (B, X).

    The strongest use of recorded data there is: every final design is simulated in the new context. Contexts and
    designs are in canonical order.
    """
    best = []
    for context in contexts:
        utility = [scenario.utility(context.expand(len(part), -1), part)
                   for part in torch.split(training_designs, ROWS)]
        best.append(training_designs[torch.cat(utility).argmax()])
    return torch.stack(best)


def training_designs(folder: Path, scenario: Scenario[Any], damaged: Callable[[DatasetError], None]) -> Tensor | None:
    """Return the final training designs (E, X), in canonical order, of the first data set of a scenario under `folder`.

    None where there is no sound data set of it: only what is at hand can be compared with.

    Args:
        folder: holds data set folders.
        scenario: whose designs are wanted.
        damaged: is told what is wrong with each data set that was passed over.
    """
    for place in sorted(place for place in folder.glob("[!.]*") if place.is_dir()):
        try:
            if _is_of(place, scenario):
                from aign.trajectories.reader import TrajectoryStore  # takes its time to import

                store = TrajectoryStore.open(place, trust_code=scenario.spec())
                return recorded(store, store.rows("train"))
        except DatasetError as error:
            damaged(error)
    return None


def recorded(store: TrajectoryStore, rows: Tensor) -> Tensor:
    """Return the designs (E, X) that recorded episodes (E,) arrived at."""
    return store.scenario.design_from_episode(store.gather("observations", rows), store.gather("actions", rows))


def _is_of(folder: Path, scenario: Scenario[Any]) -> bool:
    """Return whether a data set is of a scenario; reads little of it, but trusts nothing that is altered."""
    files = manifest.check(folder, deep=False)
    manifest.check_sum(folder, "meta/info.json", files)
    return bool(read_json(folder / "meta/info.json", DatasetError).get("scenario") == scenario.spec())
