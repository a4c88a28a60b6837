import pytest
import torch
from stable_baselines3.common.utils import polyak_update, update_learning_rate

from aign.agents.descent import LearnedCoefficient, PolicyDescent, entropy_coefficient, follow


def drawn(seed):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(shape, generator=generator) for shape in ((5, 3), (7,), (1, 33))]


def test_a_policy_is_moved_as_by_torchs_adam() -> None:
    ours, theirs = ([value.requires_grad_() for value in drawn(0)] for _ in range(2))
    descents = [PolicyDescent(iter(ours), lr=1.0), torch.optim.Adam(theirs, lr=1.0, fused=True)]
    for step in range(1, 20):
        for values, descent in zip((ours, theirs), descents, strict=True):
            update_learning_rate(descent, 0.1 / step)
            descent.zero_grad()
            sum((value**4).sum() for value in values).backward()
            descent.step()
    assert all(torch.equal(value, other) for value, other in zip(ours, theirs, strict=True))
    assert not torch.equal(ours[0], drawn(0)[0])


@pytest.mark.parametrize(("text", "start", "learned"), [("0.2", 0.2, False), ("auto", 1.0, True),
                                                        ("auto_0.1", 0.1, True)])
def test_an_entropy_coefficient_is_read_as_the_library_reads_it(text, start, learned) -> None:
    assert entropy_coefficient(text) == (start, learned)


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
