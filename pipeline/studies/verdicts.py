"""How a claim is decided."""

from __future__ import annotations

from collections.abc import Sequence

NOT_MEASURED = "not measured"


def decided(claim: str, agrees: Sequence[bool], figure: str) -> dict[str, str]:
    """Return a row of table2.json: supported where all agree, not supported where none does, else mixed."""
    verdict = "supported" if all(agrees) else "mixed" if any(agrees) else "not supported"
    return {"claim": claim, "verdict": verdict if agrees else NOT_MEASURED, "figure": figure}
