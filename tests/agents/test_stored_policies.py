import pytest
import torch
from torch import nn

from aign.agents.denoising import DenoisingChain, DenoisingPolicy
from aign.agents.policy import SharedPolicy
from aign.agents.stored_policies import open_policy
from aign.errors import ModelError


@pytest.mark.parametrize("bounding", ["tanh", "clip", "choose"])
def test_a_file_that_names_no_kind_is_a_perceptron(bounding, tmp_path) -> None:
    policy, observations = SharedPolicy.from_layers([nn.Linear(2, 5), nn.Linear(5, 3)], bounding), torch.randn(9, 2)
    policy.save(tmp_path / "sac")
    assert '"kind"' not in (tmp_path / "sac.json").read_text()
    found = open_policy(tmp_path / "sac")
    assert isinstance(found, SharedPolicy)
    assert torch.equal(found(observations), policy(observations))


def test_a_chain_is_told_by_its_kind(tmp_path) -> None:
    policy, observations = DenoisingPolicy.from_chain(DenoisingChain(2, 3, (8,), 4, 6), "choose"), torch.randn(9, 2)
    policy.save(tmp_path / "d2sac.v1")
    found = open_policy(tmp_path / "d2sac.v1")
    assert isinstance(found, DenoisingPolicy)
    assert torch.equal(found(observations), policy(observations))


@pytest.mark.parametrize(("text", "match"), [
    ('{"kind": "oracle"}', "'oracle' of a policy is unknown"), ("[]", "not a shared policy"), ("{", r"sac\.json"),
    (None, "missing")])
def test_what_is_no_policy_is_refused(text, match, tmp_path) -> None:
    if text is not None:
        (tmp_path / "sac.json").write_text(text)
    with pytest.raises(ModelError, match=match):
        open_policy(tmp_path / "sac")
