"""Property tests draw the same examples each run, and no timing decides a test."""

import json
import shutil
from dataclasses import astuple, dataclass
from pathlib import Path

import pytest
import torch
from filelock import FileLock
from forks import serve
from hypothesis import settings

from aign.engines import messages

messages.show()  # as on the command line: tests read it
settings.register_profile("aign", deadline=None, derandomize=True, database=None, max_examples=60)
settings.load_profile("aign")

torch.set_num_threads(1)  # as base.threads: results are bit-identical only for the same number


def pytest_collection_modifyitems(items):
    """Begin with files that have a slow test, so that no process is left with one when the others have ended."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@dataclass(frozen=True)
class Smoke:
    """The folder in which the miniature pipeline ran, and what each command said. Read-only: copy before damaging."""

    folder: Path
    said: dict


@pytest.fixture(scope="session")
def smoke(tmp_path_factory, worker_id):
    """The whole pipeline, run once through the command line, for all processes that test side by side."""
    from smoke import Outcome, run_chain

    root = tmp_path_factory.getbasetemp()
    place = (root if worker_id == "master" else root.parent) / "smoke"
    said = place / "said.json"
    with FileLock(place.with_suffix(".lock")):
        if not said.exists():
            shutil.rmtree(place, ignore_errors=True)
            (place / "chain").mkdir(parents=True)
            ran = run_chain(place / "chain")
            said.write_text(json.dumps([[*where, *astuple(outcome)] for where, outcome in ran.items()]))
    outcomes = {(stage, variant): Outcome(*outcome) for stage, variant, *outcome in json.loads(said.read_text())}
    return Smoke(place / "chain", outcomes)


@pytest.fixture(scope="session")
def python():
    """A program like Python that need not import heavy libraries."""
    with serve() as program:
        yield program


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


@pytest.fixture(scope="session")
def matching(tmp_path_factory):
    """Data and model of a network whose decisions are choices that follow each other. Read-only."""
    from sequential_models import trained

    return trained("matching", tmp_path_factory.mktemp("matching"))


@pytest.fixture(scope="session")
def tracking(tmp_path_factory):
    """Data and model of a network whose decisions follow each other and are numbers. Read-only."""
    from sequential_models import trained

    return trained("tracking", tmp_path_factory.mktemp("tracking"))


@pytest.fixture
def workplace(smoke, tmp_path, monkeypatch):
    """A copy of the miniature pipeline's folder to damage and to write to; it is the current folder."""
    place = tmp_path / "workplace"
    shutil.copytree(smoke.folder, place, ignore=shutil.ignore_patterns(".scratch"))
    monkeypatch.chdir(place)
    return place
