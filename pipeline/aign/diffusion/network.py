"""Networks as plain modules that know what they were built with, and their files: JSON beside safetensors.

The files are those of diffusers, whose pipeline is only one of the ways to open them; see `pipeline.DesignPipeline`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from aign.errors import ModelError
from aign.files.writing import read_json, write_json

CONFIG, WEIGHTS = "config.json", "diffusion_pytorch_model.safetensors"
Activation = Literal["silu", "mish"]
ACTIVATIONS: Mapping[str, type[nn.Module]] = {"silu": nn.SiLU, "mish": nn.Mish}
"""The non-linearities. Networks of models that do not name theirs have Mish, which takes ten times as long on a CPU."""


class Network(nn.Module):
    """A module that remembers its constructor's arguments, by which it is saved and opened.

    Attributes:
        config: the arguments, as JSON values.
    """

    def __init__(self, **config: Any) -> None:
        super().__init__()
        self.config = {name: list(value) if isinstance(value, tuple) else value for name, value in config.items()}

    @property
    def device(self) -> torch.device:
        """Where the weights lie."""
        return next(self.parameters()).device

    @property
    def dtype(self) -> torch.dtype:
        """What the network computes in."""
        return next(self.parameters()).dtype

    def save_pretrained(self, folder: str | Path) -> None:
        """Write `config.json` and the weights into a folder, which is made where it is missing."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / CONFIG, {"_class_name": type(self).__name__, **self.config})
        weights = {name: value.contiguous() for name, value in self.state_dict().items()}
        save_file(weights, folder / WEIGHTS, {"format": "pt"})

    @classmethod
    def from_pretrained(cls, folder: str | Path) -> Self:
        """Return the network that `save_pretrained`, or diffusers, wrote into a folder, in evaluation mode.

        Raises:
            OSError: a file is missing, or the weights are in another format.
            ModelError, TypeError, ValueError, RuntimeError: the files are damaged or belong to another network.
        """
        folder = Path(folder)
        if not (folder / WEIGHTS).is_file():
            raise OSError(f"weights are opened as safetensors only, and {folder / WEIGHTS} is missing")
        config = read_json(folder / CONFIG, ModelError)
        network = cls(**{name: value for name, value in config.items() if not name.startswith("_")})
        network.load_state_dict(load_file(folder / WEIGHTS))
        return network.eval()
