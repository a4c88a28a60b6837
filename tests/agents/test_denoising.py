import math

import pytest
import torch
from diffusers import DDPMScheduler
from hypothesis import given
from hypothesis import strategies as st

from aign.agents.denoising import BETA_LEAST, BETA_MOST, DenoisingChain, DenoisingPolicy, posterior, sinusoids
from aign.errors import ModelError


def chain(steps: int = 5, values: int = 3) -> DenoisingChain:
    torch.manual_seed(0)
    return DenoisingChain(features=2, values=values, hidden=(16, 8), steps=steps, embedding=4)


@pytest.mark.parametrize("steps", [1, 2, 5, 12])
def test_the_steps_are_those_of_a_known_scheduler(steps) -> None:
    k = torch.arange(1, steps + 1)
    betas = 1 - torch.exp(-BETA_LEAST / steps - 0.5 * (BETA_MOST - BETA_LEAST) * (2 * k - 1) / steps**2)
    known = DDPMScheduler(num_train_timesteps=steps, trained_betas=betas.tolist(), prediction_type="sample",
                          clip_sample=False)
    own, latent, clean = posterior(steps), torch.randn(50, 3), torch.randn(50, 3)
    for step in range(steps):
        generator = torch.Generator().manual_seed(step)
        expected = known.step(clean, step, latent, generator=generator).prev_sample
        noise = torch.randn(50, 3, generator=torch.Generator().manual_seed(step))
        ours = own["towards"][step] * clean + own["remains"][step] * latent + own["spread"][step] * noise
        assert torch.allclose(ours, expected, atol=1e-4)


@given(st.integers(1, 60))
def test_the_last_step_takes_the_clean_value_itself(steps) -> None:
    own = posterior(steps)
    assert (own["towards"][0], own["remains"][0], own["spread"][0]) == (pytest.approx(1), 0, 0)
    assert all((values >= 0).all() and (values <= 1 + 1e-6).all() for values in own.values())


def test_steps_are_told_apart() -> None:
    table = sinusoids(20, 8)
    assert table.shape == (20, 8)
    assert torch.cdist(table, table).fill_diagonal_(9).min() > 0.05
    assert torch.allclose(table[:, 0], torch.arange(1, 21).sin())


def test_without_noise_the_chain_is_its_mean_path() -> None:
    own, observations = chain(), torch.randn(7, 2)
    latent = torch.zeros(7, 3)
    for step in (4, 3, 2, 1):
        latent = own.towards[step] * own.denoise(latent, step, observations)[1].tanh() + own.remains[step] * latent
    features, values = own(observations, noise=False)
    assert features.shape == (7, 8)
    assert torch.allclose(values, own.denoise(latent, 0, observations)[1], atol=1e-6)
    state = torch.get_rng_state()
    assert torch.equal(own(observations, noise=False)[1], values)
    assert torch.equal(torch.get_rng_state(), state)


def test_with_noise_each_draw_differs_and_streams_repeat() -> None:
    own, observations = chain(), torch.randn(1, 2).expand(500, -1)
    drawn = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        drawn.append(own(observations, noise=True)[1])
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])
    assert (drawn[0].std(dim=0) > 1e-3).all()


@pytest.mark.parametrize("steps", [1, 2, 5])
def test_gradients_flow_through_every_step(steps) -> None:
    own, observations = chain(steps), torch.randn(40, 2, requires_grad=True)
    met = []
    own.clean.register_forward_hook(lambda module, given, values: values.retain_grad() or met.append(values))
    own(observations, noise=True)[1].square().sum().backward()
    assert len(met) == steps
    assert all(values.grad.abs().sum() > 0 for values in met)
    assert observations.grad.abs().sum() > 0
    assert all(parameter.grad.abs().sum() > 0 for parameter in own.parameters())


def test_a_chain_can_hold_two_answers_where_a_gaussian_holds_their_mean() -> None:
    own = chain(values=1)
    optimiser = torch.optim.Adam(own.parameters(), 1e-2)
    targets = torch.where(torch.arange(256) % 2 == 0, 0.8, -0.8)[:, None]
    for _ in range(600):  # as diffusion models are fitted: noise the target, estimate it
        step = int(torch.randint(5, ()))
        kept = math.exp(-BETA_LEAST * (step + 1) / 5 - 0.5 * (BETA_MOST - BETA_LEAST) * ((step + 1) / 5) ** 2)
        latent = math.sqrt(kept) * targets + math.sqrt(1 - kept) * torch.randn_like(targets)
        loss = (own.denoise(latent, step, torch.zeros(256, 2))[1].tanh() - targets).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    drawn = own(torch.zeros(2000, 2), noise=True)[1].tanh()
    assert 0.3 < (drawn > 0).float().mean() < 0.7
    assert (drawn**4).mean() / (drawn**2).mean() ** 2 < 2  # kurtosis: 1 of two values, 3 of a Gaussian


@pytest.mark.parametrize("bounding", ["tanh", "choose"])
def test_the_policy_is_a_copy_of_the_chain(bounding) -> None:
    own, observations = chain(), 3 * torch.randn(30, 2)
    state = torch.get_rng_state()
    policy = DenoisingPolicy.from_chain(own, bounding)
    assert torch.equal(torch.get_rng_state(), state)
    values = own(observations, noise=False)[1]
    expected = values.tanh() if bounding == "tanh" else torch.eye(3)[values.argmax(1)]
    assert torch.allclose(policy(observations), expected)
    with torch.no_grad():
        own.clean.bias += 1
    assert torch.allclose(policy(observations), expected)


def test_a_saved_policy_acts_the_same(scenario, tmp_path) -> None:
    policy, contexts, states = DenoisingPolicy.from_chain(chain(values=1), "tanh"), torch.rand(9, 3), torch.rand(9, 3)
    policy.save(tmp_path / "agents" / "d2sac")
    loaded = DenoisingPolicy.load(tmp_path / "agents" / "d2sac")
    assert policy.act(scenario, contexts, states, 0).shape == (9, 3)
    assert torch.equal(loaded.act(scenario, contexts, states, 0), policy.act(scenario, contexts, states, 0))
    assert not any(parameter.requires_grad for parameter in loaded.parameters())


def test_damaged_policies_are_refused(tmp_path) -> None:
    with pytest.raises(ModelError, match=r"d2sac\.json: missing"):
        DenoisingPolicy.load(tmp_path / "d2sac")
    for wrong, match in (("{}", "not a denoising chain"), (None, "size mismatch")):
        DenoisingPolicy.from_chain(chain(), "tanh").save(tmp_path / "d2sac")
        file = tmp_path / "d2sac.json"
        file.write_text(wrong or file.read_text().replace("16", "17"))
        with pytest.raises(ModelError, match=match):
            DenoisingPolicy.load(tmp_path / "d2sac")
    DenoisingPolicy.from_chain(chain(), "tanh").save(tmp_path / "d2sac")
    weights = tmp_path / "d2sac.safetensors"
    weights.write_bytes(weights.read_bytes()[:-4])
    with pytest.raises(ModelError, match="Train the agent again"):
        DenoisingPolicy.load(tmp_path / "d2sac")


def test_more_steps_take_as_many_evaluations() -> None:
    counts = []
    for steps in (1, 3, 6):
        own, calls = chain(steps), []
        own.trunk.register_forward_hook(lambda *given, calls=calls: calls.append(1))
        own(torch.zeros(2, 2), noise=True)
        counts.append(len(calls))
    assert counts == [1, 3, 6]
