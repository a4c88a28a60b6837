"""Training in several processes: DistributedDataParallel of torch, started as torchrun does, or on a cluster by Ray
Train, see `parallel_nodes`; `ranks` says what each of them does.
"""

from __future__ import annotations

import json
import logging
import multiprocessing
import os
import tempfile
from collections.abc import Callable, Mapping
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Thread
from typing import Any

import torch
from torch import distributed

from aign.diffusion.ranks import ALONE, FAILURE, Ranks, raise_written, work
from aign.engines.job import Report
from aign.engines.scratch import die_with_parent
from aign.errors import ResourceError
from aign.settings import EngineSettings


def launch(processes: int, gpus: bool, function: Callable[..., None], report: Report,
           arguments: Mapping[str, Any], engine: EngineSettings | None = None) -> None:
    """Call `function(ranks, report, **arguments)` in so many processes; in this one, where it is one.

    Args:
        processes: how many.
        gpus: exchange gradients by NCCL, not gloo.
        function: at the top level of a module; the first process writes the results.
        report: told what the first process reports.
        arguments: values that can be sent to another process.
        engine: where they run; on this machine where None.

    Raises:
        AignError: a process raised it; same class, same message.
        ResourceError: a process was killed.
    """
    if processes == 1:
        function(ALONE, report, **arguments)
        return
    if engine is not None and engine.kind == "ray":
        from aign.diffusion import parallel_nodes

        parallel_nodes.launch(processes, gpus, function, report, arguments, engine.address)
        return
    here, there = multiprocessing.get_context("spawn").Pipe(duplex=False)
    listener = Thread(target=_pass_on, args=(here, report), daemon=True)
    listener.start()
    with tempfile.TemporaryDirectory(prefix="aign-ranks-") as folder:
        try:
            _start(processes, Path(folder), ("nccl" if gpus else "gloo", torch.get_num_threads(), os.getpid(), there,
                                             Path(folder) / FAILURE, function, arguments))
        finally:
            there.close()
            listener.join()


def _start(processes: int, folder: Path, arguments: tuple[Any, ...]) -> None:
    """Run `_rank` in every process; raise what the first one to fail left in the folder."""
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError  # heavy
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    logging.getLogger("torch.distributed.elastic").setLevel(logging.CRITICAL)  # the error says it all
    config = LaunchConfig(min_nodes=1, max_nodes=1, nproc_per_node=processes, rdzv_backend="c10d",
                          rdzv_endpoint="127.0.0.1:0", run_id=folder.name, max_restarts=0, monitor_interval=0.1,
                          start_method="spawn")
    try:
        elastic_launch(config, _rank)(*arguments)
    except ChildFailedError as error:
        raise_written(folder / FAILURE)
        cause = error.get_first_failure()[1].message
        raise ResourceError(f"Training in {processes} processes: one of them ended ({cause}). The machine may be short "
                            "of memory: take fewer train.processes, or run the command again; it goes on from its "
                            "checkpoint.") from None


def _pass_on(line: Connection, report: Report) -> None:
    """Report what comes on a line, until it is closed at the other end."""
    try:
        while True:
            report(json.loads(line.recv_bytes()))
    except (EOFError, OSError):
        line.close()


def _rank(backend: str, threads: int, parent: int, line: Connection, failure_path: Path,
          function: Callable[..., None], arguments: Mapping[str, Any]) -> None:
    """Do the work of one process, which the launcher has told its rank by environment variables."""
    die_with_parent(parent)
    torch.set_num_threads(threads)
    ranks = Ranks(*(int(os.environ[name]) for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK")))
    distributed.init_process_group(backend)
    try:
        work(ranks, _sender(line), failure_path, function, arguments)
    finally:
        distributed.destroy_process_group()


def _sender(line: Connection) -> Report:
    return lambda done: line.send_bytes(json.dumps(int(done)).encode())
