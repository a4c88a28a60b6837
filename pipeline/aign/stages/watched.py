"""Which code the results of each stage rest on: with other code, half-finished work in scratch is not taken up.

dvc.yaml and pipeline/dvc.yaml watch the same places; tests compare both with this list, and the list with what the
stages import.
"""

from __future__ import annotations

from aign.scenarios.core import registry

PLACES = {
    "collect": ("agents", "files", "scenarios/core", "stages/collect", "trajectories"),
    "train": ("diffusion", "files", "scenarios/core", "stages/train", "trajectories"),
    "sample": ("designs", "diffusion", "files", "scenarios/core", "stages/sample"),
    "evaluate": ("agents", "designs", "diffusion", "files", "scenarios/core", "stages/evaluate", "trajectories"),
}
"""Folders and modules (without .py) of the package, beside the scenario's own; by stage."""


def watched(stage: str, scenario: str) -> tuple[str, ...]:
    """Return the folders and modules, relative to the package, on which a stage's results rest for a scenario."""
    return (*PLACES[stage], f"scenarios/{registry.package_of(scenario)}")
