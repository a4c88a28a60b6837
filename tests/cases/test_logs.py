"""Cases 09, 10 and 16: columns that do not matter, headers that are not understood, and how a refusal ends."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from smoke import aign, contents

from aign.trajectories.reader import TrajectoryStore

RUNS = 10
"""A refusal used to end in an abort in 5 of 18 runs: so many without one come by chance in 1 of 26 trials."""


def imported(log, mapping, to):
    return aign("dataset", "import", log, "--mapping", mapping, "--scenario", "power-allocation", "--set", "users=2",
                "--to", to)


def check_imported(outcome, folder, episodes=5):
    assert outcome.code == 0, outcome.err
    assert len(TrajectoryStore.open(folder)) == episodes
    assert (folder / "rejected.jsonl").read_bytes() == b""


def refused(outcome, *words):
    assert outcome.code == 2
    assert outcome.err.startswith("error: ")
    assert outcome.err.count("\n") == 1
    for word in words:
        assert word in outcome.err


# --- case 09 ---------------------------------------------------------------------------------------------------------

@pytest.fixture
def trailing(case_folder):
    return case_folder("09-csv-trailing-empty-columns")


def test_empty_columns_at_the_end_do_not_matter(trailing, tmp_path):
    check_imported(imported(trailing / "log.csv", trailing / "map.yaml", tmp_path / "out"), tmp_path / "out")


def test_a_column_twice_that_is_not_mapped_does_not_matter(trailing, tmp_path):
    lines = (trailing / "log.csv").read_text().splitlines()
    (tmp_path / "log.csv").write_text("\n".join(
        line.removesuffix(",,") + (",note,note" if place == 0 else ",x,y") for place, line in enumerate(lines)))
    check_imported(imported(tmp_path / "log.csv", trailing / "map.yaml", tmp_path / "out"), tmp_path / "out")


def test_a_column_twice_that_is_mapped_is_refused(trailing, tmp_path):
    content = (trailing / "log.csv").read_text().replace(",,\n", ",gained,\n", 1)
    (tmp_path / "log.csv").write_text(content)
    refused(imported(tmp_path / "log.csv", trailing / "map.yaml", tmp_path / "out"),
            f"reward: the column 'gained' appears twice in {tmp_path / 'log.csv'}. Rename one of them.")


# --- case 10 ---------------------------------------------------------------------------------------------------------

@pytest.fixture
def header(case_folder, tmp_path):
    """The folder in which the case's own script has made its variants; `aign` there does nothing but note the names."""
    if shutil.which("bash") is None:
        pytest.skip("bash is not installed")
    folder = tmp_path / "case"
    shutil.copytree(case_folder("10-csv-header-not-found"), folder)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "aign").write_text("#!/bin/bash\n")
    (tmp_path / "bin" / "aign").chmod(0o755)
    subprocess.run(["bash", "run.sh"], cwd=folder, check=True, capture_output=True,
                   env={**os.environ, "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"})
    return folder


@pytest.mark.parametrize("name", ["good.csv", "blanks.csv", "empty-lines.csv"])
def test_blanks_around_names_and_empty_lines_above_them_do_not_matter(header, name, tmp_path):
    check_imported(imported(header / name, header / "map.yaml", tmp_path / "out"), tmp_path / "out")
    check_imported(imported(header / "good.csv", header / "map.yaml", tmp_path / "good"), tmp_path / "good")
    found, right = contents(tmp_path / "out"), contents(tmp_path / "good")
    assert [found[name] for name in right if name.endswith(".arrow")] == \
        [content for name, content in right.items() if name.endswith(".arrow")]


@pytest.mark.parametrize(("name", "words"), [
    ("semicolons.csv", ("(line 1): 'run;tick;controller;gain_0_per_watt", 'set delimiter: ";" in the mapping')),
    ("sep.csv", ("(line 1): 'sep='", "delete the lines above line 2, which has the names")),
    ("comment.csv", ("(line 1): '# controller 3.2'", "delete the lines above line 2, which has the names")),
    ("capitals.csv", ("'RUN', 'TICK', 'CONTROLLER', 'GAIN_0_PER_WATT'", "write 'GAIN_0_PER_WATT' in the mapping"))])
def test_a_header_that_is_not_understood_is_shown_and_what_would_help_is_said(header, name, words, tmp_path):
    refused(imported(header / name, header / "map.yaml", tmp_path / "out"), str(header / name),
            "context.gain: ", "no column that fits the pattern 'gain_{i}_per_watt'. Its names", *words)


@pytest.mark.parametrize("name", ["semicolons.csv", "sep.csv", "comment.csv", "capitals.csv"])
def test_what_is_said_helps(header, name, tmp_path):
    log, mapping = header / name, (header / "map.yaml").read_text()
    if name == "semicolons.csv":
        mapping += 'delimiter: ";"\n'
    elif name == "capitals.csv":
        for line in (header / "good.csv").read_text().splitlines()[0].split(","):
            mapping = mapping.replace(line, line.upper())
        mapping = mapping.replace("gain_{i}_per_watt", "GAIN_{i}_PER_WATT").replace(
            "power_{i}_mw", "POWER_{i}_MW").replace("change_{i}_mw", "CHANGE_{i}_MW")
    else:
        log.write_text(log.read_text().split("\n", 1)[1])
    (tmp_path / "map.yaml").write_text(mapping)
    check_imported(imported(log, tmp_path / "map.yaml", tmp_path / "out"), tmp_path / "out")


# --- case 16 ---------------------------------------------------------------------------------------------------------

EVERY_TIME = """
import os, sys, torch
runs = int(sys.argv.pop(1))
for _ in range(runs):
    number = os.fork()
    if not number:
        from aign import cli
        cli.main()
    print(os.waitstatus_to_exitcode(os.waitpid(number, 0)[1]), flush=True)
"""
"""Each fork runs to the end of Python, where threads that still read a file once aborted it."""


@pytest.mark.slow
def test_a_refused_log_ends_with_two_every_time(case_folder, tmp_path):
    folder = case_folder("16-abort-after-refused-import")
    ended = subprocess.run([sys.executable, "-c", EVERY_TIME, str(RUNS), "dataset", "import", folder / "log.csv",
                            "--mapping", folder / "map.yaml", "--scenario", "power-allocation", "--set", "users=2",
                            "--to", tmp_path / "out"], capture_output=True, text=True, check=True)
    assert ended.stdout == RUNS * "2\n", ended.stderr
    lines = ended.stderr.splitlines()
    assert len(lines) == RUNS
    assert all(line.startswith(f"error: {folder / 'map.yaml'}: reward: {folder / 'log.csv'} has no column 'gained'. "
                               "Its names (line 1): 'run', 'tick', ") for line in lines)
    assert not Path(tmp_path / "out").exists()
