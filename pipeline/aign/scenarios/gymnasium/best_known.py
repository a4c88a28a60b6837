"""The best decisions known: rules, then chance changes to the best so far. A search, no proof.

Axes: B contexts, X design values.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from aign.scenarios.core.constraints import Constraint, violation
from aign.scenarios.core.sequential import Rule
from aign.scenarios.gymnasium.rules import chance, uniform

if TYPE_CHECKING:
    from aign.scenarios.gymnasium.scenario import GymnasiumScenario

SHARES = (0.5, 0.2, 0.1, 0.05)
"""How much of a design is changed by chance, in turn."""
CHANGES = 1_000
"""Added to the number of a change, so that it draws other numbers than the rule of chance."""


def best_known(scenario: GymnasiumScenario, contexts: Tensor, constraints: Sequence[Constraint],
               rollouts: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return designs (B, X), their utility (B,), and how far they break the constraints (B,), 0 where they do not.

    Tried are every rule, chance `rollouts` times, and as often a change to the best so far; a design is better that
    breaks the constraints less, or as little with more utility. A context's answer does not depend on the others.
    """
    tried = [*scenario.rules.values(), *(chance(scenario, repeat) for repeat in range(1, rollouts))]
    best: tuple[Tensor, Tensor, Tensor] | None = None
    for rule in tried:
        best = _better(best, _judged(scenario, contexts, constraints, rule))
    assert best is not None, "there are always rules"
    for number in range(rollouts):
        best = _better(best, _judged(scenario, contexts, constraints, _changed(scenario, contexts, best[0], number)))
    return best


def _changed(scenario: GymnasiumScenario, contexts: Tensor, designs: Tensor, number: int) -> Rule:
    """Return the rule that takes the decisions of designs (B, X) with some of their values drawn anew."""
    size = designs.shape[1]
    nowhere = torch.zeros(len(designs), dtype=torch.int64)
    fresh, chosen = (uniform(contexts, nowhere + part, CHANGES + number, size) for part in (0, 1))
    if scenario.choices is not None:
        fresh = ((fresh + 1) / 2 * scenario.choices).floor().clamp_max(scenario.choices - 1)
    changed = torch.where((chosen + 1) / 2 < SHARES[number % len(SHARES)], fresh.to(designs), designs)
    return lambda contexts, states: scenario.action_towards(states, changed)


def _judged(scenario: GymnasiumScenario, contexts: Tensor, constraints: Sequence[Constraint],
            rule: Rule) -> tuple[Tensor, Tensor, Tensor]:
    states = scenario.rollout(rule, contexts)
    utility, labels = scenario.outcome(contexts, states)
    return scenario.design_of(states), utility, violation(constraints, labels, len(states)).to(utility.device)


def _better(old: tuple[Tensor, Tensor, Tensor] | None, new: tuple[Tensor, Tensor, Tensor]) -> tuple[Tensor, Tensor,
                                                                                                   Tensor]:
    if old is None:
        return new
    wins = (new[2] < old[2]) | ((new[2] == old[2]) & (new[1] > old[1]))
    return (torch.where(wins[:, None], new[0], old[0]), torch.where(wins, new[1], old[1]),
            torch.where(wins, new[2], old[2]))
