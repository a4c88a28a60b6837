"""What the API returns."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, JsonValue

from aign.console.forms import JobId, Name, RequestForm, Seed


class Reply(BaseModel):
    """Base of what is returned."""

    model_config = ConfigDict(extra="forbid")


class Problem(Reply):
    """Why something was refused or failed."""

    error: str


class Label(Reply):
    """A figure of a design that a request may bound."""

    name: str
    spoken: str
    """In the words of confirmations."""
    unit: str
    better: Literal["lower", "higher"]
    description: str
    whole: bool
    """Whether it takes whole values only."""


class ContextFeature(Reply):
    """A run of values of a context."""

    name: str
    unit: str
    size: int
    low: float | None
    high: float | None


class Network(Reply):
    """A network that has a model."""

    name: Name
    digest: str
    """SHA-256 of the model's manifest, which names that of every file."""
    scenario: dict[str, JsonValue]
    summary: str
    presets: list[str]
    labels: list[Label]
    context: list[ContextFeature]
    deployable: bool
    """Whether a design can be a start, which events may strike; decisions taken one after the other cannot."""
    count: int
    """Designs to ask for where nothing else is said."""
    sentences: list[str]
    """That the reader understands, to begin with."""
    events: list[str]
    """That can happen to a deployed design, to choose from."""


class RefusedModel(Reply):
    """A model that cannot be opened."""

    name: str
    error: str


class Untrained(Reply):
    """A network without a model."""

    name: str
    summary: str
    command: str
    """Trains it; empty where params.yaml has to name it first."""
    note: str


class Catalogue(Reply):
    """Which networks there are."""

    networks: list[Network]
    refused: list[RefusedModel]
    others: list[Untrained]


class Span(Reply):
    """A piece of a sentence, from `start` to before `end`, and what it was read as."""

    start: int
    end: int
    text: str
    meaning: str


class Choice(Reply):
    """An answer to a question, and the sentence with it."""

    words: str
    sentence: str


class Question(Reply):
    """What has to be said first, about a piece of the sentence; without choices in words of one's own."""

    text: str
    start: int
    end: int
    choices: list[Choice]


class ReadingReply(Reply):
    """What a sentence asks for; `request` is null as long as there are questions."""

    network: Name
    """That the sentence clearly is about, else the one asked for."""
    request: RequestForm | None
    seed: Seed
    said: list[Span]
    questions: list[Question]


class ConfirmationReply(Reply):
    """A request in one sentence, and the command that does the same."""

    sentence: str
    command: str
    note: str
    """What its files stand for, where the form holds values."""


class Answered(Reply):
    """What there is to say to a question; where it was not understood, what can be asked."""

    sentences: list[str]
    understood: bool


class Started(Reply):
    """A job that was put into the queue."""

    job: JobId


class JobReply(Reply):
    """How a job goes; `result` is null until it is done."""

    job: JobId
    task: str
    asked: JsonValue
    """What a design job was asked for."""
    state: Literal["waiting", "running", "done", "failed", "cancelled"]
    error: str | None
    result: JsonValue


class Bound(Reply):
    """A constraint taken apart."""

    label: str
    upper: bool
    threshold: float


class LiveReply(Reply):
    """Verified designs without certificate: each has rank, feasible, utility and every label."""

    bounds: list[Bound]

    designs: list[dict[str, float | bool | None]]


class ImpactRow(Reply):
    """A figure of the deployed design before and after events."""

    label: str
    unit: str
    before: float | None
    after: float | None
    worse: bool
    breaks: list[str]
    """The constraints that it breaks afterwards."""


class ImpactReply(Reply):
    """What events do to the deployed design before anything is changed."""

    events: list[str]
    sentence: str
    rows: list[ImpactRow]
    broken: list[str]
    failed: list[str]
    """Parts of the design that cannot be used."""


class Accepted(Reply):
    """Where a design was written."""

    file: str
    sha256: str
    """Of the file's content, which its name begins with."""
