"""Cells: the pieces a study is computed in. A finished cell is a folder with a result; it is never computed twice.

A cell's folder is `data/studies/<part>/<name>-<key>/`. The key covers everything the cell is given, but not the code:
a study takes hours, and a sentence mended in a docstring must not void them. Each result therefore carries the version
of the code that made it, and pages say so where it is not the present one.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from aign.engines.jobs import Job
from aign.engines.scratch import code_version, fingerprint
from aign.errors import DatasetError
from aign.files.writing import read_json, write_json

STUDIES = Path("data/studies")
PAGES = Path("data/reports/tables")
"""Where all studies write their tables, plots and the page."""
RESULT = "result.json"
RESULTS = 2
"""Counts up where results get other figures: those of earlier cells could not be read with them. 2: pooled returns."""
ROOMS = ("agents", "designs", "diffusion", "scenarios", "trajectories")
KEY_LENGTH = 12
LOCK = ".lock"


def cell(part: str, name: str, total: int, function: Callable[..., None], arguments: Mapping[str, Any]) -> Job:
    """Return the job that computes a cell.

    Args:
        part: which study.
        name: unique within the study; readable.
        total: units of work, for the progress bar.
        function: called as `function(report, folder=..., **arguments)`, at the top level of a module; its last act is
            `finish(folder, ...)`.
        arguments: what the cell depends on: numbers, texts, paths, settings. What lies behind a path is not looked at,
            so a path that may change must carry a digest beside it.
    """
    key = fingerprint(part=part, name=name, results=RESULTS, **arguments)[:KEY_LENGTH]
    folder = STUDIES / part / f"{name}-{key}"
    return Job(name, total, function, {**arguments, "folder": folder}, folder / RESULT)


def begin(folder: Path) -> None:
    """Make a cell's folder anew, without what an interrupted attempt left; locks stay, for they are held."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.suffix != LOCK:
            path.unlink()


def finish(folder: Path, **result: Any) -> None:
    """Write a cell's result: JSON values, beside the version of the code."""
    write_json(folder / RESULT, {"code": code_version(*ROOMS)[:KEY_LENGTH], **result})


def result(job: Job) -> dict[str, Any]:
    """Return what a finished cell found.

    Raises:
        DatasetError: it is not finished, or its file is damaged.
    """
    found: dict[str, Any] = read_json(job.result, DatasetError)
    return found


def stale(job: Job) -> bool:
    """Return whether another version of the code made this cell's result."""
    return bool(result(job)["code"] != code_version(*ROOMS)[:KEY_LENGTH])
