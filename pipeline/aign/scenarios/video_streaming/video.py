"""The video: its bitrates and how large each chunk is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from aign.errors import ParameterError
from aign.files.writing import read_json

BITRATES = (0.3, 0.75, 1.2, 1.85, 2.85, 4.3)
"""Mbit/s, those of Pensieve's video."""
CHUNK_SECONDS = 4.0
SPREAD = 0.12
"""Standard deviation of the logarithm of a chunk's size about its mean, in generated videos."""
SEED = 0


@dataclass(frozen=True, eq=False)
class Video:
    """A video in J bitrates.

    Attributes:
        bitrates: (J,) float64, rising [Mbit/s].
        sizes: (T, J) float64 [Mbit].
        chunk_seconds: length of a chunk.
    """

    bitrates: Tensor
    sizes: Tensor
    chunk_seconds: float

    @classmethod
    def generated(cls, chunks: int) -> Video:
        """Return a video whose chunks vary about the size that their bitrate says, alike at all bitrates."""
        bitrates = torch.tensor(BITRATES, dtype=torch.float64)
        generator = torch.Generator().manual_seed(SEED)
        vary = (SPREAD * torch.randn(chunks, 1, generator=generator, dtype=torch.float64)).exp()
        return cls(bitrates, CHUNK_SECONDS * bitrates * vary / vary.mean(), CHUNK_SECONDS)

    @classmethod
    def read(cls, file: Path, chunks: int) -> Video:
        """Return the first chunks of the video in a JSON file; see `docs/video.md` for its layout.

        Raises:
            ParameterError: there is no such file, it is laid out otherwise, or the video is too short.
        """
        values = read_json(file, ParameterError)
        layout = 'needs {"bitrates_kbit_s": [...], "chunk_seconds": 4, "sizes_bytes": [[chunk, ...], ...]}, one list ' \
                 "of sizes for each bitrate"
        try:
            bitrates = torch.tensor(values["bitrates_kbit_s"], dtype=torch.float64) / 1e3
            sizes = torch.tensor(values["sizes_bytes"], dtype=torch.float64).T * 8e-6
            seconds = float(values["chunk_seconds"])
        except (KeyError, TypeError, ValueError) as error:
            raise ParameterError(f"video: {file} {layout}; given {_shown(values)}.") from error
        if sizes.ndim != 2 or bitrates.shape != sizes.shape[1:] or not bool((sizes > 0).all()) or not seconds > 0:
            raise ParameterError(f"video: {file} {layout}; given {tuple(sizes.T.shape)} sizes for {len(bitrates)} "
                                 "bitrates. All of them, and chunk_seconds, are positive.")
        if bool((bitrates.diff() <= 0).any()) or len(bitrates) < 2 or bool((bitrates <= 0).any()):
            raise ParameterError(f"video: {file}: bitrates_kbit_s must rise, and be two or more; given "
                                 f"{values['bitrates_kbit_s']}.")
        if len(sizes) < chunks:
            raise ParameterError(f"video: {file} has {len(sizes)} chunks; the scenario asks for chunks = {chunks}. "
                                 "Lower chunks, or give a longer video.")
        return cls(bitrates, sizes[:chunks], seconds)


def _shown(values: Any) -> str:
    return ", ".join(map(str, values)) if isinstance(values, dict) else type(values).__name__
