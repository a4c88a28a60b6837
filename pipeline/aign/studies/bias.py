"""Biased and small datasets: what batch-constrained Q-learning and the diffuser make of parts of one dataset.

Both take the same number of gradient steps on the same episodes and are scored on the same unseen contexts. The kept
model is the last one: choosing among several by the simulator would help one of them past its data.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from matplotlib.figure import Figure
from torch import Tensor

from aign.agents import bcq
from aign.agents.settings import BCQSettings
from aign.designs.baselines import best_training_design
from aign.designs.settings import SamplingSettings
from aign.diffusion import device
from aign.diffusion.settings import TrainSettings
from aign.diffusion.training import Trainer
from aign.engines import messages
from aign.engines.jobs import Job, Report, run_jobs
from aign.files.writing import write_json, writing
from aign.params import Params
from aign.settings import RunSettings
from aign.stages.evaluate import judge, methods, unseen
from aign.stages.evaluate.methods import Method
from aign.stages.train import held_out
from aign.studies.bias_claims import claims as claims
from aign.studies.cells import PAGES, begin, cell, finish, result
from aign.studies.comparison import acting, described
from aign.studies.intervals import Interval, mean, over_seeds
from aign.studies.repetitions import Repetition, collected
from aign.studies.subsets import SUBSETS, describe, rows_of
from aign.trajectories.contexts import ContextPool
from aign.trajectories.reader import TrajectoryStore

PART = "bias"
HIDDEN = "_return_hidden"
"""Ends the name of a diffuser's method whose network does not see which return is wanted."""
Place = tuple[str, int]
"""Subset and seed."""


def run(params: Params) -> None:
    """Compute the missing cells, then write bias.json and bias.png."""
    settings, seeds = params.studies.bias, params.studies.seeds
    repetitions = {seed: collected(params, settings.users, seed) for seed in seeds}
    cells = {(subset, seed): subset_cell(params, subset, repetitions[seed]) for seed in seeds for subset in SUBSETS}
    missing = [job for job in cells.values() if not job.result.exists()]
    messages.say(f"study {PART}", f"{len(cells) - len(missing)} of {len(cells)} cells are there")
    run_jobs(missing, params.base.workers, f"study {PART}", params.base.threads)
    found = rows({place: result(job) for place, job in cells.items()}, settings.users)
    write_json(PAGES / "bias.json", found)
    draw(found, PAGES / "bias.png")
    for name in ("bias.json", "bias.png"):
        messages.made(f"study {PART}", PAGES / name)


def subset_cell(params: Params, subset: str, repetition: Repetition) -> Job:
    """Return the cell that learns from one subset of one repetition."""
    settings = params.studies.bias
    arguments = {"dataset": repetition.dataset, "digest": repetition.digests()["dataset"], "subset": subset,
                 "diffuser": settings.diffuser, "q_learning": settings.bcq, "count": settings.contexts,
                 "candidates": settings.candidates, "sampling": settings.sampling,
                 "run": params.base.model_copy(update={"seed": repetition.seed, "workers": 1})}
    return cell(PART, f"{subset}-{repetition.name}", settings.bcq.gradient_steps + settings.diffuser.steps,
                learn_subset, arguments)


def learn_subset(report: Report, folder: Path, dataset: Path, digest: str, subset: str, diffuser: TrainSettings,
                 q_learning: BCQSettings, count: int, candidates: int, sampling: SamplingSettings,
                 run: RunSettings) -> None:
    """Train both on a subset and score them, and the best design in it, on unseen contexts."""
    begin(folder)
    stored = TrajectoryStore.open(dataset)
    chosen, scenario, contexts = rows_of(stored, subset, run.seed), stored.scenario, unseen(stored, count)
    policy, slow = learned_q(stored, chosen, q_learning, run.seed, report)
    generators, slower = learned_diffuser(stored, chosen, diffuser, run, folder, sampling, candidates, digest,
                                          lambda step: report(q_learning.gradient_steps + step))
    found: dict[str, tuple[Method, float, int]] = {
        "bcq": (policy, slow, q_learning.gradient_steps),
        **{name: (method, slower, diffuser.steps) for name, method in generators.items()},
        "best_training_design": (memory(stored, chosen), 0.0, 0)}
    figures = {name: {**described(judge(scenario, contexts, method)), "training_seconds": seconds,
                      "gradient_steps": steps} for name, (method, seconds, steps) in found.items()}
    finish(folder, subset=describe(stored, chosen), methods=figures, contexts=len(contexts))


def learned_q(stored: TrajectoryStore, chosen: Tensor, settings: BCQSettings, seed: int,
              report: Report) -> tuple[Method, float]:
    """Return batch-constrained Q-learning from these rows (b,) as a method, and the seconds it took."""
    known = ContextPool.load(stored.folder / "contexts.safetensors", stored.scenario)["validation"]
    one = known.take(torch.arange(1))  # its curve is not looked at, so it is kept cheap
    began = time.perf_counter()
    policy = bcq.learn(stored, settings, seed, chosen, one, lambda done, planned: report(done)).policy
    seconds = time.perf_counter() - began
    scenario = stored.scenario
    return acting(scenario, lambda values, states, at: policy.act(scenario, values, states, at)), seconds


