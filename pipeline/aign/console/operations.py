"""The operations of the API: what each takes and returns; requests are read, and openapi.json is made, by that."""

from __future__ import annotations

import traceback
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ValidationError
from pydantic.json_schema import models_json_schema
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

import aign
from aign.console.jobs import BusyError
from aign.console.process import InternalError
from aign.console.replies import Problem
from aign.errors import AignError

BUSY = 503
REFUSALS = {400: "not for this host", 403: "origin or token", 404: "no such job or design", 411: "length missing",
            413: "too large", 415: "not JSON", 422: "the request cannot be answered; the message says why",
            500: "a fault of the program", 503: "too many jobs are waiting; ask again in a moment"}


class UnknownError(Exception):
    """There is nothing of that name; the message says what."""


class RefusedError(Exception):
    """An operation was refused or failed, with the status that says how."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


Handler = Callable[[Any, Request, Any], Awaitable[BaseModel | Response]]


@dataclass(frozen=True)
class Operation:
    """One operation: `handler(console, http_request, form)`; its docstring describes it."""

    method: Literal["GET", "POST", "DELETE"]
    path: str
    handler: Handler
    form: type[BaseModel] | None
    reply: type[BaseModel] | str
    """A model, or the media type of what is no JSON."""
    status: int

    def route(self, console: Any) -> Route:
        """Return the route that answers it."""
        async def endpoint(http: Request) -> Response:
            try:
                reply = await self.perform(console, http, await http.body())
            except RefusedError as error:
                return problem(error.status, str(error), {"retry-after": "1"} if error.status == BUSY else None)
            if isinstance(reply, Response):
                return reply
            return Response(reply.model_dump_json(), self.status, media_type="application/json")
        return Route(self.path, endpoint, methods=[self.method], name=self.handler.__name__)

    async def perform(self, console: Any, http: Any, body: str | bytes) -> BaseModel | Response:
        """Return the reply to a body of JSON.

        Raises:
            RefusedError: there is none.
        """
        try:
            return await self.handler(console, http, self.form and self.form.model_validate_json(body))
        except ValidationError as error:
            raise RefusedError(422, "; ".join(f"{'.'.join(map(str, each['loc'])) or 'body'}: {each['msg']}"
                                              for each in error.errors())) from None
        except AignError as error:
            raise RefusedError(422, str(error)) from None
        except UnknownError as error:
            raise RefusedError(404, str(error)) from None
        except BusyError as error:
            raise RefusedError(BUSY, str(error)) from None
        except Exception as error:  # of the program, here or (`InternalError`) in the worker
            if not isinstance(error, InternalError):
                traceback.print_exc()
            message = f"{error!r}. This is a fault of the program: its terminal has the details."
            raise RefusedError(500, message) from error

    def described(self) -> dict[str, Any]:
        """Return the operation as OpenAPI describes it."""
        summary, _, more = " ".join((self.handler.__doc__ or "").split()).partition(". ")
        content = {self.reply: {}} if isinstance(self.reply, str) else {"application/json": _named(self.reply)}
        said: dict[str, Any] = {
            "operationId": self.handler.__name__, "summary": summary.removesuffix("."), "description": more,
            "parameters": [{"name": part[1:-1], "in": "path", "required": True, "schema": {"type": "string"}}
                           for part in self.path.split("/") if part.startswith("{")],
            "responses": {str(self.status): {"description": "done", "content": content},
                          "default": {"description": "refused: " + "; ".join(f"{code} {why}" for code, why in
                                                                             REFUSALS.items()),
                                      "content": {"application/json": _named(Problem)}}}}
        if self.method != "GET":
            said["security"] = [{"token": []}]
        if self.form is not None:
            said["requestBody"] = {"required": True, "content": {"application/json": _named(self.form)}}
        return said


def problem(status: int, message: str, headers: dict[str, str] | None = None) -> JSONResponse:
    """Return a refusal with its reason."""
    return JSONResponse({"error": message}, status, headers)


def _named(model: type[BaseModel]) -> dict[str, Any]:
    return {"schema": {"$ref": f"#/components/schemas/{model.__name__}"}}


def openapi(operations: list[Operation]) -> dict[str, Any]:
    """Return the OpenAPI description of all operations."""
    models = {model for each in operations for model in (each.form, each.reply) if isinstance(model, type)} | {Problem}
    ordered = sorted(models, key=lambda model: model.__name__)
    _, schemas = models_json_schema([(model, "validation") for model in ordered],
                                    ref_template="#/components/schemas/{model}")
    paths: dict[str, dict[str, Any]] = {}
    for each in operations:
        paths.setdefault(each.path, {})[each.method.lower()] = each.described()
    return {"openapi": "3.1.0", "info": {"title": "AIGN console", "version": aign.__version__,
                                         "description": "Designs of networks: ask, verify, explain, accept."},
            "paths": paths, "components": {"schemas": schemas["$defs"], "securitySchemes": {
                "token": {"type": "apiKey", "in": "header", "name": "X-Aign-Token"}}}}
