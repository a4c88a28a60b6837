"""The command `aign design`: one request, answered, shown and saved."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from aign.cli.options import ScenarioParameters, TrustCode
from aign.engines import messages
from aign.errors import ParameterError, StorageError
from aign.files.writing import write_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from aign.designs.answer import Answer
    from aign.designs.suggestions import Suggestion


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
    from aign.cli import model_choice
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
    scenario = model_choice.scenario_name(scenario, trust_code)
    parameters = assigned(scenario, [*(set_ or []), *([f"users={users}"] if users is not None else [])])
    pipeline = store.serving(store.load(model, trust_code), parameters) if model is not None else \
        model_choice.found_model(scenario, parameters, trust_code)
    request = Request(where or [], preset, context, seed, count, start, objective or [], spread, event or []).resolve(
        pipeline.scenario)
    recorded = training_designs(Path("data/trajectories"), pipeline.scenario,
                                lambda error: messages.warn(f"warning: left out of the novelty: {error}"))
    with messages.console.status(f"{scenario}: generates, simulates and certifies"):
        designs = answer(pipeline, request, None, seed, recorded)
        table = designs.__rich__()
        suggestions = designs.suggest(keep or []) if suggest else []
    _show(designs, table, suggestions if suggest else None)
    if save is not None:
        _save(designs, save, suggestions if suggest else None)


def _show(designs: Answer, table: Table, suggestions: Sequence[Suggestion] | None) -> None:
    """Print an answer: what an event does, the designs, and suggestions where they are wanted."""
    if designs.impact is not None:
        messages.console.print(designs.impact)
    messages.console.print(table)
    for suggestion in suggestions or ():
        messages.console.print(escape(f"Suggestion of {suggestion.sentence()}."))
    if suggestions is not None and not suggestions:
        messages.console.print("No suggestion: no change of the deployed design is known to help.")


def _save(designs: Answer, path: Path, suggestions: Sequence[Suggestion] | None) -> None:
    """Write an answer, and its suggestions where they are wanted; say which files were made."""
    paths = designs.save_all(path)
    if suggestions is not None:
        paths.append(path.with_name(f"{path.name}-suggestions.json"))
        write_json(paths[-1], {"suggestions": [suggestion.to_json() for suggestion in suggestions]})
    for made in paths:
        messages.made("design", made)
