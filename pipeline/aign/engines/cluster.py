"""The engine of several machines: a Ray cluster that somebody started, over one folder that all machines share.

Each node runs a job as this machine would: in a fresh process, in the shared folder, with this program's code. A node
that is lost costs its running jobs, which Ray starts again elsewhere. See docs/cluster.md for how to start a cluster.
"""

from __future__ import annotations

import logging
import os
import platform
import socket
import time
import uuid
from pathlib import Path
from typing import Any

from aign.engines import messages
from aign.engines.job import Job, News, failed, failure
from aign.engines.local import Local
from aign.engines.scratch import PACKAGE, code_version
from aign.errors import AignError, ParameterError, ResourceError

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # before Ray is imported: nothing leaves the machine

try:
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy
except ModuleNotFoundError:
    raise ParameterError("base.engine: kind ray needs the package ray. Install it with `pip install "
                         "'aign[cluster]'`, or say `kind: local`.") from None

POLL_SECONDS = 0.5
GRACE_SECONDS = 30.0
"""How long jobs wait for a node before that is an error."""
CONNECT_SECONDS = 10.0
RETRIES = 3
"""How often a job is begun again whose node or worker was lost."""
MANY = 1_000_000
"""Ray keeps its own queue: it takes any number of jobs."""


class Cluster:
    """The nodes of a Ray cluster; see `job.Engine`."""

    places = MANY

    def __init__(self, address: str, threads: int, title: str) -> None:
        """Connect, and check that every node stands in this folder with this code.

        Raises:
            ResourceError: there is no such cluster, or a node has another folder or other code.
        """
        self.threads, self.title = threads, title
        self.root = Path.cwd()
        connect(address)
        here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=True)
        self.board = Board.options(scheduling_strategy=here).remote()  # type: ignore[attr-defined]
        self.tickets: dict[Any, Job] = {}
        self.counts: dict[str, int] = {}
        self.alone_since: float | None = None
        self._check_nodes()

    def submit(self, job: Job) -> None:
        """Put the job in the cluster's queue; one that several processes share asks for their places itself."""
        cpus, gpus = (self.threads, job.gpus) if job.processes == 1 else (0, 0)
        task = _run_there.options(num_cpus=cpus, num_gpus=gpus, max_retries=RETRIES, retry_exceptions=False)
        self.tickets[task.remote(job, self.threads, str(self.root), self.board)] = job

    def news(self) -> list[tuple[Job, News]]:
        """Wait a moment for jobs that end, and ask the others how far they are; see `job.Engine`."""
        ended, _ = ray.wait(list(self.tickets), num_returns=1, timeout=POLL_SECONDS)
        told = self._counts()
        for ticket in ended:
            job = self.tickets.pop(ticket)
            try:
                failing = ray.get(ticket)
            except ray.exceptions.RayError as error:
                raise ResourceError(f"Job {job.name!r} could not be run on the cluster (up to {RETRIES + 1} attempts "
                                    f"where nodes are lost): {error}. Run the command again; finished jobs are "
                                    "kept.") from None
            if failing is not None:
                raise failure(failing)
            if not job.result.exists():
                raise ResourceError(f"Job {job.name!r} ended without its result {job.result} in {self.root}, which "
                                    "must be a folder that all nodes share.")
            told.append((job, {"ended": True}))
        self._check_that_nodes_are_left()
        return told

    def stop(self) -> None:
        """Cancel what runs and leave the cluster, which stands on."""
        for ticket in self.tickets:
            ray.cancel(ticket, force=True)
        ray.shutdown()

    def _counts(self) -> list[tuple[Job, News]]:
        """Return how far jobs are whose count has changed."""
        running = {job.name: job for job in self.tickets.values()}
        counts = ray.get(self.board.read.remote())
        changed = {name: done for name, done in counts.items() if name in running and self.counts.get(name) != done}
        self.counts |= changed
        return [(running[name], {"done": done}) for name, done in changed.items()]

    def _check_that_nodes_are_left(self) -> None:
        if not self.tickets or nodes(self.threads):
            self.alone_since = None
            return
        self.alone_since = self.alone_since or time.monotonic()
        if time.monotonic() - self.alone_since > GRACE_SECONDS:
            raise ResourceError(f"{self.title}: no node with {self.threads} processors is left in the cluster. Start "
                                "nodes (`ray start --address HOST:PORT`), then run the command again; finished jobs "
                                "are kept.")

    def _check_nodes(self) -> None:
        able = nodes(self.threads)
        messages.say(self.title, f"runs on {len(able)} nodes, {sum(node['Resources']['CPU'] for node in able):g} "
                                 "processors of a Ray cluster")
        token = self.root / f".cluster-{uuid.uuid4().hex}"
        token.touch()
        try:
            answers = ray.get([_look.options(scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"],
                                                                                                soft=False))
                               .remote(str(token)) for node in able])
        except ray.exceptions.RayError as error:
            raise ResourceError(f"A node of the cluster cannot run this program: {error}") from None
        finally:
            token.unlink()
        version = code_version(".")
        for node, (there, code, _) in zip(able, answers, strict=True):
            name = node["NodeManagerHostname"]
            if not there:
                raise ResourceError(f"Node {name} does not see {self.root}. All nodes must share that folder, under "
                                    "that name.")
            if code != version:
                raise ResourceError(f"Node {name} has other code, or other versions of Python or of packages, than "
                                    "this machine: results would depend on where a job ran. Install the same there.")
        if len(processors := {processor for *_, processor in answers}) > 1:
            messages.warn(f"warning: nodes have different processors ({', '.join(sorted(processors))}): the last "
                          "digits of results can depend on where a job ran")


