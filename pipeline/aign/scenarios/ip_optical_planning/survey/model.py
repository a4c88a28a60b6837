"""A survey's model and its folder: solved matrices, the library of inequalities, and the network that rounds.

Everything is safetensors and JSON under a manifest; nothing is ever unpickled.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from aign.errors import ModelError
from aign.files import manifest
from aign.files.writing import building, read_json, write_json
from aign.scenarios.core.topology import Topology
from aign.scenarios.ip_optical_planning.solver.instance import Floats, Instance
from aign.scenarios.ip_optical_planning.survey.futures import Spread
from aign.scenarios.ip_optical_planning.survey.planner import Matrix, Planner
from aign.scenarios.ip_optical_planning.survey.rounding import Rounding, fitted, proposal
from aign.scenarios.ip_optical_planning.survey.solved import Solved

SETTINGS, SOLVED, WEIGHTS = "survey.json", "solved.safetensors", "rounding.safetensors"
EVERY = 10
"""Matrices after which the folder is written anew."""
REMEDY = "Train again: `aign survey NETWORK --train 200`."

Report = Callable[[int, int], None]
"""Takes how much is done, of how much."""


@dataclass(frozen=True, eq=False)
class SurveyModel:
    """What was learned of one network: solved matrices with their library, and how relaxed plans are rounded."""

    solved: Solved
    rounding: Rounding

    def planner(self) -> Planner:
        """Return a planner for matrix after matrix."""
        return Planner(self.solved.library)

    def proposal(self, matrix: Matrix) -> Floats:
        """Return modules (L,) that are likely for a matrix."""
        return proposal(self.rounding, matrix.instance, matrix.instance.demand, matrix.relaxed)


def train(folder: Path, topology: Topology, instance: Instance, spread: Spread, seed: int, count: int,
          solving: Report = lambda done, total: None, training: Report = lambda done, total: None) -> SurveyModel:
    """Return a model that learned from `count` solved matrices, beginning with those that its folder holds.

    Raises:
        ModelError: the folder holds a model of something else.
        ImpossibleError: a matrix without a plan.
    """
    described = {**_network(topology, instance), "common": list(spread.common), "pair": list(spread.pair), "seed": seed}
    solved = Solved.of_tensors(instance, _numpy(_read(folder, SOLVED, described))) if folder.is_dir() else \
        Solved.none(instance)
    while len(solved) < count:
        solved.add(spread.drawn(topology, len(solved), seed), seed)
        solving(len(solved), count)
        if len(solved) % EVERY == 0:
            _save(folder, described, solved, None)
    rounding = fitted(instance, solved.demand, solved.relaxed, solved.plan, report=training)
    _save(folder, described, solved, rounding)
    return SurveyModel(solved, rounding)


def load(folder: Path, topology: Topology, instance: Instance) -> SurveyModel:
    """Open a model after checking every byte of its folder.

    Raises:
        ModelError: it is missing, half trained, damaged, or of something else.
    """
    if not (folder / SETTINGS).is_file():
        raise ModelError(f"{folder}: nothing was learned of {topology.name} yet. Train first: `aign survey "
                         f"{topology.name} --train 200`.")
    described = _network(topology, instance)
    solved, weights = (_read(folder, name, described) for name in (SOLVED, WEIGHTS))
    rounding = Rounding(instance)
    try:
        rounding.load_state_dict(weights)
        return SurveyModel(Solved.of_tensors(instance, _numpy(solved)), rounding.eval())
    except (KeyError, ValueError, RuntimeError) as error:
        raise ModelError(f"{folder}: not a model of this network ({error}). {REMEDY}") from error


def _network(topology: Topology, instance: Instance) -> dict[str, Any]:
    """Return what a model belongs to: it serves no other network, prices, failures or module."""
    return {"topology": topology.name, "nodes": list(topology.nodes), "ends": topology.ends.tolist(),
            "price": instance.price.tolist(), "module": instance.module, "failures": list(instance.failures.names),
            "share": instance.share.tolist()}


def _save(folder: Path, described: dict[str, Any], solved: Solved, rounding: Rounding | None) -> None:
    """Write a folder, whole or not at all; without the network where that is still to be trained."""
    with building(folder) as aside:
        save_file({name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in solved.tensors().items()},
                  aside / SOLVED)
        if rounding is not None:
            save_file({name: value.contiguous() for name, value in rounding.state_dict().items()}, aside / WEIGHTS)
        write_json(aside / SETTINGS, described)
        manifest.build(aside)


def _read(folder: Path, name: str, described: dict[str, Any]) -> dict[str, torch.Tensor]:
    """Return the tensors of a file of a folder that was checked, byte by byte and for what it belongs to."""
    manifest.check(folder, deep=True, error=ModelError, remedy=REMEDY)
    stored = read_json(folder / SETTINGS, ModelError)
    differ = [key for key in described if stored.get(key) != described[key]]
    if differ:
        raise ModelError(f"{folder}: learned of another network or with other options ({', '.join(differ)} differ). "
                         "Give the options it was trained with, or another folder: --model.")
    if not (folder / name).is_file():
        raise ModelError(f"{folder}: its training was stopped. Resume it: the same command with --train.")
    try:
        return load_file(folder / name)
    except (SafetensorError, OSError, ValueError) as error:
        raise ModelError(f"{folder / name}: cannot be read ({error}). {REMEDY}") from error


def _numpy(tensors: dict[str, torch.Tensor]) -> dict[str, Any]:
    return {name: tensor.numpy() for name, tensor in tensors.items()}
