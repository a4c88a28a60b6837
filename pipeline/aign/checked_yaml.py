"""Reading YAML files, also into typed settings; each problem names its place, the value and what is allowed.

ruamel.yaml reads `params.yaml` for DVC too, so both find the same values: YAML 1.2, where `no` is a word, `1e-3` a
number and a duplicate key an error. Two things differ: dates stay text, and merge keys (`<<`) are not merged.
"""

from __future__ import annotations

import json
import math
import re
import reprlib
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML, Node
from ruamel.yaml.constructor import SafeConstructor
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.resolver import VersionedResolver
from ruamel.yaml.tag import Tag

from aign.errors import AignError, nearest, unknown_name
from aign.settings import RENAMED

MAX_PROBLEMS = 5
"""Problems of one file that a message lists."""
MAX_DEPTH = 20
"""Levels of nesting; a YAML file may contain itself through an alias."""
MAX_VALUES = 1_000_000
"""Values of one file, each alias counted with all that it repeats: a few lines of aliases can repeat billions."""
MAX_MESSAGE = 300
KINDS = "tag:yaml.org,2002:"

ModelT = TypeVar("ModelT", bound=BaseModel)


class _Resolver(VersionedResolver):
    """Leaves dates, merge keys and `=` as text."""

    def resolve(self, kind: Any, value: Any, implicit: Any) -> Tag:
        tag: Tag = super().resolve(kind, value, implicit)
        return self.DEFAULT_SCALAR_TAG if str(tag) in (f"{KINDS}timestamp", f"{KINDS}merge", f"{KINDS}value") else tag


class _Constructor(SafeConstructor):
    """Builds text, numbers, true and false, null, lists and mappings of these, and nothing else."""

    def check_mapping_key(self, node: Node, key_node: Node, mapping: Any, key: Any, value: Any) -> bool:
        """Refuse a duplicate key; the library's own message also prints the values, before they are complete."""
        if key in mapping:
            raise MarkedYAMLError(problem=f"duplicate key {reprlib.repr(key)}", problem_mark=key_node.start_mark)
        return True

    def construct_undefined(self, node: Node) -> None:
        """Refuse a value of another kind."""
        kind = str(node.tag).removeprefix(KINDS)
        raise MarkedYAMLError(problem=f"values of kind {kind} are not allowed", problem_mark=node.start_mark)


for _kind in (None, *(f"{KINDS}{name}" for name in ("binary", "timestamp", "omap", "pairs", "set"))):
    _Constructor.add_constructor(_kind, _Constructor.construct_undefined)