def connect(address: str) -> None:
    """Connect this process to a cluster, whose nodes run this program's code.

    Raises:
        ResourceError: there is no such cluster.
    """
    paths = os.pathsep.join(filter(None, (str(PACKAGE.parent), os.environ.get("PYTHONPATH"))))
    try:
        _check_reachable(address)
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, ignore_reinit_error=True,
                 runtime_env={"env_vars": {"PYTHONPATH": paths}})
    except (OSError, RuntimeError, ValueError) as error:
        raise ResourceError(f"base.engine: no Ray cluster was reached at {address!r} ({error}). Start one with "
                            "`ray start --head`, or say `kind: local`.") from None


def nodes(threads: int) -> list[Any]:
    """Return the nodes that can take a process of so many threads."""
    return [node for node in ray.nodes() if node["Alive"] and node["Resources"].get("CPU", 0) >= threads]


def _check_reachable(address: str) -> None:
    """Raise where nobody listens at HOST:PORT; Ray itself would try for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if port.isdecimal():
        socket.create_connection((host, int(port)), CONNECT_SECONDS).close()


@ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=-1)
class Board:
    """How far running jobs are."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}

    def tell(self, name: str, done: int) -> None:
        """Note how much of a job is done."""
        self.counts[name] = done

    def read(self) -> dict[str, int]:
        """Return what is done of each job."""
        return self.counts


@ray.remote
def _run_there(job: Job, threads: int, root: str, board: Any) -> News | None:
    """Run a job as a machine does on its own; return what its failure says, None where it ended well."""
    os.chdir(root)
    engine = Local(1, threads)
    engine.submit(job)
    try:
        while True:
            for _, news in engine.news():
                if "ended" in news:
                    return None
                board.tell.remote(job.name, news["done"])
    except (AignError, RuntimeError) as error:
        return failed(error, str(error))
    finally:
        engine.stop()


@ray.remote(num_cpus=0)
def _look(token: str) -> tuple[bool, str, str]:
    """Return whether this node sees a file, which code it has, and its kind of processor."""
    return Path(token).exists(), code_version("."), _processor()


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    lines = information.read_text().splitlines() if information.exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")),
                platform.processor())
