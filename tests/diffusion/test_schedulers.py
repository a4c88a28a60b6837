import logging
from inspect import signature

import pytest
import torch

from aign.diffusion import schedulers
from aign.diffusion.noise_schedule import NoiseSchedule
from aign.errors import ParameterError

CPU = torch.device("cpu")
KINDS = ("sample", "epsilon", "v_prediction")


def trained(kind="sample", steps=60):
    return NoiseSchedule.of(steps, kind)


def predictions(clean, noise, share):
    """What a perfect network predicts, of each kind."""
    return {"sample": clean, "epsilon": noise, "v_prediction": share.sqrt() * noise - (1 - share).sqrt() * clean}


@pytest.mark.parametrize("kind", KINDS)
def test_the_clean_sample_undoes_the_noise(kind):
    schedule, generator = trained(kind), torch.Generator().manual_seed(0)
    clean = torch.rand(60, 4, 3, generator=generator) * 2 - 1
    noise, step = torch.randn(clean.shape, generator=generator), torch.arange(60)
    noisy = schedule.add_noise(clean, noise, step)
    prediction = {"sample": clean, "epsilon": noise, "v_prediction": schedule.velocity(clean, noise, step)}[kind]
    found = schedulers.clean_sample(prediction, noisy, kind, schedule.alphas_cumprod[step][:, None, None])
    # The last steps keep almost nothing of the clean sample, so noise predictions cost digits there.
    torch.testing.assert_close(found, clean, atol=2e-3 if kind == "epsilon" else 1e-5, rtol=0)
    torch.testing.assert_close(found[:40], clean[:40], atol=1e-5, rtol=0)


@pytest.mark.parametrize("kind", KINDS)
def test_the_clean_sample_is_clamped(kind):
    generator = torch.Generator().manual_seed(0)
    far = [10 * torch.randn(50, 3, generator=generator) for _ in range(2)]
    found = schedulers.clean_sample(*far, kind, torch.tensor(0.3))
    assert found.min() == -1
    assert found.max() == 1
    tiny = schedulers.clean_sample(*far, kind, torch.tensor(0.0))
    assert tiny.isfinite().all()


@pytest.mark.parametrize("name", schedulers.SUPPORTED)
@pytest.mark.parametrize("steps", [1, 2, 3, 10, 15, 30, 60])
@pytest.mark.parametrize("kind", KINDS)
def test_with_a_perfect_network_every_scheduler_follows_the_forward_process(name, steps, kind):
    """The noise that is left must be standard at every step, and the clean sample must be found."""
    schedule, generator = trained(kind), torch.Generator().manual_seed(steps)
    clean = torch.rand(40, 8, 10, generator=generator) * 1.8 - 0.9
    scheduler = schedulers.build(name, schedule, steps, CPU)
    assert len(scheduler.timesteps) == steps
    assert int(scheduler.timesteps[0]) == 59, "sampling starts where the forward process ends"
    noisy = torch.randn(clean.shape, generator=generator) * scheduler.init_noise_sigma
    chance = {"generator": generator} if "generator" in signature(scheduler.step).parameters else {}
    for step in scheduler.timesteps:
        scaled, share = scheduler.scale_model_input(noisy, step), schedule.alphas_cumprod[step.long()]
        noise = (scaled - share.sqrt() * clean) / (1 - share).sqrt()
        assert float(noise.std()) == pytest.approx(1.0, abs=0.06)
        found = schedulers.clean_sample(predictions(clean, noise, share)[kind], scaled, kind, share)
        torch.testing.assert_close(found, clean, atol=2e-3, rtol=0)
        noisy = scheduler.step(found, step, noisy, **chance).prev_sample
    torch.testing.assert_close(found, clean, atol=1e-4 if steps > 1 else 2e-3, rtol=0)
    assert float((noisy - clean).std()) < 0.1, "what little noise is left is that of the first training step"


@pytest.mark.parametrize("name", schedulers.SUPPORTED)
def test_building_a_scheduler_prints_nothing(name, caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger("diffusers"), "propagate", True)
    for steps in (3, 10, 15):
        schedulers.build(name, trained(), steps, CPU)
    assert caplog.text == ""


def test_unknown_schedulers_and_numbers_of_steps_are_refused():
    with pytest.raises(ParameterError, match="Did you mean 'DDIMScheduler'"):
        schedulers.build("DDIMSchedular", trained(), 10, CPU)
    with pytest.raises(ParameterError, match="Unknown scheduler 'DiffusionPipeline'"):
        schedulers.build("DiffusionPipeline", trained(), 10, CPU)
    for steps in (0, -1, 61):
        with pytest.raises(ParameterError, match=f"denoising steps {steps}: allowed from 1 to 60"):
            schedulers.build("DPMSolverMultistepScheduler", trained(), steps, CPU)


@pytest.mark.parametrize("steps", [7, 16, 59])
def test_evenly_spaced_schedulers_refuse_steps_they_cannot_space(steps):
    with pytest.raises(ParameterError, match="must divide 60"):
        schedulers.build("DDIMScheduler", trained(), steps, CPU)
    assert len(schedulers.build("UniPCMultistepScheduler", trained(), steps, CPU).timesteps) == steps
