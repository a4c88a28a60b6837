import pytest
import torch

from aign.diffusion import device
from aign.errors import ParameterError


@pytest.mark.parametrize(("name", "present", "kind"), [("auto", False, "cpu"), ("auto", True, "cuda"),
                                                      ("cpu", False, "cpu"), ("cpu", True, "cpu"),
                                                      ("cuda", True, "cuda")])
def test_a_gpu_is_used_where_there_is_one_and_it_is_wanted(monkeypatch, name, present, kind):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: present)
    assert device.choose(name) == torch.device(kind)


def test_a_gpu_that_is_not_there_is_an_error(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ParameterError, match="no CUDA device"):
        device.choose("cuda")
