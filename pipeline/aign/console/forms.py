"""What the API takes. Unknown fields are refused, and every length, count and range is bounded.

A context comes as values or as a preset: a file of one's own is read only from the folder in which the console runs.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from aign.settings import Settings

MOST_DESIGNS = 256
MOST_VALUES = 20_000
Seed = Annotated[int, Field(ge=0, lt=2**31)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]
"""Of a model: the name of its folder."""
Line = Annotated[str, Field(max_length=200)]
JobId = Annotated[str, Field(max_length=40)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Values = Annotated[tuple[Finite, ...], Field(max_length=MOST_VALUES)]

Features = Values | Annotated[dict[Line, Values], Field(max_length=64)]


class RequestForm(Settings):
    """What is wanted of a network; as `aign.Request`."""

    where: Annotated[tuple[Line, ...], Field(max_length=32)] = ()
    """Constraints such as total_power<=300; every design meets them all."""
    preset: Line | None = None
    """A context that the network knows by name."""
    context: Features | None = None
    """A context of one's own, in the network's order or by feature; where there is none, one is drawn."""
    count: Annotated[int, Field(ge=1, le=MOST_DESIGNS)] = 16
    """Designs to generate; equal ones are returned once."""
    objective: Annotated[tuple[Line, ...], Field(max_length=8)] = ()
    """What is wanted most, such as "min total_power"; none: the utility. Of several, the answer marks the designs that
    no other beats in all of them."""
    start: Features | None = None
    """The design that is deployed, in the network's order or by feature; the answer then says what to change."""
    spread: Annotated[int, Field(ge=1, le=MOST_DESIGNS)] | None = None
    """Return only so many good designs, as different as possible."""
    event: Annotated[tuple[Line, ...], Field(max_length=8)] = ()
    """What goes wrong in the deployed design, such as "link A-B fails", "demand +20%", "gain of user 7 -50%" or a
    constraint that holds from now on; the designs are for the situation after it."""


class DesignForm(Settings):
    """A request to one network."""

    network: Name
    request: RequestForm = RequestForm()
    seed: Seed = 0
    """Of the generator, and of the context where one is drawn; equal seeds give equal designs."""


class SentenceForm(DesignForm):
    """A sentence, and the request in the form: what it changes, or whose situation holds on where it names none."""

    text: Annotated[str, Field(max_length=4_000)]


class JobForm(Settings):
    """The answer of a design job."""

    job: JobId


class ChoiceForm(Settings):
    """One design of an answer, or one suggestion."""

    job: JobId
    """That made the answer or the suggestions."""
    rank: Annotated[int, Field(ge=1, le=MOST_DESIGNS)]
    """1 is the best design, or the first suggestion."""


class QuestionForm(Settings):
    """A question about the answer of a job."""

    job: JobId
    text: Annotated[str, Field(max_length=4_000)]
