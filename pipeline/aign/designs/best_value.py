"""The certificate of a label as the objective: the least or greatest value that a feasible design has, and a witness.

Axes: B = 1 context, C context values, K designs, X design values.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from aign.designs.bisection import Bisection
from aign.designs.objectives import Objective
from aign.scenarios.core.certificate import CertificateKind
from aign.scenarios.core.constraints import Constraint, satisfied, written
from aign.scenarios.core.remembered import certificate_of
from aign.scenarios.core.scenario import Scenario

NEAR_BEST, ALONG_FRONT = (0.0, 0.03, 0.1), (0.0, 0.55, 0.25, 0.85, 0.1, 0.7, 0.4)
"""Bounds that candidates are projected on, in shares of what lies between best and usual value of a label: where
it alone is wanted, and where it is one of several objectives. The latter, of five choices, showed most of the front on
validation contexts (`tests/benchmarks/fronts.py --validate`); ordered so that few candidates are spread out, too."""
LEAST_SPAN = 0.3
"""That span is at least this share of the best value."""


@dataclass(frozen=True)
class BestValue:
    """How good a label can be under the constraints of a request.

    Attributes:
        objective: the label and its direction.
        unit: of the label; whole: whether it only takes whole values.
        value: the best value of any design known.
        design: (X,) the witness: among the designs known with that value, the one of highest utility.
        utility: of the witness; labels: its labels by name.
        beyond: the nearest better value that no design is known to have; None where the search found no end.
        exact: whether it is proven that no feasible design has it.
        impossible: the nearest value that is proven impossible; None where none is.
    """

    objective: Objective
    unit: str
    whole: bool
    value: float
    design: Tensor
    utility: float
    labels: dict[str, float]
    beyond: float | None
    exact: bool
    impossible: float | None

    @property
    def score(self) -> float:
        """The value with the sign by which more is better."""
        return -self.value if self.objective.lower else self.value

    @property
    def kind(self) -> CertificateKind:
        """What is proven of the value."""
        return CertificateKind.UPPER_BOUND if self.exact else CertificateKind.BEST_KNOWN

    def sentence(self) -> str:
        """Return what is known, in words."""
        extreme, further = ("least", "less") if self.objective.lower else ("greatest", "more")
        unit = "" if self.unit == "1" else f" {self.unit}"
        text = f"{extreme} {self.objective.name} {written(self.value, 7)}{unit}"
        if self.exact:
            return f"{text} (certified: no design that meets the request has {further}{self._within()})"
        if self.impossible is not None:
            return f"{text} (best known; {written(self.impossible, 7)} or {further} is proven impossible)"
        return f"{text} (best known: nothing is proven of better values)"

    def _within(self) -> str:
        """Return up to which difference the value is certified, in words; nothing where it is whole."""
        apart = 0.0 if self.whole or self.beyond is None else abs(self.value - self.beyond)
        rounded = float(f"{apart:.2g}")
        return f", but for {written(rounded, 2)}" if apart else ""

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {"objective": str(self.objective), "value": self.value, "certificate": str(self.kind),
                "beyond": self.beyond, "proven_impossible": self.impossible, "sentence": self.sentence(),
                "design": self.design.tolist(), "utility": self.utility, "labels": self.labels}


def best_value(scenario: Scenario[Any], context: Tensor, constraints: Sequence[Constraint], objective: Objective,
               designs: Tensor) -> BestValue | None:
    """Return how good a label can be in a context (C,); None where no design is known that meets the constraints.

    Args:
        scenario: of the request.
        context: (C,).
        constraints: that every design has to meet.
        objective: a label and its direction.
        designs: (K, X) known to meet the constraints, K may be 0; the best of them is where the search begins.
    """
    contexts = context[None]
    without = scenario.feasible(contexts, constraints)
    known = torch.cat([designs, without.witness[without.known].to(designs.dtype)])
    if not len(known):
        return None
    bound = objective.bound(0.0)
    others = [constraint for constraint in constraints if constraint.side != bound.side]
    values = scenario.measure(contexts.expand(len(known), -1), known)[objective.name]
    first = int(objective.score(values, {objective.name: values}).argmax())
    edge = Bisection(scenario, contexts, others, bound).outwards(known[first][None])
    design = _worthiest(scenario, contexts, [*others, bound.at(edge.value)], edge.design)
    labels = {name: float(value[0]) for name, value in scenario.measure(contexts, design).items()}
    whole = objective.name in scenario.integer_labels
    return BestValue(objective, scenario.label(objective.name).unit, whole, labels[objective.name], design[0],
                     float(scenario.utility(contexts, design)[0]), labels, edge.beyond, edge.exact, edge.impossible)


def pressures(known: Sequence[BestValue], usual: Mapping[str, float],
              shares: Sequence[float]) -> tuple[tuple[Constraint, ...], ...]:
    """Return bounds to project candidates on, one at a time, from the best value of a label to the usual one; at last
    none.

    Args:
        known: of each label that is an objective how good it can be.
        usual: labels of the design of highest utility.
        shares: `NEAR_BEST` or `ALONG_FRONT`.
    """
    bounds = []
    for share in shares:
        for best in known:
            span = max(abs(usual[best.objective.name] - best.value), LEAST_SPAN * abs(best.value))
            bounds.append(best.objective.bound(best.value + (share if best.objective.lower else -share) * span))
    return (*((bound,) for bound in bounds), ())


def _worthiest(scenario: Scenario[Any], contexts: Tensor, constraints: Sequence[Constraint], design: Tensor) -> Tensor:
    """Return the design (1, X), or one of higher utility that the certificate knows under the same constraints."""
    other = certificate_of(scenario, contexts, constraints).design.to(design.dtype)
    met = bool(satisfied(constraints, scenario.measure(contexts, other), 1))
    better = bool(scenario.utility(contexts, other) > scenario.utility(contexts, design))
    return other if met and better else design
