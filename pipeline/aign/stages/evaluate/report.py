"""The one-page report: a table of all methods, distributions, convergence, a design. Plots are PNG files."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

from matplotlib.figure import Figure

from aign.agents.settings import Kind
from aign.designs.answer import Answer
from aign.files.writing import write_text
from aign.scenarios.core import returns
from aign.stages.evaluate import steps
from aign.stages.evaluate.satisfaction import KINDS, percentage
from aign.stages.evaluate.score import Score

INK, ACCENT, SOFT = "#1f2a44", "#d1495b", "#7a9cc6"
GENERATED, LEARNED = "diffuser", get_args(Kind)
GAP = "1 - pooled return"
COLOURS = dict(zip(LEARNED, (SOFT, INK, "#2a9d8f", "#e9a03b", "#8d6cab"), strict=True))

PAGE = """# {variant}: {scenario}

{contexts} contexts of the {split} split, never seen in training. Certificate: {statement}

Best by pooled return: **{winner}**. The pooled return, sum(U - U_ref) / sum(U* - U_ref), is 0 for the cheap reference
and 1 for the certified optimum; its interval is a bootstrap over contexts. {degenerate}

What the learning agents were trained on:
{agents}

{rows}

## Task completion and constraint satisfaction

{completion}

{completion_rows}

{satisfaction}

{satisfaction_rows}

![gap to the certified optimum](plots/gap.png)

![convergence](plots/convergence.png)

## Denoising steps

{steps}

{steps_rows}

![figures by denoising steps](plots/steps.png)

The design below answers: {origin}. Best utility {utility:.4f}; {verdict}.

![design](plots/design.png)
{sections}"""

PUBLISHED = """
## What the paper printed

