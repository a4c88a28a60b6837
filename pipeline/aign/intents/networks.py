"""The networks that a sentence can be about: those of the models there are, and the others with their defaults."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

from aign.designs.requests import Request
from aign.errors import AignError, ModelError
from aign.files.writing import read_json
from aign.intents.numbers import Number, numbers
from aign.intents.tokens import Token, stems, tokens
from aign.scenarios.core import registry
from aign.scenarios.core.constraints import parse
from aign.scenarios.core.scenario import Scenario
from aign.trust import Trust


def catalogue(folder: Path, trust_code: Trust = False) -> dict[str, Scenario[Any]]:
    """Return the networks of the models in a folder by the models' names, and those without a model by their own.

    A model whose network cannot be built, which code that is not trusted prevents, is left out.
    """
    networks = of_models(folder, trust_code)
    taken = {scenario.name for scenario in networks.values()}
    for name in registry.names():
        if name not in taken:
            try:
                networks[name] = registry.create(name)
            except AignError:  # it has no defaults
                continue
    return networks


def of_models(folder: Path, trust_code: Trust = False) -> dict[str, Scenario[Any]]:
    """Return the networks of the models in a folder that were trained on all their data; without opening weights."""
    networks: dict[str, Scenario[Any]] = {}
    for index in sorted(folder.glob("[!.]*/model_index.json")):
        try:
            design = read_json(index, ModelError).get("design", {})
            if design.get("behaviours", "all") == "all":
                networks[index.parent.name] = registry.recreate(design["scenario"], index, trust_code)
        except (AignError, AttributeError, LookupError, TypeError):
            continue
    return networks


def resized(text: str, scenario: Scenario[Any]) -> Scenario[Any]:
    """Return the network of the sizes that a text says, where there is one such; else the network itself."""
    names = {" ".join(stems(name)): name for name in scenario.sizes}
    pieces = [piece for piece in numbers(tokens(text)) if not (isinstance(piece, Token) and piece.text == "-")]
    said = {names[noun.stem]: number.value for number, noun in pairwise(pieces)
            if isinstance(number, Number) and isinstance(noun, Token) and noun.stem in names}
    parameters = scenario.resized(said)
    return scenario if parameters is None else registry.create(scenario.name, **parameters)


def plan_command(request: Request, scenario: Scenario[Any]) -> list[str] | None:
    """Return the arguments of an `aign` command that answers a request exactly and without a model, if there is one."""
    if request.start is not None or request.seed is not None or not isinstance(request.context, str | None):
        return None
    return scenario.planner_command(parse(request.where, scenario.labels), request.objective, request.context)
