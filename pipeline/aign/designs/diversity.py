"""How different the designs of one answer are from each other, and from what the generator was trained on.

Distances are sums of |x - y| over design values (L1), in the design's unit, and normalised by each value's range; where
a design is a sequence of choices, how many of them differ. A solver gives one answer; this measures what several are
worth.

Axes: K designs, X design values, E training designs.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from aign.scenarios.core.scenario import Scenario, finite_or_none
from aign.scenarios.core.sequential import is_sequential

NEAR_BEST = (0.001, 0.005)
"""Shares of utility below the best within which a design counts as good."""
ROWS = 200_000
"""Training designs compared at once: bounds memory."""


@dataclass(frozen=True)
class Diversity:
    """Figures of one answer.

    Attributes:
        designs: how many there are; distinct: how many different ones.
        mean_distance, least_distance: over pairs of distinct designs, L1 in the design's unit; None with one design.
        mean_normalised: the mean distance for each value, divided by the value's range.
        near_best: for each share (as text) how many distinct feasible designs lie within it of the best utility.
        novelty: L1 distance of each design to the nearest training design, in the order of the designs; None where
            there was no training data to compare with.
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
        near = ", ".join(f"{count} within {float(share):.1%}" for share, count in self.near_best.items())
        text = f"{self.distinct} distinct designs of {self.designs}; of the best utility {near}."
        if self.mean_distance is not None and self.least_distance is not None:
            text += (f" Two differ by {self.mean_distance:.4g} {unit} in sum on average, at least "
                     f"{self.least_distance:.4g} ({self.mean_normalised or 0:.2%} of the range of a value).")
        if self.novelty is None:
            return [text, "Novelty against the training designs: not measured (no data set at hand)."]
        new = sum(distance > 0 for distance in self.novelty)
        return [text, f"{new} of {len(self.novelty)} are no training design; distance to the nearest one: "
                      f"{min(self.novelty):.4g} to {max(self.novelty):.4g} {unit}."]


def norm_of(scenario: Scenario[Any]) -> float:
    """Return the p of the distance |x - y|_p between designs: 1, or 0 (values that differ) where they are choices."""
    return 0.0 if is_sequential(scenario) and scenario.choices is not None else 1.0


def ranges(scenario: Scenario[Any]) -> Tensor:
    """Return the range (X,) of each design value, in the unit of the distance."""
    if is_sequential(scenario):
        return torch.full((scenario.horizon * scenario.decision_size,), 1.0 + norm_of(scenario)).double()
    return torch.cat([torch.full((one.size,), one.high - one.low) for one in scenario.state_features]).double()


def measure(scenario: Scenario[Any], designs: Tensor, utility: Tensor, feasible: Tensor,
            memory: Tensor | None = None, canonical: Tensor | None = None) -> Diversity:
    """Return the figures of designs (K, X) with utility (K,) and feasibility (K,).

    Args:
        scenario: whose designs these are.
        designs: (K, X), at least one.
        utility: (K,).
        feasible: (K,) bool.
        memory: (E, X) training designs, in canonical order.
        canonical: (K, X) the designs in canonical order, to compare with the memory; the designs themselves where None.
    """
    distinct, norm = designs.unique(dim=0), norm_of(scenario)
    apart = pairwise(distinct, norm)
    span = ranges(scenario)
    near = {}
    for share in NEAR_BEST:
        if bool(feasible.any()):
            best = utility[feasible].amax()
            good = designs[feasible & (utility >= best - share * best.abs())]
            near[f"{share:g}"] = len(good.unique(dim=0))
        else:
            near[f"{share:g}"] = 0
    novelty = None if memory is None else nearest(designs if canonical is None else canonical, memory, norm).tolist()
    many = len(distinct) > 1
    normalised = pairwise(distinct.double() / span.clamp_min(1e-300), norm).mean() / len(span) if many else None
    return Diversity(len(designs), len(distinct), finite_or_none(float(apart.mean())) if many else None,
                     finite_or_none(float(apart.amin())) if many else None,
                     None if normalised is None else float(normalised), near, novelty)


def pairwise(designs: Tensor, norm: float = 1.0) -> Tensor:
    """Return the distances of all pairs of K designs, (K (K-1) / 2,) float64; L1 by default."""
    return torch.pdist(designs.double(), p=norm)


def nearest(designs: Tensor, memory: Tensor, norm: float = 1.0) -> Tensor:
    """Return for each design (K, X) its distance (K,), L1 by default, to the nearest of the memory (E, X)."""
    parts = [torch.cdist(designs.double(), part.double(), p=norm).amin(dim=1) for part in torch.split(memory, ROWS)]
    return torch.stack(parts).amin(dim=0)


def spread(designs: Tensor, utility: Tensor, feasible: Tensor, count: int, share: float = NEAR_BEST[-1],
           norm: float = 1.0) -> list[int]:
    """Return the places of up to `count` good designs that differ as much as can be, the best one first.

    Greedy max-min (Gonzalez 1985): each next design is the one farthest from those chosen, among distinct feasible
    designs whose utility is within `share` of the best; at least half as spread as the best choice. Without a feasible
    design the first one alone is returned.
    """
    if not bool(feasible.any()):
        return [0]
    best = utility.where(feasible, -torch.inf)
    good = feasible & (utility >= best.amax() - share * best.amax().abs())
    chosen = [int(best.argmax())]
    away = torch.cdist(designs.double(), designs[chosen].double(), p=norm)[:, 0]
    while len(chosen) < count:
        away = away.where(good, -torch.inf)
        farthest = int(away.argmax())
        if float(away[farthest]) <= 0:
            break
        chosen.append(farthest)
        away = torch.minimum(away, torch.cdist(designs.double(), designs[farthest][None].double(), p=norm)[:, 0])
    return chosen
