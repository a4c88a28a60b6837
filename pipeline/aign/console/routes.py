"""What can be asked of the console, and the application that answers it."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from aign.console import accept, events
from aign.console.forms import (
    Accepted,
    Answered,
    Catalogue,
    ChoiceForm,
    ConfirmationReply,
    DesignForm,
    JobReply,
    LiveReply,
    QuestionForm,
    ReadingReply,
    SentenceForm,
    Started,
)
from aign.console.guard import Guard
from aign.console.jobs import LATER, URGENT, USUAL, Job, Jobs, Performer
from aign.console.operations import Operation, UnknownError, openapi
from aign.console.process import InternalError
from aign.errors import AignError

PAGE = Path(__file__).parent / "page"
PICTURE = "image/svg+xml"
SAME = {"cache-control": "private, max-age=3600"}
"""A job's pictures never change."""


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


# --- operations ------------------------------------------------------------------------------------------------------

async def networks(console: Console, http: Request, form: None) -> Catalogue:
    """List the networks: those that have a model, with labels and presets, and how to train the others."""
    if console.listed is None or console.jobs.running is None:  # a page that is reloaded need not wait for a long job
        console.listed = Catalogue.model_validate(await console.ask("networks", {}))
    return console.listed


async def read(console: Console, http: Request, form: SentenceForm) -> ReadingReply:
    """Read a sentence: which request it makes, or what has to be answered first. Nothing is guessed."""
    return ReadingReply.model_validate(await console.ask("read", form.model_dump(mode="json")))


async def refine(console: Console, http: Request, form: SentenceForm) -> ReadingReply:
    """Change a request by a sentence, such as "5 % less power" or "drop the rate"."""
    return ReadingReply.model_validate(await console.ask("refine", form.model_dump(mode="json")))


async def confirm(console: Console, http: Request, form: DesignForm) -> ConfirmationReply:
    """Confirm a request: in one sentence, and as the command that does the same."""
    return ConfirmationReply.model_validate(await console.ask("confirm", form.model_dump(mode="json")))


async def ask(console: Console, http: Request, form: QuestionForm) -> Answered:
    """Ask about an answer: why, what if a constraint goes, what one step more brings. Figures are certified anew."""
    job = console.job(form.job)
    if job.task != "design":
        raise UnknownError(f"Job {job.id} has no designs.")
    return Answered.model_validate(await console.ask("reply", {**(job.asked or {}), "text": form.text}))


async def design(console: Console, http: Request, form: DesignForm) -> Started:
    """Design: generate, verify, certify and explain designs for a request. A job does it; its result holds the answer
    with all designs, the best first.
    """
    asked = form.model_dump(mode="json")
    return Started(job=(await console.jobs.submit("design", asked, USUAL, asked)).id)


async def live(console: Console, http: Request, form: DesignForm) -> LiveReply:
    """Design at once, without certificate and explanation. For sliders: as fast as the model answers."""
    return LiveReply.model_validate(await console.ask("live", form.model_dump(mode="json")))


async def explain(console: Console, http: Request, form: ChoiceForm) -> Started:
    """Explain one design of an answer: what binds, at which price, who pays, and the path. A job does it."""
    answer, path = console.chosen(form.job, form.rank)
    job = await console.jobs.submit("explanation", {"network": answer["network"], "answer": answer, "rank": form.rank,
                                                    "path": path}, USUAL)
    return Started(job=job.id)


async def accept_design(console: Console, http: Request, form: ChoiceForm) -> Accepted:
    """Accept one design. It is written with request, certificate, model digest and seed, in a file named by that."""
    answer, _ = console.chosen(form.job, form.rank)
    path, digest = await asyncio.to_thread(accept.write, console.accepted, answer, form.rank)
    return Accepted(file=str(path), sha256=digest)


async def show_job(console: Console, http: Request, form: None) -> JobReply:
    """Show a job: its state and, once it is done, its result."""
    job = console.job(http.path_params["job"])
    result = job.parsed()
    if isinstance(result, dict):
        result = result.get("answer", {key: value for key, value in result.items() if key != "picture"})
    asked = None if job.asked is None else dict(job.asked)
    return JobReply(job=job.id, task=job.task, asked=asked, state=job.state, error=job.error, result=result)


