"""What a trajectory is conditioned on: the normalised return it earns and the label values its design has.

A request shows the network the return it wants and, for labels it bounds, the threshold in place of the achieved value.
Two other readings of a label's input exist for comparison: a threshold the design meets (hindsight), and the side of a
fixed threshold it lies on (the one-hot of Huang et al. 2023).

Axes: B batch, Q conditions (the return first, then every label of the scenario).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from aign.scenarios.constraints import Constraint, Label

RETURN = "return_normalised"
LEAST_GAP, GREATEST_GAP = 5e-4, 2.0
CLIP = 4.0
"""Standard scores beyond this are clipped: a request far outside the data asks for the edge of the data."""
LEAST_SPREAD = 1e-6


def encode_return(normalised: Tensor) -> Tensor:
    """Map a normalised return to -log10(1 - return) / 1.5, from about -0.2 to 2.2; NaN, a hidden return, to 0.

    The logarithm of the gap tells 0.99 from 0.998, which is all that matters near the optimum; returns better than
    1 - LEAST_GAP or worse than 1 - GREATEST_GAP are not told apart.
    """
    return (-(1.0 - normalised).clamp(LEAST_GAP, GREATEST_GAP).log10().float() / 1.5).nan_to_num(nan=0.0)


@dataclass(frozen=True)
class Conditions:
    """Names and statistics of the label conditions; travels as JSON inside the model folder.

    Attributes:
        labels: names in the order of the network's inputs, after the return.
        mean, std: statistics of each label over the training split.
        better: "lower" or "higher" for each label.
        kind: "achieved", "hindsight" or "one_hot"; see `TrainSettings.condition`.
    """

    labels: Sequence[str]
    mean: Sequence[float]
    std: Sequence[float]
    better: Sequence[str]
    kind: str = "achieved"

    @classmethod
    def fit(cls, labels: Sequence[Label], values: Mapping[str, Tensor], kind: str = "achieved") -> Conditions:
        """Take statistics from label values, each (B,), of the training split."""
        columns = [values[label.name].double() for label in labels]
        spread = [float(column.std(correction=0)) for column in columns]
        std = [value if value > LEAST_SPREAD else 1.0 for value in spread]
        return cls([label.name for label in labels], [float(column.mean()) for column in columns], std,
                   [label.better for label in labels], kind)

    def __len__(self) -> int:
        return 1 + len(self.labels)

    def column(self, label: str) -> int:
        """Return the input that holds a label."""
        return 1 + list(self.labels).index(label)

    def encode(self, returns: Tensor, labels: Mapping[str, Tensor]) -> Tensor:
        """Return conditions (B, Q), float32, from returns (B,) and label values, each (B,); missing labels become 0."""
        columns = [encode_return(returns)]
        for name, mean, std in zip(self.labels, self.mean, self.std, strict=True):
            value = labels.get(name)
            score = torch.zeros_like(columns[0]) if value is None else ((value - mean) / std).clamp(-CLIP, CLIP)
            columns.append(score.float())
        return torch.stack(columns, dim=1)

    def in_training(self, conditions_BQ: Tensor, others_BQ: Tensor) -> Tensor:
        """Return what the network sees of trajectories (B, Q) in training.

        Args:
            conditions_BQ: encoded return and achieved labels.
            others_BQ: those of other trajectories, from which hindsight draws its thresholds.
        """
        if self.kind == "achieved":
            return conditions_BQ
        lower = torch.tensor([better == "lower" for better in self.better], device=conditions_BQ.device)
        value, other = conditions_BQ[:, 1:], others_BQ[:, 1:]
        if self.kind == "hindsight":
            seen = torch.where(lower, torch.maximum(value, other), torch.minimum(value, other))
        else:
            seen = torch.where(lower, -value, value).sign()
        return torch.cat([conditions_BQ[:, :1], seen], dim=1)

    def request(self, returns: Tensor, constraints: Sequence[Constraint], shown: Tensor | None = None,
                margins: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return conditions (B, Q) and which of them the network may see (B, Q).

        Args:
            returns: (B,) wanted normalised returns; NaN hides the return.
            constraints: the request; a label bounded from both sides is conditioned on the last bound shown.
            shown: (B, number of constraints) bool; all where None.
            margins: (B,) how much tighter than the threshold to ask for, in standard deviations; 0 where None.
        """
        encoded = self.encode(returns, {})
        visible = torch.zeros_like(encoded, dtype=torch.bool)
        visible[:, 0] = ~returns.isnan()
        for number, constraint in enumerate(constraints):
            column = self.column(constraint.label)
            use = visible.new_ones(len(returns)) if shown is None else shown[:, number].to(visible.device)
            encoded[:, column] = torch.where(use, self._asked(column, constraint, encoded, margins),
                                             encoded[:, column])
            visible[:, column] |= use
        return encoded, visible

    def _asked(self, column: int, constraint: Constraint, like: Tensor, margins: Tensor | None) -> Tensor:
        """Return what one constraint puts into its label's input, (B,)."""
        below = constraint.sense.startswith("<")
        if self.kind == "one_hot":
            return like.new_full((len(like),), 1.0 if below == (self.better[column - 1] == "lower") else -1.0)
        score = (constraint.threshold - self.mean[column - 1]) / self.std[column - 1]
        asked = like.new_full((len(like),), score)
        if margins is not None:
            asked = asked + margins.to(asked) * (-1.0 if below else 1.0)
        return asked.clamp(-CLIP, CLIP)

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values; `from_json` builds the same conditions again."""
        return {"labels": list(self.labels), "mean": list(self.mean), "std": list(self.std),
                "better": list(self.better), "kind": self.kind}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Conditions:
        """Build the conditions from `to_json`'s values."""
        return cls(**values)
