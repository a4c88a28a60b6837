"""Hide from `git status` results that differ from the published ones only because another processor computed them.

Git holds the published dvc.lock and reports. The same code and parameters give other last digits on another processor:
such files get git's flag "skip-worktree", so that they stay in the folder, for DVC and for readers, and git leaves them
alone. Where code or parameters differ from the published ones, git shows all changes.

    python pipeline/git_results.py           after a run (`make pipeline` does it)
    python pipeline/git_results.py --show    let git show this folder's results, to commit them
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

LOCKS = ("dvc.lock", "pipeline/dvc.lock")
CODE, REPORTS = "pipeline/", "data/reports/"


def git(*arguments: str) -> str | None:
    """Return what git prints; None where it fails, as without a repository or commit."""
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, text=True)
    except FileNotFoundError:
        return None
    return done.stdout if done.returncode == 0 else None


def inputs(lock: dict[str, Any]) -> dict[str, Any]:
    """Return what every stage of a lock file was run with: command, parameters and code."""
    return {name: (stage["cmd"], stage.get("params"), [dep for dep in stage["deps"] if dep["path"].startswith(CODE)])
            for name, stage in lock["stages"].items()}


def results(name: str, lock: dict[str, Any]) -> list[str]:
    """Return the files that git tracks of what the stages of a lock file made, and the lock file."""
    paths = [out["path"] for stage in lock["stages"].values() for out in stage.get("outs", [])]
    reports = [path for path in paths if path.startswith(REPORTS)]
    return [name, *((git("ls-files", "--", *reports) or "").splitlines() if reports else [])]


def settle(name: str, show: bool) -> bool:
    """Set or clear the flag on the results of a lock file; return whether git now leaves some aside that differ."""
    published = git("show", f"HEAD:{name}")
    if published is None or not Path(name).is_file():
        return False
    before, here = (YAML(typ="safe").load(text) for text in (published, Path(name).read_text()))
    aside = not show and before != here and inputs(before) == inputs(here)
    git("update-index", f"--{'' if aside else 'no-'}skip-worktree", "--", *results(name, here))
    return aside


def main() -> None:
    """Settle every lock file, and say where results were hidden."""
    aside = [settle(name, "--show" in sys.argv[1:]) for name in LOCKS]
    if any(aside):
        print("Results of this processor differ from the published ones in the last digits, so git hides them. To see "
              "or commit them: make show-results")


if __name__ == "__main__":
    main()
