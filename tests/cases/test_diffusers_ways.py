"""diffusers' own ways to choose precision, scheduler and folder are heeded, or refused in one clear sentence."""

import runpy
import sys
from ast import literal_eval
from pathlib import Path

import diffusers
import pytest
import torch
from smoke import aign

from aign.designs.generation import generate
from aign.designs.settings import SamplingSettings
from aign.diffusion import schedulers
from aign.diffusion import store as models
from aign.diffusion.pipeline import DesignPipeline
from aign.diffusion.plans import Sampling
from aign.errors import ModelError, ParameterError
from aign.files import manifest
from aign.scenarios.core.constraints import Constraint

GOLDEN = Path(__file__).parents[1] / "diffusion" / "golden"
KINDS = ("set", "temporal")
PRECISIONS = (torch.float16, torch.bfloat16, torch.float64)
LIMITS = (Constraint("total_power", "<=", 40.0),)


def opened(kind, **options):
    return DesignPipeline.from_pretrained(GOLDEN / kind, **options)


def plans(pipeline, constraints=LIMITS, **how):
    contexts = pipeline.scenario.draw_contexts(16, torch.Generator().manual_seed(2))
    sampling = Sampling(**how) if how else None
    return pipeline(contexts, torch.full((16,), 0.9), constraints, sampling=sampling,
                    generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("kind", KINDS)
def test_the_reported_check(case_folder, kind, monkeypatch, capsys):
    """The report's own script: as it is, by name, swapped in, and in half precision."""
    monkeypatch.setattr(sys, "argv", ["check.py", str(GOLDEN / kind)])
    runpy.run_path(str(case_folder("14-half-precision-pipeline") / "check.py"))
    plain, named, swapped, half = (literal_eval(line[line.index("["):]) for line in
                                   capsys.readouterr().out.splitlines())
    assert swapped == named
    torch.testing.assert_close(torch.tensor(half), torch.tensor(plain), atol=1.0, rtol=0)  # one power level of 40


# --- precision --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("precision", PRECISIONS)
def test_the_networks_compute_in_the_precision_asked_for(kind, precision):
    """What is asked for is what the layers see; the designs are those of single precision within rounding."""
    reference, seen = plans(opened(kind)), set()
    for pipeline in (opened(kind, torch_dtype=precision), opened(kind, dtype=precision), opened(kind).to(precision),
                     opened(kind).to("cpu", precision)):
        for layer in pipeline.unet.modules():
            layer.register_forward_hook(lambda layer, inputs, output: seen.add(output.dtype))
        made = plans(pipeline)
        assert pipeline.dtype == precision
        assert made.states.dtype == torch.float32
        low = precision in (torch.float16, torch.bfloat16)
        torch.testing.assert_close(made.states, reference.states, atol=1.5 if low else 1e-3, rtol=0)
        assert float((made.states - reference.states).abs().mean()) < 0.2
    assert seen == {precision}


def test_each_network_may_have_its_own_precision():
    pipeline = opened("set", torch_dtype={"unet": torch.bfloat16, "default": torch.float64})
    assert (pipeline.unet.dtype, pipeline.inverse.dtype) == (torch.bfloat16, torch.float64)
    plans(pipeline)
    contexts = pipeline.scenario.draw_contexts(3, torch.Generator().manual_seed(2))
    state = pipeline.scenario.initial_state(contexts)
    exact = opened("set").act(contexts, state, state + 2)
    torch.testing.assert_close(pipeline.act(contexts, state, state + 2), exact, atol=1e-5, rtol=0)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_decisions_that_follow_each_other_are_made_in_it_too(matching, precision):
    pipeline, values = matching.pipeline, matching.pool["test"].values
    contexts, exact = pipeline.scenario.check_contexts(values), generate(pipeline, values, count=2)
    try:
        assert generate(pipeline.to(precision), contexts, count=2).designs.shape == exact.designs.shape
    finally:
        pipeline.to(torch.float32)


@pytest.mark.parametrize("precision", [torch.int8, "float16", torch.complex64, {"vae": torch.float16}])
def test_other_precisions_are_refused_when_the_folder_is_opened(precision):
    with pytest.raises(ParameterError, match=r"torch_dtype: given .*allowed: one of torch.float16"):
        opened("set", torch_dtype=precision)


def test_a_pipeline_in_a_precision_nothing_computes_in_says_so():
    with pytest.raises(ParameterError, match=r"SetDenoiser is in torch.complex64.*to\(dtype\)"):
        plans(opened("set").to(torch.complex64))


# --- scheduler --------------------------------------------------------------------------------------------------------
def swapped(name, pipeline, **options):
    pipeline.scheduler = getattr(diffusers, name).from_config(pipeline.scheduler.config, **options)
    return pipeline


@pytest.mark.parametrize("name", schedulers.SUPPORTED)
def test_a_scheduler_that_is_put_in_is_used(name):
    named = plans(opened("set"), scheduler=name)
    pipeline = swapped(name, opened("set"))
    assert torch.equal(plans(pipeline).states, named.states)
    assert torch.equal(plans(pipeline, scheduler="UniPCMultistepScheduler").states,
                       plans(opened("set"), scheduler="UniPCMultistepScheduler").states), "the call decides"
    assert torch.equal(plans(opened("set", scheduler=pipeline.scheduler)).states, named.states)
    assert torch.equal(plans(pipeline.at(pipeline.scenario)).states, named.states)
    assert torch.equal(plans(swapped(name, swapped("DDIMScheduler", opened("set")))).states, named.states)


def test_a_scheduler_that_is_put_in_makes_the_designs_of_requests_too():
    contexts = opened("set").scenario.draw_contexts(2, torch.Generator().manual_seed(2))
    named = generate(opened("set"), contexts, LIMITS, 4, SamplingSettings(scheduler="DDPMScheduler"))
    put_in = generate(swapped("DDPMScheduler", opened("set")), contexts, LIMITS, 4)
    plain = generate(opened("set"), contexts, LIMITS, 4)
    assert torch.equal(put_in.paths, named.paths)
    assert not torch.equal(plain.paths, named.paths)


def test_the_options_of_a_scheduler_that_is_put_in_are_kept():
    designs = {str(options): plans(swapped("DPMSolverMultistepScheduler", opened("set"), **options)).states
               for options in ({}, {"solver_order": 1}, {"timestep_spacing": "linspace"},
                               {"algorithm_type": "sde-dpmsolver++"})}
    first, *others = designs.values()
    assert not any(torch.equal(first, other) for other in others)


def test_a_pipeline_made_of_its_parts_keeps_the_scheduler():
    pipeline = swapped("DPMSolverMultistepScheduler", opened("set"))
    again = DesignPipeline(**pipeline.components, design=dict(pipeline.config.design))
    assert torch.equal(plans(again).states, plans(pipeline).states)


@pytest.mark.parametrize(("make", "said"), [
    (lambda config: diffusers.FlowMatchEulerDiscreteScheduler(), "Unknown scheduler 'FlowMatchEulerDiscreteScheduler'"),
    (lambda config: diffusers.DPMSolverMultistepScheduler(), "another noise schedule.*from_config"),
    (lambda config: diffusers.DDIMScheduler.from_config(config, prediction_type="epsilon"), "='epsilon'; .* 'sample'"),
    (lambda config: diffusers.DDIMScheduler.from_config(config, thresholding=True), "thresholding=True"),
    (lambda config: diffusers.DPMSolverMultistepScheduler.from_config(config, use_karras_sigmas=True), "use_karras"),
])
def test_a_scheduler_that_does_not_suit_the_model_is_refused(make, said):
    pipeline = opened("set")
    pipeline.scheduler = make(pipeline.scheduler.config)
    with pytest.raises(ParameterError, match=f"pipeline.scheduler: .*{said}"):
        plans(pipeline)


# --- folders ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("option", "said"), [
    ({"variant": "fp16"}, "torch_dtype"), ({"subfolder": "unet"}, "the model folder itself"),
    ({"device_map": "balanced"}, r"\.to\(device\)"), ({"revision": "main"}, "has no effect"),
    ({"custom_pipeline": "x"}, "this class"), ({"trust_remote_code": True}, "trust_code=True"),
    ({"steps": 5}, "has no effect"), ({"use_safetensors": False}, "unpickled"),
    ({"unet": torch.nn.Linear(1, 1)}, "given a Linear; allowed: TemporalUNet, SetDenoiser")])
