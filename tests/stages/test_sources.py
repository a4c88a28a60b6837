import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aign.agents.settings import CollectSettings
from aign.engines import completion
from aign.errors import DatasetError
from aign.files import manifest
from aign.scenarios.core.registry import create
from aign.stages.collect.sources import Task, act, held_out_counts, job_counts, job_seed
from aign.trajectories.contexts import ContextPool
from aign.trajectories.shard import Shard

COUNTS = {"train": 12, "validation": 3, "test": 2}


@pytest.fixture
def task(tmp_path):
    scenario = create("water-filling", channels=3)
    contexts = tmp_path / "contexts.safetensors"
    ContextPool.draw(scenario, {"train": 9, "validation": 3, "test": 3}, seed=1).save(contexts, scenario)
    return Task(scenario.spec(), CollectSettings(shard_rows=8), 5, contexts, tmp_path / "random",
                tmp_path / "random.json", 700)


def test_the_marker_lists_what_lies_in_the_folder(task):
    reports = []
    act(reports.append, task, "random", COUNTS)
    marker = completion.read(task.marker)
    assert marker["episodes"] == 17
    assert sorted(marker["parts"]) == sorted(path.name for path in task.folder.iterdir())
    assert sorted(manifest.read(task.marker).files) == sorted(f"random/{name}" for name in marker["parts"])
    shards = [Shard(task.folder / part) for part in marker["parts"]]
    assert [number for shard in shards for number in shard.view("episode_id").tolist()] == list(range(700, 717))
    splits = [split for shard in shards for split in shard.strings("split")]
    assert {split: splits.count(split) for split in COUNTS} == COUNTS
    assert reports[-1] == 17
    assert reports == sorted(reports)


def test_what_is_certified_moves_the_count_of_demonstrations(tmp_path):
    scenario = create("ip-optical-planning", topology="polska")
    contexts = tmp_path / "certified.safetensors"
    ContextPool.draw(scenario, {"train": 1, "validation": 1, "test": 1}, seed=1).save(contexts, scenario, designs=True)
    task = Task(scenario.spec(), CollectSettings(), 5, contexts, tmp_path / "guided", tmp_path / "guided.json", 0)
    reports = []
    act(reports.append, task, "solver-guided", {"train": 8, "validation": 1, "test": 1})
    assert reports == sorted(reports)
    assert reports.index(4) < reports.index(8), "each counts half once the design it leads to is certified"
    assert reports[-1] == 10


def test_an_interrupted_attempt_leaves_no_trace(task):
    act(lambda done: None, task, "heuristics", COUNTS)
    clean = {path.name: path.read_bytes() for path in task.folder.iterdir()}
    (task.folder / "part-00099.arrow").write_bytes(b"half")
    act(lambda done: None, task, "heuristics", COUNTS)
    assert {path.name: path.read_bytes() for path in task.folder.iterdir()} == clean


def test_without_contexts_there_is_no_marker(task):
    task.contexts.unlink()
    with pytest.raises(DatasetError, match=r"contexts\.safetensors"):
        act(lambda done: None, task, "random", COUNTS)
    assert not task.marker.exists()


@given(st.integers(0, 10**6), st.floats(0.001, 0.499))
def test_held_out_counts_are_the_share_rounded_up(train, share):
    counts = held_out_counts(train, share)
    assert counts["train"] == train
    assert counts["validation"] == counts["test"] == math.ceil(share * train)
    assert (counts["test"] > 0) == (train > 0)


@pytest.mark.parametrize(("train", "jobs"), [(7, 3), (2, 5), (6, 6), (1_000_000, 8)])
def test_jobs_share_a_source_evenly(train, jobs):
    counts = {"train": train, "validation": 1, "test": 4}
    shares = job_counts(counts, jobs)
    assert len(shares) == min(train, jobs)
    assert {split: sum(share[split] for share in shares) for split in counts} == counts
    assert all(max(share[split] for share in shares) - min(share[split] for share in shares) <= 1 for split in counts)
    assert min(share["train"] for share in shares) > 0


def test_each_job_has_a_seed_of_its_own_and_a_single_one_that_of_the_stage():
    assert job_seed(5, "random", 0, 1) == 5
    seeds = {job_seed(5, source, job, jobs) for source in ("random", "heuristics") for jobs in (2, 3)
             for job in range(jobs)}
    assert len(seeds) == 10
    assert all(0 <= seed < 2**31 for seed in seeds)
