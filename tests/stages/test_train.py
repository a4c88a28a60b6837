import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from smoke import POWER, TRAIN, WATER, aign, contents, flip_byte, jobs_here, write_params

from aign.errors import ModelError
from aign.files import manifest
from aign.params import load
from aign.stages import train as stage
from aign.stages.folders import TRAJECTORIES
from aign.trajectories.contexts import Contexts

MAIN = f"{WATER}.json"


def index_of(folder):
    return json.loads((folder / "model_index.json").read_text())["design"]


@pytest.mark.parametrize("variant", [WATER, POWER])
def test_both_models_are_whole_and_say_where_they_come_from(smoke, variant):
    digest = json.loads((smoke.folder / "data/trajectories" / variant / "meta/manifest.json").read_text())["digest"]
    for name, behaviours, steps in ((variant, "all", [10, 20, 30]), (f"{variant}-sac-only", ["sac"], [10])):
        folder = smoke.folder / "models" / name
        manifest.check(folder, deep=True, error=ModelError)
        design = index_of(folder)
        assert design["behaviours"] == behaviours
        assert design["provenance"] == {"dataset_sha256": digest, "seed": 3, "threads": 1}
        assert design["settings"]["steps"] == steps[-1]
        assert [entry["step"] for entry in json.loads((folder / "history.json").read_text())] == steps
        assert not [path for path in folder.rglob("*") if path.suffix in (".bin", ".pt", ".pkl", ".ckpt")]


def test_it_says_what_it_read_made_and_measured_and_leaves_no_scratch(smoke):
    said = smoke.said["train", WATER].out
    for words in (f"read data/trajectories/{WATER}", "episodes of water-filling, on cpu", f"made models/{WATER} ",
                  f"made models/{WATER}-sac-only", "held out loss"):
        assert words in said
    assert not any(path.is_dir() for path in (smoke.folder / ".scratch/train").iterdir())


def test_the_best_evaluation_is_the_one_reported(smoke):
    history = json.loads((smoke.folder / "models" / WATER / "history.json").read_text())
    best = max(history, key=lambda entry: entry["normalised_return_pooled"])
    assert f"step {best['step']:.4g}," in smoke.said["train", WATER].out + ","


def interrupted_at(step):
    def report(done):
        if done == step:
            raise KeyboardInterrupt

    return report


@pytest.mark.parametrize("step", [3, 10, 17])
def test_a_stopped_job_goes_on_to_the_same_bytes(workplace, step):
    params = load(workplace / "params.yaml")
    variant, scratch = params.variant(WATER), workplace / "job"
    digest = json.loads((workplace / "data/trajectories" / WATER / "meta/manifest.json").read_text())["digest"]
    job = stage._job(WATER, TRAJECTORIES / WATER, variant.train, params.base, digest, scratch, None, 0)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with pytest.raises(KeyboardInterrupt):
            job.function(interrupted_at(step), **job.arguments)
        assert not job.result.exists()
        assert (scratch / f"{WATER}.safetensors").exists() == (step >= 10)
        seen = []
        job.function(seen.append, **job.arguments)
    finally:
        torch.set_num_threads(threads)
    assert seen == list(range(step // 10 * 10 + 1, 31))
    assert contents(scratch / WATER) == contents(workplace / "models" / WATER)


@pytest.mark.parametrize(("name", "words"), [(f"{WATER}.safetensors", "trained from the beginning"),
                                             (f"{WATER}/unet/config.json", f"does {WATER} again"),
                                             (MAIN, f"does {WATER} again")])
def test_what_a_disk_damaged_since_is_done_again(workplace, monkeypatch, name, words):
    before = contents(workplace / "models")
    shutil.rmtree(workplace / "models" / WATER)
    with jobs_here(), monkeypatch.context() as patched:
        patched.setattr(stage.shutil, "copytree", interrupt)
        with pytest.raises(KeyboardInterrupt):
            stage.train(WATER, load(workplace / "params.yaml"))
    folder = next((workplace / ".scratch/train" / WATER).iterdir())
    flip_byte(folder / name)
    with jobs_here():
        again = aign("train", WATER)
    assert again.code == 0
    assert words in again.out
    assert contents(workplace / "models") == before


def interrupt(*arguments, **options):
    raise KeyboardInterrupt


def test_training_again_gives_the_same_bytes(workplace):
    before = contents(workplace / "models")
    shutil.rmtree(workplace / "models")
    with jobs_here():
        assert aign("train", WATER).code == 0
    assert {name: value for name, value in before.items() if name.startswith(WATER)} == contents(workplace / "models")


def test_another_seed_gives_another_model(workplace):
    write_params(workplace, {"base.seed": 4})
    before = contents(workplace / "models" / WATER)
    with jobs_here():
        assert aign("train", WATER).code == 0
    assert contents(workplace / "models" / WATER) != before


def test_a_damaged_dataset_is_refused_before_training(workplace):
    shard = next((workplace / "data/trajectories" / WATER).glob("*.arrow"))
    flip_byte(shard)
    before = contents(workplace)
    outcome = aign("train", WATER)
    assert outcome.code == 2
    assert shard.name in outcome.err
    assert contents(workplace) == before


def test_a_stride_that_does_not_divide_the_horizon_is_refused(workplace):
    write_params(workplace, {f"variants.{WATER}.train.stride": 3})
    before = contents(workplace)
    with jobs_here():
        outcome = aign("train", WATER)
    assert outcome.code == 2
    assert "train.stride = 3: it must divide the horizon 8" in outcome.err
    assert contents(workplace) == before


def test_held_out_takes_the_first_contexts_with_their_reference_utilities():
    values = torch.arange(12.0).reshape(4, 3)
    contexts = Contexts(torch.arange(4), values, values[:, 0].double(), values[:, 1].double(), "validation")
    held_out = stage.held_out(contexts, 2)
    assert held_out.contexts.tolist() == values[:2].tolist()
    assert held_out.reference.tolist() == [0, 3]
    assert held_out.optimum.tolist() == [1, 4]


SCRIPT = """
import sys
from aign.cli import main
if __name__ == "__main__":
    sys.argv = ["aign", "train", "water-4"]
    main()
"""


@pytest.mark.slow
def test_a_killed_training_resumes_to_the_same_bytes(workplace, tmp_path, monkeypatch):
    settings = {**TRAIN, "steps": 150, "ablation_steps": 10}
    write_params(workplace, {f"variants.{WATER}.train": settings})
    shutil.rmtree(workplace / "models")
    killed = tmp_path / "killed"
    shutil.copytree(workplace, killed)
    with jobs_here():
        assert aign("train", WATER).code == 0

    monkeypatch.chdir(killed)
    Path("go.py").write_text(SCRIPT)
    run = subprocess.Popen([sys.executable, "go.py"], stdout=subprocess.DEVNULL)
    while not list(Path(".scratch").glob(f"train/{WATER}/*/{WATER}.safetensors")) and run.poll() is None:
        time.sleep(0.02)
    os.kill(run.pid, signal.SIGKILL)
    assert run.wait() == -signal.SIGKILL
    assert not Path("models").exists()
    assert not list(Path(".scratch").rglob(MAIN))

    with jobs_here():
        again = aign("train", WATER)
    assert again.code == 0
    assert "resumes the work" in again.out
    assert contents(killed / "models") == contents(workplace / "models")
