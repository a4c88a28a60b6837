import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import datasets
import numpy as np
import pytest
import torch
import yaml
from smoke import flip_byte

from aign.agents.denoising import DenoisingPolicy
from aign.agents.policy import SharedPolicy
from aign.agents.stored_policies import open_policy
from aign.errors import ParameterError
from aign.params import load
from aign.scenarios.core.registry import create
from aign.stages import collect as stage
from aign.trajectories.contexts import ContextPool

SMALL = {"environment_steps": 128, "networks": 4, "batch_size": 32, "hidden": [8]}
BLOCK = {
    "scenario": {"name": "water-filling", "channels": 4},
    "collect": {
        "train_contexts": 40, "validation_contexts": 6, "test_contexts": 5, "shard_rows": 16,
        "sources": {"random": 20, "heuristics": 30, "solver_guided": 40, "snapshots": 2, "snapshot_episodes": 10},
        "sac": {**SMALL, "learning_starts": 32, "updates_per_step": 1},
        "ppo": {**SMALL, "rollout_steps": 8, "epochs": 1},
        "d2sac": {**SMALL, "learning_starts": 32, "updates_per_step": 1},
    },
}
NONE = {"random": 0, "heuristics": 0, "solver_guided": 0}


def write_params(folder, sources=None, seed=3, agents=("sac", "ppo")):
    block = json.loads(json.dumps(BLOCK))
    block["collect"]["agents"] = list(agents)
    block["collect"]["sources"].update(sources or {})
    path = folder / "params.yaml"
    path.write_text(yaml.safe_dump({"base": {"seed": seed, "workers": 2}, "variants": {"water-4": block}}))
    return load(path)


class JobsHere:
    """Runs jobs in this process, one after another: fast, and can be made to stop after some."""

    def __init__(self):
        self.ran = {}
        self.most = 99

    def __call__(self, jobs, workers, title, threads=1, engine=None):
        for job in jobs:
            if not job.result.exists():
                if len(self.ran) == self.most:
                    raise KeyboardInterrupt
                reports = [0]
                job.function(reports.append, **job.arguments)
                self.ran[job.name] = (reports[-1], job.total)


@pytest.fixture
def jobs_here(monkeypatch):
    runner = JobsHere()
    monkeypatch.setattr(stage, "run_jobs", runner)
    threads = torch.get_num_threads()
    yield runner
    torch.set_num_threads(threads)


@pytest.fixture
def room(tmp_path, monkeypatch):
    """Makes and enters a fresh folder."""
    def enter(name):
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        return tmp_path / name

    return enter


def contents(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes()
            for path in sorted((folder / "data").rglob("*")) if path.is_file()}