{published}
"""


def write(folder: Path, variant: str, metrics: Mapping[str, Any], scores: Mapping[str, Score],
          curves: Mapping[str, Any], example: Answer) -> None:
    """Write report.md and plots/*.png into the folder."""
    plots = folder / "plots"
    plots.mkdir()
    by_steps = metrics["denoising_steps"]
    figures = {"gap": gaps(scores), "convergence": convergence(curves),
               "steps": steps.draw(by_steps["rows"], by_steps["usual"]), "design": example.picture()}
    for name, figure in figures.items():
        figure.savefig(plots / f"{name}.png", dpi=110, metadata={"Software": None})
    write_text(folder / "report.md", page(variant, metrics, example))


def page(variant: str, metrics: Mapping[str, Any], example: Answer) -> str:
    """Return the report as Markdown."""
    methods = metrics["methods"]
    by_quality = sorted(methods.items(), key=lambda item: -returns.rank(item[1]))
    scenario = example.scenario
    sections = example.strategy.hindsight + (
        PUBLISHED.format(published=scenario.published) if scenario.published else "")
    return PAGE.format(variant=variant, scenario=metrics["scenario"]["name"], contexts=metrics["contexts"],
                       split=metrics["split"], statement=metrics["certificate_statement"], winner=by_quality[0][0],
                       degenerate=returns.degenerate_shown(metrics["degenerate_contexts"]),
                       agents="\n".join(f"- {name}: {text}" for name, text in metrics["trained_on"].items()),
                       rows=table([{"method": name, **columns(method)} for name, method in by_quality]),
                       steps=metrics["denoising_steps"]["definition"],
                       steps_rows=table(steps.shown(metrics["denoising_steps"])), **figures_asked(metrics),
                       origin=example.request.origin, utility=example.rows()[0]["utility"], verdict=example.verdict,
                       sections=sections)


def figures_asked(metrics: Mapping[str, Any]) -> dict[str, str]:
    """Return what the page says of task completion and constraint satisfaction; see `satisfaction`."""
    completion, met = metrics["task_completion"], metrics["constraint_satisfaction"]
    degrees = [{"method": name, "degree of task completion": percentage(figures)}
               for name, figures in completion.items() if name != "definition"]
    rows = [{"requests": text, "asked": f"{met[kind]['asked']}", "feasible": f"{met[kind]['feasible']}",
             "proven impossible": f"{met[kind]['impossible']}",
             "candidates": ", ".join(map(str, met[kind]["candidates"])),
             **{heading: percentage(met[kind][name]) for name, heading in
                (("raw_design", "raw, one design"), ("raw", "raw, any candidate"), ("returned", "returned"))}}
            for kind, text in {**KINDS, "all": "all"}.items() if kind in met]
    return {"completion": completion["definition"], "completion_rows": table(degrees),
            "satisfaction": met["definition"], "satisfaction_rows": table(rows)}


def table(rows: Sequence[Mapping[str, str]]) -> str:
    """Return rows with equal keys as a Markdown table."""
    lines = [f"| {' | '.join(cells)} |" for cells in (rows[0], *(row.values() for row in rows))]
    return "\n".join([lines[0], "|---" * len(rows[0]) + "|", *lines[1:]])


def columns(method: Mapping[str, Any]) -> dict[str, str]:
    """Return the figures of one method by their headings; 5 % quantile and worst context are of U/U* where it tells."""
    pooled = method["normalised_return_pooled"]
    row = {"pooled return [95 % interval]": returns.shown(pooled)}
    if "utility_ratio" in method:
        ratio = method["utility_ratio"]
        row |= {"U/U* mean [95 % interval]": returns.shown(ratio, 5), "q05": f"{ratio['q05']:.5f}",
                "worst": f"{ratio['worst']:.5f}"}
    else:
        row |= {name: "-" if pooled[name] is None else f"{pooled[name]:.4f}" for name in ("q05", "worst")}
    if "utility" in method:
        row["U mean [95 % interval]"] = returns.shown(method["utility"], 2)
    return row


def gaps(scores: Mapping[str, Score]) -> Figure:
    """Return a box plot of each method's gap to the certified optimum, 1 - pooled return, on a logarithmic axis."""
    order = sorted(scores, key=lambda name: scores[name].mean)
    figure = Figure(figsize=(9, 0.36 * len(order) + 1.2), layout="constrained")
    axes = figure.subplots()
    values = [(1 - scores[name].pooled).clamp_min(1e-6).numpy() for name in order]
    boxes = axes.boxplot(values, orientation="horizontal", whis=(5, 95), tick_labels=order, patch_artist=True,
                         flierprops={"marker": ".", "markersize": 3, "alpha": 0.4}, medianprops={"color": INK})
    for box, name in zip(boxes["boxes"], order, strict=True):
        box.set_facecolor(ACCENT if name.startswith(GENERATED) else SOFT if name in LEARNED else "#dddddd")
    axes.set(xscale="log", xlabel=f"gap to the certified optimum, {GAP} (box: quartiles, whiskers: 5 % and 95 %)")
    axes.grid(axis="x", alpha=0.3)
    return figure


def convergence(curves: Mapping[str, Any]) -> Figure:
    """Return learning curves on validation contexts: agents by environment steps, the diffuser by gradient steps."""
    figure = Figure(figsize=(10, 3.4), layout="constrained")
    agents_axes, diffuser_axes = figure.subplots(1, 2, sharey=True)
    for name, curve in curves["agents"].items():
        steps = [point["environment_steps"] for point in curve]
        agents_axes.plot(steps, [_gap(point) for point in curve], "-o", color=COLOURS[name], markersize=3, label=name)
    history = curves["diffuser"]
    diffuser_axes.plot([point["step"] for point in history], [_gap(point) for point in history], "-o", color=ACCENT,
                       markersize=3, label="diffuser, single design")
    for axes, label in ((agents_axes, "environment steps"), (diffuser_axes, "gradient steps")):
        axes.set(xlabel=label, yscale="log")
        axes.grid(alpha=0.3)
        axes.legend()
    agents_axes.set_ylabel(f"gap {GAP} (validation)")
    return figure


def _gap(point: Mapping[str, float | None]) -> float:
    value = point.get("normalised_return_pooled")
    return math.nan if value is None else max(1e-6, 1 - value)
