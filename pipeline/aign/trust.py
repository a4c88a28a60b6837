"""Code that stored parameters name: which they name, and whether the user trusts it. Light to import: no torch here.

A dataset or a model may come from anybody, and what builds its scenario imports and runs the code that the scenario's
parameters name. So nothing that a file names is imported unless the user says that he trusts it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from aign.errors import REPRODUCE, TrustError

Trust = bool | Mapping[str, Any]
"""Which code that a file names may be imported: none (False), all (True), or all of one scenario (its specification,
such as that in the user's params.yaml), so that a file is trusted only where it describes the same scenario."""


def texts(value: Any, outermost: bool = True) -> Iterator[str]:
    """Yield every text in a JSON value, at any depth, except empty ones; also keys of inner mappings that are not plain
    identifiers, since a dotted one may be a path to code.
    """
    if isinstance(value, str):
        yield from [value] if value else []
    elif isinstance(value, Mapping):
        yield from (key for key in value if not (outermost or key.isidentifier()))
        for inner in value.values():
            yield from texts(inner, outermost=False)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from texts(inner, outermost=False)


@dataclass(frozen=True)
class NamesCode:
    """Marks a parameter of a scenario that may name code: `module: Annotated[str, NamesCode()] = ""`.

    It must be on the field itself, not inside a list or mapping.

    Attributes:
        read: returns what a value of the parameter names; by default every text in it.
    """

    read: Callable[[Any], Iterator[str]] = texts


def named_code(parameters: BaseModel, where: str = "") -> dict[str, list[str]]:
    """Return what a scenario's parameters name, by the dotted place of each parameter that names code."""
    named: dict[str, list[str]] = {}
    for name, field in type(parameters).model_fields.items():
        value, place = getattr(parameters, name), f"{where}{name}"
        marks = [mark for mark in field.metadata if isinstance(mark, NamesCode)]
        if marks and (code := [text for mark in marks for text in mark.read(value)]):
            named[place] = code
        inner = value if isinstance(value, Mapping) else {"": value}
        for key, part in inner.items():
            if isinstance(part, BaseModel):
                named |= named_code(part, f"{place}.{key}." if key else f"{place}.")
    return named


def refusal(file: Path, named: Mapping[str, list[str]], trust_code: Trust) -> TrustError:
    """Return the error for a file whose scenario names code that is not trusted."""
    code = ", ".join(f"{place} {text!r}" for place, several in named.items() for text in several)
    remedy = ("If you know where it comes from and trust that code, say so with --trust-code, or in Python "
              "trust_code=True." if isinstance(trust_code, bool) else
              "It is not the scenario of your params.yaml, whose code is trusted: run the earlier stages "
              f"again ({REPRODUCE}).")
    return TrustError(f"{file}: its scenario names code, which opening it would run: {code}. None of it was run. "
                      f"{remedy}")
