"""Certificates of contexts under requests; plans worked out once are remembered.

Axes: B networks, C context values, X design values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from aign.scenarios.core.certificate import Certificate, CertificateKind
from aign.scenarios.core.constraints import Constraint, satisfied
from aign.scenarios.core.remembered import Cache
from aign.scenarios.video_delivery.bitrates import lowered
from aign.scenarios.video_delivery.delivery import DeliveryNetwork
from aign.scenarios.video_delivery.limits import Limits
from aign.scenarios.video_delivery.program import GAP, Planner

REMEMBERED = 20_000
"""Certified plans remembered."""
MARGIN = 1e-5
"""Relative margin to a request's limits where the first plan breaks one by rounding: above HiGHS's 1e-6."""
Measure = Callable[[Tensor, Tensor], Mapping[str, Tensor]]
Proven = tuple[float, Tensor | None]


class Proofs:
    """The certificates of one network."""

    def __init__(self, network: DeliveryNetwork, measure: Measure) -> None:
        self._network, self._measure, self._planner = network, measure, Planner(network)
        self._remembered: Cache[tuple[bytes, Limits], Proven] = Cache(REMEMBERED)

    def certify(self, contexts: Tensor, constraints: Sequence[Constraint]) -> Certificate:
        """Return bound and best known design of contexts (B, C) under a request; what the program ignores is checked
        on its design.
        """
        limits = Limits.of(constraints)
        proven = [self._proven(context, limits, constraints) for context in contexts.cpu().split(1)]
        bound = torch.tensor([value for value, _ in proven], dtype=torch.float64, device=contexts.device)
        empty = torch.zeros(3 * self._network.size * self._network.classes)
        design = torch.stack([empty if design is None else design for _, design in proven]).to(contexts.device)
        there = torch.tensor([design is not None for _, design in proven], device=contexts.device)
        feasible = there & satisfied(constraints, self._measure(contexts, design), len(design))
        utility = self._network.node_utility(contexts, design).sum(1)
        gaps = ((bound - utility) / bound.abs().clamp_min(1e-12))[feasible]
        reached = f"at most {float(gaps.max()):.2%} here" if len(gaps) else "no design is known here"
        ignored = f" It ignores {', '.join(map(str, limits.ignored))}, checked on its design." if limits.ignored else ""
        statement = ("The bound of an integer program over caches, paths and bitrates, solved by branch and bound to a "
                     f"relative gap of {GAP:.1%}; gap to the design known: {reached}.{ignored}")
        return Certificate(bound.where(bound.isfinite(), torch.nan), design, feasible, CertificateKind.UPPER_BOUND,
                           statement, impossible=bound.isneginf())

    def _proven(self, context: Tensor, limits: Limits, constraints: Sequence[Constraint]) -> Proven:
        key = (context.float().numpy().tobytes(), replace(limits, ignored=()))
        return self._remembered.get(key, lambda: self._best(context, limits, constraints))

    def _best(self, context: Tensor, limits: Limits, constraints: Sequence[Constraint]) -> Proven:
        """Return the bound and the best design known (X,) of a context (1, C)."""
        bound, design = torch.inf, None
        bounded = [constraint for constraint in constraints if constraint not in limits.ignored]
        for margin in (0.0, MARGIN):
            plan = self._planner.best(context[0], limits, margin)
            bound = min(bound, plan.bound) if margin == 0.0 else bound
            if plan.choice is None:
                break
            fitted = lowered(self._network, context, plan.choice).designs()
            if bool(satisfied(bounded, self._measure(context, fitted), 1)):
                return bound, fitted[0]
            design = fitted[0] if design is None else design
        return bound, design
