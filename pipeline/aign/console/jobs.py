"""The one queue: jobs wait for the worker, run one at a time, can be cancelled, and are kept for a while when they end.

Everything is bounded: how many wait, how long one may run, how much of what ended is kept.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Literal, Protocol

from aign.console.process import InternalError, Tell
from aign.errors import AignError

State = Literal["waiting", "running", "done", "failed", "cancelled"]
ENDED: tuple[State, ...] = ("done", "failed", "cancelled")
MOST_WAITING = 100
KEPT_JOBS, KEPT_BYTES = 200, 64 * 1024 * 1024
"""Of jobs that ended; the oldest ones go first, but the latest always stays."""
LIMIT_S = 600.0
"""Seconds that a job may run."""
URGENT, USUAL, LATER = 0, 1, 2
"""What goes first: short tasks somebody waits for, jobs, pictures."""


class BusyError(Exception):
    """As many jobs as allowed are waiting already."""


class Performer(Protocol):
    """What runs tasks: a `WorkerProcess`."""

    async def start(self) -> Any:
        """Make ready for the next task."""

    async def perform(self, task: str, arguments: Mapping[str, Any], tell: Tell) -> Any:
        """Return a task's result."""

    def kill(self) -> None:
        """End the task that runs."""

    async def close(self) -> None:
        """End for good."""


@dataclass
class Job:
    """One task and how it goes.

    Attributes:
        task, arguments: what the worker does; the arguments are gone when the job has ended.
        asked: what remains of them.
        events: what happened, in order; the number of an event is its place, from 1.
        result: of a job that is done, as JSON text: parsed values would take several times the memory.
        error: of one that failed.
        refused: whether it failed by what was asked for, which the user can correct.
    """

    task: str
    arguments: Mapping[str, Any]
    asked: Mapping[str, Any] | None = None
    id: str = field(default_factory=lambda: secrets.token_urlsafe(12))
    state: State = "waiting"
    events: list[dict[str, Any]] = field(default_factory=list)
    result: str = "null"
    error: str | None = None
    refused: bool = False
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def tell(self, state: State, doing: str) -> bool:
        """Add an event and wake who listens; returns False, and does nothing, where the job has ended."""
        async with self.changed:
            if self.state in ENDED:
                return False
            self.state = state
            if state in ENDED:
                self.arguments = {}
            self.events.append({"state": state, "doing": doing})
            self.changed.notify_all()
        return True

    async def follow(self, after: int = 0) -> AsyncIterator[tuple[int, dict[str, Any]]]:
        """Yield every event after a number, with its number, as they come, until the job has ended."""
        while True:
            while after < len(self.events):  # more may come while one is handed out
                after += 1
                yield after, self.events[after - 1]
            if self.state in ENDED:
                return
            async with self.changed:
                while len(self.events) <= after and self.state not in ENDED:
                    await self.changed.wait()

    async def ended(self) -> Job:
        """Return the job when it has ended."""
        async for _ in self.follow():
            pass
        return self

    def parsed(self) -> Any:
        """Return the result as values."""
        return json.loads(self.result)


class Jobs:
    """The queue and what went through it; `run` works it off."""

    def __init__(self, worker: Performer, most_waiting: int = MOST_WAITING, limit_s: float = LIMIT_S) -> None:
        """Make an empty queue in front of a worker."""
        self.worker = worker
        self.most_waiting, self.limit_s = most_waiting, limit_s
        self.jobs: dict[str, Job] = {}
        self.queue: asyncio.PriorityQueue[tuple[int, int, Job]] = asyncio.PriorityQueue()
        self.numbers = count()
        self.running: Job | None = None

    async def submit(self, task: str, arguments: Mapping[str, Any], priority: int = USUAL,
                     asked: Mapping[str, Any] | None = None) -> Job:
        """Put a task into the queue; `asked` is kept with the job.

        Raises:
            BusyError: the queue is full.
        """
        waiting = self.queue.qsize()  # those cancelled count until the worker passes them over
        if waiting >= self.most_waiting:
            raise BusyError(f"{waiting} jobs are waiting already, as many as allowed. Ask again in a moment.")
        job = Job(task, arguments, asked)
        self.jobs[job.id] = job
        await job.tell("waiting", f"waits for {waiting + (self.running is not None)} before it")
        self.queue.put_nowait((priority, next(self.numbers), job))
        return job

    async def cancel(self, job: Job) -> None:
        """End a job: one that waits is passed over, one that runs loses its worker."""
        if await job.tell("cancelled", "cancelled") and self.running is job:
            self.worker.kill()
        self._forget()

    async def run(self) -> None:
        """Work the queue off, for ever."""
        try:
            while True:
                with suppress(OSError):  # where no process can be started, the next task says so
                    await self.worker.start()
                job = (await self.queue.get())[2]
                self.running = job
                if await job.tell("running", "starts"):
                    await self._perform(job)
                self.running = None
                self._forget()
        finally:
            await self.worker.close()

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """Work the queue off as long as the block lasts."""
        task = asyncio.create_task(self.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _perform(self, job: Job) -> None:
        """Run one job and write down how it ended."""
        ending: State
        told: asyncio.Queue[str] = asyncio.Queue()
        listener = asyncio.create_task(_pass_on(job, told))
        try:
            async with asyncio.timeout(self.limit_s):
                result = await self.worker.perform(job.task, job.arguments, told.put_nowait)
            ending, job.result = "done", json.dumps(result, separators=(",", ":"))
        except TimeoutError:
            await self.worker.close()
            ending, job.error = "failed", f"Stopped after {self.limit_s:g} s, the most allowed. Ask for fewer designs."
        except (AignError, InternalError) as error:
            ending, job.error = "failed", str(error)
            job.refused = isinstance(error, AignError)
        except (OSError, ValueError) as error:  # no process, or its answer is no line of JSON or larger than allowed
            await self.worker.close()
            ending, job.error = "failed", f"The worker cannot be understood ({error}); a new one takes over."
        finally:
            listener.cancel()
        if not await job.tell(ending, job.error or ending):
            await self.worker.close()  # it may have been through with the job when it was told to stop

    def _forget(self) -> None:
        """Drop the oldest jobs that have ended, where more are kept than allowed."""
        ended = [job for job in self.jobs.values() if job.state in ENDED]
        size = sum(len(job.result) for job in ended)
        for place, job in enumerate(ended[:-1]):
            if len(ended) - place <= KEPT_JOBS and size <= KEPT_BYTES:
                return
            size -= len(job.result)
            del self.jobs[job.id]


async def _pass_on(job: Job, told: asyncio.Queue[str]) -> None:
    while True:
        await job.tell("running", await told.get())
