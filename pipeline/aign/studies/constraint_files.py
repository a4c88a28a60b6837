"""From finished cells to constraints.json and its plots."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from aign.agents.settings import LEARNERS
from aign.designs.settings import SamplingSettings
from aign.engines import messages
from aign.engines.jobs import Job
from aign.files.writing import write_json
from aign.params import Params
from aign.studies import constraint_plots
from aign.studies.cells import PAGES, result, stale
from aign.studies.constraint_models import described
from aign.studies.constraint_scores import Row, by_family, share
from aign.studies.request_sets import FAMILIES, INFEASIBLE

NAME = "constraints.json"
DECIDING = ("satisfied_raw", "satisfied_raw_single")
AVERAGED = (*DECIDING, "raw_violation", "utility_ratio_mean")


def choices(jobs: Sequence[Job], models: Sequence[str]) -> list[dict[str, Any]]:
    """Return one row for each model and way of sampling, averaged over repetitions.

    Args:
        jobs: finished `compared` cells.
        models: the name of each cell's model.
    """
    found: dict[str, list[dict[str, Any]]] = {}
    for job, model in zip(jobs, models, strict=True):
        for row in result(job)["choices"]:
            way = {name: row[name] for name in ("guidance", "composed", "ladder", "margins")}
            found.setdefault(f"{model} {way}", []).append({"model": model, **row})
    return [{**same[0], **{name: average(row[name] for row in same) for name in AVERAGED}, "families": {
        family: {name: average(row["families"][family][name] for row in same) for name in DECIDING}
        for family in same[0]["families"]}} for same in found.values()]


def average(values: Iterable[float | None]) -> float | None:
    """Return the mean; None where one is missing."""
    known = list(values)
    return None if None in known else share(value for value in known if value is not None)


def best(rows: Sequence[Mapping[str, Any]], least_ratio: float) -> Mapping[str, Any]:
    """Return the row of the highest raw satisfaction, best of K first, single designs next, among those that keep the
    least mean utility ratio; among all where none keeps it.
    """
    kept = [row for row in rows if (row["utility_ratio_mean"] or 0.0) >= least_ratio] or list(rows)
    return max(kept, key=lambda row: tuple(row[name] or 0.0 for name in DECIDING))


def write(params: Params, models: Sequence[Job], drawn: Sequence[Mapping[str, Job]],
          chosen: Sequence[Mapping[str, Any]], model: str, sampling: SamplingSettings,
          answers: Sequence[Mapping[str, Job]]) -> None:
    """Write constraints.json and the plots.

    Args:
        params: for the numbers behind the figures.
        models: finished trainings.
        drawn: for each repetition the cells that drew test requests, by family.
        chosen: all rows of the comparison on validation contexts.
        model: the winner.
        sampling: how it samples.
        answers: for each repetition the cells of `constraints.answering`.
    """
    main = [row for one in answers for row in result(one["main"])["rows"]]
    rows = {"main": [row for row in main if row["family"] != INFEASIBLE], **controls(answers)}
    families = {name: by_family(own) for name, own in rows.items()}
    trainings = {job.result: job for job in models}  # the one expected to win may stand twice
    content = {
        "feasible": families.pop("main"), "controls": families, **verdicts(main),
        "milliseconds_per_request": average(result(one["main"])["milliseconds"] for one in answers),
        "solver_milliseconds_batched": average(
            share(result(one["convex_solver"])["batched_milliseconds"].values()) for one in answers),
        "model": model, "sampling": sampling.model_dump(mode="json"), "choices": [*chosen],
        "requests": {family: [result(one[family])["statistics"] for one in drawn] for family in drawn[0]},
        "raw_by_labels": raw_by_labels([request for one in drawn for job in one.values()
                                        for request in result(job)["requests"]], main),
        "raw_by_seed": raw_by_seed([result(one["main"])["rows"] for one in answers]),
        "models": described(trainings.values()), "settings": params.studies.constraints.model_dump(mode="json"),
        "computed_by_another_version": sorted(job.name for one in answers for job in one.values() if stale(job)),
    }
    write_json(PAGES / NAME, content)
    messages.made("study constraints", PAGES / NAME)
    example = result(answers[0]["main"])["example"]
    for path in constraint_plots.draw(rows, content["feasible"], content["controls"], example, PAGES):
        messages.made("study constraints", path)
    for family, figures in content["feasible"].items():
        messages.measured("study constraints", family=family, **{name: figures[name] for name in (
            "satisfied_raw", "satisfied", "utility_ratio_mean", "utility_ratio_worst")})


def raw_by_labels(requests: Sequence[Mapping[str, Any]], rows: Sequence[Row]) -> dict[str, dict[str, Any]]:
    """Return, for each set of labels that feasible requests bound, how many there are and the share that at least one
    design met before projection: hardly any of a set is met where training lacks designs of that kind.

    Args:
        requests: as `Asked.to_json` gives them.
        rows: the scores of their answers, in the same order.
    """
    met: dict[str, list[bool]] = {}
    for request, row in zip(requests, rows, strict=True):
        if row["family"] in FAMILIES:
            labels = sorted(re.split("[<>]", text.removeprefix("not "))[0] for text in request["where"])
            met.setdefault(" and ".join(labels), []).append(row["raw_any"])
    return {labels: {"requests": len(one), "satisfied_raw": share(one)} for labels, one in sorted(met.items())}


def raw_by_seed(rows: Sequence[Sequence[Row]]) -> dict[str, list[float | None]]:
    """Return, for each family, the share of requests that at least one design met before projection, seed by seed: each
    has a dataset, a model and requests of its own. None where a seed has no request of a family.
    """
    return {family: [share(row["raw_any"] for row in own if row["family"] == family) for own in rows]
            for family in FAMILIES if any(row["family"] == family for own in rows for row in own)}


def controls(answers: Sequence[Mapping[str, Job]]) -> dict[str, list[Row]]:
    """Return every control's rows, over repetitions; agents retrained for single requests under one name each."""
    found: dict[str, list[Row]] = {}
    for one in answers:
        for name, job in one.items():
            kind = next((f"{kind}_retrained" for kind in LEARNERS if name.startswith(f"{kind}_retrained")), name)
            if name != "main":
                found.setdefault(kind, []).extend(result(job)["rows"])
    return found


def verdicts(rows: Sequence[Row]) -> dict[str, Any]:
    """Return how many infeasible requests were named so, and how many feasible ones wrongly."""
    impossible = [row for row in rows if row["family"] == INFEASIBLE]
    return {"infeasible": {"requests": len(impossible), "named": sum(row["called_infeasible"] for row in impossible)},
            "feasible_called_infeasible": sum(row["called_infeasible"] for row in rows if row["family"] in FAMILIES)}
