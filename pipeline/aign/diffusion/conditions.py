"""What a trajectory is conditioned on: the normalised return it earns and the label values its design has.

A request puts in the return it wants and, for labels it bounds, the threshold in place of the achieved value.
Two other readings of a label's input exist for comparison: a threshold the design meets (hindsight), and the side of a
fixed threshold it lies on (the one-hot of Huang et al. 2023).

Axes: B batch, Q conditions (the return first, then every label of the scenario).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from aign.scenarios.core.constraints import Constraint, Label

RETURN = "return_normalised"
LEAST_GAP, GREATEST_GAP = 5e-4, 2.0
CLIP = 4.0
"""Scores beyond this are clipped: a request far outside the data asks for the edge of the data."""
REACHABLE = 0.95
"""Quantile of the returns in the data that counts as reachable."""
QUANTILES = 65
"""Knots of a label's scale, evenly spaced in probability."""


def encode_return(normalised: Tensor) -> Tensor:
    """Map a normalised return to -log10(1 - return) / 1.5, from about -0.2 to 2.2; NaN, a hidden return, to 0.

    The logarithm of the gap tells 0.99 from 0.998, which is all that matters near the optimum; returns better than
    1 - LEAST_GAP or worse than 1 - GREATEST_GAP are not told apart.
    """
    return (-(1.0 - normalised).clamp(LEAST_GAP, GREATEST_GAP).log10().float() / 1.5).nan_to_num(nan=0.0)


class ConditionInput(NamedTuple):
    """What the network gets: encoded conditions (B, Q), and which of them it may see, (B, Q) bool."""

    values: Tensor
    mask: Tensor


