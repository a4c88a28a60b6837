"""The one-page report: a table of all methods, distributions, convergence, a design. Plots are PNG files."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

from matplotlib.figure import Figure

from aign.agents.settings import Kind
from aign.designs.table import Answer
from aign.scenarios.sequential import is_sequential
from aign.stages.score import Score

INK, ACCENT, SOFT = "#1f2a44", "#d1495b", "#7a9cc6"
GENERATED, LEARNED = "diffuser", get_args(Kind)
COLOURS = dict(zip(LEARNED, (SOFT, INK, "#2a9d8f", "#e9a03b", "#8d6cab"), strict=True))

PAGE = """# {variant}: {scenario}

{contexts} contexts of the {split} split, never seen in training. Yardstick: {statement}

Best by mean {yardstick}: **{winner}**. A normalised return of 0 is the cheap reference, 1 the certified optimum.

The pooled return, sum(U - U_ref) / sum(U* - U_ref), keeps contexts whose reference is nearly optimal from dominating.

| {headings} |
|{rules}|
{rows}

![gap to the certified optimum](plots/gap.png)

![convergence](plots/convergence.png)

The design below answers: {origin}. Best utility {utility:.4f}; {verdict}.

![design](plots/design.png)
{sections}"""

HINDSIGHT = """
## One run, and the best of several

Decisions follow each other here. `diffuser_single` is the model as an online policy: one run, in which each decision
rests on what was observed by then, as with the agents and rules it is compared with. The best of several runs is
hindsight: the simulator, which knows what comes, plays them all and keeps the best, so it says what the model can
propose, not what it earns online.
"""

PUBLISHED = """
## What the paper printed

{published}
"""


def write(folder: Path, variant: str, metrics: Mapping[str, Any], scores: Mapping[str, Score],
          curves: Mapping[str, Any], example: Answer) -> None:
    """Write report.md and plots/*.png into the folder."""
    plots = folder / "plots"
    plots.mkdir()
    ratio = all(score.ratio is not None for score in scores.values())
    figures = {"gap": gaps(scores), "convergence": convergence(curves, ratio), "design": example.picture()}
    for name, figure in figures.items():
        figure.savefig(plots / f"{name}.png", dpi=110, metadata={"Software": None})
    (folder / "report.md").write_text(page(variant, metrics, example))


def page(variant: str, metrics: Mapping[str, Any], example: Answer) -> str:
    """Return the report as Markdown."""
    methods = metrics["methods"]
    decisive = "utility_ratio" if all("utility_ratio" in one for one in methods.values()) else "normalised_return"
    by_quality = sorted(methods.items(), key=lambda item: -item[1][decisive]["mean"])
    table = [{"method": name, **columns(method)} for name, method in by_quality]
    scenario = example.scenario
    sections = (HINDSIGHT if is_sequential(scenario) else "") + (
        PUBLISHED.format(published=scenario.published) if scenario.published else "")
    return PAGE.format(variant=variant, scenario=metrics["scenario"]["name"], contexts=metrics["contexts"],
                       split=metrics["split"], statement=metrics["certificate_statement"], winner=by_quality[0][0],
                       yardstick=decisive.replace("_", " "), headings=" | ".join(map(str.rstrip, table[0])),
                       rules="---|" * (len(table[0]) - 1) + "---",
                       rows="\n".join(f"| {' | '.join(row.values())} |" for row in table),
                       origin=example.request.origin, utility=example.rows()[0]["utility"], verdict=example.verdict,
                       sections=sections)


def columns(method: Mapping[str, Any]) -> dict[str, str]:
    """Return the figures of one method by their headings; headings of one text differ by spaces at their end."""
    found = {}
    if "utility" in method:
        earned = method["utility"]
        found["U mean [95 % interval]"] = f"{earned['mean']:.2f} [{earned['mean_low']:.2f}, {earned['mean_high']:.2f}]"
    score, interval = method["normalised_return"], ""
    if "utility_ratio" in method:
        ratio = method["utility_ratio"]
        found["U/U* mean [95 % interval]"] = f"{ratio['mean']:.5f} [{ratio['mean_low']:.5f}, {ratio['mean_high']:.5f}]"
        found |= {"q05": f"{ratio['q05']:.5f}", "worst": f"{ratio['worst']:.5f}"}
    else:
        interval = f" [{score['mean_low']:.4f}, {score['mean_high']:.4f}]"
    return {**found, "pooled return": f"{method['normalised_return_pooled']:.4f}",
            f"normalised mean{' [95 % interval]' if interval else ''}": f"{score['mean']:.4f}{interval}",
            "q05 ": f"{score['q05']:.4f}", "worst ": f"{score['worst']:.4f}"}


def gaps(scores: Mapping[str, Score]) -> Figure:
    """Return a box plot of each method's gap to the certified optimum on a logarithmic axis: 1 - U/U*, or 1 - the
    normalised return where that ratio says nothing.
    """
    order = sorted(scores, key=lambda name: float(scores[name].decisive.mean()))
    gap = gap_name(all(score.ratio is not None for score in scores.values()))
    figure = Figure(figsize=(9, 0.36 * len(order) + 1.2), layout="constrained")
    axes = figure.subplots()
    values = [(1 - scores[name].decisive).clamp_min(1e-6).numpy() for name in order]
    boxes = axes.boxplot(values, orientation="horizontal", whis=(5, 95), tick_labels=order, patch_artist=True,
                         flierprops={"marker": ".", "markersize": 3, "alpha": 0.4}, medianprops={"color": INK})
    for box, name in zip(boxes["boxes"], order, strict=True):
        box.set_facecolor(ACCENT if name.startswith(GENERATED) else SOFT if name in LEARNED else "#dddddd")
    axes.set(xscale="log", xlabel=f"gap to the certified optimum, {gap} (box: quartiles, whiskers: 5 % and 95 %)")
    axes.grid(axis="x", alpha=0.3)
    return figure


def convergence(curves: Mapping[str, Any], ratio: bool = True) -> Figure:
    """Return learning curves on validation contexts: agents by environment steps, the diffuser by gradient steps."""
    figure = Figure(figsize=(10, 3.4), layout="constrained")
    agents_axes, diffuser_axes = figure.subplots(1, 2, sharey=True)
    for name, curve in curves["agents"].items():
        steps = [point["environment_steps"] for point in curve]
        agents_axes.plot(steps, [_gap(point, ratio) for point in curve], "-o", color=COLOURS[name], markersize=3,
                         label=name)
    history = curves["diffuser"]
    diffuser_axes.plot([point["step"] for point in history], [_gap(point, ratio) for point in history], "-o",
                       color=ACCENT, markersize=3, label="diffuser, single design")
    for axes, label in ((agents_axes, "environment steps"), (diffuser_axes, "gradient steps")):
        axes.set(xlabel=label, yscale="log")
        axes.grid(alpha=0.3)
        axes.legend()
    agents_axes.set_ylabel(f"gap {gap_name(ratio)} (validation, mean)")
    return figure


def gap_name(ratio: bool) -> str:
    """Return what is drawn: the gap of the utility, or of the normalised return."""
    return "1 - U/U*" if ratio else "1 - normalised return"


def _gap(point: Mapping[str, float | None], ratio: bool) -> float:
    value = point.get("utility_ratio_mean" if ratio else "normalised_return_mean")
    return math.nan if value is None else max(1e-6, 1 - value)
