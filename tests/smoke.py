"""A whole pipeline in miniature: two tiny networks, few episodes, few steps; run once and looked at by many tests."""

import io
import json
import os
import sys
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import torch
import yaml

from aign import cli

SMALL = {"environment_steps": 128, "networks": 4, "batch_size": 32, "hidden": [8]}
COLLECT = {
    "train_contexts": 40, "validation_contexts": 6, "test_contexts": 5, "shard_rows": 64,
    "sources": {"random": 20, "heuristics": 30, "solver_guided": 60, "snapshots": 2, "snapshot_episodes": 10},
    "sac": {**SMALL, "learning_starts": 32, "updates_per_step": 1},
    "ppo": {**SMALL, "rollout_steps": 8, "epochs": 1},
}
TRAIN = {"network": {"channels": 8, "multipliers": [1, 2], "embedding": 16}, "steps": 30, "ablation_steps": 10,
         "batch_size": 32, "warmup": 5, "inverse_hidden": 16, "evaluate_every": 10, "checkpoint_every": 10,
         "evaluate_contexts": 6}
WATER, POWER = "water-4", "power-2"
PARAMS = {
    "base": {"seed": 3, "device": "cpu", "threads": 1, "workers": 2},
    "variants": {
        WATER: {"scenario": {"name": "water-filling", "channels": 4}, "collect": COLLECT, "train": TRAIN,
                "sample": {"requests": [
                    {"name": "free", "seed": 1, "count": 5},
                    {"name": "green", "preset": "ladder", "count": 5, "where": ["total_power<=1"]}]},
                "evaluate": {"contexts": 4}},
        POWER: {"scenario": {"name": "power-allocation", "users": 2}, "collect": COLLECT, "train": TRAIN,
                "sample": {"requests": [
                    {"name": "preset", "preset": "aign-two-users", "count": 4},
                    {"name": "impossible", "preset": "aign-two-users", "count": 4, "where": ["min_rate>=500"]}]}},
    },
}


@dataclass(frozen=True)
class Outcome:
    """How a command ended."""

    code: int
    out: str
    err: str


def aign(*arguments):
    """Run the command line in this process; an exception that escapes is what a user would see as a traceback."""
    out, err, code = io.StringIO(), io.StringIO(), 0
    threads = torch.get_num_threads()
    with mock.patch.object(sys, "argv", ["aign", *map(str, arguments)]), redirect_stdout(out), redirect_stderr(err):
        try:
            cli.main()
        except SystemExit as ended:
            code = ended.code
        finally:
            torch.set_num_threads(threads)
    return Outcome(code or 0, out.getvalue(), err.getvalue())


@contextmanager
def inside(folder):
    """Work in a folder for a while."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield folder
    finally:
        os.chdir(before)


def run_jobs_here(jobs, workers, title, threads=1, engine=None):
    """Run a stage's jobs in this process, which spares each a start of several seconds."""
    torch.set_num_threads(threads)
    for job in jobs:
        if not job.result.exists():
            job.function(lambda done: None, **job.arguments)


@contextmanager
def jobs_here():
    """Let stages run their jobs in this process."""
    with mock.patch("aign.stages.collect.run_jobs", run_jobs_here), \
         mock.patch("aign.stages.train.run_jobs", run_jobs_here):
        yield


def write_params(folder, changes=None):
    """Write params.yaml; `changes` maps dotted places to values, such as {"base.seed": 4}."""
    content = json.loads(json.dumps(PARAMS))
    for place, value in (changes or {}).items():
        *path, last = place.split(".")
        block = content
        for name in path:
            block = block.setdefault(name, {})
        block[last] = value
    (folder / "params.yaml").write_text(yaml.safe_dump(content))


def run_chain(folder, content=None):
    """Run all stages of the networks of params.yaml, by default those of `PARAMS`; return what each command said, by
    (stage, variant).
    """
    content, said = content or PARAMS, {}
    (folder / "params.yaml").write_text(yaml.safe_dump(content))
    with inside(folder), jobs_here():
        for variant in [*content["variants"], *content.get("further", {})]:
            for stage in ("collect", "train", "sample", "evaluate"):
                said[stage, variant] = outcome = aign(stage, variant)
                assert outcome.code == 0, f"{stage} {variant}: {outcome.err}"
    return said


def contents(folder):
    """Return all files under a folder with their bytes; half-finished work in .scratch is no result."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*"))
            if path.is_file() and ".scratch" not in path.parts}


def flip_byte(path):
    """Change one byte in the middle of a file."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
