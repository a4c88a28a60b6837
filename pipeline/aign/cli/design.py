"""The command `aign design`: one request, answered, shown and saved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from aign.cli.options import DEFAULT, ScenarioParameters, TrustCode
from aign.engines import messages
from aign.errors import AignError, ModelError, ParameterError, StorageError, unknown_name
from aign.files.writing import write_json

MODELS = Path("models")

if TYPE_CHECKING:
    from aign.designs.suggestions import Suggestion
    from aign.diffusion.model import DesignModel
    from aign.scenarios.core.scenario import Scenario


def design(
    scenario: Annotated[str, typer.Argument(help="A scenario, such as power-allocation.")],
    where: Annotated[list[str] | None, typer.Option(help='A constraint: "total_power<=300", also with >=, < or >, or '
                                                        '"not min_rate>=8"; repeatable.')] = None,
    count: Annotated[int, typer.Option(help="Designs to generate.")] = 16,
    set_: ScenarioParameters = None,
    users: Annotated[int | None, typer.Option(help="Short for --set users=NUMBER.")] = None,
    model: Annotated[Path | None, typer.Option(help="A model folder; found under models/ by default.")] = None,
    context: Annotated[Path | None, typer.Option(help="JSON or YAML file with the context.")] = None,
    preset: Annotated[str | None, typer.Option(help="A context the scenario knows by name.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of a drawn context and of the generator.", min=0,
                                      max=2**31 - 1)] = 0,
    spread: Annotated[int | None, typer.Option(help="Show only this many good designs, as different as possible.",
                                               min=1)] = None,
    objective: Annotated[list[str] | None, typer.Option(help='What is wanted most: utility (the default), a label in '
                                                            'its better direction, "min LABEL" or "max LABEL"; of '
                                                            'several, the designs that no other beats.')] = None,
    start: Annotated[Path | None, typer.Option(help="JSON or YAML file with the design that is deployed, or an answer "
                                                    "saved before: list the changes from it.")] = None,
    save: Annotated[Path | None, typer.Option(help="Write PATH.json, .parquet, .png, PATH-why.png, and of several "
                                                   "objectives PATH-front.png.")] = None,
    trust_code: TrustCode = False,
    suggest: Annotated[bool, typer.Option("--suggest", help="With --start: the fewest changes after which the request "
                                                            "is met, or where it is, the best ones.")] = False,
    keep: Annotated[list[str] | None, typer.Option(help='With --suggest: a part that stays as it is, such as "user 3" '
                                                        'or "link A-B".')] = None,
    event: Annotated[list[str] | None, typer.Option(help='With --start: what goes wrong, such as "link A-B fails", '
                                                         '"demand +20%", "gain of user 7 -50%" or "min_rate>=6": what '
                                                         'it does, and what to change.')] = None,
) -> None:
    """Generate, verify, rank and explain designs for one request, or explain why none is feasible."""
    from aign.cli.remarks import remarks
    from aign.designs.answer import answer
    from aign.designs.baselines import training_designs
    from aign.designs.requests import Request
    from aign.diffusion import store
    from aign.scenarios.core.registry import assigned

    suggest = suggest or bool(event)
    if (suggest and not event and start is None) or (keep and not suggest):
        raise ParameterError("--suggest needs --start, the design that is deployed, and --keep needs --suggest.")
    if save is not None and not save.name:
        raise StorageError(f"--save {save}: does not name a file. Give a path such as designs/green, without ending.")
    scenario = _scenario(scenario, trust_code)
    parameters = assigned(scenario, [*(set_ or []), *([f"users={users}"] if users is not None else [])])
    pipeline = store.serving(store.load(model, trust_code), parameters) if model is not None else \
        found_model(scenario, parameters, trust_code)
    request = Request(where or [], preset, context, seed, count, start, objective or [], spread, event or []).resolve(
        pipeline.scenario)
    recorded = training_designs(Path("data/trajectories"), pipeline.scenario,
                                lambda error: messages.warn(f"warning: left out of the novelty: {error}"))
    with messages.console.status(f"{scenario}: generates, simulates and certifies"):
        designs = answer(pipeline, request, None, seed, recorded)
        table = designs.__rich__()
        suggestions = designs.suggest(keep or []) if suggest else None
    if designs.impact is not None:
        messages.console.print(designs.impact)
    messages.console.print(table)
    for text in [*remarks(designs), *suggestion_lines(suggestions)]:
        messages.console.print(escape(text))
    for path in [] if save is None else [*designs.save_all(save), *save_suggestions(suggestions, save)]:
        messages.made("design", path)


def _scenario(name: str, trust_code: bool) -> str:
    """Return a scenario's name as models store it.

    Raises:
        ParameterError: there is none of that name; where a model has it, with the command for that model.
    """
    from aign.intents import networks
    from aign.scenarios.core import registry

    if registry.canonical(name) in registry.names():
        return registry.canonical(name)
    of_model = networks.of_models(MODELS, trust_code).get(name)
    if of_model is not None:
        raise ParameterError(f"{name} is a model, not a scenario. Give the scenario and the model: "
                             f"`aign design {of_model.name} --model {MODELS / name}`.")
    raise ParameterError(unknown_name("scenario", name, registry.names()))


def found_model(scenario: str, parameters: Mapping[str, Any], trust_code: bool) -> DesignModel:
    """Open the model of a scenario with these parameters; of several the one whose others are the defaults.

    Raises:
        ModelError: there is none, or which one is meant is not clear; see `store.find`.
    """
    from aign.diffusion import store
    from aign.intents import networks

    try:
        return store.find(MODELS, scenario, parameters, trust_code, lambda: how_to_train(scenario, parameters))
    except ModelError:
        matching = {name: network for name, network in networks.of_models(MODELS, trust_code).items()
                    if network.name == scenario and parameters.items() <= network.spec().items()}
        plain = [name for name, network in matching.items() if _others_are_defaults(network, parameters)]
        if len(matching) < 2:
            raise
        if len(plain) == 1:
            return store.load(MODELS / plain[0], trust_code)
        raise ModelError(f"{MODELS}: {len(matching)} models for {scenario}: {_told_apart(matching)}. Name one with "
                         "--model, or say by --set what the network is.") from None


def _told_apart(networks: Mapping[str, Scenario[Any]]) -> str:
    """Return models with those parameters in which their networks differ."""
    specs = {name: network.spec() for name, network in networks.items()}
    differing = [key for key in next(iter(specs.values())) if len({str(spec.get(key)) for spec in specs.values()}) > 1]
    told = {name: ", ".join(f"{key}={spec.get(key)}" for key in differing) for name, spec in specs.items()}
    return "; ".join(f"{MODELS / name}{f' ({text})' if text else ''}" for name, text in told.items())


def _others_are_defaults(network: Scenario[Any], parameters: Mapping[str, Any]) -> bool:
    """Return whether a network has the default of every parameter that is not named."""
    fields, values = type(network.parameters).model_fields, network.spec()
    return all(values.get(name) == field.default for name, field in fields.items() if name not in parameters)


def suggestion_lines(suggestions: Sequence[Suggestion] | None) -> list[str]:
    """Return the lines for the terminal; none where no suggestions were asked for."""
    if suggestions is None:
        return []
    return [f"Suggestion of {suggestion.sentence()}." for suggestion in suggestions] or [
        "No suggestion: no change of the deployed design is known to help."]


def save_suggestions(suggestions: Sequence[Suggestion] | None, stem: Path) -> list[Path]:
    """Write `stem`-suggestions.json where suggestions were asked for; return its path."""
    if suggestions is None:
        return []
    path = stem.with_name(f"{stem.name}-suggestions.json")
    write_json(path, {"suggestions": [suggestion.to_json() for suggestion in suggestions]})
    return [path]


def how_to_train(scenario: str, parameters: Mapping[str, Any]) -> str:
    """Return a sentence on how to get a model for a scenario with these parameters."""
    from aign import checkout, params

    try:
        known = params.load(DEFAULT)
        variant = known.matching(scenario, parameters)
    except AignError:
        variant = None
    if variant is None:
        return f" Or add that network to {DEFAULT} and train it."
    command = known.command("train", variant) if checkout.here() else f"aign collect {variant} && aign train {variant}"
    return f" Or train one: `{command}`."
