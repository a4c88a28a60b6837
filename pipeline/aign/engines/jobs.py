"""Independent jobs of a stage, run side by side on this machine or on a cluster; finished ones are never run again."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence

from aign.engines import messages
from aign.engines.job import Engine, Job, Report
from aign.engines.local import Local
from aign.engines.progress import Progress
from aign.errors import ParameterError
from aign.settings import EngineSettings

__all__ = ["Job", "Report", "run_jobs"]
CHOICE = "AIGN_ENGINE"
"""Environment variable that overrides `base.engine`: local, ray, or ray:ADDRESS."""


def run_jobs(jobs: Sequence[Job], workers: int, title: str, threads: int = 1,
             engine: EngineSettings | None = None) -> None:
    """Run jobs, each in a fresh process with `threads` torch threads; return when all are done.

    Args:
        jobs: of one stage.
        workers: jobs at once on this machine; a cluster takes as many as it has processors for.
        title: of the stage, for messages.
        threads: of each job.
        engine: where they run; by default on this machine. The environment variable `AIGN_ENGINE` overrides it.

    Raises:
        AignError: a job raised it; same class, same message. The other jobs are stopped.
        RuntimeError: a job failed in another way; the message holds its traceback.
    """
    waiting = []
    for job in jobs:
        if job.result.exists():
            messages.say(title, f"{job.name}: finished in an earlier run, resumed")
        else:
            waiting.append(job)
    if waiting:
        _run(waiting, title, _opened(chosen(engine or EngineSettings()), workers, threads, title))


def chosen(settings: EngineSettings) -> EngineSettings:
    """Return the engine asked for: by the environment variable, where it is set, else by params.yaml.

    Raises:
        ParameterError: the variable names no engine.
    """
    kind, _, address = os.environ.get(CHOICE, "").partition(":")
    if not kind:
        return settings
    if kind not in ("local", "ray") or (kind == "local" and address):
        raise ParameterError(f"{CHOICE}={os.environ[CHOICE]}: allowed: local, ray, or ray:ADDRESS.")
    return EngineSettings(kind=kind, address=address or settings.address)


def _opened(settings: EngineSettings, workers: int, threads: int, title: str) -> Engine:
    if settings.kind == "local":
        return Local(workers, threads)
    from aign.engines.cluster import Cluster

    return Cluster(settings.address, threads, title)


def _run(waiting: list[Job], title: str, engine: Engine) -> None:
    running = 0
    with Progress(title) as progress:
        for job in waiting:
            progress.add(job.name, job.total)
        try:
            while waiting or running:
                while waiting and running < engine.places:
                    engine.submit(waiting.pop(0))
                    running += 1
                for job, news in engine.news():
                    progress.update(job.name, job.total if "ended" in news else news["done"])
                    if "ended" in news:
                        running -= 1
                        took = messages.duration(time.monotonic() - progress.started[job.name])
                        messages.say(title, f"{job.name}: {job.total} done in {took}")
                progress.tick()
        finally:
            engine.stop()
