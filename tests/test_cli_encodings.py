"""Every command prints where the output has no UTF-8, and writes the same files there."""

import io
import os
import pty
import shutil
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from unittest import mock

import pytest
from smoke import POWER, WATER, contents, jobs_here

from aign import cli

DATA = Path("data/trajectories")
FOREIGN = DATA / "Straße-€-→"
PLAIN_LOCALE = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


def printed(encoding, *arguments):
    """Run a command whose output has an encoding; return status, output and errors, which must be in it."""
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding=encoding) for _ in range(2))
    code = 0
    with mock.patch.object(sys, "argv", ["aign", *map(str, arguments)]), redirect_stdout(out), redirect_stderr(err), \
            jobs_here():
        try:
            cli.main()
        except SystemExit as ended:
            code = ended.code or 0
    for stream in (out, err):
        stream.flush()
    return code, *(stream.buffer.getvalue().decode(encoding) for stream in (out, err))


@pytest.fixture
def foreign(workplace):
    """A dataset whose folder's name neither ASCII nor cp1252 has all characters for."""
    shutil.copytree(DATA / POWER, FOREIGN)
    return FOREIGN


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_every_command_prints_in_any_encoding(foreign, encoding, tmp_path):
    place = tmp_path / "Straße-→"
    stages = [[stage, WATER] for stage in ("collect", "train", "sample", "evaluate")]
    for arguments in (["--help"], ["dataset", "import", "--help"], ["scenarios"],
                      ["dataset", "info", foreign, "--plots", place / "page.png"],
                      ["dataset", "verify", foreign, "--replay"],
                      ["dataset", "merge", foreign, DATA / POWER, "--unique", "--to", place / "both"],
                      ["dataset", "export", foreign, "--as", "npz", "--to", place / "power.npz"],
                      ["publish", "dataset", DATA / POWER, "--to", place / "published", "--dry-run"],
                      ["design", "water-filling", "--count", "2", "--save", place / "green"],
                      *(stages if encoding == "ascii" else [])):  # what ASCII has, all have
        code, out, err = printed(encoding, *arguments)
        assert code == 0, (arguments, err)
        assert out


@pytest.mark.parametrize(("encoding", "shown"), [("ascii", "Stra?e-?-?"), ("cp1252", "Straße-€-?"),
                                                 ("utf-8", "Straße-€-→")])
def test_errors_name_what_they_can(workplace, encoding, shown):
    code, _, err = printed(encoding, "dataset", "info", FOREIGN)
    assert code == 2
    assert err == f"error: {DATA / shown}: no such folder. Give the folder of a trajectory dataset or a model.\n"
    code, _, err = printed(encoding, "dataset", "nope→")
    assert code == 2
    assert "No such command" in err


def run(*arguments, python=(), **changes):
    return subprocess.run([sys.executable, *python, "-m", "aign.cli", *arguments], capture_output=True,
                          env={**os.environ, **changes}, check=False)


def test_a_name_that_the_system_cannot_read_is_one_clear_error(tmp_path):
    done = run("dataset", "info", os.fsencode("Straße"), **PLAIN_LOCALE)
    assert done.returncode == 2
    assert done.stderr == (rb"error: 'Stra\udcc3\udc9fe': cannot be read in this system's encoding (ascii). Set "
                           b"PYTHONUTF8=1 where names are UTF-8, or choose another name.\n")


@pytest.mark.slow
def test_bars_on_a_terminal_without_utf_8(workplace):
    ours, theirs = pty.openpty()
    with subprocess.Popen([sys.executable, "-m", "aign.cli", "dataset", "verify", DATA / POWER, "--replay"],
                          stdout=theirs, stderr=theirs,
                          env={**os.environ, **PLAIN_LOCALE, "TERM": "xterm", "COLUMNS": "150"}) as process:
        os.close(theirs)
        said = bytearray()
        while True:
            try:
                said += (block := os.read(ours, 4096))
            except OSError:  # the terminal's other end is closed
                break
            if not block:
                break
    os.close(ours)
    assert process.returncode == 0, said
    text = said.decode("ascii")
    assert f"verify {POWER} replay" in text
    assert "---" in text  # the bar itself
    assert "replayed exactly" in text


EVERY_FILE = """
import sys, warnings
warnings.filterwarnings("error", category=EncodingWarning, module=r"aign\\b")
from smoke import jobs_here
from aign import cli
commands = [["dataset", "info", "data/trajectories/power-2"], ["collect", "water-4"], ["train", "water-4"],
            ["sample", "water-4"], ["evaluate", "water-4"],
            ["publish", "dataset", "data/trajectories/water-4", "--to", "published"],
            ["publish", "model", "models/water-4", "--to", "published-model"],
            ["dataset", "verify", "data/trajectories/water-4"]]
with jobs_here():
    for sys.argv[1:] in commands:
        try:
            cli.main()
        except SystemExit as ended:
            if ended.code:
                raise
"""


@pytest.mark.slow
def test_files_are_the_same_whatever_the_locale_and_each_is_opened_with_its_encoding(workplace):
    before = contents(workplace)
    path = os.pathsep.join([str(Path(__file__).parent), *filter(None, sys.path)])
    done = subprocess.run([sys.executable, "-X", "warn_default_encoding", "-c", EVERY_FILE], capture_output=True,
                          env={**os.environ, **PLAIN_LOCALE, "PYTHONPATH": path}, check=False)
    assert done.returncode == 0, done.stderr.decode()
    after = contents(workplace)
    assert {name: after[name] for name in before} == before
