"""The study "constraints that combine": which cells it is made of, and the order in which these are computed.

First models and requests; then, on validation contexts, which way of showing labels and of sampling is best; then the
winner's answers on test contexts beside every control; last constraints.json and the plots.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aign.agents.settings import LEARNERS
from aign.designs.settings import SamplingSettings
from aign.diffusion import device
from aign.engines import messages
from aign.engines.jobs import Job, run_jobs
from aign.files.writing import sha256
from aign.params import Params, ScenarioSettings
from aign.studies import cells, constraint_cells, constraint_files
from aign.studies.constraint_models import CONDITIONED, CONTROLS, PART, model_of, training
from aign.studies.repetitions import SCENARIO, Repetition, made
from aign.studies.request_sets import FAMILIES, INFEASIBLE, SIZES
from aign.studies.settings import ConstraintsSettings

EXPECTED = "achieved"
"""The way of showing labels that is expected to win: it is always trained in full and compared with the winner of the
short trainings, which may grow differently; so may the best way of guidance, which is chosen again."""
LEARNED_CONTROLS = (*CONDITIONED, *CONTROLS)
PLAIN_CONTROLS = ("no_learning", "random_training_designs")


@dataclass(frozen=True)
class Choice:
    """What won on validation contexts: how training shows labels, and how to sample."""

    model: str
    sampling: SamplingSettings


@dataclass(frozen=True)
class Drawn:
    """The cells that draw one repetition's requests: test and validation contexts, by family."""

    test: Mapping[str, Job]
    validation: Mapping[str, Job]


def run(params: Params) -> None:
    """Compute everything that is missing and write constraints.json and its plots."""
    repetitions = datasets(params)
    models = train(params, repetitions)
    drawn = {one.seed: requests(params, one) for one in repetitions}
    compute([job for one in drawn.values() for job in (*one.test.values(), *one.validation.values())], params,
            "requests")
    first = [_compared(params, one, models[one.seed][name], f"guidance-{name}", drawn[one.seed],
                       ways(params.studies.constraints)) for one in repetitions for name in CONDITIONED]
    compute(first, params, "ways of showing labels and of guidance")
    rows = constraint_files.choices(first, [name for _ in repetitions for name in CONDITIONED])
    finalists = list(dict.fromkeys([_decided(params, rows)[0], EXPECTED]))
    full = {label: {one.seed: training(label, one, params, params.studies.constraints.train.steps)
                    for one in repetitions} for label in finalists}
    trained = [job for group in full.values() for job in group.values()]
    compute(trained, params, "models of the final", training=True)
    second = [_compared(params, one, full[label][one.seed], f"final-{label}", drawn[one.seed],
                        ways(params.studies.constraints)) for label in finalists for one in repetitions]
    compute(second, params, "ways of guidance after full training")
    more = constraint_files.choices(second, [f"{label} (full training)" for label in finalists for _ in repetitions])
    name, guided = _decided(params, more)
    third = [_compared(params, one, full[name][one.seed], f"ladder-{name}", drawn[one.seed],
                       ladders(params.studies.constraints, guided)) for one in repetitions]
    compute(third, params, "target returns and margins")
    last = constraint_files.choices(third, [f"{name} (full training)" for _ in repetitions])
    choice = Choice(*_decided(params, last))
    final = full[choice.model]
    answers = {one.seed: answering(params, one, final[one.seed], models[one.seed], drawn[one.seed], choice.sampling)
               for one in repetitions}
    compute([job for group in answers.values() for job in group.values()], params, "answers and controls")
    constraint_files.write(params, [*trained, *(job for one in models.values() for job in one.values())],
                           [one.test for one in drawn.values()], rows + more + last, choice.model, choice.sampling,
                           list(answers.values()))


def datasets(params: Params) -> list[Repetition]:
    """Return the repetitions learned from; datasets that are missing are collected."""
    settings = params.studies.constraints
    scenario = ScenarioSettings(name=SCENARIO, users=settings.users, gains="general")
    return [made(params, f"study-constraints-{settings.users}-{seed}", scenario, settings.collect, seed)
            for seed in settings.seeds]


def train(params: Params, repetitions: Sequence[Repetition] | None = None) -> dict[int, dict[str, Job]]:
    """Train every model that is compared, and the one expected to win in full; return the former by seed and name."""
    repetitions = datasets(params) if repetitions is None else repetitions
    settings = params.studies.constraints
    full = [training(EXPECTED, one, params, settings.train.steps) for one in repetitions]
    models = {one.seed: {name: training(name, one, params, settings.variant_steps) for name in LEARNED_CONTROLS}
              for one in repetitions}
    compute([*full, *(job for group in models.values() for job in group.values())], params, "models", training=True)
    return models


def compute(jobs: Sequence[Job], params: Params, what: str, training: bool = False) -> None:
    """Run the cells that are missing; trainings one after another on a GPU, which one fills."""
    missing = [job for job in jobs if not job.result.exists()]
    messages.say(f"study {PART}", f"{what}: {len(jobs) - len(missing)} of {len(jobs)} cells are there")
    alone = training and device.choose(params.base.device).type == "cuda"
    run_jobs(missing, 1 if alone else params.base.workers, f"study {PART}", params.base.threads)


def digests(*jobs: Job) -> list[str]:
    """Return what identifies the results of finished cells: whoever reads them depends on them."""
    return [sha256(job.result) for job in jobs]


