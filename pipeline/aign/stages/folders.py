"""Where the stages write, relative to the folder they run in, and how their models are called."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

TRAJECTORIES = Path("data/trajectories")
AGENTS = Path("data/agents")
MODELS = Path("models")
DESIGNS = Path("data/designs")
REPORTS = Path("data/reports")


def ablation(agents: Sequence[str]) -> str:
    """Return the suffix of the model that is trained on the trajectories of the first agent alone, such as sac-only."""
    return f"{agents[0]}-only"
