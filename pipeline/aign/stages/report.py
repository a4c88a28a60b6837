"""The one-page report: a table of all methods, distributions, convergence, a design. Plots are PNG files."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from aign.designs.table import Answer
from aign.stages.score import Score

INK, ACCENT, SOFT = "#1f2a44", "#d1495b", "#7a9cc6"
GENERATED, LEARNED = "diffuser", ("sac", "ppo")

PAGE = """# {variant}: {scenario}

{contexts} contexts of the {split} split, never seen in training. Yardstick: {statement}

Best by mean utility ratio: **{winner}**. A normalised return of 0 is the cheap reference, 1 the certified optimum.

The pooled return, sum(U - U_ref) / sum(U* - U_ref), keeps contexts whose reference is nearly optimal from dominating.

| method | U/U* mean [95 % interval] | q05 | worst | pooled return | normalised mean | q05 | worst | ms/design |
|---|---|---|---|---|---|---|---|---|
{rows}

![gap to the certified optimum](plots/gap.png)

![convergence](plots/convergence.png)

The design below answers: {origin}. Best utility {utility:.4f}; {verdict}.

![design](plots/design.png)
"""


def write(folder: Path, variant: str, metrics: Mapping[str, Any], scores: Mapping[str, Score],
          curves: Mapping[str, Any], example: Answer) -> None:
    """Write report.md and plots/*.png into the folder."""
    plots = folder / "plots"
    plots.mkdir()
    for name, figure in {"gap": gaps(scores), "convergence": convergence(curves), "design": example.picture()}.items():
        figure.savefig(plots / f"{name}.png", dpi=110, metadata={"Software": None})
    (folder / "report.md").write_text(page(variant, metrics, example))


def page(variant: str, metrics: Mapping[str, Any], example: Answer) -> str:
    """Return the report as Markdown."""
    by_quality = sorted(metrics["methods"].items(), key=lambda item: -item[1]["utility_ratio"]["mean"])
    rows = []
    for name, method in by_quality:
        ratio, score = method["utility_ratio"], method["normalised_return"]
        rows.append(f"| {name} | {ratio['mean']:.5f} [{ratio['mean_low']:.5f}, {ratio['mean_high']:.5f}] | "
                    f"{ratio['q05']:.5f} | {ratio['worst']:.5f} | {method['normalised_return_pooled']:.4f} | "
                    f"{score['mean']:.4f} | {score['q05']:.4f} | "
                    f"{score['worst']:.4f} | {method['milliseconds_per_design']:g} |")
    return PAGE.format(variant=variant, scenario=metrics["scenario"]["name"], contexts=metrics["contexts"],
                       split=metrics["split"], statement=metrics["certificate_statement"], winner=by_quality[0][0],
                       rows="\n".join(rows), origin=example.request.origin, utility=example.rows()[0]["utility"],
                       verdict=example.verdict)


def gaps(scores: Mapping[str, Score]) -> Figure:
    """Return a box plot of each method's gap to the certified optimum, 1 - U/U*, on a logarithmic axis."""
    order = sorted(scores, key=lambda name: float(scores[name].ratio.mean()))
    figure = Figure(figsize=(9, 0.36 * len(order) + 1.2), layout="constrained")
    axes = figure.subplots()
    values = [(1 - scores[name].ratio).clamp_min(1e-6).numpy() for name in order]
    boxes = axes.boxplot(values, orientation="horizontal", whis=(5, 95), tick_labels=order, patch_artist=True,
                         flierprops={"marker": ".", "markersize": 3, "alpha": 0.4}, medianprops={"color": INK})
    for box, name in zip(boxes["boxes"], order, strict=True):
        box.set_facecolor(ACCENT if name.startswith(GENERATED) else SOFT if name in LEARNED else "#dddddd")
    axes.set(xscale="log", xlabel="gap to the certified optimum, 1 - U/U* (box: quartiles, whiskers: 5 % and 95 %)")
    axes.grid(axis="x", alpha=0.3)
    return figure


def convergence(curves: Mapping[str, Any]) -> Figure:
    """Return learning curves on validation contexts: agents by environment steps, the diffuser by gradient steps."""
    figure = Figure(figsize=(10, 3.4), layout="constrained")
    agents_axes, diffuser_axes = figure.subplots(1, 2, sharey=True)
    for (name, curve), colour in zip(curves["agents"].items(), (SOFT, INK), strict=False):
        steps = [point["environment_steps"] for point in curve]
        agents_axes.plot(steps, [_gap(point) for point in curve], "-o", color=colour, markersize=3, label=name)
    history = curves["diffuser"]
    diffuser_axes.plot([point["step"] for point in history], [_gap(point) for point in history], "-o", color=ACCENT,
                       markersize=3, label="diffuser, single design")
    for axes, label in ((agents_axes, "environment steps"), (diffuser_axes, "gradient steps")):
        axes.set(xlabel=label, yscale="log")
        axes.grid(alpha=0.3)
        axes.legend()
    agents_axes.set_ylabel("gap 1 - U/U* (validation, mean)")
    return figure


def _gap(point: Mapping[str, float | None]) -> float:
    ratio = point["utility_ratio_mean"]
    return math.nan if ratio is None else max(1e-6, 1 - ratio)
