"""Every number of the studies, with bounds and reasons. Light to import: no torch here."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from aign.agents.settings import Settings

Positive = Annotated[int, Field(ge=1)]
Seeds = Annotated[tuple[Annotated[int, Field(ge=0, lt=2**31)], ...], Field(min_length=1)]


class TablesSettings(Settings):
    """Tables I and II of the AIGN paper: every method at every number of users, over seeds."""


class ConstraintsSettings(Settings):
    """Requests whose constraints combine, on contexts never seen in training."""


class RateSettings(Settings):
    """Rate utility at several base stations, where no certificate is known."""


class StudySettings(Settings):
    """Block `studies` of params.yaml."""

    seeds: Seeds = (0, 1, 2)
    """Each seed repeats everything: contexts, exploration, training, sampling."""
    tables: TablesSettings = TablesSettings()
    constraints: ConstraintsSettings = ConstraintsSettings()
    rate: RateSettings = RateSettings()