def requests(params: Params, one: Repetition) -> Drawn:
    """Return the cells that draw a repetition's share of the requests."""
    settings = params.studies.constraints

    def draw(split: str, family: str, count: int) -> Job:
        arguments = {"dataset": one.dataset, "digest": one.digests()["dataset"], "split": split, "family": family,
                     "count": count, "seed": one.seed}
        return cells.cell(PART, f"requests-{split}-{family}-{one.name}", count, constraint_cells.drawn, arguments)

    counts = {family: share(getattr(settings.requests, family), settings) for family in (*FAMILIES, INFEASIBLE)}
    return Drawn({family: draw("test", family, count) for family, count in counts.items()},
                 {family: draw("validation", family, share(settings.choice_requests, settings)) for family in SIZES})


def share(requests: int, settings: ConstraintsSettings) -> int:
    """Return one repetition's share, rounded up, of a number of requests that is meant over all."""
    return -(-requests // len(settings.seeds))


# --- choices ---------------------------------------------------------------------------------------------------------

def ways(settings: ConstraintsSettings) -> list[SamplingSettings]:
    """Return the ways of guidance that are compared, with the first ladder and the middle margins: what has no use for
    margins, such as the one-hot, meets what has.
    """
    middle = settings.margins[len(settings.margins) // 2]
    plain = {"constrained_target_returns": settings.ladders[0], "margins": middle, "compositional_guidance": False}
    guided = [SamplingSettings(**plain, guidance=weight) for weight in settings.guidance]
    return [*guided, *(one.model_copy(update={"compositional_guidance": True}) for one in guided)]


def ladders(settings: ConstraintsSettings, sampling: SamplingSettings) -> list[SamplingSettings]:
    """Return every ladder with every margin, guided as given."""
    return [sampling.model_copy(update={"constrained_target_returns": ladder, "margins": margins})
            for ladder in settings.ladders for margins in settings.margins]


def _decided(params: Params, rows: Sequence[Mapping[str, Any]]) -> tuple[str, SamplingSettings]:
    """Return the model and the sampling of the best row."""
    best = constraint_files.best(rows, params.studies.constraints.least_ratio)
    return str(best["model"]).split(" ")[0], SamplingSettings(
        guidance=best["guidance"], compositional_guidance=best["composed"],
        constrained_target_returns=tuple(best["ladder"]), margins=tuple(best["margins"]), projected_steps=0)


def _compared(params: Params, one: Repetition, model: Job, name: str, drawn: Drawn,
              options: Sequence[SamplingSettings]) -> Job:
    arguments = {"model": model_of(model), "requests": [job.result for job in drawn.validation.values()],
                 "digests": digests(model, *drawn.validation.values()),
                 "candidates": params.studies.constraints.candidates, "options": list(options), "seed": one.seed}
    return cells.cell(PART, f"choice-{name}-{one.name}", len(options), constraint_cells.compared, arguments)


# --- answers ---------------------------------------------------------------------------------------------------------

def answering(params: Params, one: Repetition, final: Job, models: Mapping[str, Job], drawn: Drawn,
              sampling: SamplingSettings) -> dict[str, Job]:
    """Return the cells that answer a repetition's requests: "main", the controls, agents trained for one request."""
    settings = params.studies.constraints
    asked = [drawn.test[family] for family in FAMILIES]
    dataset = one.digests()["dataset"]
    every = sum(share(getattr(settings.requests, family), settings) for family in FAMILIES)
    limit = share(settings.control_requests, settings)
    common = {"candidates": settings.candidates, "sampling": sampling, "seed": one.seed}

    def control(name: str, method: str, model: Job | None) -> Job:
        behind = [*asked, model] if model else asked
        arguments = {"method": method, "model": model_of(model) if model else None, "dataset": one.dataset,
                     "digests": [dataset, *digests(*behind)], "limit": limit,
                     "requests": [job.result for job in asked], **common}
        total = min(every, limit * len(FAMILIES))
        return cells.cell(PART, f"answers-{name}-{one.name}", total, constraint_cells.controlled, arguments)

    main = cells.cell(PART, f"answers-main-{one.name}", every + share(settings.requests.infeasible, settings),
                      constraint_cells.answered,
                      {"model": model_of(final), "dataset": one.dataset,
                       "requests": [job.result for job in drawn.test.values()],
                       "digests": [dataset, *digests(final, *drawn.test.values())], **common})
    jobs = {"main": main, "masked": control("masked", "masked", final),
            **{name: control(name, "model", job) for name, job in models.items()},
            **{name: control(name, name, None) for name in PLAIN_CONTROLS},
            "convex_solver": cells.cell(PART, f"answers-convex-solver-{one.name}", every, constraint_cells.solved,
                                        {"requests": [job.result for job in asked], "digests": digests(*asked)})}
    return jobs | _retrained(params, one, drawn)


def _retrained(params: Params, one: Repetition, drawn: Drawn) -> dict[str, Job]:
    """Return one cell an agent and sampled request; requests are taken from the families in turn."""
    settings = params.studies.constraints
    wanted = share(settings.retraining.requests, settings)
    there = {family: cells.result(drawn.test[family])["statistics"]["requests"] for family in FAMILIES}
    turns = [(family, place) for place in range(max(there.values())) for family in FAMILIES if place < there[family]]
    jobs = {}
    for number, (family, place) in enumerate(turns[:wanted]):
        for kind in LEARNERS:
            arguments = {"kind": kind, "requests": drawn.test[family].result, "place": place,
                         "digests": digests(drawn.test[family]), "settings": settings.retraining, "seed": one.seed}
            name = f"{kind}_retrained-{number}"
            jobs[name] = cells.cell(PART, f"answers-{name}-{one.name}", 1, constraint_cells.retrained, arguments)
    return jobs
