"""Sentences for the page and for assistants: what they were read as, and what has to be answered first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from aign.designs.requests import Request, read_context
from aign.designs.starts import read_start
from aign.errors import ParameterError
from aign.intents import Reading, answered, confirm
from aign.scenarios.core.scenario import Scenario

SPOKEN_FILES = {"context": "context.json", "start": "start.json"}
"""What the confirmation calls values that are given in the form: neither words nor a command line hold them."""


def reading_of(reading: Reading, scenario: Scenario[Any], before: Mapping[str, Any], seed: int) -> dict[str, Any]:
    """Return a reading as JSON values: the request and seed as the API takes them, or questions.

    Args:
        reading: of a sentence.
        scenario: the network.
        before: the request in the form; its situation holds on where the sentence names none.
        seed: the seed in the form, likewise.
    """
    request = reading.request
    return {"request": None if request is None else as_form(request, scenario, before),
            "seed": seed if request is None or request.seed is None else request.seed,
            "said": [asdict(span) for span in reading.said],
            "questions": [{"text": question.text, "start": question.start, "end": question.end,
                           "choices": [{"words": words, "sentence": answered(reading, question, words)}
                                       for words in question.choices]} for question in reading.questions]}


def confirmed(request: Mapping[str, Any], scenario: Scenario[Any], seed: int) -> dict[str, str]:
    """Return a request in words and as a command; a note where the form holds values that both know as a file."""
    values = {name: file for name, file in SPOKEN_FILES.items() if request.get(name) is not None}
    said = confirm(Request(**{**request, **values, "seed": seed}), scenario)
    note = f"{' and '.join(values.values())}: the values in the form" if values else ""
    return {"sentence": said.sentence, "command": said.command, "note": note}


def as_form(request: Request, scenario: Scenario[Any], before: Mapping[str, Any]) -> dict[str, Any]:
    """Return a request as the API takes it; what it names as files is read, from the working folder only.

    Raises:
        AignError: a file lies elsewhere, or cannot be read.
    """
    form: dict[str, Any] = {"where": list(request.where), "objective": list(request.objective), "count": request.count,
                            "spread": request.spread, "preset": request.preset, "context": None, "start": None,
                            "event": list(request.event)}
    if isinstance(request.context, str | Path):
        form["context"] = read_context(inside(request.context), scenario).tolist()
    elif request.preset is None:
        form |= {name: before.get(name) for name in ("preset", "context")}
    if isinstance(request.start, str | Path):
        resolved = Request(preset=form["preset"], context=form["context"]).resolve(scenario)
        form["start"] = read_start(inside(request.start), scenario, resolved.context)[0].tolist()
    else:
        form["start"] = before.get("start")
    return form


def inside(path: str | Path) -> Path:
    """Return a path that lies in the working folder.

    Raises:
        ParameterError: it leads elsewhere.
    """
    here = Path.cwd()
    if not (here / path).resolve().is_relative_to(here):
        raise ParameterError(f"{path}: lies outside the folder in which the console runs ({here}). Copy it there.")
    return Path(path)
