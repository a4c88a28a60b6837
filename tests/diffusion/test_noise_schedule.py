"""The forward process is that of diffusers, bit for bit."""

import pytest
import torch
from diffusers import DDPMScheduler

from aign.diffusion.noise_schedule import CONFIG, NoiseSchedule


def rival(steps, kind="sample"):
    return DDPMScheduler(num_train_timesteps=steps, beta_schedule="squaredcos_cap_v2", clip_sample=False,
                         prediction_type=kind, timestep_spacing="trailing")


@pytest.mark.parametrize("steps", [2, 20, 100, 333])
def test_the_forward_process_is_that_of_diffusers(steps):
    schedule, other = NoiseSchedule.of(steps, "sample"), rival(steps)
    assert torch.equal(schedule.alphas_cumprod, other.alphas_cumprod)
    assert schedule.config == NoiseSchedule(other.config).config
    assert NoiseSchedule(other.config).standard
    generator = torch.Generator().manual_seed(steps)
    clean, noise = torch.randn(2, 16, 4, 3, generator=generator)
    times = torch.randint(steps, (16,), generator=generator)
    assert torch.equal(schedule.add_noise(clean, noise, times), other.add_noise(clean, noise, times))
    assert torch.equal(schedule.velocity(clean, noise, times), other.get_velocity(clean, noise, times))


def test_a_schedule_that_is_not_ours_is_computed_by_diffusers():
    config = {**CONFIG, "beta_schedule": "linear"}
    schedule = NoiseSchedule(config)
    assert not schedule.standard
    assert torch.equal(schedule.alphas_cumprod, DDPMScheduler.from_config(config).alphas_cumprod)
