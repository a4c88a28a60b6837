"""A job's events as a stream that browsers read: numbered, and sent again from where a reader lost it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

from aign.console.jobs import Job

HEARTBEAT_S = 15.0
"""A comment after so many silent seconds keeps the connection open."""


async def stream(job: Job, last: str | None) -> AsyncIterator[bytes]:
    """Yield the events after the one whose number is `last`, each as text/event-stream, until the job has ended."""
    after = int(last) if last is not None and last.isascii() and last.isdigit() and len(last) < 10 else 0
    events = aiter(job.follow(after))
    upcoming = asyncio.ensure_future(anext(events))
    try:
        while True:
            await asyncio.wait([upcoming], timeout=HEARTBEAT_S)
            if not upcoming.done():
                yield b": still here\n\n"
                continue
            number, event = upcoming.result()
            yield f"id: {number}\ndata: {json.dumps(event)}\n\n".encode()
            upcoming = asyncio.ensure_future(anext(events))
    except StopAsyncIteration:
        return
    finally:
        upcoming.cancel()
