"""Environments as strangers bring them: one buffer for all observations, old interfaces, ordinary faults."""

import os
import re
import shutil
import subprocess
import sys

import pytest
import torch
import yaml
from smoke import aign, inside

from aign.scenarios.core import registry

SAME_BUFFER, OLD, FAULTY = "01-inplace-observation-label", "02-old-gym-interface", "03-environment-faults"
RESET = r"asks for reset\(self, \*, seed=None, options=None\), which returns \(observation, info\)"
STEP = r"asks for 5: step\(self, action\), which returns \(observation, reward, terminated, truncated, info\)"
PLACE = "params.yaml: variants.queue.scenario: "

REFUSED = [
    (OLD, "NoSeed", f"reset with seed 0: raised TypeError: .*'seed'.*{RESET}"),
    (OLD, "NoOptions", f"reset with seed 0: raised TypeError: .*'options'.*{RESET}"),
    (OLD, "OnlyObservation", f"reset with seed 0: returned an observation without info, array.*{RESET}"),
    (OLD, "FourValues", f"step 1 with seed 0: returned 4 values, where Gymnasium {STEP}"),
    (FAULTY, "RewardArray", r"step 1 with seed 0: the reward is array\(.*\) of shape \(1,\); allowed: one finite"),
    (FAULTY, "RewardNone", "step 1 with seed 0: the reward is None; allowed: one finite number"),
    (FAULTY, "WrongShape", r"reset with seed 0: .* shape \(2,\); its space allows numbers of shape \(3,\)"),
    (FAULTY, "MissingKey", "reset with seed 0: .* keys 'load'; its space allows .* the keys 'cell', 'load'"),
    (FAULTY, "BeyondDiscrete", "step 5 with seed 0: the observation is 5; .* whole numbers from 0 to 4"),
    (FAULTY, "RaisesInStep", r"step 4 with seed 0: raised KeyError: 'ue_17' \(faulty_envs.py, line \d+\)"),
]


@pytest.fixture
def place(case_folder, tmp_path, monkeypatch):
    """Return a function that puts a case's files with its parameters, one environment chosen, into an empty folder."""
    def put(case, environment):
        for source in case_folder(case).glob("*.py"):
            shutil.copy(source, tmp_path)
        params = yaml.safe_load((case_folder(case) / "params.yaml").read_text())
        params["variants"]["queue"]["scenario"]["environment"] = environment
        (tmp_path / "params.yaml").write_text(yaml.safe_dump(params))
        monkeypatch.syspath_prepend(tmp_path)
        return tmp_path

    return put


def files(folder):
    return sorted(path.relative_to(folder) for path in folder.rglob("*") if "__pycache__" not in path.parts)


def test_a_label_is_of_what_was_shown_even_where_it_is_one_buffer(case_folder, monkeypatch):
    monkeypatch.syspath_prepend(case_folder(SAME_BUFFER))
    measured = []
    for environment in ("Queue-v0", "SameBufferQueue-v0"):
        scenario = registry.create("gymnasium", environment=environment, module="queue_envs",
                                   labels={"moved": {"function": "queue_envs:moved", "how": "sum"}})
        contexts = scenario.draw_contexts(2, torch.Generator().manual_seed(0))
        _, labels = scenario.outcome(contexts, scenario.rollout(scenario.rules["constant"], contexts))
        measured.append(labels["moved"].tolist())
    assert measured[1] == measured[0] == pytest.approx([8.0, 8.0], rel=1e-6)  # the environment counts in float32


@pytest.mark.parametrize(("case", "environment", "said"), REFUSED)
def test_collect_tells_in_one_message_what_an_environment_does_wrong(place, case, environment, said):
    folder = place(case, f"{environment}-v0")
    before = files(folder)
    with inside(folder):
        outcome = aign("collect", "queue")
    assert outcome.code == 2
    message, = outcome.err.strip().splitlines()
    assert re.search(f"^error: {PLACE}environment: {environment}-v0, {said}", message), message
    assert files(folder) == before


@pytest.mark.parametrize(("case", "environment"), [(OLD, "FourValues"), (FAULTY, "RaisesInStep")])
def test_in_a_process_of_its_own_it_is_the_same(place, python, case, environment):
    folder = place(case, f"{environment}-v0")
    before = files(folder)
    code = "from aign.cli import main; main()"
    path = os.pathsep.join([str(folder), *filter(None, sys.path)])
    ended = subprocess.run([python, "-c", code, "collect", "queue"], cwd=folder, capture_output=True, text=True,
                           env={**os.environ, "PYTHONPATH": path}, check=False, timeout=300)
    assert ended.returncode == 2
    assert len(ended.stderr.strip().splitlines()) == 1
    assert ended.stderr.startswith(f"error: {PLACE}environment: {environment}-v0, step ")
    assert ended.stdout == ""
    assert files(folder) == before
