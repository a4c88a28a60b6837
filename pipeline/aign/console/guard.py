"""Who may ask the server, and how: only our own page, or a program that has the token.

A page of a stranger that is open in the same browser can send requests here, too. It cannot set our token's header, its
origin differs, and a host name that it points to this machine (DNS rebinding) is not among the allowed ones.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

TOKEN = "x-aign-token"
LARGEST_BODY = 65_536
"""Bytes."""
READING = frozenset({"GET", "HEAD"})
"""Methods that change nothing; they need no token, so that the browser can load pictures and event streams itself."""
HEADERS = {
    "content-security-policy": "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'; "
                               "frame-ancestors 'none'",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}


class Guard:
    """Refuses a request before anything of it is read: 400 host, 403 origin or token, 411 and 413 body, 415 type."""

    def __init__(self, app: ASGIApp, hosts: Iterable[str], token: str) -> None:
        """Guard an application that is reached under `hosts`, such as 127.0.0.1:8765, and knows callers by a token."""
        self.app = app
        self.hosts = frozenset(hosts)
        self.token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or pass it on; every answer carries `HEADERS`."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
                headers.setdefault("cache-control", "no-store")
            await send(message)

        refused = self.refusal(scope["method"], Headers(scope=scope))
        answer = self.app if refused is None else JSONResponse({"error": refused[1]}, refused[0])
        await answer(scope, receive, guarded)

    def refusal(self, method: str, headers: Headers) -> tuple[int, str] | None:
        """Return the status and the reason for which a request is refused; None where it may pass."""
        host, origin = headers.get("host", ""), headers.get("origin")
        if host not in self.hosts:
            return 400, f"Host {host!r} is not this console. Open http://{sorted(self.hosts)[0]}/."
        if origin is not None and origin != f"http://{host}":
            return 403, f"Origin {origin!r} is not this console. Only its own page may ask."
        if headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
            return 403, "Another site's page asks. Open the console in a tab of its own."
        if method in READING:
            return None
        if not secrets.compare_digest(headers.get(TOKEN, "").encode(), self.token.encode()):
            return 403, f"The header {TOKEN} is missing or of an earlier run. Reload the page; a program takes the " \
                        "token that `aign console` printed."
        return self._body_refusal(headers)

    @staticmethod
    def _body_refusal(headers: Headers) -> tuple[int, str] | None:
        if "transfer-encoding" in headers:
            return 411, "A body must say its length: send Content-Length, not chunks."
        length = headers.get("content-length", "0")
        if not (length.isascii() and length.isdigit()) or len(length) > 12:
            return 400, f"Content-Length {length[:20]!r} is no number of bytes."
        if int(length) > LARGEST_BODY:
            return 413, f"The body has {length} bytes; allowed are {LARGEST_BODY}."
        if int(length) and headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            return 415, "Send JSON: Content-Type: application/json."
        return None
