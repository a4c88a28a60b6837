"""The command `aign ask`: a request in words, confirmed in a sentence and a command, and run where wanted."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aign.cli.options import ScenarioParameters, TrustCode
from aign.engines import messages
from aign.errors import ParameterError, unknown_name

if TYPE_CHECKING:
    from aign.designs.answer import Answer
    from aign.designs.requests import Request
    from aign.intents import Dialogue, Reading
    from aign.scenarios.core.scenario import Scenario

MODELS = Path("models")
QUESTIONS = ("why", "what", "how", "is", "are", "which", "does", "would", "can")
"""A text that begins with one of them and ends with a question mark asks about the last answer of a dialogue."""


def ask(
    words: Annotated[str, typer.Argument(help='What is wanted, such as "at most 300 levels of total power".')],
    on: Annotated[str | None, typer.Option(help="The network: a model under models/ or a scenario; by default the one "
                                                "that the words are about.")] = None,
    set_: ScenarioParameters = None,
    model: Annotated[Path | None, typer.Option(help="A model folder; found under models/ by default.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Run what was understood.")] = False,
    dialogue: Annotated[Path | None, typer.Option(help="A JSON file: go on with the dialogue in it, or begin "
                                                       "one.")] = None,
    save: Annotated[Path | None, typer.Option(help="With --yes: as `aign design --save`.")] = None,
    trust_code: TrustCode = False,
) -> None:
    """Read a request in words: say what is understood, the same as a command, and what has to be answered first."""
    from aign.intents import Dialogue, assisted, confirm, networks

    begun = Dialogue.load(dialogue) if dialogue is not None and dialogue.exists() else None
    scenario = _network(words, on, set_ or [], model, begun, trust_code)
    begun = begun or Dialogue(scenario.spec())
    if begun.request is not None and _asks(words):
        _reply(words, begun.request, scenario, model, trust_code)
        return
    begun, reading = begun.say(words, scenario, _designs(words, begun, scenario, model, trust_code))
    if reading.request is None:
        reading = assisted(reading, scenario)
    _understood(reading, scenario)
    if dialogue is not None:
        begun.save(dialogue)
    if reading.request is None:
        if yes:
            raise ParameterError("Nothing was run: say it again with what was asked for"
                                 f"{'' if dialogue is None else ', or say the answer alone'}.")
        return
    request = reading.request
    planned = None if _modelled(scenario, model, trust_code) else networks.plan_command(request, scenario)
    request = request if planned else _with_traffic(request, scenario)
    if not isinstance(request.start, tuple):  # a design of the last answer is in no file
        told = confirm(request, scenario)
        messages.console.print(f"request: {told.sentence}", markup=False, soft_wrap=True)
        command = told.command if planned is None else shlex.join(["aign", *planned])
        messages.console.print(f"command: {command}", markup=False, soft_wrap=True)
    if yes and planned is not None:
        _plan(planned, save)
    elif yes:
        _run(request, scenario, model, save, trust_code)


def _network(words: str, on: str | None, set_: list[str], model: Path | None, begun: Dialogue | None,
             trust_code: bool) -> Scenario[Any]:
    """Return the network that is asked about.

    Raises:
        ParameterError: it is not clear, or there is none of that name.
    """
    from aign.intents import Choice, choose, networks
    from aign.scenarios.core import registry

    if begun is not None:
        return registry.recreate(begun.network, Path("the dialogue"), trust_code)
    known = networks.catalogue(MODELS, trust_code) if model is None else networks.of_models(model.parent, trust_code)
    if model is not None or (on in known and on not in registry.names()):
        name = model.name if model is not None else str(on)
        if name not in known:
            raise ParameterError(unknown_name("model", name, known))
        return known[name]
    if on is not None:
        parameters = registry.assigned(on, set_)
        known = {name: scenario for name, scenario in known.items() if scenario.name == registry.canonical(on)
                 and parameters.items() <= scenario.spec().items()}
        if not known:
            return registry.create(on, **parameters)
    choice = choose(words, known) if len(known) > 1 else Choice(next(iter(known)))
    if choice.question is not None:
        raise ParameterError(f"{choice.question.text} Say it with --on: {', '.join(choice.question.choices)}.")
    return networks.resized(words, known[str(choice.name)])


def _asks(words: str) -> bool:
    return words.rstrip().endswith("?") and words.lower().split()[0] in QUESTIONS


def _answer(request: Request, scenario: Scenario[Any], model: Path | None, trust_code: bool) -> Answer:
    """Return the answer to a request; the same as `aign design` gives."""
    from aign.cli.design import how_to_train
    from aign.designs.answer import answer
    from aign.diffusion import store

    parameters = {name: value for name, value in scenario.spec().items() if name != "name"}
    pipeline = store.load(model, trust_code) if model is not None else store.find(
        MODELS, scenario.name, parameters, trust_code, lambda: how_to_train(scenario.name, parameters))
    return answer(pipeline, request.resolve(pipeline.scenario))


def _reply(words: str, request: Request, scenario: Scenario[Any], model: Path | None, trust_code: bool) -> None:
    """Answer a question about the answer to the dialogue's request."""
    from aign.intents import reply

    told = reply(_answer(request, scenario, model, trust_code), words)
    for sentence in told.sentences:
        messages.console.print(sentence, markup=False, soft_wrap=True)
    if not told.understood:
        raise ParameterError(f"{words!r} was not understood.")


