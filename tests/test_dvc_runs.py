"""Stages as the real dvc and git run them: each runs the code of its folder, and DVC records what that code made."""

import shutil
import sys

import pytest
import yaml
from clones import DESIGNS, PARAMS, ROOT, VARIANT, make_clone

pytestmark = [pytest.mark.slow, pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")]
GENERATION = "pipeline/aign/designs/generation.py"
LINE = "    settings = settings or SamplingSettings()\n"


@pytest.fixture(scope="module")
def made(tmp_path_factory, python):
    """A clone in which the pipeline has run up to the designs."""
    clone = make_clone(tmp_path_factory.mktemp("made"), python)
    clone.run_jobs_here()
    clone.dvc("repro", f"sample@{VARIANT}")
    clone.commit("Designs")
    return clone


def test_two_queued_experiments_give_the_designs_of_their_code(made):
    for name, shift in (("one", 5000), ("two", 6000)):
        made.change(GENERATION, LINE, f"{LINE}    seed = seed + {shift}\n")
        made.dvc("exp", "run", "--queue", "--name", name, f"sample@{VARIANT}")
        made.git("checkout", "--", GENERATION)  # one goes on working while they wait
    made.dvc("exp", "run", "--run-all")
    lines = made.git("for-each-ref", "refs/exps", "--format=%(objectname) %(refname)").splitlines()
    commits = {reference.rpartition("/")[2]: commit for commit, reference in map(str.split, lines)}
    recorded = {"HEAD": made.recorded("HEAD", "preset.json")}
    for name in ("one", "two"):
        recorded[name] = made.recorded(commits[name], "preset.json")
        made.git("checkout", "-q", commits[name], "--", GENERATION)
        made.run("python", "pipeline", "sample", VARIANT)
        assert made.made("preset.json") == recorded[name]
        made.dvc("repro", f"sample@{VARIANT}")  # from the run cache, which both filled
        assert made.made("preset.json") == recorded[name]
    assert len(set(recorded.values())) == 3
    made.git("reset", "-q", "--hard")


def test_worker_processes_run_the_folders_code_too(made):
    made.run_jobs_in_processes()
    made.change("pipeline/aign/stages/collect/sources.py", "    done = left = 0\n",
                '    raise RuntimeError("the code of this folder")\n')
    assert "the code of this folder" in made.run(sys.executable, "pipeline", "collect", VARIANT, fails=True)
    made.git("reset", "-q", "--hard")


def test_another_folders_program_refuses_to_run_a_stage_here(made):
    before = made.made("preset.json")
    program = f"import sys; sys.path.insert(0, {str(ROOT / 'pipeline')!r}); from aign.cli import main; main()"
    said = made.run(sys.executable, "-c", program, "sample", VARIANT, fails=True)
    assert "contains its own code in pipeline/aign" in said
    assert f"`python pipeline sample {VARIANT}`" in said
    assert "Traceback" not in said
    assert made.made("preset.json") == before


def test_a_worktree_runs_its_own_code(made, tmp_path):
    made.git("worktree", "add", "-q", tmp_path / "tree")
    tree = type(made)(tmp_path / "tree", made.home)
    tree.change(GENERATION, LINE, f"{LINE}    raise RuntimeError('the code of the worktree')\n")
    tree.change("params.yaml", "count: 4", "count: 5")
    tree.dvc("cache", "dir", "--local", made.folder / ".dvc/cache")
    tree.dvc("checkout", f"train@{VARIANT}")
    assert "the code of the worktree" in tree.dvc("repro", "--single-item", f"sample@{VARIANT}", fails=True)
    made.git("worktree", "remove", "--force", tmp_path / "tree")


def test_a_second_run_finds_nothing_to_do(made):
    assert "Running stage" not in made.dvc("repro", f"sample@{VARIANT}")
    assert made.git("status", "--short") == ""
    assert (made.folder / DESIGNS / "preset.json").exists()


def test_where_another_processors_results_are_published_git_and_dvc_are_both_at_rest(made):
    lock = made.folder / "dvc.lock"
    ours, published = lock.read_text(), yaml.safe_load(lock.read_text())
    for stage in published["stages"].values():
        for entry in [*stage["deps"], *stage["outs"]]:
            if not entry["path"].startswith("pipeline/"):
                entry["md5"] = f"{0:032x}.dir"
    lock.write_text(yaml.safe_dump(published))
    made.commit("Published")
    lock.write_text(ours)
    made.run("python", "pipeline/git_results.py")
    assert made.git("status", "--short") == ""
    assert "up to date" in made.dvc("status", f"sample@{VARIANT}")
    made.change(GENERATION, LINE, f"{LINE}    seed = seed + 7000\n")
    made.dvc("exp", "run", "--queue", "--name", "three", f"sample@{VARIANT}")
    made.git("checkout", "--", GENERATION)
    made.dvc("exp", "run", "--run-all")
    commit = next(line.split()[0] for line in made.git("for-each-ref", "refs/exps").splitlines()
                  if line.endswith("/three"))
    assert made.recorded(commit, "preset.json") != made.made("preset.json")
    assert made.git("status", "--short") == ""


def test_a_block_left_out_is_named_before_a_stage_takes_its_time(tmp_path, python):
    block = {name: value for name, value in PARAMS["variants"][VARIANT].items() if name not in ("train", "sample")}
    clone = make_clone(tmp_path, python, {**PARAMS, "variants": {VARIANT: block}})
    said = clone.dvc("repro", fails=True)
    assert f"variants.{VARIANT} lacks train, sample" in said
    assert "`train: {}`" in said
    assert not (clone.folder / "data/trajectories").exists()
