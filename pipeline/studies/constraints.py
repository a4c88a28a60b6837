"""The runs of the study "constraints that combine".

Models and requests first; then, on validation contexts, which way of training and of sampling is best, in three
rounds; then the winner's answers on test contexts beside every control. The winner of a round is what the results of
all its seeds say, so that each run of the next round decides it anew.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from aign.agents.settings import LEARNERS
from aign.designs.settings import SamplingSettings
from aign.diffusion.settings import TrainSettings
from aign.scenarios.core.registry import create
from studies import constraint_answers, request_drawing, runs, training
from studies.constraint_choices import chosen, ways
from studies.params import StudyParams
from studies.request_sets import FAMILIES, HELD_OUT_PAIRS, INFEASIBLE, SIZES
from studies.runs import Run, Task
from studies.settings import ConstraintsSettings

CONDITIONED: dict[str, dict[str, Any]] = {
    "achieved": {},
    "hindsight": {"condition": "hindsight"},
    "one_hot": {"condition": "one_hot"},
    "one_at_a_time": {"one_at_a_time": True},
}
"""Models that differ only in how training shows them labels, with what that changes in the first."""
PLANNERS = ("final_design_only", "temporal_unet")
"""Models that differ from the first in what they plan, or with which network."""
EXPECTED = "achieved"
"""The way of showing labels that is expected to win: it is always trained in full and compared with the winner of the
short trainings, which may grow differently; so may the best way of guidance, which is chosen again."""
UNET_RATE = 1e-3
"""Learning rate of the temporal U-Net, at which it was tuned; the set network takes twice that."""


def dataset(run: Run) -> Path:
    """Return the folder of a seed's dataset."""
    return run.folder("collect-constraints") / "trajectories"


def collect(run: Run) -> None:
    """Collect a seed's dataset."""
    settings = run.params.studies.constraints
    run.collect({"name": "power-allocation", "users": settings.users, "gains": "general"}, settings.collect)


def draw_requests(run: Run) -> None:
    """Draw the requests of every family on test contexts, and those that decide on validation contexts."""
    settings, data = run.params.studies.constraints, dataset(run)
    counts = {("test", family): getattr(settings.requests, family) for family in (*FAMILIES, INFEASIBLE)}
    counts |= {("validation", family): settings.choice_requests for family in SIZES}
    run.compute([Task(f"{split}-{family}", count, request_drawing.draw_family,
                      {"dataset": data, "split": split, "family": family, "count": count, "seed": run.seed})
                 for (split, family), count in counts.items()], [data])


# --- models ----------------------------------------------------------------------------------------------------------

def train(run: Run) -> None:
    """Train, with few steps, every model that is compared with others."""
    _train(run, [*CONDITIONED, *PLANNERS], run.params.studies.constraints.variant_steps)


def train_final(run: Run) -> None:
    """Train in full the model expected to win, and the winner of the short trainings."""
    _train(run, finalists(run.params), run.params.studies.constraints.train.steps)


def finalists(params: StudyParams) -> list[str]:
    """Return the models that are trained in full."""
    return list(dict.fromkeys([chosen(params, "choose-guidance").model, EXPECTED]))


def _train(run: Run, models: Sequence[str], steps: int) -> None:
    settings, horizon = run.params.studies.constraints, create("power-allocation", users=2).horizon
    run.compute([Task(name, steps, training.diffuser,
                      {"datasets": [dataset(run)], "settings": recipe(name, settings, steps, horizon),
                       "run": run.settings}) for name in models], [dataset(run)], training=True)


def recipe(name: str, settings: ConstraintsSettings, steps: int, horizon: int) -> TrainSettings:
    """Return how a model is trained; one of the final design only plans in a single stride, the whole horizon."""
    values = settings.train.model_dump() | {"condition": "achieved", "never_together": HELD_OUT_PAIRS, "steps": steps}
    values["network"] |= {"kind": "set"}
    if name == "temporal_unet":
        values |= {"network": settings.unet.model_dump() | {"kind": "temporal"}, "learning_rate": UNET_RATE}
    elif name == "final_design_only":
        values["stride"] = horizon
    return TrainSettings.model_validate(values | CONDITIONED.get(name, {}))


# --- choices ---------------------------------------------------------------------------------------------------------

def choose_guidance(run: Run) -> None:
    """Compare ways of showing labels and of guidance."""
    _compare(run, "train-constraints", [*CONDITIONED], ways(run.params.studies.constraints))


def choose_final(run: Run) -> None:
    """Compare ways of guidance after full training."""
    _compare(run, "train-final", finalists(run.params), ways(run.params.studies.constraints))


def choose_targets(run: Run) -> None:
    """Compare target returns and margins, for the winner of the round before."""
    winner, settings = chosen(run.params, "choose-final"), run.params.studies.constraints
    _compare(run, "train-final", [winner.model],
             [winner.sampling.model_copy(update={"constrained_target_returns": targets, "margins": margins})
              for targets in settings.target_returns for margins in settings.margins])


def _compare(run: Run, trained: str, models: Sequence[str], options: Sequence[SamplingSettings]) -> None:
    requests = run.folder("draw-requests")
    run.compute([Task(name, len(options), constraint_answers.compare,
                      {"model": run.folder(trained) / name / training.MODEL, "requests": requests,
                       "candidates": run.params.studies.constraints.candidates, "options": list(options),
                       "seed": run.seed}) for name in models], [run.folder(trained), requests])


# --- answers ---------------------------------------------------------------------------------------------------------

def answer(run: Run) -> None:
    """Answer a seed's requests with the winner, with every control, and with agents trained for one request each."""
    settings, winner = run.params.studies.constraints, chosen(run.params, "choose-targets")
    requests, short, full = (run.folder(stage) for stage in ("draw-requests", "train-constraints", "train-final"))
    final, limit = full / winner.model / training.MODEL, settings.control_requests
    counts = {family: runs.results("draw-requests")[str(run.seed), f"test-{family}"]["statistics"]["requests"]
              for family in FAMILIES}
    asked = sum(counts.values())
    common = {"dataset": dataset(run), "requests": requests, "candidates": settings.candidates,
              "sampling": winner.sampling, "seed": run.seed}
    controls: dict[str, tuple[str, Path | None]] = {
        "masked": ("masked", final),
        **{name: ("model", short / name / training.MODEL) for name in (*CONDITIONED, *PLANNERS)},
        **{name: (name, None) for name in ("no_learning", "random_training_designs")}}
    run.compute([Task("main", asked + settings.requests.infeasible, constraint_answers.answer,
                      {"model": final, **common}),
                 *(Task(name, min(asked, limit * len(FAMILIES)), constraint_answers.control,
                        {"method": method, "model": model, "limit": limit, **common})
                   for name, (method, model) in controls.items()),
                 Task("convex_solver", asked, constraint_answers.solve, {"requests": requests}),
                 *retrainings(run, counts)], [dataset(run), requests, full, short])


def retrainings(run: Run, counts: Mapping[str, int]) -> list[Task]:
    """Return one task an agent and sampled request; requests are taken from the families, of `counts` each, in turn."""
    settings = run.params.studies.constraints.retraining
    turns = [(family, number) for number in range(max(counts.values())) for family in FAMILIES
             if number < counts[family]]
    return [Task(f"{kind}_retrained-{number}", 1, constraint_answers.retrain_agent,
                 {"kind": kind, "requests": run.folder("draw-requests"), "family": family, "number": row,
                  "settings": settings, "seed": run.seed})
            for number, (family, row) in enumerate(turns[:settings.requests]) for kind in LEARNERS]
