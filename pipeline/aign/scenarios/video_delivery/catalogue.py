"""Titles and bitrates: how often each class of titles is asked for, and what a stream is worth.

Axes: C classes, R bitrates; level 0 is no stream at all.
"""

from __future__ import annotations

import torch
from torch import Tensor

BITRATES = (0.0, 3.0, 5.0, 15.0)
"""Bitrate of each level [Mbit/s]: no stream, 720p, 1080p, 2160p; a thousand streams take as many Gbit/s."""
TOP = len(BITRATES) - 1
"""The highest level."""


def rates() -> Tensor:
    """Return the bitrate of each level, float64 (R + 1,) [Mbit/s]."""
    return torch.tensor(BITRATES, dtype=torch.float64)


def worths() -> Tensor:
    """Return what a thousand streams of each level are worth, float64 (R + 1,) [credit]: 1 + ln(bitrate / lowest
    bitrate), 0 without a stream.
    """
    served = 1 + (rates()[1:] / BITRATES[1]).log()
    return torch.cat([torch.zeros(1, dtype=torch.float64), served])


def class_sizes(classes: int, first: int) -> Tensor:
    """Return how many titles each class holds, int64 (C,): each twice as many as the one before."""
    return first * 2 ** torch.arange(classes)


def popularity(sizes: Tensor, exponent: float) -> Tensor:
    """Return the share of requests that go to each class, float64 (C,), by Zipf's law over the ranks of all titles."""
    rank = torch.arange(1, int(sizes.sum()) + 1, dtype=torch.float64)
    weight = rank**-exponent
    return torch.stack([part.sum() for part in weight.split(sizes.tolist())]) / weight.sum()
