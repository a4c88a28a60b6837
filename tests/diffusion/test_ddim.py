"""DDIM is that of diffusers, bit for bit, and so are the designs of a model opened without it."""

from pathlib import Path

import pytest
import torch
from diffusers import DDIMScheduler

from aign.designs.generation import generate
from aign.diffusion import store
from aign.diffusion.ddim import DDIM
from aign.diffusion.noise_schedule import NoiseSchedule
from aign.diffusion.pipeline import DesignPipeline
from aign.diffusion.plans import Sampling
from aign.scenarios.core.constraints import Constraint

GOLDEN = Path(__file__).parent / "golden"
CPU = torch.device("cpu")
LIMITS = (Constraint("total_power", "<=", 40.0), Constraint("min_rate", ">=", 3.0))


@pytest.mark.parametrize(("noise_steps", "steps"), [(100, 1), (100, 2), (100, 5), (100, 10), (100, 100), (20, 4),
                                                    (333, 37)])
def test_its_steps_are_those_of_diffusers(noise_steps, steps):
    schedule = NoiseSchedule.of(noise_steps, "sample")
    ours = DDIM(schedule, steps, CPU)
    theirs = DDIMScheduler.from_config(schedule.config)
    theirs.set_timesteps(steps)
    assert torch.equal(ours.timesteps, theirs.timesteps)
    generator = torch.Generator().manual_seed(0)
    noisy = torch.randn(8, 4, 3, generator=generator)
    for step in ours.timesteps:
        clean = torch.rand(8, 4, 3, generator=generator) * 2 - 1
        expected = theirs.step(clean, step, noisy).prev_sample
        noisy = ours.step(clean, step, noisy).prev_sample
        assert torch.equal(noisy, expected)


@pytest.mark.parametrize("kind", ["set", "temporal"])
@pytest.mark.parametrize("steps", [1, 2, 10])
def test_a_model_without_diffusers_makes_the_designs_of_the_pipeline_with_its_scheduler(kind, steps):
    model, pipeline = store.load(GOLDEN / kind), DesignPipeline.from_pretrained(GOLDEN / kind)
    pipeline.scheduler = DDIMScheduler.from_config(pipeline.scheduler.config)
    contexts = model.scenario.draw_contexts(5, torch.Generator().manual_seed(1))
    made = [each(contexts, torch.full((5,), 0.9), LIMITS, sampling=Sampling(steps=steps),
                 generator=torch.Generator().manual_seed(2)) for each in (model, pipeline)]
    for name in ("states", "raw_designs", "designs", "final"):
        assert torch.equal(getattr(made[0], name), getattr(made[1], name)), name
    first, second = (generate(each, contexts, LIMITS, 4) for each in (model, pipeline))
    assert torch.equal(first.paths, second.paths)


def test_older_models_that_name_no_activation_have_mish():
    model = store.load(GOLDEN / "set")
    assert "activation" not in (GOLDEN / "set" / "unet" / "config.json").read_text()
    assert {type(layer).__name__ for layer in model.unet.modules() if "ish" in type(layer).__name__
            or "SiLU" in type(layer).__name__} == {"Mish"}
    assert model.sampling == Sampling()
