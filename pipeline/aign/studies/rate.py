"""Rate utility at several base stations: does a generator find better optima, or the same ones sooner, than classics?

For each family of networks: collect trajectories of agents and simple rules, train the diffuser on them, then let it
and the classics answer the same requests on unseen contexts. Writes rate.json and rate_*.png.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aign.agents.settings import CollectSettings
from aign.engines import messages
from aign.engines.jobs import Job, run_jobs
from aign.files.writing import write_json
from aign.params import Params, ScenarioSettings
from aign.studies import rate_methods, rate_plots, rate_verdict, training
from aign.studies.cells import PAGES, cell, result
from aign.studies.repetitions import SCENARIO, Repetition, made
from aign.studies.settings import RateCase, RateSettings
from aign.studies.tables import seeded

PART = "rate"
NOTES = (
    "Milliseconds are processor time, a context's share of a batch, for every method alike; a warm start includes the "
    "generation of its starting points.",
    "The diffuser learned from trajectories of SAC, PPO, random actions and the scenario's simple rules (coordinate "
    "ascent from one start among them); weighted MMSE, fractional programming, projected gradient and the best known "
    "designs took no part in the data.",
    "Cap and total power hold inside weighted MMSE, fractional programming and projected gradient; min_rate from the "
    "rounding on (repair, then coordinate ascent that keeps it). Policies, rules and the diffuser are projected.",
    "Fractional programming is the quadratic transform; the form by the Lagrangian dual makes the steps of weighted "
    "MMSE.",
    "Intervals are 95 % over contexts of one seed.",
)


def rate(params: Params) -> None:
    """Compute everything that is missing and write rate.json and its plots."""
    settings = params.studies.rate
    cells = comparisons(params, settings)
    missing = [job for job in cells if not job.result.exists()]
    # Side by side: what is compared is processor time.
    run_jobs(missing, params.base.workers, f"study {PART}", params.base.threads)
    found = [result(job) for job in cells]
    for one in found:
        one["verdict"] = rate_verdict.verdict(one)
    write_json(PAGES / "rate.json", {"cases": [rate_verdict.published(one) for one in found],
                                     "verdict": rate_verdict.overall(found), "notes": list(NOTES)})
    rate_plots.draw(found, PAGES / "plots")
    messages.made(f"study {PART}", PAGES / "rate.json")


def comparisons(params: Params, settings: RateSettings) -> list[Job]:
    """Collect and train what is missing; return the comparing cells, one for each seed, case and request."""
    places = [(seed, case) for seed in settings.seeds for case in settings.cases]
    datasets = [collected(params, settings.collect, case, seed) for seed, case in places]
    models = [learner(params, settings, one, case) for one, (_, case) in zip(datasets, places, strict=True)]
    run_jobs([job for job in models if not job.result.exists()], params.base.workers, f"study {PART}",
             params.base.threads)
    return [compared(settings, case, seed, one, model, constraints)
            for (seed, case), one, model in zip(places, datasets, models, strict=True)
            for constraints in case.constraints]


def collected(params: Params, collect: CollectSettings, case: RateCase, seed: int) -> Repetition:
    """Return the dataset of a case, collected where it is not there or was made with other settings."""
    scenario = ScenarioSettings(name=SCENARIO, users=case.users, base_stations=case.base_stations, gains=case.gains,
                                utility="rate")
    return made(params, f"study-rate-{case.name}" + (f"-{seed}" if seed else ""), scenario, collect, seed)


def learner(params: Params, settings: RateSettings, one: Repetition, case: RateCase) -> Job:
    """Return the cell that trains the diffuser of a case."""
    arguments = {"datasets": [one.dataset], "digests": [one.digests()["dataset"]], "settings": settings.train,
                 "run": seeded(params, one.seed)}
    return cell(PART, f"diffuser-{case.name}-{one.seed}", settings.train.steps, training.diffuser, arguments)


def compared(settings: RateSettings, case: RateCase, seed: int, one: Repetition, model: Job,
             constraints: Sequence[str]) -> Job:
    """Return the cell in which all methods answer one request."""
    place = case.constraints.index(tuple(constraints))
    arguments: dict[str, Any] = {
        "dataset": one.dataset, "agents": one.agents, "digests": one.digests(),
        "model": model.result.parent / training.MODEL, "model_sha256": result(model)["model_sha256"],
        "constraints": list(constraints), "seed": seed,
        "settings": settings.model_copy(update={"cases": (case,), "seeds": (seed,)})}
    return cell(PART, f"compare-{case.name}-{place}-{seed}", rate_methods.STEPS, rate_methods.compare, arguments)
