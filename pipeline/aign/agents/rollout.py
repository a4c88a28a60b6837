"""Complete episodes, many networks at once, and where they start.

Axes: B networks, C context values, Z state values.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from aign.scenarios.core.episode import Episode, Rollout
from aign.scenarios.core.exploration import Act
from aign.scenarios.core.scenario import Scenario


def rollout(scenario: Scenario[Any], contexts: Tensor, act: Act, states: Tensor) -> Rollout:
    """Let a policy run complete episodes from states (B, Z) in contexts (B, C); return what happened."""
    return Episode(scenario, contexts, states, record=True).run(act).rollout()


def starting_states(scenario: Scenario[Any], contexts: Tensor, random_share: float,
                    generator: torch.Generator) -> Tensor:
    """Return first states (B, Z): the usual one, or a random one with probability `random_share`."""
    usual, anywhere = scenario.initial_state(contexts), scenario.initial_state(contexts, generator)
    chosen = torch.rand(len(contexts), 1, generator=generator) < random_share
    return torch.where(chosen, anywhere.to(usual.dtype), usual)
