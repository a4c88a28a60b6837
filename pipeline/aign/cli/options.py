"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

DEFAULT = Path("params.yaml")

Variant = Annotated[str, typer.Argument(help="A variant of params.yaml, such as power-20.")]
ParamsFile = Annotated[Path, typer.Option("--params", help="The parameter file.")]
ScenarioParameters = Annotated[list[str] | None, typer.Option(
    "--set", help="A parameter of the scenario, such as users=20; repeatable.")]
TrustCode = Annotated[bool, typer.Option("--trust-code", help="Import and run the code that a stored scenario names, "
                                                              "such as the module of somebody's environment. Only "
                                                              "where you know and trust it.")]
