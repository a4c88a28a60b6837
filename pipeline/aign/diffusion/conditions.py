"""What a trajectory is conditioned on: the normalised return it earns and the label values its design has.

A request shows the network the return it wants and, for labels it bounds, the threshold in place of the achieved value.

Axes: B batch, Q conditions (the return first, then every label of the scenario).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from aign.scenarios.constraints import Constraint

RETURN = "return_normalised"
LEAST_GAP, GREATEST_GAP = 5e-4, 2.0
CLIP = 4.0
"""Standard scores beyond this are clipped: a request far outside the data asks for the edge of the data."""
LEAST_SPREAD = 1e-6


def encode_return(normalised: Tensor) -> Tensor:
    """Map a normalised return to -log10(1 - return) / 1.5, from about -0.2 to 2.2.

    The logarithm of the gap tells 0.99 from 0.998, which is all that matters near the optimum; returns better than
    1 - LEAST_GAP or worse than 1 - GREATEST_GAP are not told apart.
    """
    return -(1.0 - normalised).clamp(LEAST_GAP, GREATEST_GAP).log10().float() / 1.5


@dataclass(frozen=True)
class Conditions:
    """Names and statistics of the label conditions; travels as JSON inside the model folder.

    Attributes:
        labels: names in the order of the network's inputs, after the return.
        mean, std: statistics of each label over the training split.
    """

    labels: Sequence[str]
    mean: Sequence[float]
    std: Sequence[float]

    @classmethod
    def fit(cls, labels: Mapping[str, Tensor]) -> Conditions:
        """Take statistics from label values, each (B,), of the training split."""
        values = [value.double() for value in labels.values()]
        spread = [float(value.std(correction=0)) for value in values]
        std = [value if value > LEAST_SPREAD else 1.0 for value in spread]
        return cls(list(labels), [float(value.mean()) for value in values], std)

    def __len__(self) -> int:
        return 1 + len(self.labels)

    def encode(self, returns: Tensor, labels: Mapping[str, Tensor]) -> Tensor:
        """Return conditions (B, Q), float32, from returns (B,) and label values, each (B,); missing labels become 0."""
        columns = [encode_return(returns)]
        for name, mean, std in zip(self.labels, self.mean, self.std, strict=True):
            value = labels.get(name)
            score = torch.zeros_like(columns[0]) if value is None else ((value - mean) / std).clamp(-CLIP, CLIP)
            columns.append(score.float())
        return torch.stack(columns, dim=1)

    def request(self, returns: Tensor, constraints: Sequence[Constraint],
                shown: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return conditions (B, Q) and which of them the network may see (B, Q).

        Args:
            returns: (B,) wanted normalised returns.
            constraints: the request; a label bounded from both sides is conditioned on the last bound shown.
            shown: (B, number of constraints) bool; all where None.
        """
        encoded = self.encode(returns, {})
        visible = torch.zeros_like(encoded, dtype=torch.bool)
        visible[:, 0] = True
        for number, constraint in enumerate(constraints):
            column = 1 + list(self.labels).index(constraint.label)
            score = (constraint.threshold - self.mean[column - 1]) / self.std[column - 1]
            use = visible.new_ones(len(returns)) if shown is None else shown[:, number].to(visible.device)
            encoded[use, column] = max(-CLIP, min(CLIP, score))
            visible[use, column] = True
        return encoded, visible

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values; `from_json` builds the same conditions again."""
        return {name: list(values) for name, values in asdict(self).items()}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Conditions:
        """Build the conditions from `to_json`'s values."""
        return cls(**values)
