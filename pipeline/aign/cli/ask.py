"""The command `aign ask`: a request in words, confirmed in a sentence and a command, and run where wanted."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
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
    from aign.intents import Dialogue, assisted

    begun = Dialogue.load(dialogue) if dialogue is not None and dialogue.exists() else None
    target = Target(_network(words, on, set_ or [], model, begun, trust_code), model, tuple(set_ or []), trust_code)
    begun = begun or Dialogue(target.scenario.spec())
    if begun.request is not None and _asks(words):
        _reply(words, begun.request, target)
        return
    begun, reading = begun.say(words, target.scenario, _designs(words, begun, target))
    if reading.questions:
        reading = assisted(reading, target.scenario)
        begun = begun.understood(reading.request)
    _understood(reading, target.scenario)
    if dialogue is not None:
        begun.save(dialogue)
    if reading.request is not None:
        _confirmed(reading.request, target, yes, save)
    elif yes:
        raise ParameterError("Nothing was run: say it again with what was asked for"
                             f"{'' if dialogue is None else ', or say the answer alone'}.")


@dataclass(frozen=True)
class Target:
    """The network that is asked about; the model folder and parameters that were named; whether code is trusted."""

    scenario: Scenario[Any]
    model: Path | None
    set_: tuple[str, ...]
    trust_code: bool


def _confirmed(request: Request, target: Target, run: bool, save: Path | None) -> None:
    """Print the request and its command; run it where wanted."""
    from aign.intents import confirm, networks

    planned = None if _modelled(target) else networks.plan_command(request, target.scenario)
    if not isinstance(request.start, tuple):  # a design of the last answer is in no file
        told = confirm(request, target.scenario)
        _say(f"request: {told.sentence}")
        command = told.command if planned is None else shlex.join(["aign", *planned])
        _say(f"command: {command}")
    if run and planned is not None:
        _run_command(planned, save)
    elif run:
        _run(request, target, save)


def _network(words: str, on: str | None, set_: list[str], model: Path | None, begun: Dialogue | None,
             trust_code: bool) -> Scenario[Any]:
    """Return the network that is asked about, with the parameters that were named.

    Raises:
        ParameterError: it is not clear, there is none of that name, or a dialogue or a model is of another one.
    """
    from aign.diffusion import store
    from aign.intents import Choice, choose, networks
    from aign.scenarios.core import registry

    if begun is not None:
        scenario = registry.recreate(begun.network, Path("the dialogue"), trust_code)
        if not registry.assigned(scenario.name, set_).items() <= scenario.spec().items():
            raise ParameterError(f"--set {' '.join(set_)}: the dialogue is about another network. Begin a new one.")
        return scenario
    if model is not None:
        pipeline = store.load(model, trust_code)
        return store.serving(pipeline, registry.assigned(pipeline.scenario.name, set_)).scenario
    known = networks.catalogue(MODELS, trust_code)
    if on in known and on not in registry.names():
        return _with(known[on], set_)
    if on is not None and registry.canonical(on) not in registry.names():
        raise ParameterError(f"--on: {unknown_name('network', on, {*known, *registry.names()})}")
    if on is not None:
        parameters = registry.assigned(on, set_)
        known = {name: scenario for name, scenario in known.items() if scenario.name == registry.canonical(on)
                 and parameters.items() <= scenario.spec().items()}
        if not known:
            return registry.create(on, **parameters)
    choice = choose(words, known) if len(known) > 1 else Choice(next(iter(known)))
    if choice.question is not None and on in known:  # a model that is called as its scenario is
        return _with(networks.resized(words, known[on]), set_)
    if choice.question is not None:
        raise ParameterError(f"{choice.question.text} Say it with --on: {', '.join(choice.question.choices)}.")
    return _with(networks.resized(words, known[str(choice.name)]), set_)


def _with(scenario: Scenario[Any], set_: list[str]) -> Scenario[Any]:
    """Return a network with other parameters."""
    from aign.scenarios.core import registry

    spec = scenario.spec()
    wanted = {**spec, **registry.assigned(scenario.name, set_)}
    return scenario if wanted == spec else registry.create(**wanted)


def _asks(words: str) -> bool:
    return words.rstrip().endswith("?") and words.lower().split()[0] in QUESTIONS


def _answer(request: Request, target: Target) -> Answer:
    """Return the answer to a request; the same as `aign design` gives."""
    from aign.cli.model_choice import found_model
    from aign.designs.answer import answer
    from aign.diffusion import store
    from aign.intents.confirmation import parameters

    name, known = target.scenario.name, parameters(target.scenario)
    pipeline = store.serving(store.load(target.model, target.trust_code), target.scenario.spec()) \
        if target.model is not None else \
        found_model(name, known, target.trust_code)
    return answer(pipeline, request.resolve(pipeline.scenario), seed=request.seed or 0)


def _reply(words: str, request: Request, target: Target) -> None:
    """Answer a question about the answer to the dialogue's request."""
    from aign.intents import reply

    told = reply(_answer(request, target), words)
    for sentence in told.sentences:
        _say(sentence)
    if not told.understood:
        raise ParameterError(f"{words!r} was not understood.")


def _designs(words: str, begun: Dialogue, target: Target) -> list[list[float]]:
    """Return the designs of the last answer where the words start from one of them."""
    from aign.intents.dialogue import FROM_DESIGN

    if begun.request is None or FROM_DESIGN.fullmatch(words) is None:
        return []
    return [row["design"] for row in _answer(begun.request, target).rows()]


def _say(text: str) -> None:
    messages.console.print(text, markup=False)


def _understood(reading: Reading, scenario: Scenario[Any]) -> None:
    """Print what was understood from which words, and the questions."""
    from aign.intents.confirmation import parameters

    said = ", ".join(f"{name}={value}" for name, value in parameters(scenario).items())
    _say(f"network: {scenario.name} ({said})")
    for piece in reading.said:
        _say(f"understood: {piece.text!r} as {piece.meaning}")
    for question in reading.questions:
        choices = f" [{' | '.join(question.choices)}]" if question.choices else ""
        _say(f"question: {question.text}{choices}")


def _modelled(target: Target) -> bool:
    """Return whether there is a model of exactly this network."""
    from aign.intents import networks

    known = networks.of_models(MODELS, target.trust_code).values()
    return target.model is not None or any(scenario.spec() == target.scenario.spec() for scenario in known)


def _run(request: Request, target: Target, save: Path | None) -> None:
    """Run `aign design` with the request."""
    from aign.cli.design import design
    from aign.intents.confirmation import parameters

    if isinstance(request.start, tuple):
        messages.console.print(_answer(request, target))
        return
    named = [f"{name}={value}" for name, value in parameters(target.scenario).items()]
    set_ = named if target.model is None else list(target.set_)
    context, start = (None if value is None else Path(str(value)) for value in (request.context, request.start))
    design(target.scenario.name, where=list(request.where), count=request.count, set_=set_, model=target.model,
           context=context, preset=request.preset, seed=request.seed or 0, spread=request.spread,
           objective=list(request.objective), start=start, save=save, event=list(request.event),
           trust_code=target.trust_code)


def _run_command(arguments: list[str], save: Path | None) -> None:
    """Run another command of this program."""
    from aign.cli.command import app

    app([*arguments, *([] if save is None else ["--save", str(save)])], standalone_mode=False)
