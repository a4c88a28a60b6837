"""The followers: edge devices that answer a price per transformer layer with the layers they compute.

Device n earns P L + alpha ln(1 + W - (A L + B)) for L of its L_MAX layers at price P: payment, and satisfaction with
what its computing power W has left (Lai et al., section IV.B; the formula itself stands only in their Fig. 3, so this
one is a reading of the text). With the capacity K = (1 + W - B) / A the best answer is
    continuous layers:  L*(P) = clip(K - alpha / P, 0, L_MAX)
    whole layers:       the number of levels l with P >= P_l = alpha ln[(K - l + 1) / (K - l)]
because the utility is concave in L; whoever is indifferent computes the larger part (strong Stackelberg equilibrium).

Axes: B networks, N devices, M prices tried at once. Prices are (B, N, M) or (B, 1, M); all float64.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

L_MAX = 12
"""Transformer layers of the image encoder CLIP ViT-B/32."""
LAYER_COST = 0.358
"""A [GMAC per layer]: 12 n d^2 + 2 n^2 d with n = 50 tokens, width d = 768."""
EMBEDDING_COST = 0.116
"""B [GMAC]: the patch embedding, which every device computes before its first layer."""


@dataclass(frozen=True, eq=False)
class Devices:
    """The followers' types and how they count layers.

    Attributes:
        power: (B, N) W, most computation a device can spare [GMAC].
        taste: (B, N) alpha, how much it values what it keeps for itself.
        whole: whether layers are whole numbers.
    """

    power: Tensor
    taste: Tensor
    whole: bool

    @property
    def capacity(self) -> Tensor:
        """(B, N) K, the layers at which satisfaction would decrease without bound; positive."""
        return (1.0 + self.power - EMBEDDING_COST) / LAYER_COST

    def respond(self, prices: Tensor) -> Tensor:
        """Return the layers (B, N, M) that devices compute at prices (B, N or 1, M)."""
        devices = self.power.shape[1]
        offered = prices.expand(-1, devices, -1).contiguous()
        if self.whole:
            return torch.searchsorted(self.thresholds(), offered, right=True).double()
        return (self.capacity[:, :, None] - self.taste[:, :, None] / offered).clamp(0.0, L_MAX)

    def thresholds(self) -> Tensor:
        """Return the price (B, N, L_MAX) from which a device computes layer 1, 2, ...; infinite where it cannot."""
        left = self.capacity[:, :, None] - torch.arange(L_MAX + 1, dtype=torch.float64, device=self.power.device)
        ratio = left[:, :, :-1] / left[:, :, 1:].clamp_min(1e-300)
        return (self.taste[:, :, None] * ratio.log()).where(left[:, :, 1:] > 0, torch.inf)

    def start_price(self) -> Tensor:
        """Return the price (B, N) above which a device computes anything at all (continuous layers)."""
        return self.taste / self.capacity

    def full_price(self) -> Tensor:
        """Return the price (B, N) from which a device computes all its layers; infinite where none suffices."""
        spare = self.capacity - L_MAX
        return (self.taste / spare.clamp_min(1e-300)).where(spare > 0, torch.inf)

    def utility(self, prices: Tensor, layers: Tensor) -> Tensor:
        """Return the utility (B, N, M) of computing `layers` (B, N, M) at prices (B, N or 1, M)."""
        kept = 1.0 + self.power[:, :, None] - EMBEDDING_COST - LAYER_COST * layers
        return prices * layers + self.taste[:, :, None] * kept.log()
