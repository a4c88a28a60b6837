"""How much faster this version is than an earlier commit, measured in one run on one machine.

    python tests/benchmarks/speed.py COMMIT --models BEFORE AFTER [--pipeline] [--tests]

`--models` are the folders of a power-20 model trained by each version. Both versions take turns, `--rounds` times,
each in a fresh process with one torch thread; the median of each is compared. Times are processor times, which a busy
machine changes less than time on the wall. `--pipeline` also runs `make setup` and `make pipeline` in a fresh clone of
each, about a quarter of an hour; `--tests` likewise `make test`, half an hour. Prints a table and writes
data/reports/speed/speed.json, or of single figures (`--only agent_update`, `--only tests`) a file with their names.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from aign.files.writing import write_json

ROOT = Path(__file__).parents[2]
PROBE = Path(__file__).with_name("speed_probe.py")
REPORTS = ROOT / "data/reports/speed"
ROWS = {"designs": ("32 verified designs, 20 users", 0.3), "request": ("16 designs under two constraints", 0.4),
        "design_command": ("`aign design`", 0.35), "help_command": ("`aign --help`", None),
        "training_step": ("training step of the set network", 0.65),
        "agent_update": ("update of SAC, environment included", 0.625),
        "installation": ("`make setup`", None), "installation_wall": ("`make setup`, on the wall", None),
        "pipeline": ("`make pipeline` after it", 0.5),
        "pipeline_wall": ("`make pipeline` after it, on the wall", 0.5),
        "tests": ("`make test`", 0.7), "tests_wall": ("`make test`, on the wall", 0.7),
        "tests_each": ("`make test`, a test that passed", None)}
"""What is compared, in seconds, and the ratio that is aimed at."""
RATIO_MARGIN = 1e-4
WATCHER = """
import atexit, json, os, sys, time
began = time.time()
def note():
    times = os.times()
    line = {"command": sys.argv, "wall": time.time() - began, "alone": times[0] + times[1], "all": sum(times[:4])}
    with open(os.environ["AIGN_TIMES"], "a") as file:
        file.write(json.dumps(line) + "\\n")
