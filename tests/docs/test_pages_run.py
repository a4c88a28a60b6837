"""Every command and Python block of the documentation, run as a reader would, on networks of small size."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from clones import make_clone
from pages import PAGES, ROOT, blocks
from smoke import COLLECT, TRAIN, run_chain

pytestmark = [pytest.mark.slow, pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")]

EVALUATE = {"contexts": 4, "candidates": 4}
FREE = {"requests": [{"name": "free", "seed": 1, "count": 2}]}
AGENTS = {"agents": ["sac", "ppo"], **COLLECT}
SET = {**TRAIN, "network": {"kind": "set", "channels": 8, "depth": 2, "embedding": 16}}
PARAMS = {
    "base": {"seed": 1, "device": "cpu", "threads": 1, "workers": 2},
    "variants": {
        "power-2": {"scenario": {"name": "power_allocation", "users": 2}, "collect": AGENTS, "train": TRAIN,
                    "sample": FREE, "evaluate": EVALUATE},
        "power-20": {"scenario": {"name": "power_allocation", "users": 20}, "collect": AGENTS, "train": SET,
                     "sample": FREE, "evaluate": EVALUATE}},
    "further": {
        "contract-2": {"scenario": {"name": "contract", "types": 2}, "collect": AGENTS, "train": TRAIN,
                       "sample": FREE, "evaluate": EVALUATE}},
}
"""The networks that the pages speak of, as small as they can be."""
EMPTY = {"pipeline/docs/start.md"}
"""Pages that begin in an empty folder, not in the repository."""
RUN = [page for page in PAGES if any(block.language in ("sh", "python") for block in blocks(page))]


@pytest.fixture(scope="module")
def made(tmp_path_factory, python):
    """A clone in which all stages have run, recorded by DVC and git."""
    place = tmp_path_factory.mktemp("docs")
    clone = make_clone(place, python, PARAMS)
    clone.run_jobs_here()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, clone.folder / name)
    (place / "results").mkdir()
    run_chain(place / "results", PARAMS)
    for folder in ("data", "models"):
        shutil.copytree(place / "results" / folder, clone.folder / folder, dirs_exist_ok=True)
    clone.dvc("commit", "--force", "--quiet", "dvc.yaml", "pipeline/dvc.yaml")
    clone.commit("Results")
    return clone


@pytest.mark.parametrize("page", RUN)
def test_a_page_runs_from_top_to_bottom(page, made, python, tmp_path):
    folder = tmp_path / "folder"
    if page in EMPTY:
        folder.mkdir()
    else:
        shutil.copytree(made.folder, folder, symlinks=True)
    code = (made.folder if page in EMPTY else folder) / "pipeline"
    program = tmp_path / "bin" / "aign"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {python} -P {code} "$@"\n')
    program.chmod(0o755)
    environment = {**made.environment, "PATH": f"{program.parent}{os.pathsep}{made.environment['PATH']}",
                   "PYTHONPATH": f"{code}{os.pathsep}{Path(__file__).parent}", "PIP_NO_BUILD_ISOLATION": "0",
                   "PIP_DISABLE_PIP_VERSION_CHECK": "1", "OMP_NUM_THREADS": "1", "MPLBACKEND": "agg"}
    done = subprocess.run([python, "-P", Path(__file__).with_name("run_page.py"), page], cwd=folder,
                          env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 0, done.stdout[-6000:]
