"""Training in several processes: the same loss, the same gradients, the same bytes each time, also after a kill."""

import json
import math
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from pydantic import ValidationError
from smoke import TRAIN, WATER

from aign.diffusion import parallel
from aign.diffusion.ranks import ALONE, Ranks
from aign.diffusion.settings import TrainSettings
from aign.errors import ModelError, ResourceError
from aign.settings import RunSettings
from aign.stages.train import learn

ROOT = Path(__file__).parents[2]
RUN = RunSettings(seed=3, device="cpu", threads=1)


def gradients(make_trainer, ranks, **changes):
    """The loss of one batch and the gradient of every weight, as one process of several has them."""
    trainer = make_trainer(**changes)
    object.__setattr__(trainer.objective, "ranks", ranks)
    rows = torch.randint(len(trainer.train[0]), (16,), generator=trainer.generator)
    for module in trainer.modules().values():
        for parameter in module.parameters():  # some start at zero, and then pass nothing on
            parameter.data += 0.05 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(7))
    loss = (trainer.objective.denoising(trainer.unet, trainer.train[0], rows)
            + trainer.objective.inverse(trainer.inverse, trainer.train[0], rows))
    loss.backward()
    return loss.item(), [parameter.grad for parameter in trainer.parameters], trainer.generator.get_state()


@pytest.mark.parametrize("changes", [{"return_weighting": 3.0}, {"condition": "hindsight", "return_weighting": 1.0},
                                     {"prediction": "epsilon", "one_at_a_time": True}])
@pytest.mark.parametrize("world", [2, 4])
def test_the_mean_over_the_processes_is_the_loss_of_the_batch(make_trainer, changes, world):
    loss, wanted, state = gradients(make_trainer, ALONE, **changes)
    shares = [gradients(make_trainer, Ranks(rank, world), **changes) for rank in range(world)]
    assert math.isclose(sum(share[0] for share in shares) / world, loss, rel_tol=1e-5)
    for place, whole in enumerate(wanted):
        mean = sum(share[1][place] for share in shares) / world
        assert torch.allclose(mean, whole, rtol=1e-4, atol=1e-5 * float(whole.abs().max()) + 1e-9)
    assert all(torch.equal(share[2], state) for share in shares)  # whoever computes what, the draws are the same


def test_one_process_goes_unsaid_and_several_share_a_batch_evenly():
    assert "processes" not in TrainSettings().model_dump()
    assert TrainSettings(processes=2).model_dump()["processes"] == 2
    with pytest.raises(ValidationError, match="batch_size = 50 cannot be shared by processes = 4"):
        TrainSettings(batch_size=50, processes=4)


def test_one_process_is_this_one():
    said = []
    parallel.launch(1, False, lambda ranks, report, place: report((ranks, place)), said.append, {"place": os.getpid()})
    assert said == [(ALONE, os.getpid())]


def failing(ranks, report, folder):
    """Fail in one process while the other waits for it."""
    report(5)
    (folder / str(ranks.rank)).write_text(f"{ranks.world} {torch.get_num_threads()}")
    torch.distributed.barrier()
    if ranks.leads:
        raise ModelError("diverged at step 7")
    torch.distributed.barrier()


def dying(ranks, report):
    """End as a process does that the kernel kills."""
    if not ranks.leads:
        os.kill(os.getpid(), 9)
    torch.distributed.barrier()


@pytest.mark.slow
def test_what_goes_wrong_in_a_process_is_one_error(tmp_path):
    said = []
    with pytest.raises(ModelError, match=r"^diverged at step 7$"):
        parallel.launch(2, False, failing, said.append, {"folder": tmp_path})
    assert said == [5]
    assert [(tmp_path / rank).read_text() for rank in "01"] == ["2 1", "2 1"]
    with pytest.raises(ResourceError, match=r"Training in 2 processes: one of them ended .*run the command again"):
        parallel.launch(2, False, dying, said.append, {})


KILLED = """
import sys
from pathlib import Path
from test_parallel import train

if __name__ == "__main__":
    train(Path(sys.argv[1]), Path(sys.argv[2]))
"""


def train(dataset, folder):
    """Train for so long that there is time to be killed between the first checkpoint and the end."""
    torch.set_num_threads(RUN.threads)  # as the stage does
    settings = TrainSettings(**{**TRAIN, "steps": 120, "evaluate_every": 60, "checkpoint_every": 20,
                                "processes": 2})
    learn(lambda done: None, dataset, settings, RUN, "digest", None, folder / "state.safetensors", folder / "model",
          folder / "marker.json")


@pytest.mark.slow
def test_a_killed_training_goes_on_to_the_bytes_of_another_run(smoke, tmp_path):
    dataset = smoke.folder / "data/trajectories" / WATER
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    train(dataset, whole)
    script = tmp_path / "killed.py"
    script.write_text(KILLED)
    path = os.pathsep.join(map(str, (ROOT / "pipeline", ROOT / "tests", ROOT / "tests/diffusion")))
    process = subprocess.Popen([sys.executable, script, dataset, killed], env={**os.environ, "PYTHONPATH": path})
    while not (killed / "state.safetensors").exists():
        assert process.poll() is None
        time.sleep(0.01)
    process.kill()
    process.wait()
    assert not (killed / "marker.json").exists()
    train(dataset, killed)
    for name in ("model/unet/diffusion_pytorch_model.safetensors", "model/history.json", "state.safetensors"):
        assert (killed / name).read_bytes() == (whole / name).read_bytes()
    assert json.loads((whole / "model/model_index.json").read_text())["design"]["settings"]["processes"] == 2
