"""What a request asks of the assignment, in the form in which the certificate can enforce it.

Axes: N users.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from aign.scenarios.core.constraints import Constraint, Side, tightest

FILTERED: tuple[Side, ...] = (("max_delay", "<="), ("server_load", "<="))
"""Limits that hold of every server's users, and of fewer of them all the more: they rule out sets."""
COUNTED: tuple[Side, ...] = (("late_users", "<="), ("on_time", ">="), ("offloaded", "<="), ("offloaded", ">="))
"""Limits on the number of users of some kind: a row each."""
SUMMED: tuple[Side, ...] = (("energy", "<="),)
CHECKED: tuple[Side, ...] = (("cost", "<="),)
"""Met by the cheapest design, or by none."""
SOLVED = FILTERED + COUNTED + SUMMED + CHECKED


@dataclass(frozen=True)
class Limits:
    """A request in numbers.

    Attributes:
        users: N.
        delay: [s], of every user.
        load: of every server.
        energy: [J], of all users.
        late: users who may be late.
        fewest, most: users who may offload.
        ignored: constraints that are only checked.
    """

    users: int
    delay: float
    load: float
    energy: float
    late: int
    fewest: int
    most: int
    ignored: tuple[Constraint, ...]

    @classmethod
    def of(cls, constraints: Sequence[Constraint], users: int) -> Limits:
        """Return the limits that constraints come to among N users."""
        counts = torch.arange(users + 1, dtype=torch.float64)
        late = _allowed(constraints, "late_users", counts) & _allowed(constraints, "on_time", 1 - counts / users)
        offloaded = _allowed(constraints, "offloaded", counts / users).nonzero()[:, 0].tolist()
        return cls(users, tightest(constraints, ("max_delay", "<=")), tightest(constraints, ("server_load", "<=")),
                   tightest(constraints, ("energy", "<=")), int(late.cummin(0).values.sum()) - 1,
                   min(offloaded, default=users + 1), max(offloaded, default=-1),
                   tuple(constraint for constraint in constraints if constraint.side not in SOLVED))

    @property
    def only_energy_and_count(self) -> bool:
        """Whether nothing is asked of users' delays nor of any server alone."""
        return self.late == self.users and self.delay == self.load == torch.inf


def _allowed(constraints: Sequence[Constraint], label: str, values: torch.Tensor) -> torch.Tensor:
    """Return which values of a label the solved constraints on it allow."""
    allowed = torch.ones(len(values), dtype=torch.bool)
    for constraint in constraints:
        if constraint.label == label and constraint.side in SOLVED:
            allowed &= constraint.holds(values)
    return allowed
