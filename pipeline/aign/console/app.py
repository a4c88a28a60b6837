"""The application: the page, the API with its description, and the guard before both."""

from __future__ import annotations

from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from aign.console.guard import Guard
from aign.console.jobs import Jobs, Performer
from aign.console.operations import openapi
from aign.console.routes import OPERATIONS
from aign.console.state import Console

PAGE = Path(__file__).parent / "page"


def application(worker: Performer, accepted: Path, hosts: list[str], token: str) -> Starlette:
    """Return the application: the page, the API and the guard before both.

    Args:
        worker: performs the tasks.
        accepted: the folder for accepted designs.
        hosts: under which it is reached, such as 127.0.0.1:8765.
        token: that callers of what changes anything have to know.
    """
    console = Console(Jobs(worker), accepted)
    index = (PAGE / "index.html").read_text(encoding="utf-8").replace("{token}", token)

    async def page(http: Request) -> Response:
        return HTMLResponse(index)

    async def description(http: Request) -> Response:
        return JSONResponse(openapi(OPERATIONS))

    app = Starlette(lifespan=lambda app: console.jobs.working(), routes=[
        Route("/", page), Route("/openapi.json", description), *(each.route(console) for each in OPERATIONS),
        Mount("/page", StaticFiles(directory=PAGE))])
    app.state.console = console
    app.add_middleware(Guard, hosts=hosts, token=token)
    return app
