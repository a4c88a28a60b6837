"""The page on diffusion policies: a table for each network, the verdict, learning curves."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from aign.engines import messages
from aign.files.writing import write_json, write_text, writing
from aign.stages.evaluate.report import COLOURS
from aign.studies.intervals import mean, over_seeds
from aign.studies.markdown import table

FOLDER = Path("data/reports/agents")
CLAIMANT = "d2sac"
"""The agent whose actor is a diffusion model; the papers say that it beats the others."""
Cells = Mapping[tuple[str, Any, int], Mapping[str, Any]]
"""Results by variant, kind of agent and seed."""

PAGE = """# Do diffusion policies win?

Each agent explores the same training contexts for the number of steps shown and is scored on the same unseen contexts.
Pooled return, sum(U - U_ref) / sum(U* - U_ref) over contexts: 0 is the network's cheap reference, 1 its certificate.
Means over {seeds} seeds with 95 % Student-t intervals; a difference is paired by seed, and a claim is decided only
where its interval leaves out 0.

{parts}

![learning curves](curves.png)
"""


def write(cells: Cells, folder: Path = FOLDER) -> None:
    """Write agents.json, README.md and curves.png."""
    found = {"agents": rows(cells), "claims": claims(cells)}
    write_json(folder / "agents.json", found)
    with writing(folder / "README.md") as aside:
        write_text(aside, page(found))
    with writing(folder / "curves.png") as aside:
        curves(cells).savefig(aside, dpi=110, format="png", metadata={"Software": None})
    for name in ("agents.json", "README.md", "curves.png"):
        messages.made("study agents", folder / name)


def rows(cells: Cells) -> list[dict[str, Any]]:
    """Return a row for each network and agent: means over seeds with intervals."""
    found = []
    for variant, kind in dict.fromkeys((variant, kind) for variant, kind, _ in cells):
        every = _of(cells, variant, kind)
        found.append({
            "variant": variant, "agent": kind, "seeds": len(every), "contexts": every[0]["contexts"],
            "environment_steps": every[0]["environment_steps"],
            "trained_on": every[0]["trained_on"],
            "normalised_return_pooled": over_seeds([one["normalised_return_pooled"]["mean"] for one in every]),
            "worst_context": min(one["normalised_return_pooled"]["worst"] for one in every),
            "training_seconds": mean([one["training_seconds"] for one in every])})
    return found


def claims(cells: Cells) -> list[dict[str, Any]]:
    """Return, for each network and rival, whether the diffusion policy beats it, and the difference that decides."""
    found = []
    for variant in dict.fromkeys(variant for variant, _, _ in cells):
        kinds = list(dict.fromkeys(kind for name, kind, _ in cells if name == variant))
        for rival in [kind for kind in kinds if CLAIMANT in kinds and kind != CLAIMANT]:
            pairs = zip(_of(cells, variant, CLAIMANT), _of(cells, variant, rival), strict=True)
            difference = over_seeds([one["normalised_return_pooled"]["mean"]
                                     - other["normalised_return_pooled"]["mean"] for one, other in pairs])
            found.append({"variant": variant, "claim": f"{CLAIMANT} beats {rival}", "difference": difference,
                          "verdict": verdict(difference)})
    return found


def verdict(difference: Mapping[str, float | None]) -> str:
    """Return what an interval of differences says of the claim that they are positive."""
    low, high = difference["low"], difference["high"]
    if low is None or high is None:
        return "one seed decides nothing"
    return "supported" if low > 0 else "refuted" if high < 0 else "undecided"


def page(found: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    """Return the page as Markdown."""
    parts = []
    for variant in dict.fromkeys(row["variant"] for row in found["agents"]):
        own = [{key: value for key, value in row.items() if key not in ("variant", "seeds", "contexts")}
               for row in found["agents"] if row["variant"] == variant]
        own.sort(key=lambda row: -row["normalised_return_pooled"]["mean"])
        said = [{key: value for key, value in row.items() if key != "variant"}
                for row in found["claims"] if row["variant"] == variant]
        parts += [f"## {variant}", table(own), *([table(said)] if said else [])]
    return PAGE.format(seeds=found["agents"][0]["seeds"], parts="\n\n".join(parts))


def curves(cells: Cells) -> Figure:
    """Draw the pooled return on validation contexts against environment steps, a panel for each network."""
    variants = list(dict.fromkeys(variant for variant, _, _ in cells))
    figure = Figure(figsize=(4.2 * len(variants), 3.6), layout="constrained")
    panels = figure.subplots(1, len(variants), squeeze=False)[0]
    for axes, variant in zip(panels, variants, strict=True):
        for kind in dict.fromkeys(kind for name, kind, _ in cells if name == variant):
            every = [one["curve"] for one in _of(cells, variant, kind)]
            points = list(zip(*every, strict=True))
            steps = [point[0]["environment_steps"] for point in points]
            values = [[one.get("normalised_return_pooled", math.nan) for one in point] for point in points]
            axes.plot(steps, [mean(value) for value in values], "-o", markersize=3, color=COLOURS[kind], label=kind)
            axes.fill_between(steps, [min(value) for value in values], [max(value) for value in values], alpha=0.15,
                              color=COLOURS[kind])
        axes.set(title=variant, xlabel="environment steps", ylim=(-0.6, 1.05))
        axes.grid(alpha=0.3)
        axes.legend(fontsize=8)
    panels[0].set_ylabel("pooled return (validation)")
    figure.suptitle("mean over seeds; the band spans them")
    return figure


def _of(cells: Cells, variant: str, kind: str) -> list[Mapping[str, Any]]:
    """Return the results of one agent in one network, by seed."""
    return [cells[place] for place in sorted(place for place in cells if place[:2] == (variant, kind))]
