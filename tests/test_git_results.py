"""Results that differ from the published ones by processor only are kept out of `git status`; all others are shown."""

import copy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
SCRIPT = Path(__file__).parents[1] / "pipeline/git_results.py"
REPORT = "data/reports/power-2/report.md"
LOCK = {"schema": "2.0", "stages": {
    "collect@power-2": {"cmd": "python pipeline collect power-2",
                        "deps": [{"path": "pipeline/aign/agents", "md5": "a.dir"}],
                        "params": {"params.yaml": {"base.seed": 1}},
                        "outs": [{"path": "data/trajectories/power-2", "md5": "b.dir"}]},
    "evaluate@power-2": {"cmd": "python pipeline evaluate power-2",
                         "deps": [{"path": "data/trajectories/power-2", "md5": "b.dir"},
                                  {"path": "pipeline/aign/designs", "md5": "c.dir"}],
                         "outs": [{"path": REPORT, "md5": "d"}]},
}}


@pytest.fixture
def folder(tmp_path):
    """A repository with a published lock file and report; returns a function that runs a command in it."""
    def run(*command):
        identity = ("-c", "user.name=a", "-c", "user.email=a@example.org") if command[0] == "git" else ()
        return subprocess.run([command[0], *identity, *command[1:]], cwd=tmp_path, check=True, text=True,
                              capture_output=True).stdout

    (tmp_path / REPORT).parent.mkdir(parents=True)
    write(tmp_path, LOCK, "0.1234567")
    run("git", "init", "-q")
    run("git", "add", "-A")
    run("git", "commit", "-q", "-m", "Published")
    run.path = tmp_path
    return run


def write(path, lock, report):
    (path / "dvc.lock").write_text(yaml.safe_dump(lock))
    (path / REPORT).write_text(report)


def other_processor():
    """Return the lock file of the same code and parameters with results of other digests."""
    lock = copy.deepcopy(LOCK)
    lock["stages"]["collect@power-2"]["outs"][0]["md5"] = lock["stages"]["evaluate@power-2"]["deps"][0]["md5"] = "B.dir"
    lock["stages"]["evaluate@power-2"]["outs"][0]["md5"] = "D"
    return lock


def status(run):
    return run("git", "status", "--short").split()


def test_another_processors_results_stay_in_the_folder_but_not_in_the_status(folder):
    write(folder.path, other_processor(), "0.1234568")
    assert "dvc.lock" in status(folder)
    assert "make show-results" in folder(sys.executable, SCRIPT)
    assert status(folder) == []
    assert (folder.path / REPORT).read_text() == "0.1234568"
    assert yaml.safe_load((folder.path / "dvc.lock").read_text()) == other_processor()
    assert folder(sys.executable, SCRIPT, "--show") == ""
    assert status(folder) == ["M", REPORT, "M", "dvc.lock"]


@pytest.mark.parametrize("place", [("collect@power-2", "deps", 0, "md5"), ("evaluate@power-2", "deps", 1, "md5"),
                                   ("collect@power-2", "params", "params.yaml", "base.seed"),
                                   ("collect@power-2", "cmd")])
def test_with_other_code_or_parameters_git_shows_the_results(folder, place):
    write(folder.path, other_processor(), "0.1234568")
    folder(sys.executable, SCRIPT)
    changed = other_processor()
    block = changed["stages"]
    for key in place[:-1]:
        block = block[key]
    block[place[-1]] = "other"
    write(folder.path, changed, "0.9")
    assert folder(sys.executable, SCRIPT) == ""
    assert status(folder) == ["M", REPORT, "M", "dvc.lock"]


def test_equal_results_and_folders_without_git_are_left_alone(folder, tmp_path_factory):
    assert folder(sys.executable, SCRIPT) == ""
    assert not folder("git", "ls-files", "-v").count("S ")
    place = tmp_path_factory.mktemp("plain")
    write_to = place / "dvc.lock"
    write_to.write_text(yaml.safe_dump(LOCK))
    done = subprocess.run([sys.executable, SCRIPT], cwd=place, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")
