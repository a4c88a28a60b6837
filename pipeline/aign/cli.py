"""The command `aign`: one sub-command a stage, and what operators ask for. Heavy imports wait until they are needed."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from aign import dataset_commands, publish_commands
from aign.errors import SMALLER, AignError, StorageError, out_of_memory

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False,
                  help="AI-generated network design: collect trajectories, train a diffuser, sample certified designs.")
app.add_typer(dataset_commands.app, name="dataset")
app.add_typer(publish_commands.app, name="publish")

Variant = Annotated[str, typer.Argument(help="A variant of params.yaml, such as power-20.")]
ParamsFile = Annotated[Path, typer.Option("--params", help="The parameter file.")]
DEFAULT = Path("params.yaml")
INTERRUPTED = 130


def _params(path: Path, variant: str | None = None) -> Any:
    """Return the parameters for a stage (of a variant), after checking that it may run here."""
    from aign import checkout, params
    from aign.engines.scratch import die_with_parent

    under_dvc = "DVC_STAGE" in os.environ
    if under_dvc:  # a killed dvc must not leave a stage behind; a user's shell may go
        die_with_parent()
    checkout.check()
    loaded = params.load(path)
    if under_dvc and variant is not None and checkout.here():
        loaded.check_tracked(variant)
    from aign import variant_check  # loads torch, for which a mistyped file need not wait

    variant_check.check(loaded, path, variant)
    return loaded


@app.command()
def collect(variant: Variant, params: ParamsFile = DEFAULT) -> None:
    """Let agents explore the network and store their episodes as a trajectory dataset."""
    from aign.stages.collect import collect as stage

    stage(variant, _params(params, variant))


@app.command()
def train(variant: Variant, params: ParamsFile = DEFAULT) -> None:
    """Train the Decision Diffuser on the trajectory dataset."""
    from aign.stages.train import train as stage

    stage(variant, _params(params, variant))


@app.command()
def sample(variant: Variant, params: ParamsFile = DEFAULT) -> None:
    """Answer the requests of params.yaml with verified designs."""
    from aign.stages.sample import sample as stage

    stage(variant, _params(params, variant))


@app.command()
def evaluate(variant: Variant, params: ParamsFile = DEFAULT) -> None:
    """Compare the diffuser with agents, heuristics and the certified optimum on unseen contexts."""
    from aign.stages.evaluate import evaluate as stage

    stage(variant, _params(params, variant))


@app.command()
def design(
    scenario: Annotated[str, typer.Argument(help="A scenario, such as power-allocation.")],
    where: Annotated[list[str] | None, typer.Option(help='A constraint: "total_power<=300", also with >=, < or >, or '
                                                        '"not min_rate>=8"; repeatable.')] = None,
    count: Annotated[int, typer.Option(help="Designs to generate.")] = 16,
    users: Annotated[int | None, typer.Option(help="Short for --set users=NUMBER.")] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="A parameter of the scenario, such as types=5; "
                                                                 "repeatable.")] = None,
    model: Annotated[Path | None, typer.Option(help="A model folder; found under models/ by default.")] = None,
    context: Annotated[Path | None, typer.Option(help="JSON or YAML file with the context.")] = None,
    preset: Annotated[str | None, typer.Option(help="A context the scenario knows by name.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of a drawn context and of the generator.", min=0,
                                      max=2**31 - 1)] = 0,
    spread: Annotated[int | None, typer.Option(help="Show only this many good designs, as different as can be.",
                                               min=1)] = None,
    save: Annotated[Path | None, typer.Option(help="Write PATH.json, .parquet, .png and PATH-why.png.")] = None,
    trust_code: dataset_commands.TrustCode = False,
) -> None:
    """Generate, verify, rank and explain designs for one request; say why where none can be."""
    from aign.designs.baselines import training_designs
    from aign.designs.requests import make_request
    from aign.designs.table import answer
    from aign.diffusion import store
    from aign.engines import messages
    from aign.scenarios.core.registry import assigned

    if save is not None and not save.name:
        raise StorageError(f"--save {save}: names no file. Give a path such as designs/green, without ending.")
    given = assigned(scenario, [*(set_ or []), *([f"users={users}"] if users is not None else [])])
    pipeline = store.serving(store.load(model, trust_code), given) if model is not None else \
        store.find(Path("models"), scenario, given, trust_code, lambda: _training(scenario, given))
    request = make_request(pipeline.scenario, where or [], count, preset, context, seed)
    memory = training_designs(Path("data/trajectories"), pipeline.scenario,
                              lambda error: _warn(f"left out of the novelty: {error}"))
    found = answer(pipeline, request, seed=seed, memory=memory)
    if spread is not None:
        found = found.spread(spread)
    messages.console.print(found)
    if save is not None:
        for path in found.save_all(save):
            messages.made("design", path)


@app.command()
def scenarios(
    pictures: Annotated[Path | None, typer.Option(help="A folder for a picture of each network's certified "
                                                       "design.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the contexts drawn.", min=0, max=2**31 - 1)] = 0,
) -> None:
    """List the networks there are, with their parameters and labels, and draw them."""
    from aign.engines import messages
    from aign.stages import catalogue

    messages.console.print(catalogue.table())
    if pictures is not None:
        catalogue.draw(pictures, seed)


def _training(scenario: str, given: dict[str, Any]) -> str:
    """Return how to come by a model for a scenario with the given parameters."""
    from aign import checkout, params

    try:
        known = params.load(DEFAULT)
        variant = known.matching(scenario, given)
    except AignError:
        variant = None
    if variant is None:
        return f" Or add that network to {DEFAULT} and train it."
    command = known.command("train", variant) if checkout.here() else f"aign collect {variant} && aign train {variant}"
    return f" Or train one: `{command}`."


def _warn(message: str) -> None:
    _tell(f"warning: {message}", "yellow")


def _fail(message: str) -> None:
    _tell(f"error: {message}", "red")
    sys.exit(2)


def _tell(message: str, colour: str | None = None) -> None:
    """Print to standard error; `typer.secho` would write UTF-8 where the stream says ASCII."""
    print(typer.style(message, fg=colour) if sys.stderr.isatty() else message, file=sys.stderr)


def _print_anywhere() -> None:
    """Let every text be printed: where standard output or error lacks a character, a question mark takes its place."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def _check_names(arguments: list[str]) -> None:
    """Refuse names that this system cannot read: libraries that take UTF-8 alone would fail on them midway."""
    for argument in arguments:
        try:
            argument.encode("utf-8")
        except UnicodeEncodeError:
            _fail(f"{argument!a}: cannot be read in this system's encoding ({sys.getfilesystemencoding()}). Set "
                  "PYTHONUTF8=1 where names are UTF-8, or choose another name.")


def main() -> None:
    """Run the command line; an error the user can mend is one message and exit status 2, without a traceback."""
    _print_anywhere()
    _check_names(sys.argv[1:])
    try:
        app()
    except AignError as error:
        _fail(str(error))
    except Exception as error:
        if not out_of_memory(error):
            raise
        _fail(f"the machine has too little memory for that ({error}). {SMALLER}")
    except SystemExit as ended:
        if ended.code == INTERRUPTED:  # typer turned Ctrl-C into it
            _tell("stopped; run the command again to resume")
        raise


if __name__ == "__main__":
    main()
