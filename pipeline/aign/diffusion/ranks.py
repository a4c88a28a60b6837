"""The processes that share a training: which part of a batch is whose, and who reports and writes.

Each process ("rank") draws the whole batch and all of its noise with the same generator, computes the loss of every
world-th row, and gets the mean of all gradients: the loss of the whole batch, whatever the number of processes. Only
the order of sums differs, so results repeat exactly for one number of processes, and agree with another up to rounding.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from aign.engines.job import Report, failed, failure
from aign.errors import AignError

FAILURE = "failure.json"
"""File in which a process leaves an error that users should see."""


@dataclass(frozen=True)
class Ranks:
    """Which of how many processes this is.

    Attributes:
        rank: from 0; the first one evaluates, and writes files.
        world: how many there are.
        local: from 0 among those of this machine.
    """

    rank: int = 0
    world: int = 1
    local: int = 0

    @property
    def part(self) -> slice:
        """The rows of a batch that are this process's."""
        return slice(self.rank, None, self.world)

    @property
    def leads(self) -> bool:
        """Whether this process evaluates and writes files."""
        return self.rank == 0

    def device(self, device: torch.device) -> torch.device:
        """Return where this process computes: on a GPU of its own, where there are GPUs."""
        return torch.device("cuda", self.local) if self.world > 1 and device.type == "cuda" else device


ALONE = Ranks()
"""One process, and nobody to share with."""


def work(ranks: Ranks, report: Report, failure_path: Path, function: Callable[..., None],
         arguments: Mapping[str, Any]) -> None:
    """Do the part of one process, of which the leading one reports; an error that users should see is written down."""
    try:
        function(ranks, report if ranks.leads else _silent, **arguments)
    except AignError as error:
        failure_path.write_text(json.dumps(failed(error, str(error))), encoding="utf-8")
        raise


def raise_written(failure_path: Path) -> None:
    """Raise the error that a process wrote down; nothing, where none did."""
    if failure_path.exists():
        raise failure(json.loads(failure_path.read_text(encoding="utf-8"))) from None


def _silent(done: int) -> None:
    """Report nothing."""
