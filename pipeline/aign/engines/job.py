"""One independent piece of a stage's work, and what an engine must do to run it somewhere.

A job writes its results to files and, as its last act, its marker. Where the marker exists, the job is not run again:
that is how a killed stage resumes. Nothing comes back from a job but how far it is and how it ended. An engine may run
a job twice, where it lost sight of the first attempt: lock and marker see to it that the result is written once.
"""

from __future__ import annotations

import os
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from filelock import FileLock

from aign import errors
from aign.errors import SMALLER, AignError, ResourceError, out_of_memory

Report = Callable[[int], None]
"""Takes how much of the job's total is done so far."""
News = dict[str, Any]
"""What a running job says, as JSON values: {"done": 12}, {"ended": true}, or {"failed": class, "message": text}."""

REPORT_SECONDS = 0.2
"""Reports of a job that follow one another faster are dropped, so that telling never slows the work."""


@dataclass(frozen=True)
class Job:
    """One piece of work.

    Attributes:
        name: unique among the jobs run together.
        total: units of work, for the progress bar.
        function: a function at the top level of a module, called as `function(report, **arguments)`.
        arguments: values that can be sent to another process.
        result: the marker, a file that `function` writes last.
        gpus: GPUs it needs for itself, where an engine can tell them apart.
        processes: how many share it; where they are several, the job starts them itself, on a cluster on any node.
    """

    name: str
    total: int
    function: Callable[..., None]
    arguments: Mapping[str, Any]
    result: Path
    gpus: int = 0
    processes: int = 1


class Engine(Protocol):
    """Where jobs run."""

    @property
    def places(self) -> int:
        """How many jobs it takes at once."""

    def submit(self, job: Job) -> None:
        """Begin a job, or put it in the engine's own queue."""

    def news(self) -> list[tuple[Job, News]]:
        """Wait a moment, then return what jobs have said since; of one that has ended well {"ended": True}, once.

        Raises:
            AignError: a job raised it; same class, same message.
            RuntimeError: a job failed in another way; the message holds its traceback.
            ResourceError: jobs cannot go on here.
        """

    def stop(self) -> None:
        """End all jobs that still run."""


def perform(job: Job, threads: int, tell: Callable[[News], None]) -> None:
    """Run a job in this process with `threads` torch threads, and tell how far it is and how it ended."""
    _set_threads(threads)
    try:
        job.result.parent.mkdir(parents=True, exist_ok=True)
        # Where orphans can outlive their parent, another process may still be at this very job.
        with FileLock(f"{job.result}.lock"):
            if not job.result.exists():
                job.function(reporter(tell), **job.arguments)
        tell({"ended": True})
    except Exception as error:
        if out_of_memory(error):
            error = ResourceError(f"Job {job.name!r}: the machine has too little memory ({error}). {SMALLER}")
        text = str(error) if isinstance(error, AignError) else f"Job {job.name!r} failed:\n{traceback.format_exc()}"
        tell(failed(error, text))


def failed(error: Exception, message: str) -> News:
    """Return the news of a job that failed, with the name of the error's class where it is one of ours."""
    known = (kind.__name__ for kind in type(error).__mro__ if kind.__module__ == errors.__name__)
    return {"failed": next(known, ""), "message": message}


def failure(news: News) -> Exception:
    """Return the error that a job's news tell of, to be raised."""
    kind: type[Exception] = getattr(errors, news["failed"]) if news["failed"] else RuntimeError
    return kind(news["message"])


def reporter(tell: Callable[[News], None]) -> Report:
    """Return what a job calls with its count; counts that follow one another too fast are dropped."""
    last = 0.0

    def report(done: int) -> None:
        """Tell how much is done."""
        nonlocal last
        if time.monotonic() - last >= REPORT_SECONDS:
            last = time.monotonic()
            tell({"done": int(done)})

    return report


def _set_threads(threads: int) -> None:
    """Set torch's threads, now or, where it is not loaded yet, for when it is."""
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(threads)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(threads)
