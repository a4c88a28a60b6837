"""Pictures of the study of constraints: raw satisfaction, utility ratios, one request with several answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure

from studies.constraint_scores import Row

INK, ACCENT, SOFT = "#1f2a44", "#d1495b", "#7a9cc6"
LEAST_GAP = 1e-6
"""Smallest gap drawn: the axis is logarithmic."""


def draw(rows: Mapping[str, Sequence[Row]], feasible: Mapping[str, Any], controls: Mapping[str, Any],
         example: Mapping[str, Any]) -> dict[str, Figure]:
    """Return the pictures by name.

    Args:
        rows: each method's scores, "main" among them.
        feasible: the main model's figures by family.
        controls: the same for every control.
        example: one request with several designs; no picture where empty.
    """
    figures = {"satisfaction": satisfaction({"main": feasible, **controls}), "utility": utility(rows)}
    return {**figures, "example": answers(example)} if example else figures


def satisfaction(methods: Mapping[str, Mapping[str, Any]]) -> Figure:
    """Return bars of raw satisfaction, family by family: best of all designs, and a mark for single designs."""
    families = list(methods["main"])
    figure = Figure(figsize=(3.2 * len(families), 0.32 * len(methods) + 1.4), layout="constrained")
    places = range(len(methods))
    for axes, family in zip(figure.subplots(1, len(families), sharey=True, squeeze=False)[0], families, strict=True):
        figures = [by_family.get(family, {}) for by_family in methods.values()]
        axes.barh(places, [100 * (values.get("satisfied_raw") or 0.0) for values in figures],
                  color=[ACCENT if name == "main" else SOFT for name in methods])
        axes.plot([100 * (values.get("satisfied_raw_single") or 0.0) for values in figures], places, "|", color=INK,
                  markersize=10)
        axes.set(title=family.replace("_", " "), xlim=(0, 100), xlabel="raw satisfaction, %")
        axes.grid(axis="x", alpha=0.3)
    axes.set_yticks(places, [name.replace("_", " ") for name in methods])
    axes.invert_yaxis()
    figure.suptitle("Requests met before any projection: by the best design (bar), by a single design (mark)")
    return figure


def utility(rows: Mapping[str, Sequence[Row]]) -> Figure:
    """Return box plots of the best design's gap to the constrained optimum, certified ones only."""
    gaps = {name: [max(LEAST_GAP, 1 - row["utility_ratio"]) for row in method_rows
                   if row["certified"] and row["utility_ratio"] is not None] for name, method_rows in rows.items()}
    drawn = {name: values for name, values in gaps.items() if values}
    figure = Figure(figsize=(9, 0.36 * len(drawn) + 1.6), layout="constrained")
    axes = figure.subplots()
    boxes = axes.boxplot(list(drawn.values()), orientation="horizontal", whis=(5, 95), patch_artist=True,
                         tick_labels=[name.replace("_", " ") for name in drawn],
                         flierprops={"marker": ".", "markersize": 3, "alpha": 0.4}, medianprops={"color": INK})
    for box, name in zip(boxes["boxes"], drawn, strict=True):
        box.set_facecolor(ACCENT if name == "main" else SOFT)
    axes.set(xscale="log", xlabel="gap to the certified constrained optimum, 1 - U/U*, after projection\n"
                                  "(box: quartiles, whiskers: 5 % and 95 %)")
    axes.invert_yaxis()
    axes.grid(axis="x", alpha=0.3)
    return figure


def answers(example: Mapping[str, Any]) -> Figure:
    """Return small multiples: several designs that all answer one request, as bars of power levels."""
    designs = example["designs"]
    columns = min(3, len(designs))
    rows = -(-len(designs) // columns)
    figure = Figure(figsize=(4.2 * columns, 2.3 * rows + 0.6), layout="constrained")
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).flatten()
    asked = [text.replace("<=", "<").replace(">=", "<").split("<")[0] for text in example["where"]]
    for axes, design in zip(grid, designs, strict=False):
        axes.bar(range(1, len(design["design"]) + 1), design["design"], color=ACCENT if design is designs[0] else SOFT)
        axes.set_title(f"{design['utility'] / example['optimum']:.3%} of the optimum\n"
                       + ", ".join(f"{name} {design['labels'][name]:.4g}" for name in asked), fontsize=8)
    for axes in grid[len(designs):]:
        axes.set_axis_off()
    figure.supxlabel("user, by falling gain", fontsize=9)
    figure.supylabel("power level", fontsize=9)
    kind = "certified" if example["certified"] else "best known"
    figure.suptitle(f"One request, several answers: {', '.join(example['where'])} ({kind} optimum "
                    f"{example['optimum']:.2f})", fontsize=10)
    return figure
