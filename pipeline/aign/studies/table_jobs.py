"""The cells of Tables I and II: those that learn and those that compare."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from aign.agents.settings import Kind
from aign.engines.jobs import Job

Place = tuple[int, int]
"""Number of users and seed."""


@dataclass(frozen=True)
class Trainings:
    """The cells that learn.

    Attributes:
        unet, bcq: one for each number of users and seed.
        sets: one for each seed, for all numbers of users.
        again: one for each agent and number of users, first seed only.
    """

    unet: Mapping[Place, Job]
    bcq: Mapping[Place, Job]
    sets: Mapping[int, Job]
    again: Mapping[tuple[Kind, int], Job]

    def jobs(self) -> list[Job]:
        """Return all cells, those that take longest first."""
        return [*self.sets.values(), *self.unet.values(), *self.bcq.values(), *self.again.values()]


@dataclass(frozen=True)
class Comparisons:
    """The cells that compare.

    Attributes:
        tables: one for each number of users, kind of gains and seed.
        transfer: one for each number of users nobody trained on, and seed.
    """

    tables: Mapping[tuple[int, str, int], Job]
    transfer: Mapping[Place, Job]

    def jobs(self) -> list[Job]:
        """Return all cells."""
        return [*self.tables.values(), *self.transfer.values()]
