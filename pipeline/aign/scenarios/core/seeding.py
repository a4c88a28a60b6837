"""Independent random streams from one seed: each purpose gets its own, so that using one never shifts another."""

from __future__ import annotations

import hashlib

import torch


def derived_seed(seed: int, *purpose: str | int) -> int:
    """Return a seed in [0, 2^63) that depends on `seed` and on every part of `purpose` (SHA-256, so streams differ)."""
    text = "/".join(map(str, (seed, *purpose)))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def derived_generator(seed: int, *purpose: str | int) -> torch.Generator:
    """Return a CPU generator for one purpose; equal arguments give equal streams."""
    return torch.Generator().manual_seed(derived_seed(seed, *purpose))
