import math

import pytest
import torch

from aign.diffusion.unet import TemporalUNet, sinusoidal

S, K, Q = 3, 5, 4


def network(seed=0, **shape):
    torch.manual_seed(seed)
    return TemporalUNet(S, K, Q, **({"channels": 16, "multipliers": [1, 2], "kernel": 3, "embedding": 32} | shape))


def inputs(batch=6, length=8, seed=1):
    generator = torch.Generator().manual_seed(seed)
    return {"sample_BLS": torch.randn(batch, length, S, generator=generator),
            "timestep_B": torch.randint(50, (batch,), generator=generator),
            "known_BK": torch.randn(batch, K, generator=generator),
            "conditions_BQ": torch.randn(batch, Q, generator=generator),
            "mask_BQ": torch.rand(batch, Q, generator=generator) < 0.5}


@pytest.mark.parametrize("multipliers", [[1], [1, 2], [2, 3], [1, 2, 4]])
@pytest.mark.parametrize("length", [1, 2, 3, 5, 8, 11])
def test_the_prediction_has_the_shape_of_the_sample(multipliers, length):
    given = inputs(2, length)
    for kernel in (1, 3, 5):
        prediction = network(multipliers=multipliers, kernel=kernel)(**given)
        assert prediction.shape == given["sample_BLS"].shape
        assert prediction.isfinite().all()


@pytest.mark.parametrize("multipliers", [[1], [1, 2], [2, 3], [1, 1, 2]])
@pytest.mark.parametrize(("kernel", "embedding"), [(1, 16), (5, 48)])
def test_the_number_of_weights_follows_from_the_sizes(multipliers, kernel, embedding):
    def linear(a, b):
        return a * b + b

    def convolution(a, b, kernel=kernel):
        return kernel * a * b + b

    def block(a, b):
        skip = convolution(a, b, 1) if a != b else 0
        return convolution(a, b) + convolution(b, b) + 4 * b + linear(embedding, b) + skip

    top = 16
    widths = [top * multiplier for multiplier in multipliers]
    expected = sum(linear(a, embedding) + linear(embedding, embedding) for a in (embedding, K, 2 * Q))
    expected += convolution(S, top) + linear(K, top)
    expected += sum(block(a, b) for a, b in zip([top, *widths], widths, strict=False))
    expected += block(widths[-1], widths[-1])
    below = [*widths[1:], widths[-1]]
    expected += sum(block(a + b, b) for a, b in zip(below, widths, strict=True))
    expected += sum(convolution(w, w, 3) for w in widths[:-1]) + sum(convolution(w, w, 4) for w in widths[1:])
    expected += convolution(widths[0], top) + 2 * top + convolution(top, S, 1)
    unet = network(multipliers=multipliers, kernel=kernel, embedding=embedding)
    assert sum(weight.numel() for weight in unet.parameters()) == expected


@pytest.mark.parametrize("value", [-3.0, 1e30, math.inf, math.nan])
def test_a_hidden_condition_has_no_influence_at_all(value):
    unet, given = network(), inputs()
    hidden = ~given["mask_BQ"]
    assert hidden.any()
    changed = given | {"conditions_BQ": torch.where(hidden, value, given["conditions_BQ"])}
    assert torch.equal(unet(**changed), unet(**given))


def changed_rows(unet, given, **changes):
    """Return for each row whether its prediction changes."""
    return (unet(**(given | changes)) != unet(**given)).flatten(1).any(1)


@pytest.mark.parametrize("column", range(Q))
def test_a_shown_condition_has_an_influence_and_so_has_its_being_shown(column):
    unet, given = network(), inputs()
    conditions = given["conditions_BQ"].clone()
    conditions[:, column] += 1.0
    assert torch.equal(changed_rows(unet, given, conditions_BQ=conditions), given["mask_BQ"][:, column])
    shown = given["mask_BQ"].clone()
    shown[:, column] ^= True
    zero = given | {"conditions_BQ": torch.zeros_like(conditions)}
    assert changed_rows(unet, zero, mask_BQ=shown).all(), "a condition of zero differs from a hidden one"


@pytest.mark.parametrize("name", ["timestep_B", "known_BK"])
def test_time_and_known_values_have_an_influence(name):
    unet, given = network(), inputs()
    assert changed_rows(unet, given, **{name: given[name] + 1}).all()


def test_each_state_reaches_every_state_of_a_short_plan():
    unet, given = network(), inputs(1, 4)
    given["sample_BLS"].requires_grad_()
    for place in range(4):
        gradient = torch.autograd.grad(unet(**given)[0, place].sum(), given["sample_BLS"])[0]
        assert (gradient.abs().sum(2) > 0).all()


def test_odd_lengths_are_filled_up_with_the_last_state():
    unet, given = network(multipliers=[1, 2, 2]), inputs(3, 5)
    sample = given["sample_BLS"]
    longer = torch.cat([sample, sample[:, -1:], sample[:, -1:], sample[:, -1:]], dim=1)
    assert torch.equal(unet(**given), unet(**(given | {"sample_BLS": longer}))[:, :5])


def test_it_is_deterministic_and_the_same_in_training_and_evaluation():
    unet, given = network(), inputs()
    first = unet.train()(**given)
    assert torch.equal(unet(**given), first)
    assert torch.equal(unet.eval()(**given), first)
    assert torch.equal(network()(**given), first), "the seed decides the weights"


def test_each_row_depends_on_itself_alone():
    unet, given = network(), inputs()
    together = unet(**given)
    for row in range(len(together)):
        alone = unet(**{name: value[row:row + 1] for name, value in given.items()})
        torch.testing.assert_close(alone[0], together[row], atol=1e-5, rtol=1e-5)
    other = {name: value.clone() for name, value in given.items()}
    other["sample_BLS"][1:] += 1
    assert torch.equal(unet(**other)[0], together[0])


def test_the_gradient_reaches_every_weight():
    unet = network(multipliers=[1, 2, 4])
    unet(**inputs()).square().mean().backward()
    for name, weight in unet.named_parameters():
        assert weight.grad is not None, name
        assert weight.grad.abs().max() > 0, name


def test_saving_and_opening_changes_no_bit(tmp_path):
    unet, given = network(multipliers=[2, 3]).eval(), inputs()
    unet.save_pretrained(tmp_path)
    assert not [path for path in tmp_path.iterdir() if path.suffix not in (".json", ".safetensors")]
    opened = TemporalUNet.from_pretrained(tmp_path)
    assert {name: opened.config[name] for name in ("state_size", "multipliers", "kernel", "embedding")} == {
        "state_size": S, "multipliers": [2, 3], "kernel": 3, "embedding": 32}
    assert opened.state_dict().keys() == unet.state_dict().keys()
    for name, weight in unet.state_dict().items():
        assert torch.equal(opened.state_dict()[name], weight), name
    assert torch.equal(opened(**given), unet(**given))


def test_sinusoidal_features_are_those_of_the_formula():
    features = sinusoidal(torch.tensor([0, 7, 99]), 16)
    for row, step in enumerate([0, 7, 99]):
        angles = [step * 10_000 ** (-place / 7) for place in range(8)]
        expected = [math.sin(angle) for angle in angles] + [math.cos(angle) for angle in angles]
        torch.testing.assert_close(features[row], torch.tensor(expected), atol=1e-5, rtol=1e-5)
