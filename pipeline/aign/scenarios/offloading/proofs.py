"""Certificates of contexts under requests; those worked out once are remembered.

Axes: B networks, C context values, N users, X design values.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Protocol

import torch
from torch import Tensor

from aign.scenarios.core.certificate import Certificate, CertificateKind
from aign.scenarios.core.constraints import Constraint, satisfied
from aign.scenarios.core.remembered import Cache
from aign.scenarios.offloading.certificate import Assignment, best
from aign.scenarios.offloading.limits import Limits
from aign.scenarios.offloading.links import Layout
from aign.scenarios.offloading.physics import Network

REMEMBERED = 50_000
"""Certified assignments remembered."""
STATEMENT = ("The optimum of a set-partitioning program over all sets of users worth serving together, solved by "
             "branch and bound to gap 0; where too many remain, the bound of its relaxation.")


class Provable(Protocol):
    """What proofs ask of the scenario."""

    layout: Layout

    def network(self, contexts: Tensor) -> Network:
        """Return contexts (B, C) in the quantities that decide."""

    def measure(self, contexts: Tensor, designs: Tensor) -> Mapping[str, Tensor]:
        """Return every label's value (B,)."""


class Proofs:
    """The certificates of one scenario."""

    def __init__(self, scenario: Provable) -> None:
        self._scenario = scenario
        self._remembered: Cache[tuple[bytes, Limits], Assignment] = Cache(REMEMBERED)

    def certify(self, contexts: Tensor, constraints: Sequence[Constraint]) -> Certificate:
        """Return the optimum of contexts (B, C) under a request; what it ignores is checked on its design."""
        scenario, layout = self._scenario, self._scenario.layout
        limits = Limits.of(constraints, layout.users)
        proven = [self._assignment(context, limits) for context in contexts.cpu().split(1)]
        bound = torch.tensor([assignment.bound for assignment in proven], dtype=torch.float64)
        server = torch.stack([torch.zeros(layout.users, dtype=torch.long) if assignment.server is None else
                              assignment.server for assignment in proven])
        design = layout.design(layout.options(contexts), server.to(contexts.device))
        values = scenario.measure(contexts, design)
        there = torch.tensor([assignment.server is not None for assignment in proven], device=contexts.device)
        feasible = there & satisfied(constraints, values, len(design))
        bound = bound.to(contexts.device)
        cheap = satisfied([each for each in constraints if each.side == ("cost", "<=")], {"cost": bound}, len(design))
        impossible = bound.isposinf() | ~cheap
        ignored = f" It ignores {', '.join(map(str, limits.ignored))}, checked on its design." if limits.ignored else ""
        return Certificate((-bound).where(bound.isfinite() & ~impossible, torch.nan), design, feasible,
                           CertificateKind.UPPER_BOUND, STATEMENT + ignored, impossible=impossible)

    def _assignment(self, context: Tensor, limits: Limits) -> Assignment:
        key = (context.float().numpy().tobytes(), replace(limits, ignored=()))
        return self._remembered.get(key, lambda: best(self._scenario.network(context), limits))
