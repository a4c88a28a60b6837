"""Independent pieces of a stage's work, run side by side in processes of their own.

A job writes its results to files and, as its last act, its marker. Where the marker exists, the job is not run again:
that is how a killed stage resumes. Nothing comes back from a job but how far it is and how it ended.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing import connection, get_context
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any

from filelock import FileLock

from aign import errors
from aign.engines import messages
from aign.engines.progress import Progress
from aign.engines.scratch import die_with_parent
from aign.errors import SMALLER, AignError, ResourceError, out_of_memory

Report = Callable[[int], None]
"""Takes how much of the job's total is done so far."""

REPORT_SECONDS = 0.2
"""Reports of a job that follow one another faster are dropped, so that telling never slows the work."""
POLL_SECONDS = 0.5


@dataclass(frozen=True)
class Job:
    """One piece of work.

    Attributes:
        name: unique among the jobs run together.
        total: units of work, for the progress bar.
        function: a function at the top level of a module, called as `function(report, **arguments)`.
        arguments: values that can be sent to another process.
        result: the marker, a file that `function` writes last.
    """

    name: str
    total: int
    function: Callable[..., None]
    arguments: Mapping[str, Any]
    result: Path


@dataclass
class Running:
    """A job's process and the line on which it reports."""

    job: Job
    process: SpawnProcess
    line: Connection
    ended: bool = field(default=False)
    """Whether the job said that it was finished."""


def run_jobs(jobs: Sequence[Job], workers: int, title: str, threads: int = 1) -> None:
    """Run jobs, `workers` at once, each in a fresh process with `threads` torch threads; return when all are done.

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
    running: list[Running] = []
    with Progress(title) as progress:
        for job in waiting:
            progress.add(job.name, job.total)
        try:
            while waiting or running:
                while waiting and len(running) < workers:
                    running.append(_start(waiting.pop(0), threads))
                    progress.update(running[-1].job.name, 0)
                _listen(running, progress)
                running = [worker for worker in running if not _reap(worker, title, progress)]
                progress.tick()
        finally:
            for worker in running:
                worker.process.kill()
                worker.process.join()


def _start(job: Job, threads: int) -> Running:
    context = get_context("spawn")
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(job, threads, there, os.getpid()), name=job.name, daemon=True)
    process.start()
    there.close()
    return Running(job, process, here)


def _listen(running: Sequence[Running], progress: Progress) -> None:
    """Wait a moment for news, and take all there is."""
    workers = {worker.line: worker for worker in running}
    for line in connection.wait(list(workers), timeout=POLL_SECONDS):
        worker = workers[line]  # type: ignore[index]
        while not worker.ended and worker.line.poll():
            try:
                news = json.loads(worker.line.recv_bytes())
            except EOFError:
                worker.process.join()
                return
            if "failed" in news:
                raise _failure(worker.job, news)
            worker.ended = news.get("ended", False)
            progress.update(worker.job.name, worker.job.total if worker.ended else news["done"])


def _reap(worker: Running, title: str, progress: Progress) -> bool:
    """Return whether the job is over and well; raise where it ended without a result."""
    if not worker.ended:
        if worker.process.is_alive():
            return False
        _listen([worker], progress)  # it may have said how it ended, and gone, since the last look at its line
    worker.process.join()
    worker.line.close()
    if worker.ended and worker.job.result.exists():
        took = messages.duration(time.monotonic() - progress.started[worker.job.name])
        messages.say(title, f"{worker.job.name}: {worker.job.total} done in {took}")
        return True
    code = worker.process.exitcode
    ended = f"Job {worker.job.name!r} ended without its result {worker.job.result}"
    if code and code < 0:
        raise ResourceError(f"{ended} (killed by signal {-code}). The system may be short of memory: take fewer "
                            "base.workers or smaller settings, then run the command again; finished jobs are kept.")
    raise RuntimeError(f"{ended} (status {code}).")


def _failure(job: Job, news: Mapping[str, str]) -> Exception:
    if news["failed"]:
        kind: type[AignError] = getattr(errors, news["failed"], AignError)
        return kind(news["message"])
    return RuntimeError(f"Job {job.name!r} failed:\n{news['message']}")


# --- in the job's own process ----------------------------------------------------------------------------------------

def _work(job: Job, threads: int, line: Connection, parent: int) -> None:
    die_with_parent(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what an interrupt means, and ends its jobs
    _set_threads(threads)
    try:
        job.result.parent.mkdir(parents=True, exist_ok=True)
        # Where orphans can outlive their parent, another process may still be at this very job.
        with FileLock(f"{job.result}.lock"):
            if not job.result.exists():
                job.function(_reporter(line), **job.arguments)
        _tell(line, ended=True)
    except AignError as error:
        known = next(kind.__name__ for kind in type(error).__mro__ if kind.__module__ == errors.__name__)
        _tell(line, failed=known, message=str(error))
    except Exception as error:
        if out_of_memory(error):
            _tell(line, failed="ResourceError",
                  message=f"Job {job.name!r}: the machine has too little memory ({error}). {SMALLER}")
        else:
            _tell(line, failed="", message=traceback.format_exc())


def _set_threads(threads: int) -> None:
    """Set torch's threads, now or, where it is not loaded yet, for when it is."""
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(threads)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(threads)


def _reporter(line: Connection) -> Report:
    last = 0.0

    def report(done: int) -> None:
        nonlocal last
        if time.monotonic() - last >= REPORT_SECONDS:
            last = time.monotonic()
            _tell(line, done=int(done))

    return report


def _tell(line: Connection, **news: Any) -> None:
    line.send_bytes(json.dumps(news).encode())
