"""Every parameter of `params.yaml`: typed, bounded, no unknown names. Light to import: no torch here.

The file holds `base`, shared by all, `variants`: name -> scenario and one block of settings for each stage, and
`studies`, the comparisons over many seeds.
"""

from __future__ import annotations

import json
import math
import reprlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StringConstraints, ValidationError
from pydantic_core import ErrorDetails

from aign import plain_yaml
from aign.agents.settings import CollectSettings, RunSettings, Settings
from aign.designs.settings import EvaluateSettings, SampleSettings
from aign.diffusion.settings import TrainSettings
from aign.errors import ParameterError, unknown_name
from aign.studies.settings import StudySettings

if TYPE_CHECKING:
    from aign.scenarios.base import Scenario

FILE = Path("params.yaml")
SHOWN_PROBLEMS = 5
DEEPEST = 20
"""Blocks inside blocks; a YAML file may hold a loop, which would never end."""

VariantName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=64)]
"""Lower-case words and numbers joined by hyphens: the name is also a folder and part of a DVC stage's name."""


class ScenarioSettings(BaseModel):
    """Which network, by name; all other values are that scenario's own parameters and are checked by it."""

    model_config = ConfigDict(extra="allow", frozen=True)
    __pydantic_extra__: dict[str, JsonValue] = Field(init=False)

    name: str

    @property
    def parameters(self) -> dict[str, JsonValue]:
        """Return the scenario's own parameters."""
        return dict(self.__pydantic_extra__)


class Variant(Settings):
    """One network and how to explore, learn, sample and evaluate it."""

    scenario: ScenarioSettings
    collect: CollectSettings = CollectSettings()
    train: TrainSettings = TrainSettings()
    sample: SampleSettings = SampleSettings()
    evaluate: EvaluateSettings = EvaluateSettings()

    def create_scenario(self) -> Scenario[Any]:
        """Build the network; loads torch.

        Raises:
            ParameterError: an unknown scenario or parameter, or a value out of range.
        """
        from aign.scenarios.registry import create

        return create(self.scenario.name, **self.scenario.parameters)

    def check_same(self, found: Scenario[Any], folder: Path) -> None:
        """Raise where a folder was made for another network than this variant's.

        Raises:
            ParameterError: naming both, and what to do.
        """
        wanted = self.create_scenario().spec()
        if found.spec() != wanted:
            raise ParameterError(f"{folder}: made for {found.spec()}, but the parameters say {wanted}. Run the earlier "
                                 "stages again (`dvc repro`).")


class Params(Settings):
    """The whole of `params.yaml`."""

    base: RunSettings = RunSettings()
    variants: Annotated[dict[VariantName, Variant], Field(min_length=1)]
    studies: StudySettings = StudySettings()

    def variant(self, name: str) -> Variant:
        """Return the variant of that name.

        Raises:
            ParameterError: there is none.
        """
        if name not in self.variants:
            raise ParameterError(unknown_name("variant", name, self.variants))
        return self.variants[name]


def load(path: str | Path = FILE) -> Params:
    """Read and check a parameter file.

    Raises:
        ParameterError: with the file, the dotted path of each value at fault, the value, and what is allowed.
    """
    path = Path(path)
    content = plain_yaml.read(path, ParameterError)
    if not isinstance(content, dict):
        raise ParameterError(f"{path}: must hold the blocks {', '.join(Params.model_fields)}; given {content!r}.")
    for place, value in _odd_values(content):
        raise ParameterError(f"{path}: {place}: given {value}; allowed: words, finite numbers, true and false, "
                             "lists and blocks of these, none inside itself.")
    try:
        return Params.model_validate_json(json.dumps(content), strict=True)
    except ValidationError as error:
        problems = error.errors(include_url=False)
        lines = [f"{path}: {_explained(problem)}" for problem in problems[:SHOWN_PROBLEMS]]
        more = len(problems) - len(lines)
        raise ParameterError("\n".join(lines + [f"{path}: and {more} more."] * (more > 0))) from None


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
            yield from _odd_values(inner, f"{place}.{index}", depth + 1)
    elif isinstance(value, float) and not math.isfinite(value):
        yield place, str(value)


def _explained(problem: ErrorDetails) -> str:
    """Return one problem as a sentence: where, what was given, what is allowed."""
    location = [str(part) for part in problem["loc"]] or ["top level"]
    where, given = ".".join(location), reprlib.repr(problem["input"])
    if location[-1] == "[key]":
        return (f"{'.'.join(location[:-2])}: the name {given} is not allowed. Allowed: lower-case words and numbers "
                "joined by hyphens, such as power-20.")
    if problem["type"] == "extra_forbidden":
        return f"{where}: given {given}. {unknown_name('parameter', location[-1], _fields(location[:-1]))}"
    if problem["type"] == "missing":
        return f"{where}: missing; it must be given."
    return f"{where}: given {given}; {problem['msg'][0].lower()}{problem['msg'][1:]}."


def _fields(location: list[str]) -> list[str]:
    """Return the names allowed in the block at a location."""
    kind: Any = Params
    for part in location:
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            kind = kind.model_fields[part].annotation if part in kind.model_fields else None
        else:
            kind = next((inner for inner in reversed(get_args(kind))), None)
    return list(kind.model_fields) if isinstance(kind, type) and issubclass(kind, BaseModel) else []
