"""Utility and labels of power-allocation designs, computed from their rates; only the labels asked for.

Axes: B networks, N users.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import torch
from torch import Tensor

from aign.scenarios.core.constraints import Label
from aign.scenarios.power_allocation import physics
from aign.scenarios.power_allocation.physics import Utility

LABELS = (
    Label("total_power", "level", "lower", "Sum of all users' power levels.",
          ("total power", "sum of powers", "sum of all power levels", "total power level", "overall power",
           "overall power consumption", "total power consumption", "power consumption", "in total", "total",
           "altogether", "overall", "all together", "power", "power level", "level", "send", "spend", "green")),
    Label("max_power", "level", "lower", "Highest power level of any user.",
          ("highest power of any user", "highest power", "largest power", "maximum power", "peak power", "user<=",
           "each user<=", "every user<=", "any user<=", "single user<=", "power of each user", "power", "power level",
           "level", "send")),
    Label("min_rate", "Mbit/s", "higher", "Shannon rate of the worst user.",
          ("rate of the worst user", "worst user's rate", "minimum rate", "lowest rate", "worst rate", "least rate",
           "rate of the weakest user", "weakest user's rate", "rate of each user", "user's rate", "worst user",
           "weakest user", "user>=", "each user>=", "every user>=", "any user>=", "single user>=", "rate?",
           "data rate?", "throughput?"),
          (("kbit/s", 1e-3), ("Gbit/s", 1e3), ("kbps", 1e-3), ("Mbps", 1.0), ("Gbps", 1e3), ("Mb/s", 1.0))),
    Label("min_sinr_db", "dB", "higher", "SINR of the worst user; -100 dB where silent.",
          ("SINR of the worst user", "worst user's SINR", "minimum SINR", "min SINR", "lowest SINR", "SINR",
           "worst user", "weakest user", "user>=", "each user>=", "every user>=", "any user>="), (("decibel", 1.0),)),
    Label("jain_fairness", "1", "higher", "Jain's index of the rates: 1/N (one user has all) to 1 (all equal).",
          ("fairness", "Jain fairness", "Jain's index", "Jain", "fairness index", "Jain's fairness index", "fair"),
          (("%", 0.01),)),
    Label("energy_efficiency", "Mbit/s/level", "higher", "Sum of rates per power level spent; 0 where nobody sends.",
          ("energy efficiency", "energy efficient", "efficiency", "efficient"),
          (("Mbit/s per level", 1.0), ("Mbit/s per power level", 1.0))),
)
WHOLE = frozenset({"total_power", "max_power"})
NAMES = tuple(label.name for label in LABELS)


@dataclass(frozen=True)
class Uplink:
    """The users of a variant and what they are worth: all that certificates, searches and pictures ask of a scenario.

    Attributes:
        users: N.
        kind: the utility's revenue.
    """

    users: int
    kind: Utility

    def admissible(self, designs: Tensor) -> Tensor:
        """Return whole levels within 0..P_MAX."""
        return designs.round().clamp(0, physics.P_MAX)

    def utility(self, contexts: Tensor, designs: Tensor) -> Tensor:
        """Return the utility (B,) of designs (B, N); see `physics.utility`."""
        return physics.utility(contexts, designs, self.kind)

    def measure(self, contexts: Tensor, designs: Tensor, names: Collection[str] = NAMES) -> dict[str, Tensor]:
        """Return the labels named, each float64 (B,), of designs (B, N)."""
        ratio = physics.sinr(contexts, designs)
        return _values(designs, ratio, physics.shannon(ratio), names)

    def assess(self, contexts: Tensor, designs: Tensor,
               names: Collection[str]) -> tuple[dict[str, Tensor], Tensor]:
        """Return the labels named and the utility (B,), with the rates computed once."""
        ratio = physics.sinr(contexts, designs)
        rate = physics.shannon(ratio)
        values = _values(designs, ratio, rate, names)
        return values, physics.worth(rate, designs, self.kind)


def _values(designs: Tensor, ratio: Tensor, rate: Tensor, names: Collection[str]) -> dict[str, Tensor]:
    total = designs.double().sum(dim=1)
    result = {}
    for name in names:
        if name == "total_power":
            result[name] = total
        elif name == "max_power":
            result[name] = designs.double().amax(dim=1)
        elif name == "min_rate":
            result[name] = rate.amin(dim=1)
        elif name == "min_sinr_db":
            result[name] = physics.decibels(ratio.amin(dim=1))
        elif name == "jain_fairness":
            users = designs.shape[1]
            squares = (rate**2).sum(dim=1) * users
            result[name] = torch.where(squares > 0, rate.sum(dim=1) ** 2 / squares.clamp_min(1e-300), 1.0 / users)
        else:
            result[name] = torch.where(total > 0, rate.sum(dim=1) / total.clamp_min(1.0), 0.0)
    return result
