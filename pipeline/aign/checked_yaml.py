"""Reading a YAML file into a typed model: each problem with its dotted place, what was given, what is allowed."""

from __future__ import annotations

import json
import math
import re
import reprlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from aign import plain_yaml
from aign.errors import AignError, nearest, unknown_name
from aign.settings import RENAMED

SHOWN_PROBLEMS = 5
DEEPEST = 20
"""Blocks inside blocks; a YAML file may hold a loop, which would never end."""

ModelT = TypeVar("ModelT", bound=BaseModel)


def load(path: Path, kind: type[ModelT], error: type[AignError]) -> ModelT:
    """Read and check a YAML file.

    Args:
        path: the file.
        kind: what it must hold.
        error: what to raise.

    Raises:
        error: with the file, the dotted path of each value at fault, the value, and what is allowed.
    """
    content = plain_yaml.read(path, error)
    if not isinstance(content, dict):
        raise error(f"{path}: must hold the blocks {', '.join(kind.model_fields)}; given {content!r}.")
    for place, value in _odd_values(content):
        raise error(f"{path}: {place}: given {value}; allowed: words, finite numbers, true and false, "
                    "lists and blocks of these, none inside itself.")
    try:
        return kind.model_validate_json(json.dumps(content), strict=True)
    except ValidationError as problem:
        problems = problem.errors(include_url=False)
        inner = [one for one in problems if not any(_lies_in(other, one) for other in problems)]
        raise error(listed(path, [_explained(kind, one) for one in inner])) from None


def listed(path: Path, problems: Sequence[str]) -> str:
    """Return the first few problems of a file, one a line, and how many there are beside them."""
    lines = [f"{path}: {problem}" for problem in problems[:SHOWN_PROBLEMS]]
    more = len(problems) - len(lines)
    return "\n".join(lines + [f"{path}: and {more} more."] * (more > 0))


def _odd_values(value: Any, place: str = "", depth: int = 0) -> Iterator[tuple[str, str]]:
    """Yield what has no place in parameters, with its dotted path: NaN, infinity, keys that are no words, loops."""
    if depth > DEEPEST:
        yield place, "blocks nested too deeply"
    elif isinstance(value, dict):
        for key, inner in value.items():
            if not isinstance(key, str):
                yield place or "top level", f"the key {key!r}, which is no word (quote it)"
            yield from _odd_values(inner, f"{place}.{key}" if place else str(key), depth + 1)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _odd_values(inner, f"{place}[{index}]", depth + 1)
    elif isinstance(value, float) and not math.isfinite(value):
        yield place, str(value)


def _explained(root: type[BaseModel], problem: ErrorDetails) -> str:
    """Return one problem as a sentence: where, what was given, what is allowed."""
    location = [str(part) for part in problem["loc"]] or ["top level"]
    where, given = _dotted(problem["loc"]), reprlib.repr(problem["input"])
    if location[-1] == "[key]":
        return (f"{'.'.join(location[:-2])}: the name {given} is not allowed. Allowed: lower-case words and numbers "
                "joined by hyphens, such as power-20.")
    if problem["type"] == "extra_forbidden":
        allowed = _fields(root, location[:-1])
        if RENAMED.get(location[-1]) in allowed:
            return f"{where}: this setting is now called {RENAMED[location[-1]]}. Rename it; its value stays the same."
        return f"{where}: given {given}. {unknown_name('parameter', location[-1], allowed)}"
    if problem["type"] == "missing":
        return f"{where}: missing; it must be given."
    hint = ""
    if problem["type"] == "literal_error":
        hint = nearest(str(problem["input"]), re.findall(r"'([^']*)'", problem["ctx"]["expected"]))
    return f"{where}: given {given}; {problem['msg'][0].lower()}{problem['msg'][1:]}.{hint}"


def _lies_in(problem: ErrorDetails, other: ErrorDetails) -> bool:
    """Return whether a problem lies inside the value of another one, which it explains: a list of one wrong value is
    also said to be too short.
    """
    return len(problem["loc"]) > len(other["loc"]) and problem["loc"][:len(other["loc"])] == other["loc"]


def _dotted(location: tuple[str | int, ...]) -> str:
    """Return a place as it is written in messages, such as variants.power-2.sample.requests[1].where[0]."""
    parts = [f"[{part}]" if isinstance(part, int) else f".{part}" for part in location]
    return "".join(parts).removeprefix(".") or "top level"


def _fields(root: type[BaseModel], location: list[str]) -> list[str]:
    """Return the names allowed in the block at a location."""
    kind: Any = root
    for part in location:
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            kind = kind.model_fields[part].annotation if part in kind.model_fields else None
        else:
            kind = next((inner for inner in reversed(get_args(kind))), None)
    return list(kind.model_fields) if isinstance(kind, type) and issubclass(kind, BaseModel) else []
