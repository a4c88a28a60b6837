"""The front of several objectives: designs that no other beats, and beside them what the certificate's search knows.

Axes: K candidates, J objectives, X design values.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from aign.designs.best_value import BestValue
from aign.designs.objectives import Objective, dominators, scores
from aign.scenarios.core.certificate import Certificate
from aign.scenarios.core.constraints import Constraint, satisfied
from aign.scenarios.core.remembered import certificate_of
from aign.scenarios.core.scenario import Scenario

BOUNDS = 4
"""Bounds on a label between its best value and that of the best utility, at each of which the utility is certified."""


@dataclass(frozen=True)
class SearchedPoint:
    """A design that was not generated, but is known to the search or to the certificate.

    Attributes:
        values: of each objective.
        design: (X,).
        statement: what is proven of it.
    """

    values: tuple[float, ...]
    design: Tensor
    statement: str


@dataclass(frozen=True)
class Front:
    """The front of a request with several objectives.

    Attributes:
        objectives: J of them.
        places: of the generated designs on the front, in the answer's order.
        values: (K, J) of every generated design; feasible: (K,) bool.
        searched: designs that the search for certificates knows.
    """

    objectives: tuple[Objective, ...]
    places: tuple[int, ...]
    values: Tensor
    feasible: Tensor
    searched: tuple[SearchedPoint, ...]

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values; ranks begin at 1, as in the rows of the answer."""
        return {"objectives": [str(objective) for objective in self.objectives],
                "ranks": [place + 1 for place in self.places],
                "values": [self.values[place].tolist() for place in self.places],
                "searched": [{"values": list(point.values), "design": point.design.tolist(),
                              "statement": point.statement} for point in self.searched]}

    def sentence(self) -> str:
        """Return how many designs are on the front."""
        names = ", ".join(map(str, self.objectives))
        count = len(self.places)
        return f"{count} of {len(self.feasible)} designs {'is' if count == 1 else 'are'} beaten by no other in {names}."


def front(objectives: Sequence[Objective], utility: Tensor, labels: dict[str, Tensor], feasible: Tensor,
          searched: Sequence[SearchedPoint] = ()) -> Front:
    """Return the front of designs with utility (K,), labels and feasibility (K,); equal ones count once."""
    values = torch.stack([objective.value(utility, labels).double() for objective in objectives], dim=1)
    beaten = dominators(scores(objectives, utility, labels), feasible)
    places: dict[tuple[float, ...], int] = {}
    for place in (feasible & (beaten == 0)).nonzero()[:, 0].tolist():
        places.setdefault(tuple(values[place].tolist()), place)
    return Front(tuple(objectives), tuple(places.values()), values, feasible, tuple(searched))


def searched_points(scenario: Scenario[Any], context: Tensor, constraints: Sequence[Constraint],
                    objectives: Sequence[Objective], best: Sequence[BestValue | None],
                    certificate: Certificate) -> tuple[SearchedPoint, ...]:
    """Return the ends of the front, and between utility and one label points at bounds on the label.

    Args:
        scenario: of the request.
        context: (C,).
        constraints: of the request.
        objectives: of the request.
        best: for each label that is an objective how good it can be, None for the utility or where nothing is known.
        certificate: of the utility under the constraints.
    """
    points = [SearchedPoint(_values(objectives, each.utility, each.labels), each.design, each.sentence())
              for each in best if each is not None]
    label = next((each for each in best if each is not None), None)
    if label is None or not any(objective.is_utility for objective in objectives):
        return tuple(points)
    thresholds: list[float | None] = [None]
    if len(objectives) == 2 and bool(certificate.feasible[0]):
        far = float(scenario.measure(context[None], certificate.design)[label.objective.name][0])
        thresholds += torch.linspace(label.value, far, BOUNDS + 2, dtype=torch.float64)[1:-1].tolist()
    for threshold in thresholds:
        bounds = [] if threshold is None else [label.objective.bound(threshold)]
        point = _certified(scenario, context, [*constraints, *bounds], objectives, certificate if not bounds else None)
        points += [] if point is None else [point]
    return tuple(points)


def _certified(scenario: Scenario[Any], context: Tensor, constraints: Sequence[Constraint],
               objectives: Sequence[Objective], certificate: Certificate | None) -> SearchedPoint | None:
    """Return the design of a certificate under constraints; None where it knows none."""
    contexts = context[None]
    known = certificate or certificate_of(scenario, contexts, constraints)
    labels = scenario.measure(contexts, known.design)
    if not bool(satisfied(constraints, labels, 1)):
        return None
    bound = float(known.utility[0])
    where = f" with {constraints[-1]}" if certificate is None else ""
    statement = f"certified utility{where} {bound:.4f} ({known.kind})"
    figures = {name: float(value[0]) for name, value in labels.items()}
    return SearchedPoint(_values(objectives, float(scenario.utility(contexts, known.design)[0]), figures),
                         known.design[0], statement)


def _values(objectives: Sequence[Objective], utility: float, labels: dict[str, float]) -> tuple[float, ...]:
    return tuple(utility if objective.is_utility else labels[objective.name] for objective in objectives)
