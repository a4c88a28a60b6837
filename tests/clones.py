"""A clone of this checkout with a network that is collected and trained in seconds, run by the real git and dvc."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import yaml
from smoke import SMALL, TRAIN

ROOT = Path(__file__).parents[1]
VARIANT = "power-2"
DESIGNS = f"data/designs/{VARIANT}"
BLOCK = {
    "scenario": {"name": "power_allocation", "users": 2, "gains": "general"},
    "collect": {"agents": ["ppo"], "train_contexts": 16, "validation_contexts": 4, "test_contexts": 4,
                "ppo": {**SMALL, "rollout_steps": 8, "epochs": 1},
                "sources": {"random": 8, "heuristics": 4, "solver_guided": 16, "snapshots": 1, "snapshot_episodes": 2}},
    "train": {**TRAIN, "steps": 4, "ablation_steps": 4, "warmup": 1, "evaluate_every": 4, "checkpoint_every": 4,
              "evaluate_contexts": 2},
    "sample": {"requests": [{"name": "preset", "preset": "aign-two-users", "count": 4}]},
    "evaluate": {"contexts": 2, "candidates": 2},
}
PARAMS = {"base": {"seed": 1, "device": "cpu", "threads": 1, "workers": 2}, "variants": {VARIANT: BLOCK}}
JOBS, BEGINNING = "pipeline/aign/engines/jobs.py", "    waiting = []\n"
HERE = f"    for job in jobs:\n        job.function(lambda done: None, **job.arguments)\n    return\n{BEGINNING}"


@dataclass(frozen=True)
class Clone:
    """A git repository with the code of this checkout; its commands find the environment's packages, whose installed
    aign is another folder's, by the program `python` (see `forks`).
    """

    folder: Path
    home: Path

    @property
    def environment(self):
        """Variables of its commands: no settings of the user, and no PYTHONPATH."""
        identity = {f"GIT_{who}_{what}": "test@example.org"
                    for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        return {**kept, **identity, "HOME": str(self.home), "GIT_CONFIG_NOSYSTEM": "1", "DVC_NO_ANALYTICS": "1",
                "DVC_GLOBAL_CONFIG_DIR": str(self.home), "DVC_SYSTEM_CONFIG_DIR": str(self.home),
                "DVC_SITE_CACHE_DIR": str(self.home / "site"),
                "PATH": os.pathsep.join([str(self.home / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]])}

    def run(self, *command, fails=False):
        """Run a command in the clone; return what it printed."""
        done = subprocess.run([str(word) for word in command], cwd=self.folder, env=self.environment, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        assert (done.returncode != 0) == fails, f"{' '.join(map(str, command))}: {done.stdout}"
        return done.stdout

    def git(self, *arguments):
        """Run git."""
        return self.run("git", *arguments)

    def dvc(self, *arguments, fails=False):
        """Run dvc."""
        return self.run("python", "-m", "dvc", *arguments, fails=fails)

    def change(self, path, old, new):
        """Replace a text in a source file."""
        text = (self.folder / path).read_text()
        assert old in text, f"{path} no longer holds {old!r}"
        (self.folder / path).write_text(text.replace(old, new, 1))

    def run_jobs_here(self):
        """Let stages run their jobs in their own process: to start one for each takes longer than the job."""
        self.change(JOBS, BEGINNING, HERE)

    def run_jobs_in_processes(self):
        """Undo `run_jobs_here`."""
        self.change(JOBS, HERE, BEGINNING)

    def commit(self, message):
        """Commit everything."""
        self.git("add", "-A")
        self.git("commit", "-q", "-m", message)

    def recorded(self, revision, name):
        """Return the MD5 that DVC recorded at a revision for a file of the designs."""
        lock = yaml.safe_load(self.git("show", f"{revision}:dvc.lock"))
        folder = next(out["md5"] for out in lock["stages"][f"sample@{VARIANT}"]["outs"] if out["path"] == DESIGNS)
        listing = json.loads((self.folder / ".dvc/cache/files/md5" / folder[:2] / folder[2:]).read_text())
        return next(entry["md5"] for entry in listing if entry["relpath"] == name)

    def made(self, name):
        """Return the MD5 of a file of the designs in the clone's folder."""
        return hashlib.md5((self.folder / DESIGNS / name).read_bytes()).hexdigest()


def make_clone(place, python, params=None):
    """Make a clone in an empty folder and commit it; `params` is the content of its params.yaml."""
    clone = Clone(place / "clone", place / "home")
    clone.folder.mkdir(parents=True)
    (clone.home / "bin").mkdir(parents=True)
    (clone.home / "bin/python").symlink_to(python)
    (clone.home / "bin/dvc").write_text('#!/bin/sh\nexec python -m dvc "$@"\n')
    (clone.home / "bin/dvc").chmod(0o755)
    for name in ("dvc.yaml", ".gitignore", ".dvcignore"):
        shutil.copy(ROOT / name, clone.folder / name)
    ignored = shutil.ignore_patterns("__pycache__", "dvc.lock")
    shutil.copytree(ROOT / "pipeline", clone.folder / "pipeline", ignore=ignored)
    (clone.folder / ".dvc").mkdir()
    for name in ("config", ".gitignore", "plots.html"):
        shutil.copy(ROOT / ".dvc" / name, clone.folder / ".dvc" / name)
    (clone.folder / "params.yaml").write_text(yaml.safe_dump(PARAMS if params is None else params))
    clone.git("init", "-q")
    clone.commit("Begin")
    return clone
