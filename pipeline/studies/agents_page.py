"""The page on diffusion policies: a table for each network, the verdict, learning curves."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from matplotlib.figure import Figure

from aign.engines import messages
from aign.files.writing import write_json, write_text, writing
from aign.stages.evaluate.report import COLOURS
from studies.figures import interval, save
from studies.markdown import rendered
from studies.runs import Key, Run, results

FOLDER = Path("data/reports/agents")
CLAIMANT = "d2sac"
"""The agent whose actor is a diffusion model; the papers say that it beats the others."""
RETURN, PLAIN = "normalised_return_pooled", "normalised_return"
"""The return of a row; what earlier programs recorded beside it: the plain mean over contexts, which they judged by."""
Rows = Sequence[Mapping[str, Any]]
Runs = Mapping[Key, Mapping[str, Any]]
"""Results by seed, variant and kind of agent, as texts."""


def write(run: Run) -> None:
    """Write agents.json, README.md and curves.png."""
    runs = results("agents")
    content = {"agents": rows(runs), "claims": claims(runs)}
    write_json(FOLDER / "agents.json", content)
    with writing(FOLDER / "README.md") as aside:
        write_text(aside, page(content))
    save(curves(runs), FOLDER / "curves.png")
    messages.made("study agents", FOLDER)


def grouped(runs: Runs) -> dict[tuple[str, str], list[Mapping[str, Any]]]:
    """Return the results of each variant and agent, by seed."""
    groups: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for (_, variant, kind), values in runs.items():
        groups.setdefault((variant, kind), []).append(values)
    return groups


def returns(seeds: Rows) -> list[float]:
    """Return the pooled return of each seed."""
    return [float(values[RETURN]["mean"]) for values in seeds]


def rows(runs: Runs) -> list[dict[str, Any]]:
    """Return a row for each network and agent: means over seeds with intervals."""
    return [{"variant": variant, "agent": kind, "seeds": len(seeds),
             **{name: seeds[0][name] for name in ("contexts", "environment_steps", "trained_on")},
             RETURN: interval(returns(seeds)), "worst_context": min(values[RETURN]["worst"] for values in seeds),
             "training_seconds": fmean(values["training_seconds"] for values in seeds)}
            for (variant, kind), seeds in grouped(runs).items()]


def claims(runs: Runs) -> list[dict[str, Any]]:
    """Return, for each network and rival, whether the diffusion policy beats it, and the difference that decides."""
    groups, table = grouped(runs), []
    for (variant, rival), seeds in groups.items():
        if rival != CLAIMANT and (variant, CLAIMANT) in groups:
            pairs = zip(returns(groups[variant, CLAIMANT]), returns(seeds), strict=True)
            difference = interval([ours - theirs for ours, theirs in pairs])
            table.append({"variant": variant, "claim": f"{CLAIMANT} beats {rival}", "difference": difference,
                          "verdict": verdict(difference)})
    return table


def verdict(difference: Mapping[str, float | None]) -> str:
    """Return what an interval of differences says of the claim that they are positive."""
    low, high = difference["low"], difference["high"]
    if low is None or high is None:
        return "one seed decides nothing"
    return "supported" if low > 0 else "refuted" if high < 0 else "undecided"


def page(content: Mapping[str, Rows]) -> str:
    """Return the page as Markdown, from what agents.json holds."""
    plain = PLAIN in content["agents"][0]
    return rendered("agents_page.md.jinja", {"without": without}, plain=plain, measure=PLAIN if plain else RETURN,
                    **content)


def without(rows: Iterable[Mapping[str, Any]], *names: str) -> list[dict[str, Any]]:
    """Return rows without some of their values."""
    return [{name: value for name, value in row.items() if name not in names} for row in rows]


def curves(runs: Runs) -> Figure:
    """Draw the pooled return on validation contexts against environment steps, a panel for each network."""
    groups = grouped(runs)
    variants = list(dict.fromkeys(variant for variant, _ in groups))
    figure = Figure(figsize=(4.2 * len(variants), 3.6), layout="constrained")
    panels = dict(zip(variants, figure.subplots(1, len(variants), squeeze=False)[0], strict=True))
    for (variant, kind), seeds in groups.items():
        points = list(zip(*(values["curve"] for values in seeds), strict=True))
        steps = [point[0]["environment_steps"] for point in points]
        values = [[at_seed.get(RETURN, math.nan) for at_seed in point] for point in points]
        panels[variant].plot(steps, [fmean(value) for value in values], "-o", markersize=3, color=COLOURS[kind],
                             label=kind)
        panels[variant].fill_between(steps, [min(value) for value in values], [max(value) for value in values],
                                     alpha=0.15, color=COLOURS[kind])
    for variant, axes in panels.items():
        axes.set(title=variant, xlabel="environment steps", ylim=(-0.6, 1.05))
        axes.grid(alpha=0.3)
        axes.legend(fontsize=8)
    panels[variants[0]].set_ylabel("pooled return (validation)")
    figure.suptitle("mean over seeds; the band spans them")
    return figure
