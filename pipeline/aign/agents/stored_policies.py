"""Policies of every kind, as files tell them apart."""

from __future__ import annotations

from pathlib import Path

from aign.agents.denoising import DenoisingPolicy
from aign.agents.policy import Policy, SharedPolicy
from aign.errors import ModelError
from aign.files.writing import read_json


def open_policy(path: Path) -> Policy:
    """Read the policy in `<path>.json` and `<path>.safetensors`; one that names no kind is a shared perceptron.

    Raises:
        ModelError: a file is missing, damaged or of an unknown kind.
    """
    file = path.with_name(f"{path.name}.json")
    shape = read_json(file, ModelError)
    kind = shape.get("kind") if isinstance(shape, dict) else None
    if kind is None:
        return SharedPolicy.load(path)
    if kind != DenoisingPolicy.KIND:
        raise ModelError(f"{file}: kind {kind!r} of a policy is unknown; known: {DenoisingPolicy.KIND!r}, or "
                         "none for a perceptron. Train the agent again.")
    return DenoisingPolicy.load(path)