def learned_diffuser(stored: TrajectoryStore, chosen: Tensor, settings: TrainSettings, run: RunSettings, folder: Path,
                     sampling: SamplingSettings, candidates: int, digest: str,
                     report: Callable[[int], None]) -> tuple[dict[str, Method], float]:
    """Return the diffuser trained on these rows (b,), asked for high returns and with the return hidden, as methods
    by name, and the seconds its training took.
    """
    pool = ContextPool.load(stored.folder / "contexts.safetensors", stored.scenario)
    began = time.perf_counter()
    trainer = Trainer([stored], settings, run.seed, device.choose(run.device),
                      [held_out(pool["validation"], settings.evaluate_contexts)], None,
                      {"dataset_sha256": digest, "episodes": len(chosen), "seed": run.seed}, rows=[chosen])
    pipeline = trainer.run(folder / "checkpoint.safetensors", report).pipeline
    seconds = time.perf_counter() - began
    # A wanted return that is not a number is not shown; settings refuse it, so it is put in past their check.
    hidden = sampling.model_copy(update={"target_returns": (math.nan,)})
    return {f"diffuser_{name}{ending}": methods.diffuser(pipeline, number, wanted, run.seed)
            for ending, wanted in (("", sampling), (HIDDEN, hidden))
            for name, number in (("single", 1), (f"best_of_{candidates}", candidates))}, seconds


def memory(stored: TrajectoryStore, chosen: Tensor) -> Method:
    """Return the best final design of these rows (b,), when each is tried in the new context."""
    scenario = stored.scenario
    final = stored.gather("observations", chosen)[:, -1, :scenario.state_size]
    designs = torch.unique(scenario.design_of(final), dim=0)
    return lambda contexts: best_training_design(scenario, contexts, designs)


# --- from cells to rows ----------------------------------------------------------------------------------------------

def rows(cells: Mapping[Place, Mapping[str, Any]], users: int) -> list[dict[str, Any]]:
    """Return the rows of bias.json: a row for each subset and method, means over seeds with 95 % intervals.

    `gain_of_showing_the_return` is the pooled return of a diffuser asked for high returns minus that of the same
    diffuser with the return hidden, paired by seed; None for other methods.
    """
    seeds = sorted({seed for _, seed in cells})
    found = []
    for subset in dict.fromkeys(name for name, _ in cells):
        every = [cells[subset, seed] for seed in seeds]
        about = {name: over_seeds([one["subset"][name] for one in every])
                 for name in ("trajectory_quality", "state_action_coverage")}
        for method in every[0]["methods"]:
            figures = [one["methods"][method] for one in every]
            found.append({
                "users": users, "subset": subset, "episodes": round(mean([one["subset"]["episodes"] for one in every])),
                **about, "method": method, "seeds": len(seeds), "gradient_steps": figures[0]["gradient_steps"],
                "utility": mean([one["utility"] for one in figures]),
                "utility_ratio": over_seeds([one["utility_ratio"]["mean"] for one in figures]),
                "normalised_return_pooled": over_seeds([one["normalised_return_pooled"]["mean"] for one in figures]),
                "gain_of_showing_the_return": gain(every, method),
                "training_seconds": mean([one["training_seconds"] for one in figures]),
                "milliseconds_per_design": mean([one["milliseconds_per_design"] for one in figures])})
    return found


def gain(every: Sequence[Mapping[str, Any]], method: str) -> Interval | None:
    """Return what showing the return gains a method; None where there is nothing to compare."""
    if f"{method}{HIDDEN}" not in every[0]["methods"]:
        return None
    return over_seeds([one["methods"][method]["normalised_return_pooled"]["mean"]
                       - one["methods"][f"{method}{HIDDEN}"]["normalised_return_pooled"]["mean"] for one in every])


def draw(found: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Draw 1 - pooled return of every method on every subset, and what showing the return gains."""
    figure = Figure(figsize=(11, 4.2), layout="constrained")
    gaps, gains = figure.subplots(1, 2, width_ratios=(3, 2))
    subsets = list(dict.fromkeys(row["subset"] for row in found))
    names = list(dict.fromkeys(row["method"] for row in found))
    for place, name in enumerate(names):
        values = [row["normalised_return_pooled"] for row in found if row["method"] == name]
        at = [index + 0.8 * (place + 0.5) / len(names) - 0.4 for index in range(len(subsets))]
        gaps.bar(at, [max(1e-4, 1 - value["mean"]) for value in values], 0.8 / len(names), label=label(name))
    shown = [row for row in found if row["gain_of_showing_the_return"]]
    kinds = list(dict.fromkeys(row["method"] for row in shown))
    for place, name in enumerate(kinds):
        values = [row["gain_of_showing_the_return"] for row in shown if row["method"] == name]
        means = [value["mean"] for value in values]
        spread = [(value["high"] or value["mean"]) - value["mean"] for value in values]
        at = [index + 0.8 * (place + 0.5) / len(kinds) - 0.4 for index in range(len(subsets))]
        gains.bar(at, means, 0.8 / len(kinds), yerr=spread, capsize=2, label=label(name))
    gaps.set(yscale="log", ylabel="1 - pooled return (mean over seeds)", title="gap to the certified optimum")
    gains.set(title="gained by asking for high returns")
    gains.set_yscale("symlog", linthresh=0.01)
    for axes in (gaps, gains):
        axes.set_xticks(range(len(subsets)), [label(name) for name in subsets], rotation=25, ha="right")
        axes.grid(axis="y", alpha=0.3)
        axes.legend(fontsize=7)
    with writing(path) as aside:
        figure.savefig(aside, format="png", dpi=110, metadata={"Software": None})


def label(name: str) -> str:
    """Return a name as readers see it."""
    return name.replace("_", " ")
