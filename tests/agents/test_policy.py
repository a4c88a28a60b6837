from pathlib import Path

import pytest
import torch
from torch import nn

from aign.agents.policy import SharedPolicy
from aign.errors import ModelError


def policy(bounding: str) -> SharedPolicy:
    torch.manual_seed(0)
    return SharedPolicy.from_layers([nn.Linear(2, 5), nn.Linear(5, 4), nn.Linear(4, 1)], bounding)


@pytest.mark.parametrize("bounding", ["tanh", "clip"])
def test_forward_is_the_formula(bounding: str) -> None:
    own = policy(bounding)
    weights = [(layer.weight, layer.bias) for layer in own.layers if isinstance(layer, nn.Linear)]
    value = observations = 20 * torch.randn(50, 2)
    for index, (weight, bias) in enumerate(weights):
        value = value @ weight.T + bias
        value = value if index == 2 else value * torch.sigmoid(value)
    expected = torch.tanh(value) if bounding == "tanh" else value.clip(-1, 1)
    assert torch.allclose(own(observations), expected, atol=1e-6)
    assert own.hidden == (5, 4)


def test_each_user_is_decided_by_what_it_sees_alone(scenario) -> None:
    own, contexts = policy("tanh"), torch.tensor([[9.0, 5.0, 1.0]])
    together = own.act(scenario, contexts, torch.tensor([[1.0, 2.0, 3.0]]), 0)
    alone = torch.cat([own(torch.tensor([x / 5 - 1, c / 5 - 1])) for x, c in ((1, 9), (2, 5), (3, 1))])
    assert together.shape == (1, 3)
    assert torch.allclose(together[0], alone, atol=1e-6)


def test_saved_policy_acts_the_same(scenario, tmp_path: Path) -> None:
    own, contexts, states = policy("clip"), torch.rand(20, 3) * 10, torch.rand(20, 3) * 10
    own.save(tmp_path / "agents" / "sac.v1")
    assert {file.name for file in (tmp_path / "agents").iterdir()} == {"sac.v1.json", "sac.v1.safetensors"}
    loaded = SharedPolicy.load(tmp_path / "agents" / "sac.v1")
    assert torch.equal(loaded.act(scenario, contexts, states, 0), own.act(scenario, contexts, states, 0))
    assert not any(parameter.requires_grad for parameter in loaded.parameters())


def test_damaged_policies_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"sac\.json: missing"):
        SharedPolicy.load(tmp_path / "sac")
    policy("tanh").save(tmp_path / "sac")
    weights = tmp_path / "sac.safetensors"
    weights.write_bytes(weights.read_bytes()[:-8])
    with pytest.raises(ModelError, match="Train the agent again"):
        SharedPolicy.load(tmp_path / "sac")
    policy("tanh").save(tmp_path / "sac")
    shape = (tmp_path / "sac.json").read_text()
    (tmp_path / "sac.json").write_text(shape.replace("5", "6"))
    with pytest.raises(ModelError, match="size mismatch"):
        SharedPolicy.load(tmp_path / "sac")
    (tmp_path / "sac.json").write_text("{}")
    with pytest.raises(ModelError, match="not a shared policy"):
        SharedPolicy.load(tmp_path / "sac")
