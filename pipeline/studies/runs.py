"""Runs of the studies: where they lie, and how a stopped one goes on.

The run of a stage for a seed and a case (a number of users, a subset ...) is the folder
data/studies/<stage>/<seed>/<case>/, an output of DVC. It holds a folder for each of its tasks: what the task made, and
result.json. A stage's tasks are computed side by side in scratch; those that a stopped stage had finished are kept, and
a diffuser's training goes on from its checkpoint.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from aign.agents.settings import CollectSettings
from aign.diffusion import device
from aign.engines import messages
from aign.engines.jobs import Job, Report, run_jobs
from aign.engines.scratch import fingerprint, scratch
from aign.errors import DatasetError
from aign.files.writing import building, read_json, sha256, write_json
from aign.params import Params, ScenarioSettings, Variant
from aign.settings import RunSettings
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
LEFT_BEHIND = shutil.ignore_patterns("*.lock", "checkpoint.safetensors", "seconds.json")
"""What only an unfinished task needs."""
Key = tuple[str, ...]
"""Of a result: (seed, case, task), or (seed, task) where the stage has no cases."""


@dataclass(frozen=True)
class Task:
    """One piece of a run: `function`, at the top level of a module, is called as `function(report, folder,
    **arguments)` and returns JSON values; `total` are its units of work, for the progress bar.
    """

    name: str
    total: int
    function: Callable[..., dict[str, Any]]
    arguments: Mapping[str, Any]


@dataclass(frozen=True)
class Run:
    """A stage for one seed and case: what every stage's function is called with. Stages of tables need neither."""

    params: StudyParams
    stage: str
    seed: int = 0
    case: str = ""

    @property
    def settings(self) -> RunSettings:
        """`base` with the run's own seed; the number of workers changes no result."""
        return self.params.base.model_copy(update={"seed": self.seed, "workers": 1})

    def folder(self, stage: str, case: str | int = "") -> Path:
        """Return the folder of another stage's run with the same seed; without a case, that of all its cases."""
        return ROOT / stage / str(self.seed) / str(case)

    def compute(self, tasks: Sequence[Task], inputs: Iterable[Path], training: bool = False) -> None:
        """Compute the tasks that an earlier attempt has not finished, then put the run in its place.

        `inputs` are folders that the tasks read: with another content, unfinished work is not taken up. Where
        `training`, tasks are computed one after another on a GPU, which one training fills.
        """
        base, target = self.params.base, self.folder(self.stage, self.case)
        title = f"study {self.stage} {self.seed} {self.case}".strip()
        key = fingerprint(code=sources(), inputs=[content(folder) for folder in inputs], threads=base.threads,
                          device=base.device, tasks=[[task.name, task.arguments] for task in tasks])
        alone = training and device.choose(base.device).type == "cuda"
        with scratch(f"study-{self.stage}", f"{self.seed}-{self.case}", key) as folder:
            jobs = [Job(task.name, task.total, perform,
                        {"folder": folder / task.name, "function": task.function, "arguments": task.arguments},
                        folder / task.name / RESULT, int(alone)) for task in tasks]
            run_jobs(jobs, 1 if alone else base.workers, title, base.threads, base.engine)
            with building(target) as aside:
                for task in tasks:
                    shutil.copytree(folder / task.name, aside / task.name, ignore=LEFT_BEHIND)
        messages.made(title, target)

    def collect(self, scenario: Mapping[str, Any], settings: CollectSettings) -> None:
        """Collect a dataset with aign's own stage: `trajectories` and the `agents` that explored."""
        variant = "-".join(filter(None, ("study", self.stage.removeprefix("collect-"), self.case, str(self.seed))))
        block = Variant(scenario=ScenarioSettings(**scenario), collect=settings)
        base = self.params.base.model_copy(update={"seed": self.seed})
        collect_stage.collect(variant, Params(base=base, variants={variant: block}))
        with building(self.folder(self.stage, self.case)) as aside:
            for folder, name in ((TRAJECTORIES, "trajectories"), (AGENTS, "agents")):
                shutil.move(folder / variant, aside / name)


def perform(report: Report, folder: Path, function: Callable[..., dict[str, Any]],
            arguments: Mapping[str, Any]) -> None:
    """Compute one task in its folder and write its result last."""
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / RESULT, function(report, folder, **arguments))


def results(stage: str) -> dict[Key, dict[str, Any]]:
    """Return what the tasks of all runs of a stage found; numbers ascending.

    Raises:
        DatasetError: the stage has not run, or a file is damaged.
    """
    paths = sorted((ROOT / stage).rglob(RESULT), key=lambda path: [
        (int(part) if part.isdigit() else 0, part) for part in path.parts])
    if not paths:
        raise DatasetError(f"{ROOT / stage}: holds no results. Run `dvc repro pipeline/studies/dvc.yaml`.")
    return {path.relative_to(ROOT / stage).parts[:-1]: read_json(path, DatasetError) for path in paths}


def publish(study: str, name: str, values: Any) -> None:
    """Write a JSON file that a page is made from, and say so."""
    write_json(PAGES / name, values)
    messages.made(f"study {study}", PAGES / name)


def content(folder: Path) -> dict[str, str]:
    """Return the digests of the files that describe what lies under a folder."""
    return {str(path): sha256(path) for path in sorted(folder.rglob("*.json")) if path.name in DESCRIBE_CONTENT}


def sources() -> dict[str, str]:
    """Return the digest of every source file that runs rest on, by path: those that the stage `code` watches."""
    stages = yaml.safe_load((CODE / "studies/dvc.yaml").read_text(encoding="utf-8"))["stages"]
    places = [CODE / dependency.replace("${package}", "aign").replace("${studies}", "studies")
              for dependency in stages["code"]["deps"]]
    files = (path for place in places for path in ([place] if place.is_file() else sorted(place.rglob("*.py"))))
    return {path.relative_to(CODE).as_posix(): sha256(path) for path in files}


def write_code(run: Run) -> None:
    """Write the digests of the code, on which all stages depend: DVC cannot share a list of dependencies."""
    write_json(ROOT / "code.json", sources())
