"""How different the designs of one answer are from each other, and from what the generator was trained on.

A solver gives one answer; this measures what several are worth. Distances are those of `Scenario.distance`.

Axes: K designs, X design values, E training designs.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from aign.scenarios.core.scenario import Scenario, finite_or_none

NEAR_BEST = (0.001, 0.005)
"""Shares of utility below the best within which a design counts as good."""
ROWS = 200_000
"""Training designs compared at once: bounds memory."""


@dataclass(frozen=True)
class Diversity:
    """Figures of one answer.

    Attributes:
        designs: how many there are; distinct: how many different ones.
        mean_distance, least_distance: over pairs of distinct designs, in the unit of the distance; None with one
            design.
        mean_normalised: the mean distance for each value, divided by the value's range.
        near_best: for each share (as text) how many distinct feasible designs lie within it of the best utility.
        novelty: distance of each design to the nearest training design, in the order of the designs; None where there
            was no training data to compare with.
    """

    designs: int
    distinct: int
    mean_distance: float | None
    least_distance: float | None
    mean_normalised: float | None
    near_best: dict[str, int]
    novelty: list[float] | None

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)

    def sentences(self, unit: str) -> list[str]:
        """Return one or two lines for the terminal."""
        unit = "" if unit == "1" else f" {unit}"
        near = ", ".join(f"{count} within {float(share):.1%}" for share, count in self.near_best.items())
        text = f"{self.distinct} distinct designs of {self.designs}; of the best utility {near}."
        if self.mean_distance is not None and self.least_distance is not None:
            text += (f" Two differ by {self.mean_distance:.4g}{unit} in sum on average, at least "
                     f"{self.least_distance:.4g} ({self.mean_normalised or 0:.2%} of the range of a value).")
        if self.novelty is None:
            return [text, "Novelty against the training designs: not measured (no data set at hand)."]
        new = sum(distance > 0 for distance in self.novelty)
        return [text, f"{new} of {len(self.novelty)} are no training design; distance to the nearest one: "
                      f"{min(self.novelty):.4g} to {max(self.novelty):.4g}{unit}."]


def measure(scenario: Scenario[Any], designs: Tensor, utility: Tensor, feasible: Tensor,
            training_designs: Tensor | None = None, canonical: Tensor | None = None) -> Diversity:
    """Return the figures of designs (K, X) with utility (K,) and feasibility (K,).

    Args:
        scenario: whose designs these are.
        designs: (K, X), at least one.
        utility: (K,).
        feasible: (K,) bool.
        training_designs: (E, X), in canonical order.
        canonical: (K, X) the designs in canonical order, to compare with those; the designs themselves where None.
    """
    distinct, distance = designs.unique(dim=0), scenario.distance
    near = {}
    for share in NEAR_BEST:
        good = designs[_near_best(utility, feasible, share)]
        near[f"{share:g}"] = len(good.unique(dim=0)) if len(good) else 0
    novelty = None
    if training_designs is not None:
        novelty = nearest(designs if canonical is None else canonical, training_designs, distance.norm).tolist()
    if len(distinct) == 1:
        return Diversity(len(designs), 1, None, None, None, near, novelty)
    apart = pairwise(distinct, distance.norm)
    scaled = pairwise(distinct.double() / distance.spans.clamp_min(1e-300), distance.norm)
    return Diversity(len(designs), len(distinct), finite_or_none(float(apart.mean())),
                     finite_or_none(float(apart.amin())), float(scaled.mean() / len(distance.spans)), near, novelty)


def _near_best(utility: Tensor, feasible: Tensor, share: float) -> Tensor:
    """Return which feasible designs (K,) are within a share of the utility of the best one; none without one."""
    if not bool(feasible.any()):
        return feasible
    best = utility[feasible].amax()
    return feasible & (utility >= best - share * best.abs())


def pairwise(designs: Tensor, norm: float = 1.0) -> Tensor:
    """Return the distances of all pairs of K designs, (K (K-1) / 2,) float64; L1 by default."""
    return torch.pdist(designs.double(), p=norm)


def nearest(designs: Tensor, training_designs: Tensor, norm: float = 1.0) -> Tensor:
    """Return the distance (K,), L1 by default, of each design (K, X) to the nearest training design (E, X)."""
    parts = [torch.cdist(designs.double(), part.double(), p=norm).amin(dim=1)
             for part in torch.split(training_designs, ROWS)]
    return torch.stack(parts).amin(dim=0)


def spread(designs: Tensor, utility: Tensor, feasible: Tensor, count: int, share: float = NEAR_BEST[-1],
           norm: float = 1.0) -> list[int]:
    """Return the places of up to `count` good designs that differ as much as can be, the best one first.

    Greedy max-min (Gonzalez 1985): each next design is the one farthest from those chosen, among distinct feasible
    designs whose utility is within `share` of the best; at least half as spread as the best choice. Without a feasible
    design the first one alone is returned.
    """
    good = _near_best(utility, feasible, share)
    if not bool(good.any()):
        return [0]
    chosen = [int(utility.where(feasible, -torch.inf).argmax())]
    away = torch.cdist(designs.double(), designs[chosen].double(), p=norm)[:, 0]
    while len(chosen) < count:
        away = away.where(good, -torch.inf)
        farthest = int(away.argmax())
        if float(away[farthest]) <= 0:
            break
        chosen.append(farthest)
        away = torch.minimum(away, torch.cdist(designs.double(), designs[farthest][None].double(), p=norm)[:, 0])
    return chosen