def read(path: Path, error: type[AignError]) -> Any:
    """Return the content of a YAML file.

    Raises:
        error: the file is missing, unreadable or not YAML; the message gives the line.
    """
    yaml = YAML(typ="safe", pure=True)
    yaml.Resolver, yaml.Constructor = _Resolver, _Constructor
    try:
        return yaml.load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise error(f"{path}: missing. Run from the folder that contains it, or name another file.") from None
    except MarkedYAMLError as problem:
        mark = problem.problem_mark or problem.context_mark
        place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        reason = textwrap.shorten(str(problem.problem or problem.context), MAX_MESSAGE)
        raise error(f"{path}: {place}{reason}. Correct that line: the file is not valid YAML.") from None
    # Tags such as `!!int x` make ruamel.yaml fail with errors of Python.
    except (YAMLError, OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as problem:
        reason = textwrap.shorten(f"{type(problem).__name__}: {problem}", MAX_MESSAGE)
        raise error(f"{path}: not readable as YAML ({reason}).") from None


def load(path: Path, model: type[ModelT], error: type[AignError]) -> ModelT:
    """Return the content of a YAML file as a model, checked.

    Raises:
        error: with the file, the dotted place of each wrong value, the value, and what is allowed.
    """
    content = read(path, error)
    if not isinstance(content, dict):
        raise error(f"{path}: must contain the blocks {', '.join(model.model_fields)}; given {reprlib.repr(content)}.")
    for count, (place, problem) in enumerate(_values(content)):
        if count == MAX_VALUES:
            raise error(f"{path}: more than {MAX_VALUES:,} values, counting each alias with all that it repeats.")
        if problem:
            raise error(f"{path}: {place}: given {problem}; allowed: text, finite numbers, true and false, and lists "
                        "and mappings of these, none inside itself.")
    try:
        return model.model_validate_json(json.dumps(content), strict=True)
    except ValidationError as failure:
        problems = failure.errors(include_url=False)
        inner = [problem for problem in problems if not any(_lies_in(other, problem) for other in problems)]
        raise error(listed(path, [_explained(model, problem) for problem in inner])) from None


def listed(path: Path, problems: Sequence[str]) -> str:
    """Return the first few problems of a file, one a line, and how many more there are."""
    lines = [f"{path}: {problem}" for problem in problems[:MAX_PROBLEMS]]
    more = len(problems) - len(lines)
    return "\n".join(lines + [f"{path}: and {more} more."] * (more > 0))


def _values(value: Any, place: str = "", depth: int = 0) -> Iterator[tuple[str, str]]:
    """Yield every value's dotted place, with what is wrong or "": NaN, infinity, a key that is not text, a loop."""
    if depth > MAX_DEPTH:
        yield place, "mappings or lists nested too deeply"
    elif isinstance(value, dict):
        for key, inner in value.items():
            if not isinstance(key, str):
                yield place or "top level", f"the key {reprlib.repr(key)}, which is not text (quote it)"
            yield from _values(inner, f"{place}.{key}" if place else str(key), depth + 1)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _values(inner, f"{place}[{index}]", depth + 1)
    else:
        yield place, str(value) if isinstance(value, float) and not math.isfinite(value) else ""


def _explained(root: type[BaseModel], problem: ErrorDetails) -> str:
    """Return one problem as a sentence: where, what was given, what is allowed."""
    *block, name = [str(part) for part in problem["loc"]] or ["top level"]
    where, value = _dotted(problem["loc"]), reprlib.repr(problem["input"])
    if name == "[key]":
        return (f"{'.'.join(block[:-1])}: the name {value} is not allowed. Allowed: lower-case words and numbers "
                "joined by hyphens, such as power-20.")
    if problem["type"] == "extra_forbidden":
        allowed = _fields(root, block)
        if RENAMED.get(name) in allowed:
            return f"{where}: {name} is called {RENAMED[name]} now; rename it."
        return f"{where}: given {value}. {unknown_name('parameter', name, allowed)}"
    if problem["type"] == "missing":
        return f"{where}: missing; it must be given."
    hint = ""
    if problem["type"] == "literal_error":
        hint = nearest(str(problem["input"]), re.findall(r"'([^']*)'", problem["ctx"]["expected"]))
    return f"{where}: given {value}; {problem['msg'][0].lower()}{problem['msg'][1:]}.{hint}"


def _lies_in(problem: ErrorDetails, other: ErrorDetails) -> bool:
    """Return whether a problem lies inside the value of another one and explains it: a list with one wrong value is
    also said to be too short.
    """
    return len(problem["loc"]) > len(other["loc"]) and problem["loc"][:len(other["loc"])] == other["loc"]


def _dotted(location: tuple[str | int, ...]) -> str:
    """Return a place as messages write it, such as variants.power-2.sample.requests[1].where[0]."""
    parts = [f"[{part}]" if isinstance(part, int) else f".{part}" for part in location]
    return "".join(parts).removeprefix(".") or "top level"


def _fields(root: type[BaseModel], location: Sequence[str]) -> list[str]:
    """Return the names allowed in the block at a location."""
    kind: Any = root
    for part in location:
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            kind = kind.model_fields[part].annotation if part in kind.model_fields else None
        else:
            kind = next((inner for inner in reversed(get_args(kind))), None)
    return list(kind.model_fields) if isinstance(kind, type) and issubclass(kind, BaseModel) else []
