"""The queue: order, bounds, cancelling, limits of time, events that are replayed."""

import asyncio
import json

import pytest

from aign.console import jobs as module
from aign.console.events import stream
from aign.console.jobs import LATER, URGENT, BusyError, Jobs
from aign.console.process import InternalError
from aign.errors import ParameterError, ResourceError


class Performer:
    """Performs tasks by name: "echo", "wait" until it is killed, "fail", "break", "babble"."""

    def __init__(self):
        self.done, self.killed = [], asyncio.Event()
        self.closed = 0

    async def start(self):
        self.killed.clear()

    async def perform(self, task, arguments, tell):
        tell(f"does {task}")
        await asyncio.sleep(0)
        if task == "wait":
            await self.killed.wait()
            raise ResourceError("killed")
        if task == "fail":
            raise ParameterError("so not")
        if task == "babble":
            raise ValueError("no JSON")
        if task == "break":
            raise InternalError("bug")
        self.done.append(arguments["name"])
        return arguments

    def kill(self):
        self.killed.set()

    async def close(self):
        self.closed += 1


def queue(test, **settings):
    """Run a test of a queue that is worked off meanwhile."""
    async def run():
        jobs = Jobs(Performer(), **settings)
        async with jobs.working(), asyncio.timeout(30):
            await asyncio.sleep(0)
            await test(jobs)
        assert jobs.worker.closed
    asyncio.run(run())


def test_what_is_urgent_goes_first_and_the_rest_in_order():
    async def test(jobs):
        waiting = await jobs.submit("wait", {})
        await asyncio.sleep(0.01)
        later = [await jobs.submit("echo", {"name": name}, priority) for name, priority in
                 (("picture", LATER), ("first", 1), ("second", 1), ("live", URGENT))]
        await jobs.cancel(waiting)
        for job in later:
            assert (await job.ended()).state == "done"
        assert jobs.worker.done == ["live", "first", "second", "picture"]
    queue(test)


def test_cancelling_ends_what_runs_and_passes_over_what_waits():
    async def test(jobs):
        running, waiting, last = [await jobs.submit(task, {"name": task}) for task in ("wait", "echo", "echo")]
        await asyncio.sleep(0.01)
        assert (running.state, waiting.state) == ("running", "waiting")
        await jobs.cancel(waiting)
        await jobs.cancel(running)
        await jobs.cancel(running)  # a second time changes nothing
        assert [(await job.ended()).state for job in (running, waiting, last)] == ["cancelled", "cancelled", "done"]
        assert jobs.worker.done == ["echo"]
        await jobs.cancel(last)
        assert last.state == "done"
    queue(test)


def test_errors_are_told_apart():
    async def test(jobs):
        refused, broken = [await (await jobs.submit(task, {})).ended() for task in ("fail", "break")]
        assert (refused.state, refused.error, refused.refused) == ("failed", "so not", True)
        assert (broken.state, broken.error, broken.refused) == ("failed", "bug", False)
        babbled = await (await jobs.submit("babble", {})).ended()
        assert (babbled.state, babbled.refused, jobs.worker.closed) == ("failed", False, 1)
        assert (await (await jobs.submit("echo", {"name": "next"})).ended()).parsed() == {"name": "next"}
    queue(test)


def test_a_job_that_takes_too_long_is_stopped():
    async def test(jobs):
        job = await (await jobs.submit("wait", {})).ended()
        assert job.state == "failed"
        assert "Stopped after 0.05 s" in job.error
        assert jobs.worker.closed == 1
    queue(test, limit_s=0.05)


def test_the_queue_is_bounded_and_nothing_in_it_is_lost():
    async def test(jobs):
        blocking = await jobs.submit("wait", {})
        await asyncio.sleep(0.01)
        taken, refused = [], 0
        for number in range(200):
            try:
                taken.append(await jobs.submit("echo", {"name": number}))
            except BusyError:
                refused += 1
        assert (len(taken), refused) == (50, 150)
        await jobs.cancel(blocking)
        assert [(await job.ended()).parsed()["name"] for job in taken] == list(range(50))
        assert jobs.queue.empty()
    queue(test, most_waiting=50)


@pytest.mark.parametrize(("limit", "value"), [("KEPT_JOBS", 3), ("KEPT_BYTES", 3 * len('{"name":10}'))])
def test_what_ended_is_kept_for_a_while(limit, value, monkeypatch):
    monkeypatch.setattr(module, limit, value)

    async def test(jobs):
        ended = [await (await jobs.submit("echo", {"name": number})).ended() for number in range(10, 20)]
        await (await jobs.submit("echo", {"name": 20})).ended()
        await asyncio.sleep(0.01)
        assert [job.parsed()["name"] for job in jobs.jobs.values()] == [18, 19, 20]
        assert ended[0].id not in jobs.jobs
    queue(test)


def test_events_are_numbered_and_replayed_from_where_a_reader_lost_them():
    async def test(jobs):
        job = await (await jobs.submit("echo", {"name": "x"})).ended()

        async def read(last):
            lines = b"".join([part async for part in stream(job, last)]).decode().split("\n\n")
            pairs = [line.split("\n") for line in lines if line]
            return [(int(number[4:]), json.loads(data[6:])) for number, data in pairs]

        whole = await read(None)
        assert [number for number, _ in whole] == list(range(1, len(whole) + 1))
        assert [event["doing"] for _, event in whole] == ["waits for 0 before it", "starts", "does echo", "done"]
        assert whole[-1][1]["state"] == "done"
        assert await read("2") == whole[2:]
        assert await read(str(len(whole))) == await read("99") == []
        assert await read("nonsense") == await read("-1") == await read("9" * 30) == whole
    queue(test)


def test_a_reader_hears_of_a_running_job_as_it_goes(monkeypatch):
    monkeypatch.setattr("aign.console.events.HEARTBEAT_S", 0.01)

    async def test(jobs):
        job = await jobs.submit("wait", {})
        parts = aiter(stream(job, None))
        heard = b""
        while not (b"does wait" in heard and b": still here\n\n" in heard):
            heard += await anext(parts)
        await jobs.cancel(job)
        assert b'"state": "cancelled"' in b"".join([part async for part in parts])
    queue(test)
