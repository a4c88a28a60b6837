"""The command `aign console`: the page for operators, and the API behind it, on this machine alone."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Annotated

import typer

from aign.cli.options import TrustCode
from aign.engines import messages
from aign.errors import ParameterError

ADDRESS = "127.0.0.1"
NEEDED = "aign console needs the packages of its extra: pip install 'aign[console]'."


def console(
    models: Annotated[Path, typer.Option(help="The folder of model folders.")] = Path("models"),
    port: Annotated[int, typer.Option(help="The port on 127.0.0.1; 0 takes a free one.", min=0, max=65535)] = 8765,
    accepted: Annotated[Path, typer.Option(help="The folder for accepted designs.")] = Path("accepted"),
    trust_code: TrustCode = False,
) -> None:
    """Open the operator's page on this machine: ask, confirm, compare, explain and accept designs."""
    import os
    import secrets

    try:
        import uvicorn

        from aign.console.app import application
    except ModuleNotFoundError as missing:
        raise ParameterError(f"The package {missing.name} is missing. {NEEDED}") from None
    from aign.console.process import WorkerProcess

    with listening(port) as listener:
        place = f"{ADDRESS}:{listener.getsockname()[1]}"
        hosts = [place, place.replace(ADDRESS, "localhost")]
        token = os.environ.get("AIGN_CONSOLE_TOKEN") or secrets.token_urlsafe(24)
        app = application(WorkerProcess(models, trust_code), accepted, hosts, token)
        messages.say("console", f"open http://{place}/ in a browser; Ctrl-C ends it")
        messages.say("console", f"programs: http://{place}/openapi.json, X-Aign-Token: {token}")
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False, server_header=False,
                                               proxy_headers=False, timeout_graceful_shutdown=1, ws="none"))
        server.run(sockets=[listener])


def listening(port: int) -> socket.socket:
    """Return a socket that takes connections from this machine only; they wait until the server answers.

    Raises:
        ParameterError: the port is taken, or not for this user.
    """
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((ADDRESS, port))
        listener.listen()
    except OSError as error:
        listener.close()
        raise ParameterError(f"--port {port}: cannot be used ({error.strerror}). Give another one, or 0 for any free "
                             "one.") from None
    return listener
