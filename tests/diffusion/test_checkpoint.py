import json

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import nn

from aign.diffusion import checkpoint
from aign.diffusion.checkpoint import Progress
from aign.errors import ModelError, StorageError
from aign.scenarios.core.adam import Adam

CPU = torch.device("cpu")
PROGRESS = Progress(3, 0.25, [{"step": 3.0, "loss": 1 / 3}])


class Training:
    """Two small networks, one optimiser, one generator."""

    def __init__(self, seed=0, width=5):
        torch.manual_seed(seed)
        self.modules = {"net": nn.Linear(3, width), "best.net": nn.Linear(3, width)}
        self.optimiser = Adam(self.modules["net"].parameters())
        self.generator = torch.Generator().manual_seed(seed)
        self.parts = (self.modules, self.optimiser, self.generator)

    def step(self):
        given = torch.randn(8, 3, generator=self.generator)
        self.optimiser.forget()
        self.modules["net"](given).square().mean().backward()
        self.optimiser.descend(1e-2)

    def weights(self):
        return torch.cat([value.flatten() for module in self.modules.values() for value in module.parameters()])


@pytest.fixture
def training():
    training = Training()
    for _ in range(3):
        training.step()
    return training


@pytest.fixture
def path(tmp_path, training):
    path = tmp_path / "training" / "checkpoint.safetensors"
    checkpoint.save(path, *training.parts, PROGRESS)
    return path


def test_a_training_goes_on_as_if_nothing_had_happened(path, training):
    resumed = Training(seed=9)
    progress = checkpoint.load(path, *resumed.parts, CPU)
    assert progress == PROGRESS
    assert torch.equal(resumed.weights(), training.weights())
    for _ in range(4):
        training.step()
        resumed.step()
        assert torch.equal(resumed.weights(), training.weights())
    assert torch.equal(resumed.generator.get_state(), training.generator.get_state())


def test_a_training_that_has_not_begun_can_be_saved(tmp_path):
    fresh, resumed = Training(1), Training(2)
    checkpoint.save(tmp_path / "c", *fresh.parts, Progress())
    assert checkpoint.load(tmp_path / "c", *resumed.parts, CPU) == Progress(0, float("-inf"), [])
    fresh.step()
    resumed.step()
    assert torch.equal(resumed.weights(), fresh.weights())


def test_the_file_holds_tensors_and_json_only(path):
    with safe_open(path, "pt") as file:
        assert json.loads(file.metadata()["progress"])["step"] == 3
        names = set(file.keys())
    moments = {f"optimiser/{index}/{name}" for index in (0, 1) for name in ("step", "exp_avg", "exp_avg_sq")}
    assert names == {"generator", *moments, "net/weight", "net/bias", "best.net/weight", "best.net/bias"}
    assert list(path.parent.iterdir()) == [path]


def test_damaged_files_are_refused(path):
    content = path.read_bytes()
    for length in (0, 1, 8, 100, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:length])
        with pytest.raises(ModelError, match="Delete it to train anew") as caught:
            checkpoint.load(path, *Training().parts, CPU)
        assert str(path) in str(caught.value)


def test_a_damaged_header_never_ends_in_a_foreign_error_or_another_state(path, training):
    content = path.read_bytes()
    refused = 0
    for place in range(0, 8 + int.from_bytes(content[:8], "little"), 2):
        path.write_bytes(content[:place] + bytes([content[place] ^ 0x15]) + content[place + 1:])
        resumed = Training(seed=9)
        try:
            assert checkpoint.load(path, *resumed.parts, CPU) == PROGRESS
        except ModelError:
            refused += 1
        else:  # white space and the like, nothing that is read
            assert torch.equal(resumed.weights(), training.weights())
    assert refused > 300


def test_a_flipped_bit_of_any_tensor_is_found(path):
    content = path.read_bytes()
    checkpoint.check(path)
    for place in range(8 + int.from_bytes(content[:8], "little"), len(content), 7):
        path.write_bytes(content[:place] + bytes([content[place] ^ 1 << place % 8]) + content[place + 1:])
        for read in (checkpoint.check, lambda damaged: checkpoint.load(damaged, *Training().parts, CPU)):
            with pytest.raises(ModelError, match="SHA-256") as caught:
                read(path)
            assert str(path) in str(caught.value)


def rewritten(path, change, metadata=None):
    tensors = load_file(path)
    with safe_open(path, "pt") as file:
        header = file.metadata()
    change(tensors)
    save_file(tensors, path, header if metadata is None else metadata)


@pytest.mark.parametrize("change", [
    lambda tensors: tensors.pop("generator"), lambda tensors: tensors.pop("net/bias"),
    lambda tensors: tensors.update({"net/other": torch.zeros(1)}),
    lambda tensors: tensors.update({"generator": torch.zeros(5, dtype=torch.uint8)}),
    lambda tensors: tensors.update({"optimiser/x/step": torch.zeros(1)}),
    lambda tensors: tensors.clear()])
def test_files_of_other_trainings_are_refused(path, change):
    rewritten(path, change)
    with pytest.raises(ModelError, match="not a checkpoint of this training"):
        checkpoint.load(path, *Training().parts, CPU)


@pytest.mark.parametrize("metadata", [{}, {"progress": "{"}, {"progress": "[]"}, {"progress": '{"steps": 3}'}])
def test_files_without_progress_are_refused(path, metadata):
    rewritten(path, lambda tensors: None, metadata)
    with pytest.raises(ModelError, match="not a checkpoint of this training"):
        checkpoint.load(path, *Training().parts, CPU)


def test_a_checkpoint_of_a_wider_network_is_refused(path):
    with pytest.raises(ModelError, match="not a checkpoint of this training"):
        checkpoint.load(path, *Training(width=6).parts, CPU)


def test_text_and_folders_are_refused(path):
    path.write_text("not tensors")
    with pytest.raises(ModelError):
        checkpoint.load(path, *Training().parts, CPU)
    with pytest.raises(ModelError):
        checkpoint.load(path.parent, *Training().parts, CPU)


def test_a_save_that_fails_keeps_the_old_checkpoint(path, training, monkeypatch):
    before = path.read_bytes()

    def full(tensors, target, header):
        target.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint, "save_file", full)
    with pytest.raises(StorageError, match="No space left"):
        checkpoint.save(path, *training.parts, Progress(4))
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]
