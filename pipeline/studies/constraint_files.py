"""From the runs on constraints that combine to constraints.json and its plots."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from aign.engines import messages
from studies import constraint_plots
from studies.constraint_scores import Row, by_family, share
from studies.constraints import average, choices, chosen
from studies.figures import save
from studies.params import StudyParams
from studies.request_sets import FAMILIES, INFEASIBLE
from studies.runs import PAGES, publish, results

FULL = "(full training)"
Results = Mapping[str, Any]


def write(params: StudyParams, seed: int, case: str) -> None:
    """Write constraints.json and the plots."""
    by_place, winner = results("answer"), chosen(params, "choose-targets")
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
        "models": models(), "settings": params.studies.constraints.model_dump(mode="json"),
    }
    publish("constraints", "constraints.json", content)
    pictures = constraint_plots.draw(rows, content["feasible"], content["controls"], answers[0]["example"])
    for name, figure in pictures.items():
        save(figure, PAGES / f"constraints_{name}.png")
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

    Args:
        requests: as `StudyRequest.to_json` gives them.
        rows: the scores of their answers, in the same order.
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
