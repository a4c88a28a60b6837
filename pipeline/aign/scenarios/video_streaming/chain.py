"""Throughput from chunk to chunk as a Markov chain over levels evenly spaced in their logarithm.

Axes: B sessions, T chunks, M levels.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

LOWEST, HIGHEST, LEVELS = -4.0, 4.0, 24
"""log2 of the slowest and the fastest level [Mbit/s], and how many there are."""
STEP = (HIGHEST - LOWEST) / (LEVELS - 1)
PRIOR, WIDTH = 1.0, 1.5
"""Weight, in observed transitions from each level, of a prior that goes to near levels; its spread in levels."""


@dataclass(frozen=True, eq=False)
class Chain:
    """Transitions (M, M), float64: row i is how throughput is distributed a chunk after level i."""

    transitions: Tensor

    @classmethod
    def fit(cls, logarithms: Tensor) -> Chain:
        """Return the chain of series (B, T) of log2 throughputs; a value between two levels counts for both."""
        place, share = position(logarithms.double())
        weights = torch.zeros(*logarithms.shape, LEVELS, dtype=torch.float64)
        weights.scatter_(2, place[..., None], (1.0 - share)[..., None])
        weights.scatter_add_(2, place[..., None] + 1, share[..., None])
        counts = torch.einsum("bti,btj->ij", weights[:, :-1], weights[:, 1:])
        number = torch.arange(LEVELS, dtype=torch.float64)
        near = torch.exp(-0.5 * ((number[:, None] - number) / WIDTH) ** 2)
        counts = counts + PRIOR * near / near.sum(1, keepdim=True)
        return cls(counts / counts.sum(1, keepdim=True))

    def stationary(self) -> Tensor:
        """Return how often each level comes in the long run (M,), float64."""
        often: Tensor = torch.linalg.matrix_power(self.transitions, 4096)[0]
        return often


def levels() -> Tensor:
    """Return the throughputs of the levels (M,), float64 [Mbit/s]."""
    return torch.exp2(LOWEST + STEP * torch.arange(LEVELS, dtype=torch.float64))


def position(logarithms: Tensor) -> tuple[Tensor, Tensor]:
    """Return the level below each log2 throughput, int64 and at most M - 2, and the share (0 to 1) of the next one."""
    scaled = ((logarithms - LOWEST) / STEP).clamp(0.0, LEVELS - 1.0)
    place = scaled.long().clamp_max(LEVELS - 2)
    return place, scaled - place