def test_options_of_diffusers_without_effect_are_refused(option, said):
    with pytest.raises(ParameterError, match=f"{next(iter(option))}.*{said}"):
        opened("set", **option)


def test_options_of_diffusers_with_an_effect_are_heeded():
    other = opened("set").unet
    with torch.no_grad():
        for weights in other.parameters():
            weights.zero_()
    assert opened("set", unet=other, local_files_only=True, use_safetensors=True, low_cpu_mem_usage=False).unet is other


@pytest.mark.parametrize("name", ["models/pover-20", "OWNER/NAME", "gpt2", "hub:OWNER/NAME"])
def test_a_mistyped_folder_never_goes_to_the_network(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: pytest.fail("the network was asked"))
    for call in (DesignPipeline.from_pretrained, lambda place: models.load(Path(place))):
        with pytest.raises(ModelError, match=f"{name}: no such model folder.*hf download OWNER/NAME"):
            call(name)


def test_a_saved_pipeline_opens_in_every_way(tmp_path):
    opened("set").save_pretrained(tmp_path / "mine")
    for pipeline in (models.load(tmp_path / "mine"), DesignPipeline.from_pretrained(str(tmp_path / "mine"))):
        assert torch.equal(plans(pipeline).states, plans(opened("set")).states)
    done = aign("design", "power-allocation", "--model", tmp_path / "mine", "--count", "2")
    assert done.code == 0, done.err


def test_a_folder_that_was_saved_without_a_manifest_says_how_it_is_sealed(tmp_path):
    opened("set").save_pretrained(tmp_path / "mine")
    (tmp_path / "mine" / manifest.NAME).unlink()
    done = aign("design", "power-allocation", "--model", tmp_path / "mine", "--count", "2")
    assert done.code == 2
    assert "DesignPipeline.from_pretrained(folder).save_pretrained(folder)" in done.err
    DesignPipeline.from_pretrained(tmp_path / "mine").save_pretrained(tmp_path / "mine")
    models.load(tmp_path / "mine")


@pytest.mark.parametrize("option", [{"safe_serialization": False}, {"variant": "fp16"}, {"push_to_hub": True},
                                    {"max_shard_size": "1KB"}])
def test_options_of_saving_without_effect_are_refused(option, tmp_path):
    with pytest.raises(ParameterError, match=f"save_pretrained: {next(iter(option))}"):
        opened("set").save_pretrained(tmp_path / "mine", **option)
    assert not (tmp_path / "mine").exists()


def test_a_folder_keeps_the_scheduler_of_the_training(tmp_path):
    pipeline = swapped("EulerDiscreteScheduler", opened("set"))
    with pytest.raises(ParameterError, match=r"EulerDiscreteScheduler was put in.*pipeline\.trained_with"):
        pipeline.save_pretrained(tmp_path / "mine")
    pipeline.scheduler = pipeline.trained_with
    pipeline.save_pretrained(tmp_path / "mine")
    assert torch.equal(plans(models.load(tmp_path / "mine")).states, plans(opened("set")).states)
