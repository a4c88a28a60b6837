"""The program of `forks` behaves as Python does; each run is a process of its own, with the code of its own path."""

import os
import subprocess
import sys

import pytest

ENDINGS = {"pass": 0, "raise SystemExit(3)": 3, "raise SystemExit('no')": 1, "raise SystemExit": 0, "1 / 0": 1}
TELL = "import os, sys; print(sys.argv, os.getcwd(), os.environ.get('HERE'), __name__, sys.stdin.read())"


def run(program, *arguments, **options):
    return subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, check=False, **options)


@pytest.mark.parametrize(("code", "status"), ENDINGS.items(), ids=range(len(ENDINGS)))
def test_it_ends_as_python_ends(python, code, status):
    ours, theirs = (run(program, "-c", code) for program in (python, sys.executable))
    assert ours.returncode == theirs.returncode == status
    assert ours.stdout == theirs.stdout
    assert ours.stderr.splitlines()[-1:] == theirs.stderr.splitlines()[-1:]


def test_arguments_folder_variables_and_streams_are_the_callers(python, tmp_path):
    options = {"cwd": tmp_path, "env": {**os.environ, "HERE": "yes"}, "input": "said"}
    (tmp_path / "tell.py").write_text(TELL)
    for arguments in (("-c", TELL, "x", 1), ("tell.py", "-c"), ("-P", "tell.py"), ("-m", "tell", "y")):
        ours, theirs = (run(program, *arguments, **options) for program in (python, sys.executable))
        assert (ours.stdout, ours.returncode) == (theirs.stdout, 0), ours.stderr


def test_it_holds_libraries_but_none_of_our_code_and_forgets_what_others_did(python, tmp_path):
    (tmp_path / "aign").mkdir()
    (tmp_path / "aign/__init__.py").write_text("")
    code = "import sys; print('torch' in sys.modules, 'aign' in sys.modules); import aign; print(aign.__file__)"
    for _ in range(2):
        said = run(python, "-c", code, env={**os.environ, "PYTHONPATH": str(tmp_path)}).stdout
        assert said.splitlines() == ["True False", str(tmp_path / "aign/__init__.py")]


def test_a_killed_program_is_a_failure(python):
    assert run(python, "-c", "import os; os.kill(os.getpid(), 9)").returncode != 0
