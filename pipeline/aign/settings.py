"""What all settings share: base class, common bounds, values of every stage. Light to import: no torch here."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

MOST = 1_000_000_000
"""Largest count: more needs far more memory than any machine has, and libraries then fail with errors of their own."""
Count = Annotated[int, Field(ge=0, le=MOST)]
Positive = Annotated[int, Field(ge=1, le=MOST)]
Rate = Annotated[float, Field(gt=0, le=1)]
RENAMED = {
    "ladder": "target_returns",
    "constrained_ladder": "constrained_target_returns",
    "hidden": "unconditioned_fraction",
    "composed": "compositional_guidance",
    "harmless": "mask_actions",
    "return_focus": "return_weighting",
}
"""Old name of a setting -> its name now: a file with an old name is refused with the new one."""


class Settings(BaseModel):
    """Base of all settings: unknown names are refused, values cannot change."""

    model_config = ConfigDict(extra="forbid", frozen=True)



class RunSettings(Settings):
    """What every stage shares."""

    seed: Annotated[int, Field(ge=0, lt=2**31)] = 2026
    device: Literal["auto", "cpu", "cuda"] = "auto"
    threads: Positive = 1
    """Torch threads of each process. Results are bit-identical only for the same number."""
    workers: Positive = 2
    """Processes side by side within a stage."""
