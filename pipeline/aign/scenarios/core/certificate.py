"""What is known for sure about a request: how good a design can be, and whether there is any.

Axes: B contexts, X design values.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

import torch
from torch import Tensor

from aign.scenarios.core.constraints import Constraint


class CertificateKind(Enum):
    """What the utility of a certificate is, from what proves least to what proves most; the value is how it prints."""

    BEST_KNOWN = "best known"
    """The utility of the best design known: nothing is proven of others."""
    UPPER_BOUND = "upper bound"
    """No design that meets the constraints has a higher utility."""
    EXHAUSTIVE = "exhaustive search"
    """The optimum: every design was considered."""

    def __str__(self) -> str:
        return self.value

    @property
    def strength(self) -> int:
        """How much it proves: 0 is nothing."""
        return list(CertificateKind).index(self)

    @property
    def is_bound(self) -> bool:
        """Whether no design that meets the constraints has a higher utility."""
        return self is not CertificateKind.BEST_KNOWN


@dataclass(frozen=True, slots=True)
class Certificate:
    """What is known for sure about the best design of each context.

    Attributes:
        utility: (B,) upper bound on the utility of any design that meets the constraints; equal to the optimum where
            the search was exhaustive; of the kind BEST_KNOWN the utility of `design`, no bound; NaN where there is
            neither.
        design: (B, X) the best design found; it meets the constraints where `feasible`.
        feasible: (B,) whether a design is known that meets the constraints.
        kind: what the utility is.
        statement: one sentence that says what the certificate proves, and under which premises.
        prices: (B,) shadow price of each constraint: utility gained by one more unit of its threshold.
        impossible: (B,) whether it is proven that no design meets the constraints; None where everything that is not
            `feasible` is impossible, unless the kind is BEST_KNOWN, which proves nothing.
        conditional: whether the utility bounds only some of the designs, which the statement names.

    Raises:
        TypeError: the kind is no `CertificateKind`; a text would compare as unequal to every kind.
    """

    utility: Tensor
    design: Tensor
    feasible: Tensor
    kind: CertificateKind
    statement: str
    prices: Mapping[Constraint, Tensor] = field(default_factory=dict)
    impossible: Tensor | None = None
    conditional: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.kind, CertificateKind):
            raise TypeError(f"kind: given {self.kind!r}; allowed: {', '.join(map(str, CertificateKind.__members__))} "
                            "of CertificateKind.")

    @property
    def proven_infeasible(self) -> Tensor:
        """(B,) whether it is proven that no design meets the constraints."""
        if self.impossible is not None:
            return self.impossible
        return ~self.feasible if self.kind.is_bound else torch.zeros_like(self.feasible)

    @property
    def strength(self) -> tuple[int, bool]:
        """How much it proves, for comparison with others: first by kind, then whether of all designs."""
        return self.kind.strength, not self.conditional


@dataclass(frozen=True, slots=True)
class Feasibility:
    """What is known about whether each context has a design that meets a request; neither flag means: unknown.

    Attributes:
        known: (B,) a design is known that meets it: the witness.
        impossible: (B,) proven that there is none.
        witness: (B, X) designs; they meet the request where `known`.
    """

    known: Tensor
    impossible: Tensor
    witness: Tensor

    @property
    def unknown(self) -> Tensor:
        """(B,) no design was found, and none is proven not to exist."""
        return ~(self.known | self.impossible)