@dataclass(frozen=True)
class Conditions:
    """Names and scales of the label conditions; travels as JSON inside the model folder.

    A label's value becomes a score by a piecewise-linear scale through quantiles of the training data, drawn so that
    scores are standard normal there: resolution goes where the data are, whatever the label's unit and tails.

    Attributes:
        labels: names in the order of the network's inputs, after the return.
        knots: of each label, increasing values.
        scores: of each label, the scores of its knots.
        better: "lower" or "higher" for each label.
        kind: "achieved", "hindsight" or "one_hot"; see `TrainSettings.condition`.
        reachable: the highest return that is asked for, whatever a request says; None where there is no limit. See
            `Strategy.scales_returns`.
        returns: knots and scores of the return, as for a label; None where it is encoded by `encode_return`, which
            tells apart only what comes near 1.
    """

    labels: Sequence[str]
    knots: Sequence[Sequence[float]]
    scores: Sequence[Sequence[float]]
    better: Sequence[str]
    kind: str = "achieved"
    reachable: float | None = None
    returns: Sequence[Sequence[float]] | None = None

    @classmethod
    def fit(cls, labels: Sequence[Label], values: Mapping[str, Tensor], kind: str = "achieved",
            returns: Tensor | None = None) -> Conditions:
        """Take scales from label values, each (B,), of the training split; and those of returns (B,) where given."""
        best = None if returns is None else float(returns.double().quantile(REACHABLE))
        scale = None if returns is None else list(scale_of(returns))
        scales = [scale_of(values[label.name]) for label in labels]
        return cls([label.name for label in labels], [knots for knots, _ in scales], [scores for _, scores in scales],
                   [label.better for label in labels], kind, best, scale)

    def __len__(self) -> int:
        return 1 + len(self.labels)

    def column(self, label: str) -> int:
        """Return the input that holds a label."""
        return 1 + list(self.labels).index(label)

    def encode(self, returns: Tensor, labels: Mapping[str, Tensor]) -> Tensor:
        """Return conditions (B, Q), float32, from returns (B,) and label values, each (B,); missing labels become 0."""
        columns = [self._encoded_return(returns)]
        for place, name in enumerate(self.labels):
            value = labels.get(name)
            columns.append(torch.zeros_like(columns[0]) if value is None else self.score(place, value))
        return torch.stack(columns, dim=1)

    def score(self, place: int, values: Tensor) -> Tensor:
        """Return the scores, float32, of values (any shape) of the label at a place; beyond the knots the outermost
        slopes go on.
        """
        return on_scale(values, self.knots[place], self.scores[place])

    def _encoded_return(self, returns: Tensor) -> Tensor:
        if self.returns is None:
            return encode_return(returns)
        return on_scale(returns.nan_to_num(nan=0.0), *self.returns).where(~returns.isnan(), 0.0)

    def in_training(self, conditions_BQ: Tensor, others_BQ: Tensor) -> Tensor:
        """Return the network's conditions (B, Q) of trajectories in training.

        Args:
            conditions_BQ: encoded return and achieved labels.
            others_BQ: those of other trajectories, from which hindsight draws its thresholds.
        """
        if self.kind == "achieved":
            return conditions_BQ
        lower = torch.tensor([better == "lower" for better in self.better], device=conditions_BQ.device)
        value, other = conditions_BQ[:, 1:], others_BQ[:, 1:]
        if self.kind == "hindsight":
            labels = torch.where(lower, torch.maximum(value, other), torch.minimum(value, other))
        else:
            labels = torch.where(lower, -value, value).sign()
        return torch.cat([conditions_BQ[:, :1], labels], dim=1)

    def request(self, returns: Tensor, constraints: Sequence[Constraint], condition_mask: Tensor | None = None,
                margins: Tensor | None = None) -> ConditionInput:
        """Return what the network is asked for.

        Args:
            returns: (B,) wanted normalised returns, lowered to what is reachable; NaN hides the return.
            constraints: the request; a label bounded from both sides is conditioned on the last bound in use.
            condition_mask: (B, number of constraints) bool, those in use; all where None.
            margins: (B,) how much tighter than the threshold to ask for, in scores; 0 where None.
        """
        values = self.encode(returns if self.reachable is None else returns.clamp_max(self.reachable), {})
        mask = torch.zeros_like(values, dtype=torch.bool)
        mask[:, 0] = ~returns.isnan()
        for number, constraint in enumerate(constraints):
            column = self.column(constraint.label)
            use = (mask.new_ones(len(returns)) if condition_mask is None
                   else condition_mask[:, number].to(mask.device))
            values[:, column] = torch.where(use, self._wanted(column, constraint, values, margins), values[:, column])
            mask[:, column] |= use
        return ConditionInput(values, mask)

    def _wanted(self, column: int, constraint: Constraint, like: Tensor, margins: Tensor | None) -> Tensor:
        """Return what one constraint puts into its label's input, (B,)."""
        if self.kind == "one_hot":
            good = constraint.upper == (self.better[column - 1] == "lower")
            return like.new_full((len(like),), 1.0 if good else -1.0)
        wanted = self.score(column - 1, like.new_full((len(like),), constraint.threshold, dtype=torch.float64))
        if margins is not None:
            wanted = wanted + margins.to(wanted) * (-1.0 if constraint.upper else 1.0)
        return wanted.clamp(-CLIP, CLIP)

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values; `from_json` builds the same conditions again."""
        limit = {} if self.reachable is None else {"reachable": self.reachable, "returns": self.returns}
        return {"labels": list(self.labels), "knots": list(map(list, self.knots)),
                "scores": list(map(list, self.scores)), "better": list(self.better), "kind": self.kind, **limit}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Conditions:
        """Build the conditions from `to_json`'s values, or from the mean and standard deviation of earlier models."""
        if "knots" in values:
            return cls(**values)
        knots = [[mean - std, mean + std] for mean, std in zip(values["mean"], values["std"], strict=True)]
        better = values.get("better", ["lower"] * len(knots))
        return cls(values["labels"], knots, [[-1.0, 1.0]] * len(knots), better, values.get("kind", "achieved"))


def on_scale(values: Tensor, knots: Sequence[float], scores: Sequence[float]) -> Tensor:
    """Return the scores, float32, of values (any shape) on a piecewise-linear scale; see `Conditions.score`."""
    knot, score = (torch.tensor(scale, dtype=torch.float64, device=values.device) for scale in (knots, scores))
    after = torch.searchsorted(knot, values.double().contiguous()).clamp(1, len(knot) - 1)
    share = (values - knot[after - 1]) / (knot[after] - knot[after - 1])
    return (score[after - 1] + share * (score[after] - score[after - 1])).clamp(-CLIP, CLIP).float()


def scale_of(values: Tensor) -> tuple[list[float], list[float]]:
    """Return increasing knots and their scores for a label's values (B,): quantiles, and standard normal quantiles.

    A value that many trajectories share gets the mean of its quantiles' scores. A constant label gets scores that grow
    by one a unit.
    """
    levels = (torch.arange(QUANTILES, dtype=torch.float64) + 0.5) / QUANTILES
    quantiles = torch.quantile(values.double(), levels.to(values.device)).cpu()
    normal = torch.special.ndtri(levels)
    knots, place = torch.unique(quantiles, return_inverse=True)
    scores = torch.zeros_like(knots).index_add(0, place, normal) / torch.bincount(place)
    if len(knots) == 1:
        return [float(knots[0]) - 1, float(knots[0]) + 1], [-1.0, 1.0]
    return knots.tolist(), scores.tolist()
