"""The best decisions known: rules, then random changes to the best so far. A search, no proof.

Axes: B contexts, X design values, A action values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from aign.scenarios.core.constraints import Constraint, violation
from aign.scenarios.gymnasium.rules import Policy, chance, uniform

SHARES = (0.5, 0.2, 0.1, 0.05)
"""How much of a design is changed at random, in turn."""
CHANGES = 1_000
"""Added to the number of a change, so that it draws other numbers than the random rule."""
Outcome = tuple[Tensor, Tensor, Mapping[str, Tensor]]
"""Designs (B, X), their utility (B,), and labels, each (B,)."""


@dataclass(frozen=True)
class Simulator:
    """What a search needs of a scenario.

    Attributes:
        policies: the scenario's rules.
        action_size: A.
        choices: how many an agent has, None where actions are numbers.
        simulate: plays a policy in contexts (B, C).
        replay: takes the decisions of designs (B, X) in contexts (B, C).
    """

    policies: Sequence[Policy]
    action_size: int
    choices: int | None
    simulate: Callable[[Policy, Tensor], Outcome]
    replay: Callable[[Tensor, Tensor], Outcome]


def best_known(simulator: Simulator, contexts: Tensor, constraints: Sequence[Constraint],
               rollouts: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return designs (B, X), their utility (B,), and how far they break the constraints (B,), 0 where they do not.

    Tried are every rule, random actions `rollouts` times, and as often a change to the best so far; a design is better
    that breaks the constraints less, or as little with more utility. A context's answer does not depend on the others.
    """
    def judged(outcome: Outcome) -> tuple[Tensor, Tensor, Tensor]:
        designs, utility, labels = outcome
        return designs, utility, violation(constraints, labels, len(designs)).to(utility.device)

    policies = [*simulator.policies, *(chance(simulator.action_size, repeat) for repeat in range(1, rollouts))]
    best = judged(simulator.simulate(policies[0], contexts))
    for policy in policies[1:]:
        best = _better(best, judged(simulator.simulate(policy, contexts)))
    for number in range(rollouts):
        best = _better(best, judged(simulator.replay(_changed(contexts, best[0], number, simulator.choices), contexts)))
    return best


def _changed(contexts: Tensor, designs: Tensor, number: int, choices: int | None) -> Tensor:
    """Return designs (B, X) with some of their values drawn anew."""
    start, size = torch.zeros(len(designs), dtype=torch.int64), designs.shape[1]
    fresh, chosen = (uniform(contexts, start + part, CHANGES + number, size) for part in (0, 1))
    if choices is not None:
        fresh = ((fresh + 1) / 2 * choices).floor().clamp_max(choices - 1)
    return torch.where((chosen + 1) / 2 < SHARES[number % len(SHARES)], fresh.to(designs), designs)


def _better(old: tuple[Tensor, Tensor, Tensor],
            new: tuple[Tensor, Tensor, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
    wins = (new[2] < old[2]) | ((new[2] == old[2]) & (new[1] > old[1]))
    return (torch.where(wins[:, None], new[0], old[0]), torch.where(wins, new[1], old[1]),
            torch.where(wins, new[2], old[2]))
