"""What can be asked of the console."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from aign.console import accept, events
from aign.console.forms import ChoiceForm, DesignForm, JobForm, QuestionForm, SentenceForm
from aign.console.jobs import LATER, USUAL, Job
from aign.console.operations import Operation, UnknownError
from aign.console.replies import (
    Accepted,
    Answered,
    Catalogue,
    ConfirmationReply,
    ImpactReply,
    JobReply,
    LiveReply,
    ReadingReply,
    Started,
)
from aign.console.state import Console

PICTURE = "image/svg+xml"
HIDDEN = {"picture", "about"}
"""Parts of a result that only other operations read."""
CACHED = {"cache-control": "private, max-age=3600"}
"""A job's pictures never change."""


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
    return Answered.model_validate(await console.ask("reply", {**console.designed(form.job), "text": form.text}))


async def design(console: Console, http: Request, form: DesignForm) -> Started:
    """Design: generate, verify, certify and explain designs for a request. A job does it; its result holds the answer
    with all designs, the best first.
    """
    asked = form.model_dump(mode="json")
    return Started(job=(await console.jobs.submit("design", asked, USUAL, asked)).id)


async def impact(console: Console, http: Request, form: DesignForm) -> ImpactReply:
    """Show what the events of a request do to its deployed design. All figures are simulated, before any change."""
    return ImpactReply.model_validate(await console.ask("impact", form.model_dump(mode="json")))


async def suggest(console: Console, http: Request, form: JobForm) -> Started:
    """Suggest the few changes of the deployed design of a design job that mend its request or improve it. A job does
    it; its result has them as figures and as sentences.
    """
    asked = console.designed(form.job)
    return Started(job=(await console.jobs.submit("suggest", asked, USUAL)).id)


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
    """Accept one design, or what one suggestion comes to. It is written with request, certificate, model digest and
    seed, in a file named by that.
    """
    answer, design = console.acceptable(form.job, form.rank)
    path, digest = await asyncio.to_thread(accept.write, console.accepted, answer, design)
    return Accepted(file=str(path), sha256=digest)


async def show_job(console: Console, http: Request, form: None) -> JobReply:
    """Show a job: its state and, once it is done, its result."""
    return shown(console.job(http.path_params["job"]))


def shown(job: Job) -> JobReply:
    """Return a job as its callers see it."""
    result = job.parsed()
    if isinstance(result, dict):
        result = result.get("answer", {key: value for key, value in result.items() if key not in HIDDEN})
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
        return Response(drawn["svg"], media_type=PICTURE, headers=CACHED)
    return Response(base64.b64decode(drawn["png"]), media_type="image/png", headers=CACHED)


OPERATIONS = [
    Operation("GET", "/api/networks", networks, None, Catalogue, 200),
    Operation("POST", "/api/read", read, SentenceForm, ReadingReply, 200),
    Operation("POST", "/api/refine", refine, SentenceForm, ReadingReply, 200),
    Operation("POST", "/api/confirm", confirm, DesignForm, ConfirmationReply, 200),
    Operation("POST", "/api/ask", ask, QuestionForm, Answered, 200),
    Operation("POST", "/api/design", design, DesignForm, Started, 202),
    Operation("POST", "/api/impact", impact, DesignForm, ImpactReply, 200),
    Operation("POST", "/api/suggest", suggest, JobForm, Started, 202),
    Operation("POST", "/api/live", live, DesignForm, LiveReply, 200),
    Operation("POST", "/api/explain", explain, ChoiceForm, Started, 202),
    Operation("POST", "/api/accept", accept_design, ChoiceForm, Accepted, 200),
    Operation("GET", "/api/jobs/{job}", show_job, None, JobReply, 200),
    Operation("DELETE", "/api/jobs/{job}", cancel_job, None, JobReply, 200),
    Operation("GET", "/api/jobs/{job}/events", follow_job, None, "text/event-stream", 200),
    Operation("GET", "/api/jobs/{job}/designs/{rank}/picture", picture, None, PICTURE, 200),
    Operation("GET", "/api/jobs/{job}/picture", job_picture, None, PICTURE, 200),
]