atexit.register(note)
"""
"""A sitecustomize.py by which every Python process tells its times at its end."""


def processor(command: Sequence[str], folder: Path, environment: Mapping[str, str],
              succeeds: bool = True) -> tuple[float, float, str]:
    """Run a command; return its processor and wall seconds, those of its children included, and what it printed.

    One that fails ends everything, unless it need not succeed.
    """
    began = time.monotonic()
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=output, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        text = output.read()
    if process.returncode and succeeds:
        raise SystemExit(f"{' '.join(command)} failed in {folder}:\n{text[-2000:]}")
    return usage.ru_utime + usage.ru_stime, time.monotonic() - began, text


def environment(folder: Path) -> dict[str, str]:
    """Return the environment in which a version of the code is run."""
    one = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    return {**os.environ, **one, "PYTHONPATH": str(folder / "pipeline")}


def measured(folder: Path, model: Path, dataset: Path, only: Sequence[str]) -> dict[str, float]:
    """Return the figures of one round of one version; all where none are named."""
    run = [sys.executable, "-P"]
    around = environment(folder)
    text = processor([*run, str(PROBE), str(model), str(dataset), *only], folder, around)[2]
    figures: dict[str, float] = json.loads(text.splitlines()[-1])
    commands = {"design_command": ["design", "power-allocation", "--users", "20", "--model", str(model), "--seed", "1"],
                "help_command": ["--help"]}
    for name, command in commands.items():
        if not only or name in only:
            figures[name] = processor([*run, "pipeline", *command], folder, around)[0]
    return figures


def first_command(folder: Path, scratch: Path) -> tuple[dict[str, float], list[dict[str, Any]]]:
    """Run `make setup` and `make pipeline` in a clone; return the figures, and the times of each stage."""
    watcher, times = scratch / "watcher", scratch / f"{folder.name}.jsonl"
    watcher.mkdir(exist_ok=True)
    (watcher / "sitecustomize.py").write_text(WATCHER)
    plain = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    install, install_wall, _ = processor(["make", "setup"], folder, plain)
    around = {**plain, "PYTHONPATH": str(watcher), "AIGN_TIMES": str(times)}
    work, work_wall, _ = processor(["make", "pipeline"], folder, around)
    figures = {"installation": install, "installation_wall": install_wall, "pipeline": work, "pipeline_wall": work_wall}
    return figures, stages(json.loads(line) for line in times.read_text().splitlines())


def suite(folder: Path) -> tuple[dict[str, float], str]:
    """Run `make test` in a clone, after its installation; return its figures, and how it ended."""
    plain = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    processor(["make", ".venv/.test-installed"], folder, plain)
    seconds, wall, text = processor(["make", "test"], folder, plain, succeeds=False)
    ending = next(line for line in reversed(text.splitlines()) if " passed" in line)
    passed = int(ending.partition(" passed")[0].split()[-1])
    return {"tests": seconds, "tests_wall": wall, "tests_each": seconds / passed}, ending.strip("= ")


def stages(processes: Any) -> list[dict[str, Any]]:
    """Return the times of each stage, and of DVC without them, from what processes told."""
    rows = []
    for process in processes:
        program, *words = process["command"]
        if Path(program).name == "pipeline" and len(words) == 2:
            rows.append({"what": " ".join(words), "processor": round(process["all"], 1),
                         "wall": round(process["wall"], 1)})
        elif words[:1] == ["repro"]:
            rows.append({"what": "dvc", "processor": round(process["alone"], 1)})
    return rows


def compared(before: Mapping[str, float], after: Mapping[str, float]) -> list[dict[str, Any]]:
    """Return a row for each figure that both have."""
    rows = []
    for name, (text, target) in ROWS.items():
        if name in before and name in after:
            ratio = after[name] / before[name]
            rows.append({"name": name, "what": text, "before_seconds": before[name], "after_seconds": after[name],
                         "ratio": ratio, "target": target, "met": None if target is None else ratio <= target})
    return rows


def main() -> None:
    """Measure both versions, print the comparison and write it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("commit", help="the earlier version")
    parser.add_argument("--models", nargs=2, type=Path, required=True, metavar=("BEFORE", "AFTER"))
    parser.add_argument("--dataset", type=Path, default=ROOT / "data/trajectories/power-20")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--pipeline", action="store_true", help="also make setup and make pipeline, in fresh clones")
    parser.add_argument("--tests", action="store_true", help="also make test, in the same clones")
    parser.add_argument("--only", action="append", choices=sorted(ROWS), default=[],
                        help="measure this figure alone; may be given several times")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="speed-") as name:
        scratch, versions = Path(name), {"before": asked.commit, "after": "HEAD"}
        commits = {side: subprocess.run(["git", "rev-parse", commit], cwd=ROOT, capture_output=True, text=True,
                                        check=True).stdout.strip() for side, commit in versions.items()}
        for side, commit in commits.items():
            subprocess.run(["git", "clone", "--quiet", "--no-checkout", str(ROOT), str(scratch / side)], check=True)
            subprocess.run(["git", "checkout", "--quiet", commit], cwd=scratch / side, check=True)
        rounds: dict[str, list[dict[str, float]]] = {side: [] for side in versions}
        for _ in range(asked.rounds if asked.only != ["tests"] else 0):
            for side, model in zip(versions, asked.models, strict=True):
                rounds[side].append(measured(scratch / side, model.resolve(), asked.dataset.resolve(), asked.only))
        figures = {side: {key: statistics.median(each[key] for each in several) for key in several[0]} if several
                   else {} for side, several in rounds.items()}
        by_stage: dict[str, Any] = {}  # and how the tests ended
        for side in versions if asked.pipeline else ():
            more, by_stage[side] = first_command(scratch / side, scratch)
            figures[side] |= more
        for side in versions if asked.tests or "tests" in asked.only else ():
            more, by_stage[f"make test, {side}"] = suite(scratch / side)
            figures[side] |= more
    report(asked, commits, figures, by_stage)


def report(asked: argparse.Namespace, commits: Mapping[str, str], figures: Mapping[str, Mapping[str, float]],
           by_stage: Mapping[str, Any]) -> None:
    """Print the comparison and write it; of a few figures alone, in a file of their own."""
    rows = compared(figures["before"], figures["after"])
    for line in rows:
        print(f"{line['what']:40} {line['before_seconds']:10.4f} {line['after_seconds']:10.4f} s  ratio "
              f"{line['ratio']:.2f}{'' if line['target'] is None else ' (target ' + str(line['target']) + ')'}")
    for side, several in by_stage.items():
        print(f"{side}: " + (several if isinstance(several, str) else
                             "; ".join(f"{row['what']} {row['processor']} s" for row in several)))
    quality: dict[str, Any] = {}
    if "ratio" in figures["after"]:
        quality = {side: [values["ratio"], values["ratio_error"]] for side, values in figures.items()}
        quality["kept"] = quality["after"][0] >= quality["before"][0] - RATIO_MARGIN
        print(f"U/U* of single designs: {quality['before'][0]:.5f} before, {quality['after'][0]:.5f} after; "
              f"{'kept' if quality['kept'] else 'LOST'}")
        quality["what"] = "mean U/U* of single designs in 1 024 drawn contexts, with the half of its 95 % interval"
    options = "".join([" --pipeline" * asked.pipeline, " --tests" * asked.tests,
                       *(f" --only {name}" for name in asked.only)])
    write_json(REPORTS / ("-".join(asked.only or ["speed"]) + ".json"), {
        "command": f"python tests/benchmarks/speed.py {asked.commit} --models BEFORE AFTER --rounds {asked.rounds}"
                   + options, "commits": commits,
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}",
        "rounds": asked.rounds, "rows": rows, "stages": by_stage, "quality": quality})


if __name__ == "__main__":
    main()
