"""The command line as a whole: which verbs there are, and how it ends. Heavy imports wait until they are needed."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Annotated

import typer

from aign.cli import ask, console, dataset, design, mcp, plan, publish, stages, survey
from aign.engines import messages
from aign.errors import SMALLER, AignError, out_of_memory

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False,
                  help="AI-generated network design: collect trajectories, train a diffuser, sample certified designs.")
app.add_typer(dataset.app, name="dataset")
app.add_typer(publish.app, name="publish")
for verb in (stages.collect, stages.train, stages.sample, stages.evaluate, design.design, ask.ask, plan.plan,
             survey.survey, console.console, mcp.mcp):
    app.command()(verb)

INTERRUPTED = 130


@app.command()
def scenarios(
    pictures: Annotated[Path | None, typer.Option(help="A folder for a picture of each network's certified "
                                                       "design.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the contexts drawn.", min=0, max=2**31 - 1)] = 0,
) -> None:
    """List the networks there are, with their parameters and labels, and draw them."""
    from aign.cli import catalogue

    messages.console.print(catalogue.table())
    if pictures is not None:
        catalogue.draw(pictures, seed)


def main() -> None:
    """Run the command line; an `AignError` is one message and exit status 2, without a traceback."""
    for stream in (sys.stdout, sys.stderr):  # where one lacks a character, a question mark takes its place
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    _check_names(sys.argv[1:])
    messages.show()
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
            messages.warn("stopped; run the command again to resume")
        raise


def _check_names(arguments: list[str]) -> None:
    """Refuse names that this system cannot read: libraries that take UTF-8 alone would fail on them midway."""
    for argument in arguments:
        try:
            argument.encode("utf-8")
        except UnicodeEncodeError:
            _fail(f"{argument!a}: cannot be read in this system's encoding ({sys.getfilesystemencoding()}). Set "
                  "PYTHONUTF8=1 where names are UTF-8, or choose another name.")


def _fail(message: str) -> None:
    messages.warn(f"error: {message}", "red")
    sys.exit(2)
