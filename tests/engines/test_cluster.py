"""Jobs on a Ray cluster: a head that takes none and two nodes of a processor each, all on this machine."""

import os
import signal
import tempfile
import threading
import time
from pathlib import Path

import pytest
import torch

ray = pytest.importorskip("ray", reason="needs the package ray: pip install 'aign[cluster]'")
from ray.cluster_utils import Cluster as Nodes  # noqa: E402
from smoke import TRAIN, WATER, write_params  # noqa: E402

from aign.diffusion import parallel  # noqa: E402
from aign.diffusion.settings import TrainSettings  # noqa: E402
from aign.engines import cluster as engine  # noqa: E402
from aign.engines import scratch  # noqa: E402
from aign.engines.jobs import Job, run_jobs  # noqa: E402
from aign.errors import ContextError, ModelError, ResourceError  # noqa: E402
from aign.files.writing import read_json  # noqa: E402
from aign.params import load  # noqa: E402
from aign.settings import EngineSettings, RunSettings  # noqa: E402
from aign.stages.collect import collect  # noqa: E402
from aign.stages.train import learn  # noqa: E402

pytestmark = pytest.mark.slow
TESTS = Path(__file__).parents[1]


@pytest.fixture
def nodes(monkeypatch):
    """The cluster; tests may take nodes away."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(TESTS), str(TESTS / "engines")]))
    monkeypatch.setenv("RAY_health_check_period_ms", "500")  # a node that is gone is missed sooner
    monkeypatch.setenv("RAY_health_check_failure_threshold", "3")
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="r") as short:  # sockets have short names
        cluster = Nodes(initialize_head=True, head_node_args={"num_cpus": 0, "temp_dir": short})
        cluster.workers = []
        for _ in range(2):  # two that start at once can take the same port
            cluster.workers.append(cluster.add_node(num_cpus=1))
            cluster.wait_for_nodes()
        monkeypatch.setenv("AIGN_ENGINE", f"ray:{cluster.address}")
        yield cluster
        ray.shutdown()
        cluster.shutdown()


def note(report, path, seconds):
    """Leave a line for each start; write the result last."""
    with path.with_suffix(".starts").open("a") as starts:
        starts.write(f"{os.getpid()}\n")
    for done in range(3):
        report(done)
        time.sleep(seconds / 3)
    path.write_text("done")


def fail(report):
    raise ContextError("gain[3] = -1")


def jobs(folder, count, seconds):
    return [Job(f"job-{number}", 3, note, {"path": folder / f"job-{number}", "seconds": seconds},
                folder / f"job-{number}") for number in range(count)]


def when(condition, action):
    """Do something in a thread as soon as a condition holds."""
    def wait():
        while not condition():
            time.sleep(0.05)
        action()

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    return thread


def test_jobs_of_a_lost_node_run_again_elsewhere(nodes, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    lost = when(lambda: len(list(tmp_path.glob("*.starts"))) == 2,
                lambda: nodes.remove_node(nodes.workers.pop(), allow_graceful=False))
    run_jobs(jobs(tmp_path, 5, 1.5), 1, "t")
    lost.join()
    starts = [len((tmp_path / f"job-{number}.starts").read_text().split()) for number in range(5)]
    assert all((tmp_path / f"job-{number}").read_text() == "done" for number in range(5))
    assert sum(starts) <= 6  # at most the lost node's job ran twice
    assert "runs on 2 nodes, 2 processors" in capsys.readouterr().out


def test_a_dataset_is_the_same_with_a_node_lost_in_the_middle(nodes, tmp_path, monkeypatch):
    digests = []
    for name in ("cluster", "local"):
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        write_params(tmp_path / name)
        if name == "cluster":
            when(lambda: any(Path(".scratch").rglob("*.json.lock")),
                 lambda: nodes.remove_node(nodes.workers.pop(), allow_graceful=False))
        else:
            monkeypatch.setenv("AIGN_ENGINE", "local")
        collect("water-4", load(tmp_path / name / "params.yaml"))
        digests.append(read_json(Path("data/trajectories/water-4/meta/manifest.json"), ValueError)["digest"])
    assert not nodes.workers[1:]
    assert digests[0] == digests[1]


def part(ranks, report, folder):
    """Sum the ranks over all processes; die, once, or fail, where the folder says so."""
    if (folder / "die").exists() and not ranks.leads:
        (folder / "die").unlink()
        time.sleep(2)  # one that dies while all start is no loss of a node, but ends the training
        os.kill(os.getpid(), signal.SIGKILL)
    total = torch.tensor([float(ranks.rank)])
    torch.distributed.all_reduce(total)
    report(7)
    if (folder / "fail").exists() and not ranks.leads:
        raise ModelError("diverged at step 7")
    said = [ranks.world, torch.get_num_threads(), total.item(), ray.get_runtime_context().get_node_id()]
    (folder / str(ranks.rank)).write_text(" ".join(map(str, said)))


def test_processes_of_one_training_stand_on_several_nodes(nodes, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    said, there = [], EngineSettings(kind="ray", address=nodes.address)
    (tmp_path / "die").touch()
    parallel.launch(2, False, part, said.append, {"folder": tmp_path}, there)
    assert said[-1] == 7
    assert not (tmp_path / "die").exists()  # so one had died, and all began again
    written = [(tmp_path / rank).read_text().rsplit(maxsplit=1) for rank in "01"]
    assert [values for values, _ in written] == ["2 1 1.0"] * 2
    assert {node for _, node in written} == {node.node_id for node in nodes.workers}
    (tmp_path / "fail").touch()
    with pytest.raises(ModelError, match=r"^diverged at step 7$"):
        parallel.launch(2, False, part, said.append, {"folder": tmp_path}, there)
    with pytest.raises(ResourceError, match=r"^train\.processes = 3: the cluster has places for 2,"):
        parallel.launch(3, False, part, said.append, {"folder": tmp_path}, there)
    assert not list(tmp_path.glob(".ranks-*"))


def test_a_training_shared_by_nodes_gives_the_bytes_of_one_machine(nodes, smoke, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    there = EngineSettings(kind="ray", address=nodes.address)
    settings = TrainSettings(**{**TRAIN, "steps": 6, "processes": 2})
    weights = []
    for where in (there, EngineSettings()):
        folder = tmp_path / where.kind
        run = RunSettings(seed=3, device="cpu", threads=1, engine=where)
        arguments = {"dataset": smoke.folder / "data/trajectories" / WATER, "settings": settings, "run": run,
                     "digest": "", "behaviours": None, "checkpoint_path": folder / "state.safetensors",
                     "model": folder / "model", "marker": folder / "marker"}
        monkeypatch.delenv("AIGN_ENGINE", raising=False)
        run_jobs([Job("shared", 6, learn, arguments, folder / "marker", processes=2)], 1, "t", engine=where)
        weights.append((folder / "model/unet/diffusion_pytorch_model.safetensors").read_bytes())
    assert weights[0] == weights[1]


def test_a_users_error_comes_back_as_itself_and_what_cannot_run_is_told(nodes, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with monkeypatch.context() as here:
        here.setattr(scratch, "LIBRARIES", ())  # in this process, not on the nodes
        with pytest.raises(ResourceError, match="has other code"):
            run_jobs(jobs(tmp_path, 1, 0.1), 1, "t")

    with pytest.raises(ContextError, match=r"^gain\[3\] = -1$"):
        run_jobs([Job("one", 1, fail, {}, tmp_path / "one")], 1, "t")

    monkeypatch.setattr(engine, "GRACE_SECONDS", 1.0)
    when((tmp_path / "job-0.starts").exists,
         lambda: [nodes.remove_node(node, allow_graceful=False) for node in nodes.workers])
    with pytest.raises(ResourceError, match="no node with 1 processors is left"):
        run_jobs(jobs(tmp_path, 1, 60), 1, "t")


def test_a_cluster_that_is_not_there_is_told(tmp_path):
    with pytest.raises(ResourceError, match=r"no Ray cluster was reached at '127\.0\.0\.1:1'.*ray start"):
        run_jobs(jobs(tmp_path, 1, 0.1), 1, "t", engine=EngineSettings(kind="ray", address="127.0.0.1:1"))
