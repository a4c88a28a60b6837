"""The leader: an edge server that pays devices to take layers off it.

Its utility is F - sum_n P_n L_n - beta sum_n A (L_MAX - L_n): a fixed revenue, less what it pays, less what computing
the remaining layers costs it. A payment budget is kept by settlement: where the answers to the offered prices would
cost more, all prices are lowered by the largest common factor at which they do not.

Axes: B networks, N devices, M prices tried at once; see `followers`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from aign.scenarios.core.constraints import Label
from aign.scenarios.stackelberg.followers import L_MAX, LAYER_COST, Devices

PRICE_LOW, PRICE_HIGH = 0.01, 2.0
"""Prices a leader may set [1/layer]; at the lowest no device computes anything."""
HALVINGS = 32
"""Steps of bisections between prices: 2 / 2^32 is less than float32 numbers tell apart from the lowest price on."""

LABELS = (Label("payment", "1", "lower", "What the leader pays to all devices.",
                ("payment", "total payment", "pay", "spend", "spending", "cheap")),
          Label("offload_ratio", "1", "higher", "Share of all layers that devices compute.",
                ("offload ratio", "share of layers offloaded", "layers offloaded", "offloaded layers", "offload",
                 "offload layers", "offload of the layers", "layers", "all layers", "devices take layers",
                 "devices compute layers", "devices"), (("%", 0.01),)),
          Label("max_price", "1/layer", "lower", "Largest price per layer.",
                ("highest price", "largest price", "maximum price", "price", "price per layer",
                 "highest price per layer"),
                (("per layer", 1.0),)),
          Label("fairness", "1", "higher", "Jain's index of the devices' layers; 1 where nobody computes anything.",
                ("fairness", "Jain fairness", "Jain's index", "Jain", "fair"), (("%", 0.01),)),
          Label("profit", "1", "higher", "The leader's utility, its fixed revenue included.",
                ("profit", "profitable", "server earns", "earn", "earning")),
          Label("participation", "1", "higher", "Share of devices that compute anything beyond the embedding.",
                ("participation", "devices take part", "devices taking part", "take part", "taking part", "participate",
                 "devices participate", "participating devices", "devices", "all devices take part>=1",
                 "every device takes part>=1", "all devices participate>=1", "every device participates>=1"),
                (("%", 0.01),)))


@dataclass(frozen=True, eq=False)
class Game:
    """One leader and its followers.

    Attributes:
        devices: the followers.
        cost: (B, 1) beta, what the leader's own computing costs it [1/GMAC].
        budget: (B, 1) most it may pay; infinite where there is no budget.
        revenue: F.
    """

    devices: Devices
    cost: Tensor
    budget: Tensor
    revenue: float

    def repeated(self, count: int) -> Game:
        """Return the game of one network (B = 1) `count` times."""
        devices = self.devices
        return replace(self, cost=self.cost.expand(count, -1), budget=self.budget.expand(count, -1), devices=replace(
            devices, power=devices.power.expand(count, -1), taste=devices.taste.expand(count, -1)))

    def played(self, prices: Tensor) -> tuple[Tensor, Tensor]:
        """Return prices (B, X) as settled, (B, X, 1), and the layers (B, N, 1) that answer them."""
        offered = self.settle(prices).double()[:, :, None]
        return offered, self.devices.respond(offered)

    def answered(self, prices: Tensor) -> Tensor:
        """Return the state (B, X + N), float32: prices within bounds and budget, and the devices' answers."""
        offered, layers = self.played(prices)
        return torch.cat([offered, layers / L_MAX], 1)[:, :, 0].float()

    def utility(self, prices: Tensor) -> Tensor:
        """Return the leader's utility (B,) at prices (B, X), settled and answered."""
        return self.profit(*self.played(prices))[:, 0]

    def profit(self, prices: Tensor, layers: Tensor) -> Tensor:
        """Return the leader's utility (B, M)."""
        saved = (self.cost * LAYER_COST)[:, :, None] * (L_MAX - layers)
        return self.revenue - (prices * layers + saved).sum(1)

    def payment(self, prices: Tensor) -> Tensor:
        """Return what the answers to prices (B, N or 1, M) cost (B, M)."""
        return (prices * self.devices.respond(prices)).sum(1)

    def measure(self, prices: Tensor, layers: Tensor) -> Mapping[str, Tensor]:
        """Return every label (B, M)."""
        total, squares, devices = layers.sum(1), layers.square().sum(1), layers.shape[1]
        return {"payment": (prices * layers).sum(1), "offload_ratio": total / (devices * L_MAX),
                "max_price": prices.amax(1),
                "fairness": (total.square() / (devices * squares).clamp_min(1e-300)).where(squares > 0, 1.0),
                "profit": self.profit(prices, layers), "participation": (layers > 0).double().mean(1)}

    def settle(self, prices: Tensor) -> Tensor:
        """Return prices (B, X) within bounds and budget, float32.

        Settling settled prices changes nothing: the factor is searched for among prices as they are stored.
        """
        offered = prices.double().clamp(PRICE_LOW, PRICE_HIGH)
        return self.scaled(offered, self.budget, 1.0)

    def scaled(self, offered: Tensor, most: Tensor, largest: float) -> Tensor:
        """Return the prices (B, X) times the largest factor, at most `largest`, at which they cost at most (B, 1)."""
        low, high = torch.zeros_like(most), torch.full_like(most, largest)
        fits = self._affordable(offered, high, most)
        if not bool(fits.all()):
            for _ in range(HALVINGS):
                middle = (low + high) / 2
                cheap = self._affordable(offered, middle, most)
                low, high = torch.where(cheap, middle, low), torch.where(cheap, high, middle)
        return stored(offered * torch.where(fits, largest, low))

    def _affordable(self, offered: Tensor, factor: Tensor, most: Tensor) -> Tensor:
        return self.payment(stored(offered * factor).double()[:, :, None]) <= most


def stored(prices: Tensor) -> Tensor:
    """Return prices within bounds as a state holds them, float32."""
    return prices.float().clamp(PRICE_LOW, PRICE_HIGH)


def neighbours(prices: Tensor) -> Tensor:
    """Return the float32 prices next to float64 ones (..., M), below and above, as float64 (..., 2 M)."""
    near = prices.float()
    below = torch.where(near.double() > prices, near.nextafter(torch.zeros_like(near)), near)
    above = torch.where(near.double() < prices, near.nextafter(torch.full_like(near, torch.inf)), near)
    return stored(torch.cat([below, above], -1)).double()
