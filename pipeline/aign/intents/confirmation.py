"""A request in one sentence and in one command, both exact: read again, the sentence is the same request."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from aign.designs import objectives
from aign.designs.objectives import UTILITY
from aign.designs.requests import Request
from aign.errors import ParameterError
from aign.intents.bounds import SPOKEN
from aign.intents.reader import read
from aign.intents.vocabulary import is_word, spoken
from aign.scenarios.core.constraints import Constraint, parse
from aign.scenarios.core.scenario import Scenario

DEFAULT_COUNT = Request().count


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What a request means, to be agreed to.

    Attributes:
        sentence: in words.
        command: for the command line, quoted for a POSIX shell.
    """

    sentence: str
    command: str


def confirm(request: Request, scenario: Scenario[Any]) -> Confirmation:
    """Return a request in words, and the `aign design` command that asks for the same.

    Raises:
        ParameterError: the context or the deployed design is given as values, not as a file: neither words nor a
            command line hold them.
        ConstraintError: a constraint that is none of this network.
    """
    request = canonical(request, scenario)
    for name in ("context", "start"):
        if not isinstance(getattr(request, name), str | None):
            raise ParameterError(f"{name}: was given as values, which have no words. Write them to a file and name "
                                 "that.")
    sentence = _sentence(request, scenario, plain=False)
    if read(sentence, scenario).request != request:  # a label called like a word of the language, say
        sentence = _sentence(request, scenario, plain=True)
    return Confirmation(sentence, command(request, scenario))


def canonical(request: Request, scenario: Scenario[Any]) -> Request:
    """Return the request as the reader writes it: tuples, one spelling of constraints and objectives, files by name.

    Raises:
        ConstraintError: a constraint that is none of this network.
        ParameterError: an objective that is none of this network.
    """
    files: dict[str, Any] = {name: str(value) if isinstance(value := getattr(request, name), Path) else value
                             for name in ("context", "start")}
    aims = objectives.parse(request.objective, scenario.labels) if request.objective else ()  # none stays none
    return replace(request, where=tuple(map(str, parse(request.where, scenario.labels))),
                   objective=tuple(map(str, aims)), event=tuple(request.event), **files)


def _sentence(request: Request, scenario: Scenario[Any], plain: bool) -> str:
    """Return the request in words; plain: constraints and objectives as formulas."""
    parts = [_opening(request)]
    if request.preset is not None:
        parts.append(f"for the preset {request.preset}")
    if request.context is not None:
        parts.append(f"for the context {_quoted(request.context)}")
    if request.start is not None:
        parts.append(f"starting from {_quoted(request.start)}")
    if request.seed is not None:
        parts.append(f"with seed {request.seed}")
    parts += [f"after {_quoted(event)}" for event in request.event]
    parts += [_objective(text, scenario, plain) for text in request.objective]
    parts += [str(bound) if plain else _bound(bound, scenario) for bound in parse(request.where, scenario.labels)]
    return f"{'; '.join(parts)}."


def _opening(request: Request) -> str:
    count = f"{request.count} design{'s' if request.count > 1 else ''}"
    if request.spread is None:
        return count
    return f"{count}, of which the {request.spread} most different designs"


def _quoted(file: Any) -> str:
    return json.dumps(str(file), ensure_ascii=False)


def _objective(text: str, scenario: Scenario[Any], plain: bool) -> str:
    """Return an objective in words."""
    way, _, name = text.rpartition(" ")
    label = name if plain or name == UTILITY else spoken(scenario.label(name))
    return f"{'minimise' if way == 'min' else 'maximise'} the {label}"


def _bound(bound: Constraint, scenario: Scenario[Any]) -> str:
    label = scenario.label(bound.label)
    number = str(bound).removeprefix(f"{bound.label}{bound.sense}")
    plural = "s" if is_word(label.unit) and number != "1" and not label.unit.endswith("s") else ""
    unit = "" if label.unit == "1" else f" {label.unit}{plural}"
    return f"{spoken(label)} {SPOKEN[bound.sense]} {number}{unit}"


def command(request: Request, scenario: Scenario[Any]) -> str:
    """Return the command for a request of files and names."""
    options: list[str] = ["aign", "design", scenario.name]
    for name, value in parameters(scenario).items():
        options += ["--set", f"{name}={value}"]
    for name in ("preset", "context", "start", "seed", "spread"):
        value = getattr(request, name)
        if value is not None:
            options += [f"--{name}", str(value)]
    if request.count != DEFAULT_COUNT:
        options += ["--count", str(request.count)]
    options += [part for text in request.objective for part in ("--objective", text)]
    options += [part for text in request.where for part in ("--where", text)]
    options += [part for text in request.event for part in ("--event", text)]
    return shlex.join(options)


def parameters(scenario: Scenario[Any]) -> dict[str, str | int | float]:
    """Return the parameters that say which network it is: the first, and those not at their defaults, as far as a
    command line can say them.
    """
    fields = type(scenario.parameters).model_fields
    values = {name: value for name, value in scenario.spec().items() if isinstance(value, str | int | float)}
    return {name: values[name] for place, name in enumerate(fields) if name in values
            and (place == 0 or values[name] != fields[name].default)}
