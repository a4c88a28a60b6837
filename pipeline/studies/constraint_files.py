"""From the runs on constraints that combine to constraints.json and its plots."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure

from aign.engines import messages
from studies.constraint_choices import choices, chosen
from studies.constraint_scores import Row, average, by_family, share
from studies.figures import save
from studies.request_sets import FAMILIES, INFEASIBLE
from studies.runs import PAGES, Run, publish, results

FULL = "(full training)"
INK, ACCENT, SOFT = "#1f2a44", "#d1495b", "#7a9cc6"
LEAST_GAP = 1e-6
"""Smallest gap drawn: the axis is logarithmic."""
Results = Mapping[str, Any]


def write(run: Run) -> None:
    """Write constraints.json and the plots."""
    by_place, winner = results("answer"), chosen(run.params, "choose-targets")
    answers = [values for (_, task), values in by_place.items() if task == "main"]
    solved = [values for (_, task), values in by_place.items() if task == "convex_solver"]
    requests = results("draw-requests")
    main = [row for values in answers for row in values["rows"]]
    rows = {"main": [row for row in main if row["family"] != INFEASIBLE], **controls(by_place)}
    families = {name: by_family(method_rows) for name, method_rows in rows.items()}
    rounds = [*choices("choose-guidance"), *({**row, "model": f"{row['model']} {FULL}"} for stage in
                                             ("choose-final", "choose-targets") for row in choices(stage))]
    content = {
        "feasible": families.pop("main"), "controls": families, **verdicts(main),
        "milliseconds_per_request": average(values["milliseconds"] for values in answers),
        "solver_milliseconds_batched": average(share(values["batched_milliseconds"].values()) for values in solved),
        "model": winner.model, "sampling": winner.sampling.model_dump(mode="json"), "choices": rounds,
        "requests": {family: [values["statistics"] for (_, task), values in requests.items()
                              if task == f"test-{family}"] for family in (*FAMILIES, INFEASIBLE)},
        "raw_by_labels": raw_by_labels(asked(requests), main),
        "raw_by_seed": raw_by_seed([values["rows"] for values in answers]),
        "models": models(), "settings": run.params.studies.constraints.model_dump(mode="json"),
    }
    publish("constraints", "constraints.json", content)
    save(satisfaction({"main": content["feasible"], **content["controls"]}), PAGES / "constraints_satisfaction.png")
    save(utility(rows), PAGES / "constraints_utility.png")
    if answers[0]["example"]:
        save(example_answers(answers[0]["example"]), PAGES / "constraints_example.png")
    for family, figures in content["feasible"].items():
        messages.measured("study constraints", family=family, **{name: figures[name] for name in (
            "satisfied_raw", "satisfied", "utility_ratio_mean", "utility_ratio_worst")})


def asked(requests: Mapping[tuple[str, ...], Results]) -> list[Results]:
    """Return the test requests in the order in which `answer` takes them: seed by seed, family by family."""
    seeds = dict.fromkeys(seed for seed, _ in requests)
    return [request for seed in seeds for family in (*FAMILIES, INFEASIBLE)
            for request in requests[seed, f"test-{family}"]["requests"]]


def models() -> list[dict[str, Any]]:
    """Return of each training: name, seed, steps, parameters, seconds, best held-out quality of single unconstrained
    designs.
    """
    return [{"model": f"{name}-{seed}", "steps": values["gradient_steps"], "parameters": values["parameters"],
             "training_seconds": values["training_seconds"],
             "held_out_normalised_return_pooled": max(float(point["normalised_return_pooled"])
                                                      for point in values["curve"])}
            for stage in ("train-final", "train-constraints") for (seed, name), values in results(stage).items()]


def raw_by_labels(requests: Sequence[Results], rows: Sequence[Row]) -> dict[str, dict[str, Any]]:
    """Return, for each set of labels that feasible requests bound, how many there are and the share that at least one
    design met before projection: hardly any of a set is met where training lacks designs of that kind.

    `requests` are as `StudyRequest.to_json` gives them, `rows` the scores of their answers in the same order.
    """
    met: dict[str, list[bool]] = {}
    for request, row in zip(requests, rows, strict=True):
        if row["family"] in FAMILIES:
            labels = sorted(re.split("[<>]", text.removeprefix("not "))[0] for text in request["where"])
            met.setdefault(" and ".join(labels), []).append(row["raw_any"])
    return {labels: {"requests": len(values), "satisfied_raw": share(values)} for labels, values in sorted(met.items())}


def raw_by_seed(seeds: Sequence[Sequence[Row]]) -> dict[str, list[float | None]]:
    """Return, for each family, the share of requests that at least one design met before projection, seed by seed: each
    has a dataset, a model and requests of its own. None where a seed has no request of a family.
    """
    return {family: [share(row["raw_any"] for row in rows if row["family"] == family) for rows in seeds]
            for family in FAMILIES if any(row["family"] == family for rows in seeds for row in rows)}


def controls(by_place: Mapping[tuple[str, ...], Results]) -> dict[str, list[Row]]:
    """Return every control's rows, over seeds; agents retrained for single requests under one name each."""
    rows: dict[str, list[Row]] = {}
    for (_, task), values in by_place.items():
        if task != "main":
            rows.setdefault(task.partition("-")[0], []).extend(values["rows"])
    return rows


def verdicts(rows: Sequence[Row]) -> dict[str, Any]:
    """Return how many infeasible requests were named so, and how many feasible ones wrongly."""
    called = {kind: [row["called_infeasible"] for row in rows if (row["family"] == INFEASIBLE) == kind]
              for kind in (True, False)}
    return {"infeasible": {"requests": len(called[True]), "named": sum(called[True])},
            "feasible_called_infeasible": sum(called[False])}


# --- pictures ---------------------------------------------------------------------------------------------------------

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


def example_answers(example: Mapping[str, Any]) -> Figure:
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
