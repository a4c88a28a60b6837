"""What all settings share: base class, common bounds, values of every stage. Light to import: no torch here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

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

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Return a copy with some values changed; pydantic alone would take unknown names, to no effect.

        Raises:
            TypeError: a name is unknown.
        """
        unknown = (update or {}).keys() - type(self).model_fields.keys()
        if unknown:
            raise TypeError(f"{type(self).__name__} has no settings {', '.join(sorted(unknown))}.")
        return super().model_copy(update=update, deep=deep)


class EngineSettings(Settings):
    """Where the jobs of a stage run."""

    kind: Literal["local", "ray"] = "local"
    """This machine, or a Ray cluster that stands: see docs/cluster.md."""
    address: str = "auto"
    """HOST:PORT of the cluster's head; auto: the cluster that this machine belongs to."""


class RunSettings(Settings):
    """What every stage shares."""

    seed: Annotated[int, Field(ge=0, lt=2**31)] = 2026
    device: Literal["auto", "cpu", "cuda"] = "auto"
    threads: Positive = 1
    """Torch threads of each process. Results are bit-identical only for the same number."""
    workers: Positive = 2
    """Processes side by side within a stage."""
    engine: Annotated[EngineSettings, Field(exclude=True)] = EngineSettings()
    """Never part of what a result depends on."""
