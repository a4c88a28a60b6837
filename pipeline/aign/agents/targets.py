"""Designs that a solver-guided demonstrator aims at: certified ones, varied as the scenario says.

Axes: E episodes, X design values.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from aign.scenarios.core.scenario import Scenario
from aign.trajectories.contexts import Contexts


def solver_guided_targets(scenario: Scenario[Any], contexts: Contexts, generator: torch.Generator) -> Tensor:
    """Return one target design for each of E contexts, (E, X); see `Scenario.vary_designs`."""
    return scenario.vary_designs(contexts.values, certified_designs(scenario, contexts), generator)


def certified_designs(scenario: Scenario[Any], contexts: Contexts) -> Tensor:
    """Return the certified design (E, X) of each context, computed once for each distinct one."""
    distinct, place = torch.unique(contexts.ids, return_inverse=True)
    first = torch.empty(len(distinct), dtype=torch.int64)
    first[place.flip(0)] = torch.arange(len(contexts)).flip(0)
    return scenario.certify(contexts.values[first]).design[place]
