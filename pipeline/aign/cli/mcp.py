"""The command `aign mcp`: the console's operations as tools for an assistant that starts this program."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from aign.cli.options import TrustCode
from aign.errors import ParameterError

NEEDED = "aign mcp needs the packages of its extra: pip install 'aign[assistants]'."


def mcp(
    models: Annotated[Path, typer.Option(help="The folder of model folders.")] = Path("models"),
    trust_code: TrustCode = False,
) -> None:
    """Serve an assistant by the Model Context Protocol, over standard input and output: list, read, design, explain."""
    import asyncio

    try:
        from aign.console.assistants import serve
    except ModuleNotFoundError as missing:
        raise ParameterError(f"The package {missing.name} is missing. {NEEDED}") from None
    from aign.console.process import WorkerProcess

    asyncio.run(serve(WorkerProcess(models, trust_code), Path("accepted")))
