"""The worker's process as the server sees it: started, asked one thing at a time, killed, started again.

Both speak JSON, one value a line, over the pipes of standard input and output; nothing is pickled.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import aign
from aign.engines.job import failure
from aign.errors import ResourceError

LARGEST_LINE = 256 * 1024 * 1024
"""Bytes of one answer; more is refused, since the server would have to hold it."""
ATTEMPTS = 2
Tell = Callable[[str], None]
"""Takes what the worker is doing now."""


class InternalError(Exception):
    """The worker failed in a way that no user can correct; its traceback went to standard error."""


class WorkerProcess:
    """One child process that answers tasks; after `kill`, or where it died, the next task starts a new one."""

    def __init__(self, models: Path, trust_code: bool = False) -> None:
        """Prepare, without starting it, a worker that opens the models under a folder."""
        self.command = [sys.executable, "-P", "-m", "aign.console.worker", str(models), str(os.getpid()),
                        *(["--trust-code"] if trust_code else [])]
        self.process: Process | None = None

    async def start(self) -> Process:
        """Start the process where none runs."""
        if self.process is None or self.process.returncode is not None:
            code = str(Path(aign.__file__).parents[1])
            paths = os.pathsep.join(filter(None, [code, os.environ.get("PYTHONPATH")]))
            self.process = await asyncio.create_subprocess_exec(
                *self.command, stdin=PIPE, stdout=PIPE, limit=LARGEST_LINE, env={**os.environ, "PYTHONPATH": paths})
        return self.process

    async def perform(self, task: str, arguments: Mapping[str, Any], tell: Tell) -> Any:
        """Return a task's result; `tell` hears of its progress.

        Raises:
            AignError: the task raised it, with the same message; or the process ended (`ResourceError`).
            InternalError: the task failed in another way.
        """
        process, news = await self._begun(task, arguments)
        while "result" not in news:
            if "doing" not in news:
                raise failure(news) if news["failed"] else InternalError(news["message"])
            tell(news["doing"])
            news = await _next(process)
        return news["result"]

    async def _begun(self, task: str, arguments: Mapping[str, Any]) -> tuple[Process, dict[str, Any]]:
        """Give a task to the worker; return its process and the first news of it. One that was killed before it took
        the task is replaced.
        """
        line = json.dumps({"task": task, "arguments": arguments}).encode() + b"\n"
        for attempt in range(ATTEMPTS):
            process = await self.start()
            assert process.stdin is not None
            with suppress(ConnectionError):  # whether it died is seen by what it answers
                process.stdin.write(line)
                await process.stdin.drain()
            try:
                return process, await _next(process)
            except ResourceError:
                if attempt == ATTEMPTS - 1:
                    raise
        raise AssertionError

    def kill(self) -> None:
        """End the process at once, whatever it is at."""
        if self.process is not None and self.process.returncode is None:
            with suppress(ProcessLookupError):
                self.process.kill()

    async def close(self) -> None:
        """End the process and wait until it is gone."""
        self.kill()
        if self.process is not None:
            await self.process.wait()


async def _next(process: Process) -> dict[str, Any]:
    """Return what the worker says next.

    Raises:
        ResourceError: nothing, it has ended.
    """
    assert process.stdout is not None
    line = await process.stdout.readline()
    if line.endswith(b"\n"):
        news: dict[str, Any] = json.loads(line)
        return news
    code = await process.wait()
    ending = f"killed by signal {-code}" if code < 0 else f"status {code}"
    raise ResourceError(f"The worker stopped in the midst of it ({ending}); a new one takes over. Ask again; if it "
                        "stops again, ask for fewer designs or a smaller network.")
