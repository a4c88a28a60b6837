"""What all operations of the API share: the queue, and the answers in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aign.console.jobs import URGENT, Job, Jobs
from aign.console.operations import UnknownError
from aign.console.process import InternalError
from aign.console.replies import Catalogue
from aign.errors import AignError


@dataclass
class Console:
    """What all operations share.

    Attributes:
        jobs: the queue.
        accepted: the folder that accepted designs are written to.
        listed: the networks as they were listed last.
    """

    jobs: Jobs
    accepted: Path
    listed: Catalogue | None = None

    async def ask(self, task: str, arguments: Mapping[str, Any], priority: int = URGENT) -> Any:
        """Return the result of a task that somebody waits for.

        Raises:
            AignError: the task cannot be done as asked, or was cancelled.
            InternalError: it failed by a fault of the program.
        """
        job = await self.jobs.submit(task, arguments, priority)
        try:
            await job.ended()
        finally:
            self.jobs.jobs.pop(job.id, None)  # nobody else knows it
        if job.state == "done":
            return job.parsed()
        raise (InternalError if job.state == "failed" and not job.refused else AignError)(job.error or "cancelled")

    def job(self, name: str) -> Job:
        """Return a job.

        Raises:
            UnknownError: there is none, or it ended too long ago.
        """
        if name not in self.jobs.jobs:
            raise UnknownError("There is no such job: it ended long ago, or the console was started anew. Ask again.")
        return self.jobs.jobs[name]

    def designed(self, name: str) -> Mapping[str, Any]:
        """Return what a design job was asked for.

        Raises:
            UnknownError: there is no such job.
        """
        job = self.job(name)
        if job.task != "design" or job.asked is None:
            raise UnknownError(f"Job {name} has no designs.")
        return job.asked

    def acceptable(self, name: str, rank: int) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        """Return the answer of a job and the design of a rank; of suggestions the design after all changes of one.

        Raises:
            UnknownError: there is no such job, or it has no such design.
        """
        job = self.job(name)
        if job.task != "suggest":
            answer, _ = self.chosen(name, rank)
            return answer, answer["designs"][rank - 1]
        result = job.parsed() if job.state == "done" else None
        if result is None or not 1 <= rank <= len(result["suggestions"]):
            raise UnknownError(f"Job {name} has no suggestion {rank}.")
        suggestion = result["suggestions"][rank - 1]
        last = suggestion["steps"][-1]
        return result["about"], {"design": last["design"], "utility": last["utility"], **last["labels"],
                                 "feasible": last["meets_request"], "suggestion": suggestion["sentence"],
                                 "changes": [step["text"] for step in suggestion["steps"]]}

    def chosen(self, name: str, rank: int) -> tuple[dict[str, Any], list[Any]]:
        """Return the answer of a job and the path to the design of a rank.

        Raises:
            UnknownError: there is no such job, or it has no such design.
        """
        job = self.job(name)
        result = job.parsed() if job.task == "design" and job.state == "done" else None
        if result is None or not 1 <= rank <= len(result["paths"]):
            raise UnknownError(f"Job {name} has no design {rank}.")
        return result["answer"], result["paths"][rank - 1]
