"""Rate utility as a smooth function of continuous powers, for many starting points of many networks at once.

U(p) = sum_i alpha B log2(1 + SINR_i) - c sum_i p_i. With T_i what user i's base station receives in all, noise
included, and I_i = T_i - g_i p_i, the rate is log(T_i / I_i), and every sum over interferers is a sum over base
stations: O(N M) an evaluation.

Axes: B networks, K starting points, N users, M base stations.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from aign.scenarios.core.capped_simplex import nearest_within
from aign.scenarios.power_allocation.physics import BANDWIDTH, P_MAX, POWER_PRICE, REVENUE, gain_matrix
from aign.scenarios.power_allocation.requirements import Requirements, requirements

SLOPE = REVENUE * BANDWIDTH / math.log(2.0)
"""Revenue per nat of sum log(1 + SINR)."""
PRICE = POWER_PRICE / SLOPE
"""Cost of a power level in nats."""


@dataclass(frozen=True)
class RateProblem:
    """B networks with what a request demands of their designs.

    Attributes:
        contexts: (B, C) as the scenario gives them.
        gains: (B, N, M) float64.
        serving_gain, serving: (B, N) gain at the base station that serves each user, and its index.
        served: (B, N, M) one-hot form of `serving`, float64.
        needs: cap and budget bound the continuous search; the SINR target only the rounding and the polishing.
    """

    contexts: Tensor
    gains: Tensor
    serving_gain: Tensor
    serving: Tensor
    served: Tensor
    needs: Requirements

    @classmethod
    def of(cls, contexts: Tensor, users: int, needs: Requirements | None = None) -> RateProblem:
        """Build the problem for contexts (B, N*M)."""
        gains = gain_matrix(contexts, users)
        serving_gain, serving = gains.max(dim=2)
        served = torch.nn.functional.one_hot(serving, gains.shape[2]).to(gains.dtype)
        return cls(contexts, gains, serving_gain, serving, served, needs or requirements((), users))

    def __len__(self) -> int:
        return len(self.gains)

    def take(self, rows: Tensor) -> RateProblem:
        """Return the networks at the given rows."""
        return RateProblem(self.contexts[rows], self.gains[rows], self.serving_gain[rows], self.serving[rows],
                           self.served[rows], self.needs)

    def at_stations(self, values: Tensor) -> Tensor:
        """Spread values of base stations (B, K, M) to the users they serve (B, K, N)."""
        return values.gather(2, self.serving[:, None].expand(-1, values.shape[1], -1))

    def received(self, powers: Tensor) -> tuple[Tensor, Tensor]:
        """Return each user's signal and all its base station receives, noise included, both (B, K, N)."""
        return self.serving_gain[:, None] * powers, self.at_stations(powers @ self.gains) + 1.0

    def utility(self, powers: Tensor) -> Tensor:
        """Return U (B, K) of powers (B, K, N) >= 0."""
        signal, total = self.received(powers)
        return SLOPE * (total / (total - signal)).log().sum(dim=2) - POWER_PRICE * powers.sum(dim=2)

    def gradient(self, powers: Tensor) -> Tensor:
        """Return dU/dp (B, K, N): g_k / T_k - sum_{j != k} g_{k, b(j)} (1 / I_j - 1 / T_j) - c."""
        signal, total = self.received(powers)
        interference = total - signal
        harm = (1.0 / interference - 1.0 / total) @ self.served
        # The sum over j takes in user k itself, whose own term turns g / I into the true g / T.
        return SLOPE * (self.serving_gain[:, None] / interference - harm @ self.gains.transpose(1, 2) - PRICE)

    def valued(self, levels: Tensor) -> Tensor:
        """Return the utility (B, K) of whole levels (B, K, N); -inf where they do not meet cap, budget and target."""
        signal, total = self.received(levels)
        fits = (levels <= self.needs.cap).all(dim=2) & (levels.sum(dim=2) <= self.needs.budget)
        fits &= (signal >= self.needs.target * (total - signal)).all(dim=2)
        return torch.where(fits, self.utility(levels), -torch.inf)

    def within(self, powers: Tensor) -> Tensor:
        """Return the nearest powers (B, K, N) within cap and budget."""
        cap = float(max(self.needs.cap, 0))
        boxed = powers.clamp(0.0, cap)
        if self.needs.budget >= cap * powers.shape[2]:
            return boxed
        over = boxed.sum(dim=2) > self.needs.budget
        if bool(over.any()):
            boxed[over] = nearest_within(powers[over], self.needs.budget, cap)
        return boxed

    def starts(self, count: int, generator: torch.Generator) -> Tensor:
        """Draw starting points (B, K, N): a third uniform powers, the rest on/off with a random share of users on.

        On/off because optima of rate utility mostly are (binary power control, Gjendemsjo et al. 2008).
        """
        shape = (len(self), count, self.serving_gain.shape[1])
        uniform = torch.rand(shape, generator=generator, dtype=torch.float64)
        share = torch.rand(*shape[:2], 1, generator=generator, dtype=torch.float64)
        switched = (torch.rand(shape, generator=generator, dtype=torch.float64) < share).double()
        level = torch.where((torch.arange(count) % 3 == 0)[None, :, None], uniform, switched)
        # Silent users stay silent in multiplicative methods: start them low, not at zero.
        return self.within((level.clamp_min(0.01) * min(self.needs.cap, P_MAX)).to(self.gains.device))
