"""Episodes collected by K jobs: how many a second, in how much memory, and how long verifying them takes.

    python tests/benchmarks/scale_episodes.py --episodes 1000000 --jobs 8 --folder /tmp/episodes --out episodes.json

Runs `aign collect` (random actions in power allocation with 20 users and 16 steps; one small agent, since a collection
has at least one) and `aign dataset verify` as a user does, each in processes of its own, under --folder, which is
deleted at the end. Takes about 15 GB there for a million episodes: shards, and their copy in the dataset.

Printed and written: episodes and jobs; wall and processor seconds; episodes a second;
the largest private memory (RssAnon, read every 0.1 s) and the largest resident memory of any single process, with the
mapped files it reads, which the kernel takes back when memory is wanted; bytes on disk; seconds of `verify`.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from aign.files.writing import write_json

PIPELINE = Path(__file__).parents[2] / "pipeline"
POLL_SECONDS = 0.1
DONE = re.compile(r"random\S*: \d+ done in")
ASSEMBLED = re.compile(r"measured .*random episodes (\d+)")


def params(episodes: int, jobs: int, contexts: int, workers: int) -> dict[str, Any]:
    """Return the content of params.yaml."""
    agent = {"environment_steps": 256, "networks": 16, "learning_starts": 64, "updates_per_step": 1, "batch_size": 64,
             "hidden": [8]}
    return {"base": {"seed": 2026, "device": "cpu", "threads": 1, "workers": workers}, "variants": {"power-20": {
        "scenario": {"name": "power-allocation", "users": 20},
        "collect": {"agents": ["sac"], "sac": agent, "train_contexts": contexts, "validation_contexts": 64,
                    "test_contexts": 64, "shard_rows": 16_384,
                    "sources": {"random": episodes, "heuristics": 0, "solver_guided": 0, "snapshots": 1,
                                "snapshot_episodes": 16, "jobs": jobs}}}}}


def memory_of(process: int) -> tuple[int, int]:
    """Return private and resident memory of a process, in bytes; 0 where it has ended."""
    try:
        lines = dict(line.split(":", 1) for line in Path(f"/proc/{process}/status").read_text().splitlines())
        return tuple(int(lines.get(name, "0 kB").split()[0]) * 1024 for name in ("RssAnon", "VmRSS"))  # type: ignore
    except (OSError, ValueError):
        return 0, 0


def family(process: int) -> list[int]:
    """Return a process and all that descend from it."""
    try:
        children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    except OSError:
        children = []
    return [process, *(descendant for child in children for descendant in family(int(child)))]


def run(arguments: Sequence[str], folder: Path) -> dict[str, Any]:
    """Run a command of aign in a folder; return seconds, the largest memory of a process, and what it said when."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    said: list[tuple[float, str]] = []
    log = folder / "output.txt"
    with log.open("w") as output:
        process = subprocess.Popen([sys.executable, "-P", str(PIPELINE), *arguments], cwd=folder, stdout=output,
                                   env={**os.environ, "PYTHONUNBUFFERED": "1"})
        private = resident = lines = 0
        while process.poll() is None:
            for member in family(process.pid):
                anonymous, whole = memory_of(member)
                private, resident = max(private, anonymous), max(resident, whole)
            text = log.read_text().splitlines()
            said += [(time.perf_counter() - began, line) for line in text[lines:]]
            lines = len(text)
            time.sleep(POLL_SECONDS)
    if process.returncode:
        raise SystemExit(f"{' '.join(arguments)} ended with {process.returncode}: see {log}")
    said += [(time.perf_counter() - began, line) for line in log.read_text().splitlines()[lines:]]
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {"wall_seconds": round(time.perf_counter() - began, 1),
            "processor_seconds": round(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, 1),
            "largest_private_bytes_of_a_process": private, "largest_resident_bytes_of_a_process": resident,
            "said": said}


def summary(collected: dict[str, Any], verified: dict[str, Any], dataset: Path) -> dict[str, Any]:
    """Return the figures, given what both commands said and when."""
    said = collected.pop("said")
    began = next(second for second, line in said if "contexts done" in line)
    ended = max(second for second, line in said if DONE.search(line))
    episodes = next(int(match[1]) for _, line in said if (match := ASSEMBLED.search(line)))
    verified.pop("said")
    return {"episodes_with_held_out": episodes, "collect": collected, "verify": verified,
            "jobs_wall_seconds": round(ended - began, 1), "episodes_per_second": round(episodes / (ended - began)),
            "episodes_per_second_with_assembly": round(episodes / collected["wall_seconds"]),
            "dataset_bytes": sum(path.stat().st_size for path in dataset.rglob("*") if path.is_file()),
            "shards": len(list(dataset.glob("data-*.arrow"))),
            "digest": json.loads((dataset / "meta" / "manifest.json").read_text())["digest"]}


def main() -> None:
    """Collect, verify, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--episodes", type=int, default=1_000_000)
    parser.add_argument("--jobs", type=int, default=8)
    parser.add_argument("--contexts", type=int, default=2_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True)
    try:
        text = yaml.safe_dump(params(arguments.episodes, arguments.jobs, arguments.contexts, arguments.workers))
        (arguments.folder / "params.yaml").write_text(text)
        collected = run(["collect", "power-20"], arguments.folder)
        dataset = Path("data/trajectories/power-20")
        verified = run(["dataset", "verify", str(dataset)], arguments.folder)
        result = {"training_episodes": arguments.episodes, "jobs": arguments.jobs, "workers": arguments.workers,
                  "steps": 16, "users": 20, "contexts": arguments.contexts, "seed": 2026, "processors": os.cpu_count(),
                  **summary(collected, verified, arguments.folder / dataset)}
    finally:
        shutil.rmtree(arguments.folder, ignore_errors=True)
    print(json.dumps(result, indent=1))
    if arguments.out is not None:
        write_json(arguments.out, result)


if __name__ == "__main__":
    main()
