"""A repetition: one seed's dataset at one number of users, with the agents whose exploration it records."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from aign.agents.settings import LEARNERS, CollectSettings
from aign.errors import DatasetError
from aign.files.writing import read_json, sha256
from aign.params import Params, ScenarioSettings, Variant
from aign.scenarios.core.scenario import Scenario
from aign.stages import collect as stage
from aign.stages.folders import AGENTS, TRAJECTORIES
from aign.studies.settings import SizeSettings

SCENARIO = "power-allocation"


@dataclass(frozen=True)
class Repetition:
    """Where one seed's dataset and agents lie.

    Attributes:
        users: number of users.
        seed: of everything random in it.
        dataset: the trajectory dataset.
        agents: policies and learning curves of the agents that explored.
    """

    users: int
    seed: int
    dataset: Path
    agents: Path

    @property
    def name(self) -> str:
        """Number of users and seed, such as 20-0."""
        return f"{self.users}-{self.seed}"

    def digests(self) -> dict[str, str]:
        """Return what identifies the content of both folders.

        Raises:
            DatasetError: a file is missing.
        """
        manifest = read_json(self.dataset / "meta/manifest.json", DatasetError)
        found = {"dataset": str(manifest["digest"])}
        for kind in LEARNERS:
            weights = self.agents / f"{kind}.safetensors"
            if not weights.is_file():
                raise DatasetError(f"{weights}: missing. Delete {self.dataset} and collect it again.")
            found[kind] = sha256(weights)
        return found


def size_of(params: Params, users: int) -> SizeSettings:
    """Return the settings of a number of users.

    Raises:
        ParameterError: the study has no such number.
    """
    return params.studies.tables.size(users)


def collected(params: Params, users: int, seed: int) -> Repetition:
    """Return a repetition; its dataset is collected where it is not there, or was made with other settings.

    Raises:
        ParameterError: the study has no such number of users.
        StorageError: the disk is full or read-only.
    """
    scenario = ScenarioSettings(name=SCENARIO, users=users, gains="general")
    return made(params, f"study-{users}-{seed}", scenario, size_of(params, users).collect, seed)


def made(params: Params, variant: str, scenario: ScenarioSettings, settings: CollectSettings, seed: int) -> Repetition:
    """Return a dataset with its agents under a variant's name; collected where it is not there, or was made with other
    settings.
    """
    block = Variant(scenario=scenario, collect=settings)
    network = block.create_scenario()
    found = Repetition(network.agents, seed, TRAJECTORIES / variant, AGENTS / variant)
    if not is_collected(found, network, settings):
        base = params.base.model_copy(update={"seed": seed})
        stage.collect(variant, Params(base=base, variants={variant: block}))
    return found


def is_collected(repetition: Repetition, scenario: Scenario[Any], settings: CollectSettings) -> bool:
    """Return whether the folders are there and were made with this seed, scenario and these settings."""
    try:
        info = read_json(repetition.dataset / "meta/info.json", DatasetError)
        repetition.digests()
        provenance = info["provenance"]
        # Parsed, not compared as text: a setting added since, at its default, changes no dataset.
        stored = CollectSettings.model_validate_json(json.dumps(provenance["collect"]))
    except (DatasetError, ValidationError, KeyError, TypeError):
        return False
    return bool(info["scenario"] == scenario.spec() and provenance["seed"] == repetition.seed and stored == settings)


def everyone(params: Params) -> list[Repetition]:
    """Return all repetitions of the study, seed by seed; missing ones are collected."""
    sizes = params.studies.tables.sizes
    return [collected(params, size.users, seed) for seed in params.studies.seeds for size in sizes]
