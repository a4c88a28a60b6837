"""Stage train: the Decision Diffuser learns a trajectory dataset; beside it, as an ablation, one agent's episodes."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from aign.diffusion import checkpoint, device, parallel, store
from aign.diffusion.quality import HeldOut, merit
from aign.diffusion.ranks import Ranks
from aign.diffusion.settings import TrainSettings
from aign.diffusion.training import Trainer
from aign.engines import completion, messages
from aign.engines.jobs import Job, Report, chosen, run_jobs
from aign.engines.scratch import code_version, fingerprint, scratch
from aign.errors import ModelError
from aign.files.writing import building, read_json
from aign.params import Params
from aign.settings import RunSettings
from aign.stages.folders import MODELS, TRAJECTORIES, ablation
from aign.stages.watched import watched
from aign.trajectories.contexts import ContextPool, Contexts
from aign.trajectories.reader import TrajectoryStore


def train(variant: str, params: Params) -> None:
    """Make models/<variant>/ and the ablation models/<variant>-<agent>-only/.

    Raises:
        DatasetError: the dataset is missing or damaged.
        ParameterError: parameters that contradict each other, or no such device.
    """
    block, run = params.variant(variant), params.base
    run = run.model_copy(update={"engine": chosen(run.engine)})
    settings, agents = block.train, block.collect.agents
    dataset = TRAJECTORIES / variant
    title = f"train {variant}"
    target = device.choose(run.device)
    stored = TrajectoryStore.open(dataset, trust_code=block.scenario.spec)
    block.check_same(stored.scenario, dataset)
    messages.read(title, dataset)
    digest = read_json(dataset / "meta/manifest.json", ModelError)["digest"]
    key = fingerprint(seed=run.seed, threads=run.threads, device=target.type, train=settings, dataset=digest,
                      code=code_version(*watched("train", stored.scenario.name)))
    messages.say(title, f"{len(stored)} episodes of {stored.scenario.name}, on {target.type}")
    with scratch("train", variant, key) as folder:
        shorter = settings.model_copy(update={"steps": settings.ablation_steps})
        gpus = settings.processes if target.type == "cuda" else 0
        jobs = [_job(variant, dataset, settings, run, digest, folder, None, gpus),
                _job(f"{variant}-{ablation(agents)}", dataset, shorter, run, digest, folder, agents[:1], gpus)]
        _drop_damaged(title, jobs)
        # One process at a time on a GPU, which one training fills; side by side on the CPU.
        run_jobs(jobs, 1 if target.type == "cuda" else run.workers, title, run.threads, run.engine)
        histories = {job.name: completion.read(job.result)["history"] for job in jobs}
        # Out of scratch only now: DVC removes a stage's outputs before it runs the stage again.
        with ExitStack() as both:  # both models are renewed, or none
            for name in histories:
                shutil.copytree(folder / name, both.enter_context(building(MODELS / name)), dirs_exist_ok=True)
        for name, history in histories.items():
            messages.made(title, MODELS / name)
            best = max(history, key=merit)
            messages.measured(title, **{"model": name, **best})


def _drop_damaged(title: str, jobs: Sequence[Job]) -> None:
    """Remove what an earlier run left and a disk has damaged since; that work is then done again."""
    completion.drop_damaged(title, [job.result for job in jobs])
    for path in [job.arguments["checkpoint_path"] for job in jobs]:
        try:
            if path.exists():
                checkpoint.check(path)
        except ModelError as error:
            messages.say(title, f"{error} {path.stem} is trained from the beginning.")
            completion.remove(path)


def _job(name: str, dataset: Path, settings: TrainSettings, run: RunSettings, digest: str, folder: Path,
         behaviours: Sequence[str] | None, gpus: int) -> Job:
    marker = folder / f"{name}.json"
    arguments = {"dataset": dataset, "settings": settings, "run": run, "digest": digest, "behaviours": behaviours,
                 "checkpoint_path": folder / f"{name}.safetensors", "model": folder / name, "marker": marker}
    return Job(name, settings.steps, learn, arguments, marker, gpus, settings.processes)


def learn(report: Report, dataset: Path, settings: TrainSettings, run: RunSettings, digest: str,
          behaviours: Sequence[str] | None, checkpoint_path: Path, model: Path, marker: Path) -> None:
    """Train one model, or go on from its checkpoint; write the model folder, then the marker."""
    parallel.launch(settings.processes, device.choose(run.device).type == "cuda", _learn, report, {
        "dataset": dataset, "settings": settings, "run": run, "digest": digest, "behaviours": behaviours,
        "checkpoint_path": checkpoint_path, "model": model, "marker": marker}, run.engine)


def _learn(ranks: Ranks, report: Report, dataset: Path, settings: TrainSettings, run: RunSettings, digest: str,
           behaviours: Sequence[str] | None, checkpoint_path: Path, model: Path, marker: Path) -> None:
    """Do the part of one process; the leading one writes."""
    stored = TrajectoryStore.open(dataset, deep=False, trust_code=True)  # the parent process has checked both
    pool = ContextPool.load(dataset / "contexts.safetensors", stored.scenario)
    provenance = {"dataset_sha256": digest, "seed": run.seed, "threads": run.threads}
    trainer = Trainer([stored], settings, run.seed, ranks.device(device.choose(run.device)),
                      [held_out(pool["validation"], settings.evaluate_contexts)], behaviours, provenance, ranks=ranks)
    trained = trainer.run(checkpoint_path, report)
    if not ranks.leads:
        return
    store.save(trained.pipeline, model, trained.history)
    completion.write(marker, sorted(path for path in model.rglob("*") if path.is_file()), history=list(trained.history))


def held_out(contexts: Contexts, count: int) -> HeldOut:
    """Return the first `count` validation contexts with their reference utilities."""
    return HeldOut(contexts.values[:count], contexts.reference[:count], contexts.optimum[:count])