def test_all_sources_fill_the_dataset_and_the_agents_are_kept(room, jobs_here, capsys):
    folder = room("one")
    stage.collect("water-4", write_params(folder))
    assert list(jobs_here.ran) == ["sac", "ppo", "solver-guided", "random", "heuristics"]
    assert all(done == total for done, total in jobs_here.ran.values())

    rows = datasets.load_from_disk(str(folder / "data/trajectories/water-4")).with_format("numpy")[:]
    behaviours, counts = np.unique(rows["behaviour"], return_counts=True)
    assert set(behaviours) == {"sac", "ppo", "random", "solver-guided", "heuristic:equal_power",
                               "heuristic:best_channel"}
    amounts = dict(zip(behaviours, counts, strict=True))
    assert amounts["random"] == 20 + 1 + 1
    assert amounts["solver-guided"] == 40 + 2 + 2
    assert len(np.unique(rows["episode_id"])) == len(rows["episode_id"])
    assert set(rows["episode_id"] // stage.ID_STRIDE) == {0, 1, 2, 3, 4}

    pool = ContextPool.load(folder / "data/trajectories/water-4/contexts.safetensors",
                            create("water-filling", channels=4))
    assert {split: len(pool[split]) for split in pool.splits} == {"train": 40, "validation": 6, "test": 5}
    for split in pool.splits:
        assert set(rows["context_id"][rows["split"] == split]) <= set(pool[split].ids.tolist())

    agents = folder / "data/agents/water-4"
    assert sorted(path.name for path in agents.iterdir()) == ["curves.json", "ppo.json", "ppo.safetensors", "sac.json",
                                                              "sac.safetensors"]
    assert SharedPolicy.load(agents / "sac").hidden == (8,)
    curves = json.loads((agents / "curves.json").read_text())
    assert [point["environment_steps"] for point in curves["ppo"]] == [64, 128]
    assert not any(path.is_dir() for path in (folder / ".scratch/collect").iterdir())
    assert "collect water-4 | made data/trajectories/water-4" in capsys.readouterr().out


def test_an_interrupted_run_resumes_to_the_same_bytes(room, jobs_here):
    whole = room("whole")
    stage.collect("water-4", write_params(whole))
    jobs_here.ran.clear()
    broken = room("broken")
    params = write_params(broken)
    jobs_here.most = 2
    with pytest.raises(KeyboardInterrupt):
        stage.collect("water-4", params)
    assert not (broken / "data").exists()
    litter = next((broken / ".scratch/collect/water-4").iterdir()) / "random"
    litter.mkdir()
    (litter / "part-00007.arrow").write_bytes(b"half")
    jobs_here.ran.clear()
    jobs_here.most = 99
    stage.collect("water-4", params)
    assert list(jobs_here.ran) == ["solver-guided", "random", "heuristics"]
    assert contents(broken) == contents(whole)


@pytest.mark.parametrize("name", ["sac/part-00000.arrow", "sac/sac.safetensors", "sac.json", "contexts.safetensors"])
def test_what_a_disk_damaged_since_is_done_again(room, jobs_here, capsys, name):
    whole = room("whole")
    stage.collect("water-4", write_params(whole, NONE))
    broken = room("broken")
    params = write_params(broken, NONE)
    jobs_here.ran.clear()
    jobs_here.most = 1
    with pytest.raises(KeyboardInterrupt):
        stage.collect("water-4", params)
    flip_byte(next((broken / ".scratch/collect/water-4").iterdir()) / name)
    jobs_here.ran.clear()
    jobs_here.most = 99
    stage.collect("water-4", params)
    assert list(jobs_here.ran) == (["ppo"] if name.startswith("contexts") else ["sac", "ppo"])
    assert f"does {name.partition('/')[0].partition('.')[0]} again" in capsys.readouterr().out
    assert contents(broken) == contents(whole)


def test_another_seed_shares_nothing_with_an_interrupted_run(room, jobs_here):
    folder = room("one")
    jobs_here.most = 1
    with pytest.raises(KeyboardInterrupt):
        stage.collect("water-4", write_params(folder))
    jobs_here.ran.clear()
    with pytest.raises(KeyboardInterrupt):
        stage.collect("water-4", write_params(folder, seed=4))
    assert list(jobs_here.ran) == ["sac"]


def test_sources_that_add_nothing_are_left_out(room, jobs_here):
    folder = room("one")
    stage.collect("water-4", write_params(folder, NONE))
    assert list(jobs_here.ran) == ["sac", "ppo"]
    info = json.loads((folder / "data/trajectories/water-4/meta/info.json").read_text())
    assert set(info["provenance"]["sources"]) == {"sac", "ppo"}


def test_a_source_split_into_jobs_is_the_same_in_whatever_order_they_run(room, jobs_here, monkeypatch):
    made = {}
    for name, jobs, order in (("forward", 3, 1), ("backward", 3, -1), ("alone", 1, 1)):
        folder = room(name)
        monkeypatch.setattr(stage, "run_jobs", lambda jobs, *others, order=order: jobs_here(jobs[::order], *others))
        stage.collect("water-4", write_params(folder, {"jobs": jobs}, agents=["sac"]))
        made[name] = folder
    assert contents(made["forward"]) == contents(made["backward"])
    split, alone = (datasets.load_from_disk(made[name] / "data/trajectories/water-4").to_pandas()
                    for name in ("forward", "alone"))
    assert {f"random-job-{number}-of-3" for number in (1, 2, 3)} < set(jobs_here.ran)
    assert split["episode_id"].tolist() == alone["episode_id"].tolist()
    assert split["split"].value_counts().to_dict() == alone["split"].value_counts().to_dict()
    walks = split[split["behaviour"] == "random"]
    assert walks["env_seed"].nunique() == 3
    assert len({observed.tobytes() for observed in map(np.concatenate, walks["actions"])}) == len(walks)
    collected = json.loads((made["forward"] / "data/trajectories/water-4/meta/info.json").read_text())["provenance"]
    assert collected["sources"]["random"] == {"episodes": 22}
    assert collected["collect"]["sources"]["jobs"] == 3


def test_walks_guided_by_labels_change_no_other_source(room, jobs_here):
    room("without")
    stage.collect("water-4", write_params(Path(), {**NONE, "random": 20}))
    info = json.loads(Path("data/trajectories/water-4/meta/info.json").read_text())
    assert "label_guided" not in info["provenance"]["collect"]["sources"]  # as in files from before there was such
    without = datasets.load_from_disk("data/trajectories/water-4").with_format("numpy")[:]
    room("with")
    stage.collect("water-4", write_params(Path(), {**NONE, "random": 20, "label_guided": 30}))
    assert list(jobs_here.ran)[-1] == "label-guided"
    guided = datasets.load_from_disk("data/trajectories/water-4").with_format("numpy")[:]
    own = guided["behaviour"] == "label-guided"
    assert own.sum() == 30 + 2 + 2
    for name, values in without.items():
        assert np.array_equal(values, guided[name][~own]), name


def test_walks_guided_by_labels_need_a_design(room, jobs_here):
    folder = room("one")
    block = {"scenario": {"name": "asp-selection"}, "collect": {"sources": {"label_guided": 1}}}
    (folder / "params.yaml").write_text(yaml.safe_dump({"variants": {"asp": block}}))
    with pytest.raises(ParameterError, match=r"sources\.label_guided.*asp-selection.*Allowed: 0"):
        stage.collect("asp", load(folder / "params.yaml"))
    assert not (folder / ".scratch").exists()


def test_a_variant_chooses_its_agents(room, jobs_here):
    folder = room("one")
    params = write_params(folder, NONE, agents=["d2sac", "sac"])
    stage.collect("water-4", params)
    assert list(jobs_here.ran) == ["d2sac", "sac"]
    agents = folder / "data/agents/water-4"
    assert {path.stem for path in agents.iterdir()} == {"curves", "d2sac", "sac"}
    assert isinstance(open_policy(agents / "d2sac"), DenoisingPolicy)
    rows = datasets.load_from_disk(str(folder / "data/trajectories/water-4")).with_format("numpy")[:]
    first = {name: min(rows["episode_id"][rows["behaviour"] == name]) for name in ("d2sac", "sac")}
    assert first == {"d2sac": 0, "sac": stage.ID_STRIDE}
    info = json.loads((folder / "data/trajectories/water-4/meta/info.json").read_text())
    assert info["provenance"]["collect"]["d2sac"]["denoising_steps"] == 5
    assert "ppo" not in info["provenance"]["collect"]


def test_agents_that_do_not_fit_are_refused_before_any_work(room, jobs_here):
    folder = room("one")
    with pytest.raises(ParameterError, match="ddqn chooses one action among several"):
        stage.collect("water-4", write_params(folder, agents=["sac", "ddqn"]))
    assert not (folder / ".scratch").exists()


def test_unknown_variant_is_refused_before_any_work(room, jobs_here):
    folder = room("one")
    with pytest.raises(ParameterError, match="water-4"):
        stage.collect("water-5", write_params(folder))
    assert not (folder / ".scratch").exists()


SCRIPT = """
from aign.engines import messages
from aign.params import load
from aign.stages.collect import collect
if __name__ == "__main__":
    messages.show()
    collect("water-4", load())
"""


@pytest.mark.slow
def test_a_killed_run_in_processes_resumes_to_the_same_bytes(room, jobs_here):
    few = {"random": 0, "heuristics": 0}
    whole = room("whole")
    stage.collect("water-4", write_params(whole, few))
    killed = room("killed")
    write_params(killed, few)
    (killed / "go.py").write_text(SCRIPT)
    run = subprocess.Popen([sys.executable, "go.py"])
    while not list(Path(".scratch").rglob("sac.json")) and run.poll() is None:
        time.sleep(0.05)
    os.kill(run.pid, signal.SIGKILL)
    assert run.wait() == -signal.SIGKILL
    again = subprocess.run([sys.executable, "go.py"], capture_output=True, text=True, check=True)
    assert "resumes the work" in again.stdout
    assert contents(killed) == contents(whole)
