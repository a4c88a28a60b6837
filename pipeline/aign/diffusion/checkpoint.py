"""Stopping and resuming a training without losing a bit: one safetensors file, written aside and renamed.

The file holds weights, their moving average, the best weights so far, the optimiser's moments and the generator's
state as tensors, and everything else as JSON in its header, sealed by a sum over all of it. Nothing is ever unpickled.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from aign.errors import ModelError
from aign.files.writing import writing
from aign.scenarios.core.adam import Adam


@dataclass
class Progress:
    """Where a training stands.

    Attributes:
        step: gradient steps done.
        score: design quality of the best model so far; -inf before the first evaluation.
        history: one dictionary for each evaluation.
    """

    step: int = 0
    score: float = float("-inf")
    history: list[dict[str, float]] = field(default_factory=list)


def save(path: Path, modules: Mapping[str, nn.Module], optimiser: Adam, generator: torch.Generator,
         progress: Progress) -> None:
    """Write the complete state of a training."""
    tensors: dict[str, Tensor] = {"generator": generator.get_state()}
    for name, module in modules.items():
        tensors |= {f"{name}/{key}": value for key, value in module.state_dict().items()}
    tensors |= {f"optimiser/{key}": value for key, value in optimiser.state().items()}
    stored = {name: value.detach().contiguous().cpu() for name, value in tensors.items()}
    # One key of metadata only: safetensors writes several in arbitrary order.
    header = {"progress": json.dumps({"sha256": _seal(stored, vars(progress)), **vars(progress)})}
    with writing(path) as aside:
        save_file(stored, aside, header)


def load(path: Path, modules: Mapping[str, nn.Module], optimiser: Adam, generator: torch.Generator,
         device: torch.device) -> Progress:
    """Restore what `save` wrote into the given objects.

    Raises:
        ModelError: the file is damaged or belongs to another network.
    """
    try:
        tensors, progress = _read(path, device)
        for name, module in modules.items():
            module.load_state_dict(_under(tensors, f"{name}/"))
        optimiser.restore(_under(tensors, "optimiser/"))
        generator.set_state(tensors["generator"].cpu())
        return progress
    except (SafetensorError, OSError, KeyError, RuntimeError, ValueError, TypeError) as error:
        raise ModelError(f"{path}: not a checkpoint of this training ({error}). Delete it to train anew.") from error


def check(path: Path) -> None:
    """Read a checkpoint and compare its sum.

    Raises:
        ModelError: the file is damaged.
    """
    try:
        _read(path, torch.device("cpu"))
    except (SafetensorError, OSError, KeyError, RuntimeError, ValueError, TypeError) as error:
        raise ModelError(f"{path}: the checkpoint is damaged ({error}).") from error


def _read(path: Path, device: torch.device) -> tuple[dict[str, Tensor], Progress]:
    with safe_open(path, "pt", device=str(device)) as file:
        header = json.loads(file.metadata()["progress"])
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    if not isinstance(header, dict) or header.pop("sha256", None) != _seal(tensors, header):
        raise ValueError("its SHA-256 is not the one it was written with")
    return tensors, Progress(**header)


def _seal(tensors: Mapping[str, Tensor], progress: Mapping[str, Any]) -> str:
    """Return a SHA-256 over names, kinds, shapes and bytes of all tensors, and the progress."""
    digest = hashlib.sha256(json.dumps(dict(progress), sort_keys=True).encode())
    for name, value in sorted(tensors.items()):
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}\n".encode())
        digest.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _under(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Any]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
