"""The networks that a sentence can be about: those of the models there are, and the others with their defaults.

Among planning networks, a number of nodes that no model has finds the public topology of that size.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

from aign.designs.requests import Request
from aign.errors import AignError, ModelError
from aign.files.writing import read_json
from aign.intents.numbers import Number, numbers
from aign.intents.surroundings import sizes
from aign.intents.tokens import Token, stem, tokens
from aign.scenarios.core import registry
from aign.scenarios.core.constraints import parse
from aign.scenarios.core.scenario import Scenario
from aign.trust import Trust

PLANNING = "ip-optical-planning"


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
    """Return the planning network with as many nodes as a text says, where there is one; else the network itself."""
    wanted = _nodes(text)
    if scenario.name != PLANNING or wanted is None or wanted == sizes(scenario)[stem("nodes")]:
        return scenario
    from aign.scenarios.ip_optical_planning import topology

    for name in topology.names():
        if topology.load(name, largest=None).size == wanted:
            try:
                return registry.create(PLANNING, topology=name)
            except AignError:
                continue
    return scenario


def _nodes(text: str) -> float | None:
    """Return the number of nodes that a text says."""
    pieces = [piece for piece in numbers(tokens(text)) if not (isinstance(piece, Token) and piece.text == "-")]
    return next((number.value for number, noun in pairwise(pieces) if isinstance(number, Number)
                 and isinstance(noun, Token) and noun.stem == stem("nodes")), None)


def plan_command(request: Request, scenario: Scenario[Any]) -> list[str] | None:
    """Return the arguments of an `aign plan` whose network meets a request at least cost, with proof, without a model.

    `aign plan` survives every link failure, so it meets any demand on reliability; None where the request says more
    than that, or wants something else than least cost.
    """
    spec, usual = scenario.spec(), registry.scenario_class(PLANNING).Parameters().model_dump(mode="json")
    if scenario.name != PLANNING or request.start is not None or tuple(request.objective) != ("min cost",):
        return None
    if any(bound.upper or bound.label not in ("reliability", "ip") or bound.closed.threshold > 1
           for bound in parse(request.where, scenario.labels)):
        return None
    context: Any = request.context
    changed = {name for name, value in usual.items() if spec.get(name) != value} - {"topology", "protected"}
    if changed or request.seed is not None or not isinstance(context, str | None):
        return None
    if context is not None and Path(context).suffix.lower() != ".csv":
        return None
    arguments = ["plan", str(spec["topology"])]
    if context is not None:
        arguments += ["--traffic", context]
    return arguments + ([] if spec["protected"] == 1 else ["--share", f"{spec['protected']:g}"])

