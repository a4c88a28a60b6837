"""The published constants, and how a network counts (Liang et al. 2024, section V)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

CYCLES_PER_BIT = 3000.0
SERVER_SPEED = 33.6e9
"""F [Hz]."""
TRANSMIT_POWER, IDLE_POWER = 0.3, 0.15
"""P_t while a user sends, P_I while it waits for the result [W]."""
KAPPA = 1e-28
"""Effective capacitance of a user's processor."""
BANDWIDTH = 8e7
"""B [Hz]."""
NOISE = 7.96159e-13
"""N0 [W]."""
ROUNDING = 1e-9
"""Relative excess of a delay over its limit that is rounding: a least share is met exactly, its delay only nearly."""

Energy = Literal["published", "cycles"]
Interference = Literal["published", "active"]


@dataclass(frozen=True)
class Semantics:
    """How a network counts.

    Attributes:
        energy: local energy kappa f^2 s as published, or kappa f^2 c.
        interference: published: every link of the server counts, idle ones and the user's too; active: those who send
            to it, without the user.
        deadline: [s], after which a task is late.
        guarantee: whether servers give each user who can be on time its least share.
    """

    energy: Energy = "published"
    interference: Interference = "published"
    deadline: float = 2.0
    guarantee: bool = False


def rates(power: Tensor, interference: Tensor) -> Tensor:
    """Return r [bit/s] for squared gains among a sum of squared gains, both with unit transmit power P_t."""
    ratio = TRANSMIT_POWER * power / (NOISE + TRANSMIT_POWER * interference)
    return BANDWIDTH / math.log(2.0) * torch.log1p(ratio)
