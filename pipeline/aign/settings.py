"""What all settings share: their base, common bounds, and what every stage is told. Light to import: no torch here."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

MOST = 1_000_000_000
"""No count is larger: what it would need is far beyond any memory, and libraries fail in ways of their own."""
Count = Annotated[int, Field(ge=0, le=MOST)]
Positive = Annotated[int, Field(ge=1, le=MOST)]
Rate = Annotated[float, Field(gt=0, le=1)]


class Settings(BaseModel):
    """Base of all settings: unknown names are refused, values cannot change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


RENAMED = {"ladder": "target_returns", "constrained_ladder": "constrained_target_returns",
           "hidden": "unconditioned_fraction", "composed": "compositional_guidance", "harmless": "mask_actions",
           "return_focus": "return_weighting"}
"""Settings that had another name, old to new: who uses an old one is told the new one."""


class RunSettings(Settings):
    """What every stage shares."""

    seed: Annotated[int, Field(ge=0, lt=2**31)] = 2026
    device: Literal["auto", "cpu", "cuda"] = "auto"
    threads: Positive = 1
    """Torch threads of each process. Results are bit-identical only for the same number."""
    workers: Positive = 2
    """Processes side by side within a stage."""
