"""What comes of reading a sentence: a request, or questions; and which words of the sentence each part comes from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aign.designs.requests import Request


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of a sentence and what it was read as.

    Attributes:
        start: of its first character; end: behind its last one.
        text: the piece.
        meaning: part of the request, such as "total_power<=300" or "count 3".
    """

    start: int
    end: int
    text: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Question:
    """What has to be said before there is a request.

    Attributes:
        text: the question.
        choices: words that answer it, in place of the piece asked about; none: a number, a name or other words.
        start: of the piece of the sentence that an answer replaces; end: behind it.
    """

    text: str
    choices: tuple[str, ...]
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Reading:
    """What a sentence means.

    Attributes:
        text: the sentence.
        request: what is asked for; None as long as there are questions.
        said: the pieces understood, in the sentence's order.
        questions: what has to be answered first.
    """

    text: str
    request: Request | None
    said: tuple[Span, ...]
    questions: tuple[Question, ...]


def answered(reading: Reading, question: Question, words: str) -> str:
    """Return the sentence with the answer to one of its questions in place of the piece asked about."""
    before, after = reading.text[:question.start], reading.text[question.end:]
    return " ".join(filter(None, (before.rstrip(), words.strip(), after.lstrip())))


def reading(text: str, request: Request | None, said: Sequence[Span], questions: Sequence[Question]) -> Reading:
    """Return a reading in the sentence's order; with questions, it has no request."""
    kept = tuple(dict.fromkeys(sorted(questions, key=lambda question: (question.start, question.end))))
    return Reading(text, None if kept else request, tuple(sorted(said, key=lambda span: (span.start, span.end))), kept)
