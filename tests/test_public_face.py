"""What `import aign` promises: few names, light, typed, documented by examples that run."""

import doctest
import inspect
import subprocess
import sys
from pathlib import Path

import pytest
from mypy import api as mypy
from smoke import WATER

import aign
from aign import api

FUNCTIONS = ("design", "load_dataset", "load_model", "scenario")
TYPED = """
import aign

reveal_type(aign.scenario("water-filling", channels=4))
reveal_type(aign.load_dataset("data"))
reveal_type(aign.load_model("models/water-4"))
reveal_type(aign.design("models/water-4", aign.Request(where=["total_power<=2"]), seed=1))
reveal_type(aign.AignError("no"))
aign.designn
aign.Request(where=["total_power<=2"], cuont=3)
"""


def test_importing_loads_nothing_heavy_and_opens_no_connection():
    code = ("import socket, sys\n"
            "def refuse(*_): raise AssertionError('opened a connection')\n"
            "socket.socket.connect = socket.create_connection = refuse\n"
            "import aign\n"
            "assert aign.AignError and set(aign.__all__) <= set(dir(aign))\n"
            "print(*sorted({'torch', 'pyarrow', 'diffusers', 'numpy', 'datasets', 'pydantic'} & set(sys.modules)))")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "\n"), done.stderr


def test_every_public_name_resolves_and_is_documented():
    assert sorted(aign.__all__) == ["AignError", "Request", "__version__", *FUNCTIONS]
    for name in set(aign.__all__) - {"__version__"}:
        assert inspect.getdoc(getattr(aign, name)), name
    for function in (getattr(aign, name) for name in FUNCTIONS):
        assert "Example:" in function.__doc__
        assert "return" in function.__annotations__


def test_an_unknown_name_says_what_there_is():
    with pytest.raises(AttributeError, match=r"no attribute 'designs_of'; public are .*design, load_dataset"):
        aign.designs_of  # noqa: B018


@pytest.mark.parametrize("documented", [api.scenario, api.load_dataset, api.load_model, api.design, aign.Request])
def test_the_examples_run(documented, smoke, monkeypatch):
    monkeypatch.chdir(smoke.folder)
    [example] = doctest.DocTestFinder(recurse=False).find(documented, documented.__name__, globs={"aign": aign})
    assert example.examples
    failures = []
    doctest.DocTestRunner().run(example, out=failures.append)
    assert not failures, "".join(failures)


def test_a_folder_and_a_model_give_equal_designs(smoke, water):
    request = aign.Request(where=["total_power<=1"], preset="ladder", count=3)
    opened, named = (aign.design(model, request, seed=4) for model in (water, smoke.folder / "models" / WATER))
    assert opened.rows() == named.rows()
    assert all(row["total_power"] <= 1 for row in opened.rows())


@pytest.mark.parametrize("call", [lambda: aign.scenario("water-fling"), lambda: aign.load_dataset("nowhere"),
                                  lambda: aign.load_model("nowhere"), lambda: aign.design("nowhere"),
                                  lambda: aign.Request(count=0)])
def test_what_cannot_be_is_one_kind_of_error(call):
    with pytest.raises(aign.AignError):
        call()


@pytest.mark.slow
def test_a_type_checker_knows_every_name(tmp_path):
    (tmp_path / "typed.py").write_text(TYPED)
    root = Path(__file__).parents[1]
    said, errors, _ = mypy.run([str(tmp_path / "typed.py"), "--config-file", str(root / "pyproject.toml"),
                                "--cache-dir", str(root / ".mypy_cache"), "--no-error-summary"])
    assert not errors
    for kind in ("Scenario[Any]", "TrajectoryStore", "DesignPipeline", "Answer", "AignError"):
        assert f"{kind}\"" in said, said
    problems = [line for line in said.splitlines() if ": error: " in line]
    assert len(problems) == 2, said
    assert 'has no attribute "designn"' in problems[0]
    assert '"cuont"' in problems[1]
