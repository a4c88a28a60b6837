"""Training whose processes stand on any nodes of a Ray cluster: Ray Train starts them, all else is as in `parallel`."""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Event, Thread
from typing import Any

import torch
from ray import get
from ray.train import FailureConfig, RunConfig, ScalingConfig, TrainingFailedError, get_context
from ray.train.torch import TorchConfig, TorchTrainer

from aign.diffusion.ranks import FAILURE, Ranks, raise_written, work
from aign.engines.cluster import POLL_SECONDS, RETRIES, Board, connect, nodes
from aign.engines.job import Report
from aign.errors import ResourceError

TRAINING = "training"


def launch(processes: int, gpus: bool, function: Callable[..., None], report: Report, arguments: Mapping[str, Any],
           address: str) -> None:
    """Call `function(ranks, report, **arguments)` in so many processes of a cluster; see `parallel.launch`.

    Where a process or its node is lost, all begin again, from the last checkpoint; they wait for places where the
    cluster has too few.

    Raises:
        AignError: a process raised it; same class, same message.
        ResourceError: the cluster has too few places from the start, or processes were lost again and again.
    """
    connect(address)
    threads = torch.get_num_threads()
    places = sum(int(node["Resources"]["CPU"] // threads) for node in nodes(threads))
    if places < processes:
        raise ResourceError(f"train.processes = {processes}: the cluster has places for {places}, of {threads} "
                            "processors each. Start nodes (`ray start --address HOST:PORT`), or take fewer.")
    logging.getLogger("ray.train").setLevel(logging.CRITICAL)  # the error says it all
    board, ended = Board.remote(), Event()  # type: ignore[attr-defined]
    listener = Thread(target=_pass_on, args=(board, report, ended), daemon=True)
    listener.start()
    with tempfile.TemporaryDirectory(prefix=".ranks-", dir=Path.cwd()) as folder:  # which all nodes share
        failure_path = Path(folder) / FAILURE
        settings = {"root": str(Path.cwd()), "threads": threads, "board": board, "failure": failure_path,
                    "function": function, "arguments": arguments}
        try:
            TorchTrainer(_rank, train_loop_config=settings,
                         torch_config=TorchConfig(backend="nccl" if gpus else "gloo"),
                         scaling_config=ScalingConfig(num_workers=processes, use_gpu=gpus,
                                                      resources_per_worker={"CPU": threads}),
                         run_config=RunConfig(name=TRAINING, storage_path=folder,
                                              failure_config=FailureConfig(max_failures=RETRIES))).fit()
        except TrainingFailedError as error:
            raise ResourceError(f"Training in {processes} processes of a cluster was lost, at its start or more than "
                                f"{RETRIES} times ({error}). Run the command again; it goes on from its "
                                "checkpoint.") from None
        finally:
            ended.set()
            listener.join()
            raise_written(failure_path)


def _rank(settings: Mapping[str, Any]) -> None:
    """Do the work of one process, which Ray Train has started and joined with the others; nothing where the training
    has failed before, as Ray Train begins failures again that would only repeat.
    """
    if settings["failure"].exists():
        return
    os.chdir(settings["root"])
    torch.set_num_threads(settings["threads"])
    context, board = get_context(), settings["board"]
    ranks = Ranks(context.get_world_rank(), context.get_world_size(), context.get_local_rank())
    work(ranks, lambda done: board.tell.remote(TRAINING, int(done)), settings["failure"], settings["function"],
         settings["arguments"])


def _pass_on(board: Any, report: Report, ended: Event) -> None:
    """Report what the board says, until the training has ended."""
    over = False
    while not over:
        over = ended.wait(POLL_SECONDS)
        for done in get(board.read.remote()).values():
            report(done)
