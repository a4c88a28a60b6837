import pytest
import torch

from aign.scenarios.core.adam import Adam


def drawn(seed):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(shape, generator=generator) for shape in ((5, 3), (7,), (1, 33))]


@pytest.mark.parametrize("decay", [0.0, 0.3])
def test_it_is_torchs_fused_one_to_the_last_bit_also_resumed(decay) -> None:
    ours, theirs = drawn(0), [value.requires_grad_() for value in drawn(0)]
    descent, reference = Adam(ours, decay), torch.optim.AdamW(theirs, lr=1.0, weight_decay=decay, fused=True)
    for step in range(1, 30):
        rate, gradients = 0.1 / step, drawn(step)
        descent.step(gradients, rate)
        reference.param_groups[0]["lr"] = rate
        for value, gradient in zip(theirs, gradients, strict=True):
            value.grad = gradient.clone()
        reference.step()
        assert all(torch.equal(value, other) for value, other in zip(ours, theirs, strict=True))
        if step == 9:
            state = descent.state()
            descent = Adam(ours, decay)
            descent.restore(state)
    assert descent.steps == 29
    expected = {f"{place}/{name}": value for place, moments in reference.state_dict()["state"].items()
                for name, value in moments.items()}
    assert descent.state().keys() == expected.keys()
    assert all(torch.equal(value, expected[name]) for name, value in descent.state().items())


def test_it_descends_against_the_gradients_of_backward_passes() -> None:
    values, others = [value.requires_grad_() for value in drawn(0)], drawn(0)
    descent, by_hand = Adam(values), Adam(others)
    for _ in range(3):
        descent.forget()
        sum((value**2).sum() for value in values).backward()
        by_hand.step([2 * value for value in others], 0.1)
        descent.descend(0.1)
    assert all(torch.equal(value, other) for value, other in zip(values, others, strict=True))


def test_what_another_network_left_is_refused() -> None:
    state = Adam(drawn(0)).state()
    with pytest.raises(KeyError, match="2/exp_avg"):
        Adam(drawn(0)).restore({name: value for name, value in state.items() if not name.startswith("2")})
    with pytest.raises(RuntimeError, match="size"):
        Adam([torch.zeros(4)]).restore(state)
