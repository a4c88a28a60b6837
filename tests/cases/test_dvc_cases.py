"""Reports on running the stages with DVC: 07, an experiment's code, and 12, a params.yaml of the needed blocks only."""

import shutil

import pytest
import yaml
from clones import PARAMS, VARIANT, make_clone

pytestmark = [pytest.mark.slow, pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")]


def test_an_experiment_gives_the_designs_of_its_code_and_so_does_the_run_cache(case_folder, tmp_path, python):
    script = case_folder("07-dvc-queue-other-code") / "run.sh"
    clone = make_clone(tmp_path, python)
    clone.run_jobs_here()
    (clone.home / "bin/aign").write_text('#!/bin/sh\nexec python pipeline "$@"\n')  # its own environment's
    (clone.home / "bin/aign").chmod(0o755)
    clone.dvc("repro", f"sample@{VARIANT}")
    clone.commit("Designs")
    said = clone.run("bash", script)
    before, after, really = (next(line.split()[1] for line in said.splitlines() if line.startswith(f"{word}:"))
                             for word in ("before", "after", "really"))
    assert before != after == really
    commit = clone.git("for-each-ref", "refs/exps", "--format=%(objectname)").split()[0]
    assert clone.recorded(commit, "preset.json") == really


def test_a_file_without_further_networks_runs(case_folder, tmp_path, python):
    content = yaml.safe_load((case_folder("12-params-without-further") / "params.yaml").read_text())
    assert "further" not in content
    content["variants"][VARIANT]["scenario"]["name"] = "power_allocation"  # as its package, which DVC watches
    clone = make_clone(tmp_path, python, content)
    clone.run_jobs_here()
    assert f"train@{VARIANT}" in clone.dvc("status")
    assert "lacks train, sample, evaluate" in clone.dvc("repro", fails=True)  # it says what to write
    block = content["variants"][VARIANT]
    content["variants"][VARIANT] = {**block, **{name: PARAMS["variants"][VARIANT][name]
                                                for name in ("train", "sample", "evaluate")}}
    (clone.folder / "params.yaml").write_text(yaml.safe_dump(content))
    clone.dvc("repro")
    assert (clone.folder / f"data/reports/{VARIANT}/report.md").exists()
    assert "Running stage" not in clone.dvc("repro", "dvc.yaml", "pipeline/dvc.yaml")
