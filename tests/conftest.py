"""Property tests draw the same examples each run, and no timing decides a test."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from hypothesis import settings

settings.register_profile("aign", deadline=None, derandomize=True, database=None, max_examples=60)
settings.load_profile("aign")

torch.set_num_threads(1)  # as base.threads: results are bit-identical only for the same number


@dataclass(frozen=True)
class Smoke:
    """The folder in which the miniature pipeline ran, and what each command said. Read-only: copy before damaging."""

    folder: Path
    said: dict


@pytest.fixture(scope="session")
def smoke(tmp_path_factory):
    """The whole pipeline, run once through the command line."""
    from smoke import run_chain

    folder = tmp_path_factory.mktemp("smoke")
    return Smoke(folder, run_chain(folder))


@pytest.fixture(scope="session")
def water(smoke):
    """The model of water-filling with four channels."""
    from smoke import WATER

    from aign.diffusion import store

    return store.load(smoke.folder / "models" / WATER)


@pytest.fixture(scope="session")
def power(smoke):
    """The model of power allocation with two users."""
    from smoke import POWER

    from aign.diffusion import store

    return store.load(smoke.folder / "models" / POWER)


@pytest.fixture
def workplace(smoke, tmp_path, monkeypatch):
    """A copy of the miniature pipeline's folder to damage and to write to; it is the current folder."""
    place = tmp_path / "workplace"
    shutil.copytree(smoke.folder, place, ignore=shutil.ignore_patterns(".scratch"))
    monkeypatch.chdir(place)
    return place
