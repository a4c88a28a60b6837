"""Commands import no package that takes seconds in vain: diffusers, matplotlib, pyarrow, torch's compiler."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

GOLDEN = Path(__file__).parent / "diffusion" / "golden" / "set"
SCRIPT = """
import json, sys
from aign.cli import main
sys.argv = ["aign", *json.loads(sys.argv[1])]
try:
    main()
except SystemExit as ended:
    assert not ended.code, ended.code
print("HEAVY", *sorted({"diffusers", "matplotlib", "pyarrow", "scipy", "transformers"} & set(sys.modules)))
"""
WORKER = """
import json, sys
from pathlib import Path
from aign.console import tasks
from aign.console.models import Models
models = Models(Path(sys.argv[1]))
made = tasks.design(models, print, "set", {"where": ["total_power<=40"], "count": 2}, 0)
assert made["answer"]["designs"]
print("HEAVY", *sorted({"diffusers", "matplotlib", "pyarrow", "scipy", "transformers"} & set(sys.modules)))
"""
STAGES = """
import sys
from pathlib import Path
from smoke import WATER, aign, inside, jobs_here, write_params
folder = Path(sys.argv[1])
few = {"random": 0, "heuristics": 0, "solver_guided": 10}
write_params(folder, {f"variants.{WATER}.collect.sources": few, f"variants.{WATER}.train.steps": 2})
with inside(folder), jobs_here():
    for stage in ("collect", "train"):
        outcome = aign(stage, WATER)
        assert outcome.code == 0, outcome.err
import aign.stages.sample, aign.stages.evaluate
print("HEAVY", *sorted({"diffusers", "sympy", "transformers", "torch._dynamo"} & set(sys.modules)))
"""


def heavy(script, argument, folder):
    """Return the heavy packages that a script has imported at its end."""
    done = subprocess.run([sys.executable, "-c", script, argument], cwd=folder, capture_output=True, text=True,
                          check=False, env={**os.environ, "OMP_NUM_THREADS": "1",
                                            "PYTHONPATH": os.pathsep.join([str(GOLDEN.parents[2]), *sys.path])})
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1]


@pytest.mark.parametrize("arguments", [
    ["design", "power-allocation", "--model", str(GOLDEN), "--count", "2"],
    ["ask", "two designs of power allocation for 2 users", "--model", str(GOLDEN), "--yes"]])
def test_a_command_imports_none(arguments, tmp_path):
    assert heavy(SCRIPT, json.dumps(arguments), tmp_path) == "HEAVY"


def test_the_worker_of_the_console_imports_none_before_it_draws(tmp_path):
    (tmp_path / "set").symlink_to(GOLDEN)
    assert heavy(WORKER, str(tmp_path), tmp_path) == "HEAVY"


def test_collecting_and_training_import_neither_diffusers_nor_torchs_compiler(tmp_path):
    assert heavy(STAGES, str(tmp_path), tmp_path) == "HEAVY"
