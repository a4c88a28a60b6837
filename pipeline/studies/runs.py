"""Runs of the studies: where they lie, and how a stopped one goes on.

The run of a stage for a seed and a case (a number of users, a subset ...) is the folder
data/studies/<stage>/<seed>/<case>/, an output of DVC. It holds a folder for each of its tasks: what the task made, and
result.json. A stage's tasks are computed side by side in scratch; those that a stopped stage had finished are kept, and
a diffuser's training goes on from its checkpoint.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aign.agents.settings import CollectSettings
from aign.diffusion import device
from aign.engines import messages
from aign.engines.jobs import Job, Report, run_jobs
from aign.engines.scratch import fingerprint, scratch
from aign.errors import DatasetError
from aign.files.writing import building, read_json, sha256, write_json
from aign.params import Params, ScenarioSettings, Variant
from aign.stages import collect as collect_stage
from aign.stages.folders import AGENTS, TRAJECTORIES
from studies.params import StudyParams

ROOT = Path("data/studies")
PAGES = Path("data/reports/tables")
"""Where the tables, plots and the page are written."""
RESULT = "result.json"
DESCRIBE_CONTENT = ("manifest.json", RESULT)
"""Files that identify what else lies in their folder."""
CODE = Path(__file__).parents[1]
SOURCES = (*(f"aign/{room}" for room in ("agents", "designs", "diffusion", "files", "scenarios/core",
                                         "scenarios/power_allocation", "stages", "trajectories")),
           *(f"studies/{module}.py" for module in (
               "agents", "bias", "comparison", "constrained_agents", "constraint_answers", "constraint_scores",
               "constraints", "figures", "params", "rate", "request_drawing", "request_sets", "runs", "settings",
               "subsets", "tables", "training")))
"""Folders and modules that runs rest on; the stage `code` of dvc.yaml watches the same."""
LEFT_BEHIND = shutil.ignore_patterns("*.lock", "checkpoint.safetensors", "seconds.json")
"""What only an unfinished task needs."""
Key = tuple[str, ...]


@dataclass(frozen=True)
class Task:
    """One piece of a run: `function`, at the top level of a module, is called as `function(report, folder,
    **arguments)` and returns JSON values; `total` are its units of work, for the progress bar.
    """

    name: str
    total: int
    function: Callable[..., dict[str, Any]]
    arguments: Mapping[str, Any] = field(default_factory=dict)


def place(stage: str, seed: int, case: str | int = "") -> Path:
    """Return the folder of a run."""
    return ROOT / stage / str(seed) / str(case)


def compute(params: StudyParams, stage: str, seed: int, case: str | int, tasks: Sequence[Task],
            inputs: Iterable[Path] = (), training: bool = False) -> None:
    """Compute the tasks of a run that an earlier attempt has not finished, then put the run in its place.

    `inputs` are folders that the tasks read: with another content, unfinished work is not taken up. Where `training`,
    tasks are computed one after another on a GPU, which one training fills.
    """
    title, target = " ".join(["study", stage, str(seed), str(case)]).strip(), place(stage, seed, case)
    key = fingerprint(code=sources(), inputs=[content(folder) for folder in inputs], threads=params.base.threads,
                      device=params.base.device, tasks=[[task.name, task.arguments] for task in tasks])
    alone = training and device.choose(params.base.device).type == "cuda"
    with scratch(f"study-{stage}", f"{seed}-{case}", key) as folder:
        jobs = [Job(task.name, task.total, perform,
                    {"folder": folder / task.name, "function": task.function, "arguments": task.arguments},
                    folder / task.name / RESULT, int(alone)) for task in tasks]
        run_jobs(jobs, 1 if alone else params.base.workers, title, params.base.threads, params.base.engine)
        with building(target) as aside:
            for task in tasks:
                shutil.copytree(folder / task.name, aside / task.name, ignore=LEFT_BEHIND)
    messages.made(title, target)


def publish(study: str, name: str, content: Any) -> None:
    """Write a JSON file that a page is made from, and say so."""
    write_json(PAGES / name, content)
    messages.made(f"study {study}", PAGES / name)


def perform(report: Report, folder: Path, function: Callable[..., dict[str, Any]],
            arguments: Mapping[str, Any]) -> None:
    """Compute one task in its folder and write its result last."""
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / RESULT, function(report, folder, **arguments))


def results(stage: str) -> dict[Key, dict[str, Any]]:
    """Return what all runs of a stage found, by (seed, case, task), or (seed, task) without cases; numbers ascending.

    Raises:
        DatasetError: the stage has not run, or a file is damaged.
    """
    def order(path: Path) -> list[tuple[int, str]]:
        return [(int(part) if part.isdigit() else 0, part) for part in path.parts]

    paths = sorted((ROOT / stage).rglob(RESULT), key=order)
    if not paths:
        raise DatasetError(f"{ROOT / stage}: holds no results. Run `dvc repro pipeline/studies/dvc.yaml`.")
    return {path.relative_to(ROOT / stage).parts[:-1]: read_json(path, DatasetError) for path in paths}


def collect(params: StudyParams, stage: str, seed: int, case: str | int, scenario: Mapping[str, Any],
            settings: CollectSettings) -> None:
    """Collect a run's dataset with aign's own stage: `trajectories` and the `agents` that explored."""
    variant = "-".join(filter(None, ("study", stage.removeprefix("collect-"), str(case), str(seed))))
    block = Variant(scenario=ScenarioSettings(**scenario), collect=settings)
    base = params.base.model_copy(update={"seed": seed})
    collect_stage.collect(variant, Params(base=base, variants={variant: block}))
    with building(place(stage, seed, case)) as aside:
        for folder, name in ((TRAJECTORIES, "trajectories"), (AGENTS, "agents")):
            shutil.move(folder / variant, aside / name)


def digest(dataset: Path) -> str:
    """Return what identifies the content of a dataset or model folder."""
    return str(read_json(dataset / "meta/manifest.json", DatasetError)["digest"])


def content(folder: Path) -> dict[str, str]:
    """Return the digests of the files that describe what lies under a folder."""
    return {str(path): sha256(path) for path in sorted(folder.rglob("*.json")) if path.name in DESCRIBE_CONTENT}


def sources() -> dict[str, str]:
    """Return the digest of every source file that runs rest on, by path."""
    files = (path for place in SOURCES for path in (sorted((CODE / place).rglob("*.py")) or [CODE / place]))
    return {path.relative_to(CODE).as_posix(): sha256(path) for path in files}


def write_code(params: StudyParams, seed: int, case: str) -> None:
    """Write the digests of the code, on which all stages depend: DVC cannot share a list of dependencies."""
    write_json(ROOT / "code.json", sources())

