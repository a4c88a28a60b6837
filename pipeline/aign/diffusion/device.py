"""Which device and how many threads the numbers are crunched on."""

from __future__ import annotations

import torch

from aign.errors import ParameterError


def choose(name: str) -> torch.device:
    """Return the device for "auto" (a GPU where there is one), "cpu" or "cuda".

    Raises:
        ParameterError: "cuda" was asked for and there is none.
    """
    if name == "cuda" and not torch.cuda.is_available():
        raise ParameterError("device 'cuda' was asked for, but torch finds no CUDA device. Use 'auto' or 'cpu'.")
    return torch.device("cuda" if name == "cuda" or (name == "auto" and torch.cuda.is_available()) else "cpu")
