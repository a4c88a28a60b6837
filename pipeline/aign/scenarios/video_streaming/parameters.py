"""The parameters of the network."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from aign.scenarios.core import ScenarioParameters


class VideoParameters(ScenarioParameters):
    """Chunks T; segments N of a context's trace; where traces and video come from: None generates them."""

    chunks: int = Field(48, ge=2, le=1000)
    segments: int = Field(160, ge=2, le=10_000)
    traces: Path | None = None
    source: str | None = None
    video: Path | None = None
