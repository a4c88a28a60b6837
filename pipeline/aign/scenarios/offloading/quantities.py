"""Networks in the quantities that decide: what each user costs locally, and what sending to each server takes.

Axes: B networks, N users, M servers; servers are numbered from 1, column 0 is local. All values float64.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Self

import torch
from torch import Tensor

from aign.scenarios.offloading.semantics import (
    CYCLES_PER_BIT,
    IDLE_POWER,
    KAPPA,
    ROUNDING,
    SERVER_SPEED,
    TRANSMIT_POWER,
    Semantics,
    rates,
)


@dataclass(frozen=True, eq=False)
class Quantities:
    """B networks in the quantities that decide what a choice costs.

    Attributes:
        semantics: how they count.
        weight: (B, N) alpha.
        cycles: (B, N) c.
        bits: (B, N) s.
        local_delay, local_energy, local_cost: (B, N) of computing locally.
        root: (B, N) sqrt(w).
        power: (B, N, M + 1) squared gain to each server; 0 out of reach, and in column 0.
        upload: (B, N, M + 1) s / r [s] with the published interference; infinite out of reach, 0 in column 0.
        departure: (B, N, M + 1) [s], when a user leaves the server's coverage; infinite where it stays.
    """

    semantics: Semantics
    weight: Tensor
    cycles: Tensor
    bits: Tensor
    local_delay: Tensor
    local_energy: Tensor
    local_cost: Tensor
    root: Tensor
    power: Tensor
    upload: Tensor
    departure: Tensor

    @classmethod
    def read(cls, semantics: Semantics, bits: Tensor, speed: Tensor, weight: Tensor, gain: Tensor,
             departure: Tensor | None = None) -> Self:
        """Return networks from tasks [bit], speeds [Hz] and weights (B, N), amplitude gains (B, N, M), 0 where a server
        is out of reach, and when users leave coverage (B, N, M) [s], never where None.
        """
        cycles = CYCLES_PER_BIT * bits
        delay = cycles / speed
        energy = KAPPA * speed.square() * (bits if semantics.energy == "published" else cycles)
        power = torch.nn.functional.pad(gain.square(), (1, 0))
        rate = rates(power, power.sum(1, keepdim=True))
        upload = (bits[:, :, None] / rate).where(power > 0, torch.inf)
        upload[:, :, 0] = 0.0
        stay = torch.full_like(power, torch.inf)
        if departure is not None:
            stay[:, :, 1:] = departure
        root = ((weight + (1 - weight) * IDLE_POWER) * cycles / SERVER_SPEED).sqrt()
        return cls(semantics, weight, cycles, bits, delay, energy, weight * delay + (1 - weight) * energy, root, power,
                   upload, stay)

    def __len__(self) -> int:
        return len(self.weight)

    @property
    def in_closed_form(self) -> bool:
        """Whether a server costs A^2 plus what each of its users costs alone."""
        return self.semantics.interference == "published" and not self.semantics.guarantee and bool(
            self.departure.isinf().all())

    @property
    def upload_cost(self) -> Tensor:
        """(B, N, M + 1) cost of uploading with the published interference; infinite out of reach, 0 in column 0."""
        return (self.weight + (1 - self.weight) * TRANSMIT_POWER)[:, :, None] * self.upload

    def take(self, rows: Tensor) -> Self:
        """Return the networks of some rows (R,)."""
        return replace(self, **self._tensors(lambda value: value[rows]))

    def members(self, rows: Tensor, users: Tensor, server: Tensor) -> Self:
        """Return R networks of one server each: users (R, D) at a server (R,) of the network in a row (R,)."""
        def chosen(value: Tensor) -> Tensor:
            if value.ndim == 2:
                return value[rows[:, None], users]
            picked = value[rows[:, None], users, server[:, None]]
            return torch.stack([value[rows[:, None], users, 0], picked], dim=2)
        return replace(self, **self._tensors(chosen))

    def sums(self, server: Tensor, values: Tensor) -> Tensor:
        """Return the sum of values (B, N) at each server, (B, M + 1); column 0 is that of local users."""
        total = values.new_zeros(len(server), self.power.shape[2])
        return total.scatter_add(1, server, values)

    def late(self, delay: Tensor) -> Tensor:
        """Return whether delays are after the deadline."""
        return delay > self.semantics.deadline * (1 + ROUNDING)

    def _tensors(self, change: Callable[[Tensor], Tensor]) -> dict[str, Any]:
        return {name: change(value) for name, value in vars(self).items() if isinstance(value, Tensor)}
