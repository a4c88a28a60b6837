import pytest
import torch
from stable_baselines3.common.utils import polyak_update

from aign.agents.descent import Adam, LearnedCoefficient, follow


def drawn(seed):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(shape, generator=generator) for shape in ((5, 3), (7,), (1, 33))]


def test_adam_is_torchs_fused_one_to_the_last_bit() -> None:
    ours, theirs = drawn(0), [value.requires_grad_() for value in drawn(0)]
    descent, reference = Adam(ours), torch.optim.Adam(theirs, lr=1.0, fused=True)
    for step in range(1, 30):
        rate, gradients = 0.1 / step, drawn(step)
        descent.step(gradients, rate)
        reference.param_groups[0]["lr"] = rate
        for value, gradient in zip(theirs, gradients, strict=True):
            value.grad = gradient.clone()
        reference.step()
        assert all(torch.equal(value, other) for value, other in zip(ours, theirs, strict=True))
    assert descent.steps == 29


@pytest.mark.parametrize("shape", [(), (1,)])
def test_a_learned_coefficient_moves_as_torchs_adam_moves_it(shape) -> None:
    start = torch.full(shape, -2.3)
    coefficient, logarithm = LearnedCoefficient(start), start.clone().requires_grad_()
    reference = torch.optim.Adam([logarithm], lr=1.0)
    for step in range(1, 50):
        rate, gradient = 0.01 / step, torch.full(shape, float(drawn(step)[0][0, 0]))
        coefficient.step(gradient, rate)
        reference.param_groups[0]["lr"] = rate
        logarithm.grad = gradient.clone()
        reference.step()
        assert torch.equal(coefficient.logarithm, logarithm)
    assert torch.equal(coefficient.value, logarithm.exp())
    assert torch.equal(start, torch.full(shape, -2.3))


def test_targets_follow_as_the_librarys_do() -> None:
    targets, others, values = drawn(1), drawn(1), drawn(2)
    for _ in range(5):
        follow(targets, values, 0.03)
        polyak_update(values, others, 0.03)
    assert all(torch.equal(value, other) for value, other in zip(targets, others, strict=True))
    assert not torch.equal(targets[0], drawn(1)[0])
