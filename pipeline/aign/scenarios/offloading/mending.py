"""Designs mended until they meet a request.

Axes: B networks, N users, X design values.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from aign.scenarios.core.certificate import Certificate
from aign.scenarios.core.constraints import Constraint, satisfied
from aign.scenarios.core.local_search import DesignProblem, LocalSearch
from aign.scenarios.core.mending import towards_certified
from aign.scenarios.offloading.limits import Limits
from aign.scenarios.offloading.links import Layout

ABOVE_ALL = 2.0
"""A change of a score that makes any option the largest."""
ROUNDS = 60
"""Rounds of local search, at most, until a request is met."""
AT_ONCE = 256
"""Designs mended at once: bounds memory."""


class Mendable(DesignProblem, Protocol):
    """What mending asks of the scenario."""

    layout: Layout

    def options_of(self, contexts: Tensor, scores: Tensor) -> Tensor:
        """Return the designs (B, X) of the largest scores (B, X)."""

    def certify(self, contexts: Tensor, constraints: Sequence[Constraint] = ()) -> Certificate:
        """Return the optimum of each context."""


def mended(scenario: Mendable, contexts: Tensor, designs: Tensor, constraints: Sequence[Constraint]) -> Tensor:
    """Return designs (B, X) that meet a request where one is found: users take the options of the certified design, one
    after the other, until it is met. What the certificate ignores a local search meets, if at all.
    """
    chosen = designs.clone()
    broken = (~satisfied(constraints, scenario.measure(contexts, chosen), len(chosen))).nonzero()[:, 0]
    if not len(broken):
        return chosen
    if Limits.of(constraints, scenario.layout.users).ignored:
        repair = LocalSearch(scenario, constraints, [ABOVE_ALL])
        chosen[broken] = scenario.options_of(contexts[broken], repair.run(contexts[broken], chosen[broken], ROUNDS))
        return chosen
    users, options = scenario.layout.users, scenario.layout.links + 1
    user = torch.arange(users).repeat_interleave(options)
    for rows in broken.split(AT_ONCE):
        chosen[rows] = towards_certified(scenario, contexts[rows], chosen[rows], constraints, user)
    return chosen