def _designs(words: str, begun: Dialogue, scenario: Scenario[Any], model: Path | None,
             trust_code: bool) -> list[list[float]]:
    """Return the designs of the last answer where the words start from one of them."""
    from aign.intents.dialogue import FROM_DESIGN

    if begun.request is None or FROM_DESIGN.fullmatch(words) is None:
        return []
    return [row["design"] for row in _answer(begun.request, scenario, model, trust_code).rows()]


def _understood(reading: Reading, scenario: Scenario[Any]) -> None:
    """Print what was understood from which words, and the questions."""
    def say(text: str) -> None:
        messages.console.print(text, markup=False, soft_wrap=True)
    parameters = ", ".join(f"{name}={value}" for name, value in scenario.spec().items() if name != "name")
    say(f"network: {scenario.name} ({parameters})")
    for piece in reading.said:
        say(f"understood: {piece.text!r} as {piece.meaning}")
    for question in reading.questions:
        choices = f" [{' | '.join(question.choices)}]" if question.choices else ""
        say(f"question: {question.text}{choices}")


def _modelled(scenario: Scenario[Any], model: Path | None, trust_code: bool) -> bool:
    """Return whether there is a model of exactly this network."""
    from aign.intents import networks

    return model is not None or any(known.spec() == scenario.spec()
                                    for known in networks.of_models(MODELS, trust_code).values())


def _with_traffic(request: Request, scenario: Scenario[Any]) -> Request:
    """Return the request with a traffic matrix (CSV) written as a context file beside it."""
    from dataclasses import replace

    from aign.files.writing import writing
    from aign.scenarios.ip_optical_planning.own_networks import with_traffic

    topology: Any = getattr(scenario, "topology", None)
    if topology is None or not isinstance(request.context, str) or not request.context.lower().endswith(".csv"):
        return request
    values = with_traffic(topology, Path(request.context)).demand
    context = Path(request.context).with_suffix(".context.json")
    with writing(context) as aside:
        aside.write_text(json.dumps({scenario.context_features[0].name: list(map(float, values))}))
    messages.made(f"traffic of {request.context}", context)
    return replace(request, context=str(context))


def _run(request: Request, scenario: Scenario[Any], model: Path | None, save: Path | None, trust_code: bool) -> None:
    """Run `aign design` with the request."""
    from aign.cli.design import design

    if isinstance(request.start, tuple):
        messages.console.print(_answer(request, scenario, model, trust_code))
        return
    set_ = [f"{name}={value}" for name, value in scenario.spec().items() if name != "name" and value is not None]
    context, start = (None if value is None else Path(str(value)) for value in (request.context, request.start))
    design(scenario.name, list(request.where), request.count, set_ if model is None else None, None, model, context,
           request.preset, request.seed or 0, request.spread, list(request.objective), start, save, trust_code)


def _plan(arguments: list[str], save: Path | None) -> None:
    """Run `aign plan` with what `networks.plan_command` returned."""
    from aign.cli.plan import plan

    _, network, *options = arguments
    chosen = dict(zip(options[::2], options[1::2], strict=True))
    traffic = chosen.get("--traffic")
    plan(network, traffic=None if traffic is None else Path(traffic), share=float(chosen.get("--share", 1.0)),
         save=save)
