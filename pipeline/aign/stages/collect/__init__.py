"""Stage collect: agents explore a network, and their episodes become the trajectory dataset.

Contexts are drawn and certified once. Then several sources act side by side, each a job of its own: the agents that
learn, random actions, heuristics, and experts guided by a solver or by labels. Their shards are assembled in a fixed
order. A killed run keeps the jobs that had finished, and the outputs do not tell that it was interrupted.
"""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from aign.agents import fit
from aign.agents.behaviours import Source
from aign.agents.libraries import planned_steps
from aign.agents.settings import CollectSettings, Kind
from aign.engines import completion, messages
from aign.engines.jobs import Job, run_jobs
from aign.engines.progress import counted
from aign.engines.scratch import code_version, fingerprint, scratch
from aign.errors import DatasetError
from aign.files.writing import building, read_json, write_json
from aign.params import Params
from aign.scenarios.core.scenario import Scenario
from aign.settings import RunSettings
from aign.stages.collect.sources import Task, act, held_out_counts, job_counts, job_seed, learn
from aign.stages.folders import AGENTS, TRAJECTORIES
from aign.stages.watched import watched
from aign.trajectories.assemble import assemble
from aign.trajectories.contexts import CONTEXTS, ContextPool

CERTIFIED = "certified.safetensors"
"""The contexts as jobs take them: with the certified designs that the dataset's file is without."""
JOB = "-job-"
"""Between the name of a source and the number of its job."""
ID_STRIDE = 1_000_000_000
"""First episode of a source is its place times this, so identifiers do not depend on the size of other sources."""


def collect(variant: str, params: Params) -> None:
    """Make data/trajectories/<variant>/ (the dataset) and data/agents/<variant>/ (policies and learning curves).

    Raises:
        ParameterError: an unknown variant or scenario, or parameters that contradict each other.
        StorageError: the disk is full or read-only.
    """
    settings, run = params.variant(variant), params.base
    scenario = settings.create_scenario()
    fit.check(scenario, settings.collect)
    torch.set_num_threads(run.threads)
    key = fingerprint(seed=run.seed, threads=run.threads, scenario=scenario.spec(), collect=settings.collect,
                      code=code_version(*watched("collect", scenario.name)))
    with scratch("collect", variant, key) as folder:
        contexts = folder / CONTEXTS
        _draw_contexts(variant, scenario, settings.collect, run.seed, contexts)
        jobs = _jobs(scenario, settings.collect, run, folder)
        completion.drop_damaged(_title(variant), [job.result for job in jobs])
        run_jobs(jobs, run.workers, _title(variant), run.threads, run.engine)
        with building(AGENTS / variant) as aside:  # takes its place last: both outputs are renewed, or none
            _keep_agents(aside, settings.collect.agents, folder)
            _assemble(variant, scenario, settings.collect, run, jobs, contexts)
        messages.made(_title(variant), AGENTS / variant)


def _title(variant: str) -> str:
    return f"collect {variant}"


def _draw_contexts(variant: str, scenario: Scenario[Any], settings: CollectSettings, seed: int, path: Path) -> None:
    counts = {"train": settings.train_contexts, "validation": settings.validation_contexts,
              "test": settings.test_contexts}
    marker = path.with_suffix(".json")
    completion.drop_damaged(_title(variant), [marker])
    if marker.exists():
        return
    messages.say(_title(variant), f"draws and certifies {sum(counts.values())} contexts of {scenario.name}")
    began = time.monotonic()
    with counted(_title(variant), "contexts") as progress:
        pool = ContextPool.draw(scenario, counts, seed, progress)
    pool.save(path, scenario)
    pool.save(path.with_name(CERTIFIED), scenario, designs=True)
    completion.write(marker, [path, path.with_name(CERTIFIED)])
    messages.say(_title(variant), f"contexts done in {messages.duration(time.monotonic() - began)}")


def _jobs(scenario: Scenario[Any], settings: CollectSettings, run: RunSettings, folder: Path) -> list[Job]:
    """Return the jobs, of sources that take longest first; sources that would add nothing are left out."""
    def job(name: str, first_episode: int, seed: int, total: int, function: Callable[..., None],
            **arguments: Any) -> Job:
        task = Task(scenario.spec(), settings, seed, folder / CERTIFIED, folder / name, folder / f"{name}.json",
                    first_episode)
        return Job(name, total, function, {"task": task, **arguments}, task.marker)

    jobs = [job(kind, place * ID_STRIDE, run.seed, planned_steps(kind, settings, scenario.horizon), learn, kind=kind)
            for place, kind in enumerate(settings.agents)]
    amounts: dict[Source, int] = {
        "solver-guided": settings.sources.solver_guided, "random": settings.sources.random,
        "heuristics": settings.sources.heuristics if scenario.heuristics else 0,
        "label-guided": settings.sources.label_guided}
    for place, (source, amount) in enumerate(amounts.items(), start=len(settings.agents)):
        first = place * ID_STRIDE
        parts = job_counts(held_out_counts(amount, settings.held_out_share), settings.sources.jobs) if amount else []
        for number, counts in enumerate(parts):
            name = source if len(parts) == 1 else f"{source}{JOB}{number + 1}-of-{len(parts)}"
            total = sum(counts.values())
            jobs.append(job(name, first, job_seed(run.seed, source, number, len(parts)), total, act, source=source,
                            counts=counts))
            first += total
    return jobs


def _assemble(variant: str, scenario: Scenario[Any], settings: CollectSettings, run: RunSettings,
              jobs: Sequence[Job], contexts: Path) -> None:
    markers = {job.name: completion.read(job.result) for job in jobs}
    parts = [job.result.parent / job.name / part for job in jobs for part in markers[job.name]["parts"]]
    episodes = Counter[str]()
    for name, marker in markers.items():
        episodes[name.partition(JOB)[0]] += marker["episodes"]
    provenance = {
        "author": "aign collect",
        "variant": variant,
        "seed": run.seed,
        "threads": run.threads,
        "collect": settings.provenance(),
        "sources": {name: {"episodes": count} for name, count in episodes.items()},
    }
    assemble(TRAJECTORIES / variant, parts, scenario, provenance, {CONTEXTS: contexts})
    messages.made(_title(variant), TRAJECTORIES / variant)
    messages.measured(_title(variant), **{f"{name} episodes": count for name, count in episodes.items()})


def _keep_agents(target: Path, agents: Sequence[Kind], folder: Path) -> None:
    """Copy each learner's policy, and put the learning curves into one file."""
    curves = {kind: read_json(folder / kind / "curve.json", DatasetError) for kind in agents}
    for kind in agents:
        for suffix in ("json", "safetensors"):
            shutil.copyfile(folder / kind / f"{kind}.{suffix}", target / f"{kind}.{suffix}")
    write_json(target / "curves.json", curves)
