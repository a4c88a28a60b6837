"""What networks there are: a table, and a picture of the certified design of each.

Axes: C context values, Z state values, T steps.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from rich.table import Table
from torch import Tensor

from aign.engines import messages
from aign.errors import AignError
from aign.files.writing import writing
from aign.scenarios.core.registry import scenarios
from aign.scenarios.core.scenario import Scenario

RESOLUTION = 90
"""Dots an inch."""


def table() -> Table:
    """Return every network with its parameters and labels."""
    shown = Table("scenario", "what it is", "parameters", "labels", title="Networks")
    for column in shown.columns:
        column.overflow = "fold"  # a name is typed as it stands here, so none is cut
    for name, kind in scenarios().items():
        made = by_default(name)
        labels = "as its parameters say" if made is None else ", ".join(label.name for label in made.labels)
        shown.add_row(name, kind.summary, ", ".join(kind.Parameters.model_fields), labels)
    return shown


def by_default(name: str) -> Scenario[Any] | None:
    """Return the scenario with its default parameters; None where it has none for all of them."""
    try:
        return scenarios()[name].create()
    except AignError:
        return None


def draw(folder: Path, seed: int) -> None:
    """Write <scenario>.png for every network that has default parameters: the certified design of a drawn context.

    Raises:
        StorageError: the folder cannot be written.
    """
    made = {name: by_default(name) for name in scenarios()}
    for name, scenario in made.items():
        if scenario is not None:
            context, path = certified_path(scenario, seed)
            figure = scenario.picture(context, path, f"{name}: certified design of a drawn context")
            with writing(folder / f"{name}.png") as aside:
                figure.savefig(aside, dpi=RESOLUTION, format="png", metadata={"Software": None})
            messages.made("scenarios", folder / f"{name}.png")


@torch.no_grad()
def certified_path(scenario: Scenario[Any], seed: int) -> tuple[Tensor, Tensor]:
    """Return a drawn context (C,), and the states (T+1, Z) on the straight way to its certified design."""
    context = scenario.draw_contexts(1, torch.Generator().manual_seed(seed))
    design, states = scenario.certify(context).design, [scenario.initial_state(context)]
    for _ in range(scenario.horizon):
        states.append(scenario.step(context, states[-1], scenario.action_towards(states[-1], design))[0])
    return context[0], torch.cat(states)