async def cancel_job(console: Console, http: Request, form: None) -> JobReply:
    """Cancel a job. One that runs is ended at once."""
    await console.jobs.cancel(console.job(http.path_params["job"]))
    return await show_job(console, http, form)


async def follow_job(console: Console, http: Request, form: None) -> Response:
    """Follow a job: server-sent events with state and what is being done, numbered; Last-Event-ID goes on after one."""
    job = console.job(http.path_params["job"])
    return StreamingResponse(events.stream(job, http.headers.get("last-event-id")), media_type="text/event-stream")


async def picture(console: Console, http: Request, form: None) -> Response:
    """Draw one design of an answer as its network is usually drawn."""
    rank = http.path_params["rank"]
    answer, path = console.chosen(http.path_params["job"], int(rank) if rank.isdecimal() and len(rank) < 9 else 0)
    drawn = await console.ask("picture", {"network": answer["network"], "context": answer["context"], "path": path,
                                          "design": answer["designs"][int(rank) - 1]["design"]}, LATER)
    return image(drawn["picture"])


async def job_picture(console: Console, http: Request, form: None) -> Response:
    """Show the picture that a job drew: of an explanation who pays, prices and the path; of objectives the front."""
    job = console.job(http.path_params["job"])
    result = job.parsed()
    if not isinstance(result, dict) or "picture" not in result:
        raise UnknownError(f"Job {job.id} has no picture.")
    return image(result["picture"])


def image(drawn: Mapping[str, str]) -> Response:
    """Return a picture that the worker drew."""
    if "svg" in drawn:
        return Response(drawn["svg"], media_type=PICTURE, headers=SAME)
    return Response(base64.b64decode(drawn["png"]), media_type="image/png", headers=SAME)


OPERATIONS = [
    Operation("GET", "/api/networks", networks, None, Catalogue, 200),
    Operation("POST", "/api/read", read, SentenceForm, ReadingReply, 200),
    Operation("POST", "/api/refine", refine, SentenceForm, ReadingReply, 200),
    Operation("POST", "/api/confirm", confirm, DesignForm, ConfirmationReply, 200),
    Operation("POST", "/api/ask", ask, QuestionForm, Answered, 200),
    Operation("POST", "/api/design", design, DesignForm, Started, 202),
    Operation("POST", "/api/live", live, DesignForm, LiveReply, 200),
    Operation("POST", "/api/explain", explain, ChoiceForm, Started, 202),
    Operation("POST", "/api/accept", accept_design, ChoiceForm, Accepted, 200),
    Operation("GET", "/api/jobs/{job}", show_job, None, JobReply, 200),
    Operation("DELETE", "/api/jobs/{job}", cancel_job, None, JobReply, 200),
    Operation("GET", "/api/jobs/{job}/events", follow_job, None, "text/event-stream", 200),
    Operation("GET", "/api/jobs/{job}/designs/{rank}/picture", picture, None, PICTURE, 200),
    Operation("GET", "/api/jobs/{job}/picture", job_picture, None, PICTURE, 200),
]


def application(worker: Performer, accepted: Path, hosts: list[str], token: str) -> Starlette:
    """Return the application: the page, the API and the guard before both.

    Args:
        worker: performs the tasks.
        accepted: the folder for accepted designs.
        hosts: under which it is reached, such as 127.0.0.1:8765.
        token: that callers of what changes anything have to know.
    """
    console = Console(Jobs(worker), accepted)
    index = (PAGE / "index.html").read_text(encoding="utf-8").replace("{token}", token)

    async def page(http: Request) -> Response:
        return HTMLResponse(index)

    async def description(http: Request) -> Response:
        return JSONResponse(openapi(OPERATIONS))

    @asynccontextmanager
    async def working(app: Starlette) -> AsyncIterator[None]:
        queue = asyncio.create_task(console.jobs.run())
        try:
            yield
        finally:
            queue.cancel()
            await asyncio.gather(queue, return_exceptions=True)

    app = Starlette(lifespan=working, routes=[
        Route("/", page), Route("/openapi.json", description), *(each.route(console) for each in OPERATIONS),
        Mount("/page", StaticFiles(directory=PAGE))])
    app.state.console = console
    app.add_middleware(Guard, hosts=hosts, token=token)
    return app
