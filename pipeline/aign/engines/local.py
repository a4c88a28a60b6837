"""The engine of this machine: each job in a fresh process of its own."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing import connection, get_context
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess

from aign.engines.job import Job, News, failure, perform
from aign.engines.scratch import die_with_parent
from aign.errors import ResourceError

POLL_SECONDS = 0.5


@dataclass
class Running:
    """A job's process and the line on which it reports."""

    job: Job
    process: SpawnProcess
    line: Connection
    ended: bool = False
    """Whether the job said that it was finished."""


class Local:
    """Processes on this machine; see `job.Engine`."""

    def __init__(self, workers: int, threads: int) -> None:
        self.places, self.threads = workers, threads
        self.running: list[Running] = []
        self.begun: list[Job] = []

    def submit(self, job: Job) -> None:
        """Start the job's process."""
        context = get_context("spawn")
        here, there = context.Pipe(duplex=False)
        # No daemon, which could not start processes: a training may. `stop` ends it, and the parent's end.
        process = context.Process(target=_work, args=(job, self.threads, there, os.getpid()), name=job.name)
        process.start()
        there.close()
        self.running.append(Running(job, process, here))
        self.begun.append(job)

    def news(self) -> list[tuple[Job, News]]:
        """Wait a moment for news, and take all there is; see `job.Engine`."""
        if self.begun:
            told: list[tuple[Job, News]] = [(job, {"done": 0}) for job in self.begun]
            self.begun.clear()
            return told
        told = _listen(self.running)
        over = [worker for worker in self.running if _reap(worker, told)]
        self.running = [worker for worker in self.running if worker not in over]
        return told + [(worker.job, {"ended": True}) for worker in over]

    def stop(self) -> None:
        """Kill the processes."""
        for worker in self.running:
            worker.process.kill()
            worker.process.join()


def _listen(running: Sequence[Running]) -> list[tuple[Job, News]]:
    """Return all there is to hear of how much is done; mark who has ended."""
    workers, told = {worker.line: worker for worker in running}, []
    for line in connection.wait(list(workers), timeout=POLL_SECONDS):
        worker = workers[line]  # type: ignore[index]
        while not worker.ended and worker.line.poll():
            try:
                news = json.loads(worker.line.recv_bytes())
            except EOFError:
                worker.process.join()
                break
            if "failed" in news:
                raise failure(news)
            worker.ended = news.get("ended", False)
            if not worker.ended:
                told.append((worker.job, news))
    return told


def _reap(worker: Running, told: list[tuple[Job, News]]) -> bool:
    """Return whether the job is over and well; raise where it ended without a result."""
    if not worker.ended:
        if worker.process.is_alive():
            return False
        told += _listen([worker])  # it may have said how it ended, and gone, since the last look at its line
    worker.process.join()
    worker.line.close()
    if worker.ended and worker.job.result.exists():
        return True
    code = worker.process.exitcode
    ended = f"Job {worker.job.name!r} ended without its result {worker.job.result}"
    if code and code < 0:
        raise ResourceError(f"{ended} (killed by signal {-code}). The system may be short of memory: take fewer "
                            "base.workers or smaller settings, then run the command again; finished jobs are kept.")
    raise RuntimeError(f"{ended} (status {code}).")


def _work(job: Job, threads: int, line: Connection, parent: int) -> None:
    """Do the job, in its own process."""
    die_with_parent(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what an interrupt means, and ends its jobs
    perform(job, threads, lambda news: line.send_bytes(json.dumps(news).encode()))
