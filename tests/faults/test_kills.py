"""A sample of what `python tests/faults/kills.py` does: the narrow windows, with the same kills and the same judge."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from damages import state
from kills import Trial, executed


@pytest.mark.slow
def test_killed_runs_lose_double_and_halve_nothing(smoke):
    script = Path(__file__).with_name("kills.py")
    options = ("--kills", "2", "--processes", "0", "--points", "3", "--base", smoke.folder, "--stages",
               "sample,publish model")
    ended = subprocess.run([sys.executable, script, *options], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "  identical: " in ended.stdout


@pytest.fixture
def place(tmp_path):
    """Where `publish model` starts and what it has to reach."""
    for name, text in (("start", "old"), ("goal", "new")):
        (tmp_path / name / "published/model").mkdir(parents=True)
        (tmp_path / name / "published/model/weights").write_text(text)
    return tmp_path


def run(script):
    """Return what starts a run, here a shell that works in the room; it returns when the shell waits or has ended."""
    def start(room, arguments, log, point=0):
        number = executed(room, ["/bin/sh", "-c", script], log)
        while not any((room / mark).exists() for mark in ("gone", "published/.part")) and \
                not os.waitid(os.P_PID, number, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            time.sleep(0.01)
        return number

    return start


@pytest.mark.parametrize(("script", "verdict"), [
    ("test -e published/.part || {{ touch published/.part; exec sleep 9; }}; rm published/.part; {new}", "identical"),
    ("echo half > published/model/weights; test -e gone && {new} || {{ touch gone; exec sleep 9; }}", "half-written"),
    ("test -e published/.part || {{ touch published/.part; exec sleep 9; }}; {new}", "changed"),
    ("test -e gone && {{ rm gone; exit 3; }}; touch gone; exec sleep 9", "failed"),
    ("test -e gone && {{ rm gone; {new}; exit 0; }}; sleep 99 & touch gone; exec sleep 9", "identical")])
def test_the_judge_is_not_blind(place, script, verdict):
    script = script.format(new="echo -n new > published/model/weights")
    trial = Trial("publish model", place / "start", state(place / "goal"), place / "room", run(script), 1.0)
    case = trial.run([(0.3, False)])
    assert case.verdict == verdict, case
    assert case.moments == ((0.3, "all"),)


def test_an_orphan_is_seen(place, monkeypatch):
    monkeypatch.setattr("kills.SECONDS_TO_END", 0.3)
    script = ("test -e gone && { rm gone; echo -n new > published/model/weights; exit 0; }; "
              "sleep 99 & touch gone; sleep 9")
    trial = Trial("publish model", place / "start", state(place / "goal"), place / "room", run(script), 1.0)
    assert trial.run([(0.3, True)]).verdict == "orphan"


def test_a_run_that_was_over_counts_as_no_kill(place):
    trial = Trial("publish model", place / "start", state(place / "goal"), place / "room",
                  run("echo -n new > published/model/weights"), 1.0)
    case = trial.run([(0.9, False)])
    assert (case.moments, case.verdict) == ((), "identical")
