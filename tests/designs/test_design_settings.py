import subprocess
import sys

import pytest
from pydantic import ValidationError

from aign.designs.generation import CYCLED, sampling_of
from aign.designs.settings import EvaluateSettings, RequestSettings, SampleSettings, SamplingSettings
from aign.diffusion.plans import Sampling
from aign.diffusion.schedulers import DEFAULT


def test_light_to_import():
    script = "import sys, aign.designs.settings; assert not {'torch', 'numpy', 'diffusers'} & set(sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_sampling_defaults_are_those_of_the_pipeline():
    assert sampling_of(SamplingSettings(), Sampling()) == Sampling()
    assert SamplingSettings().scheduler == DEFAULT, "what an unnamed scheduler is, where none was put into the pipeline"
    assert sampling_of(SamplingSettings(scheduler=DEFAULT), Sampling()) == Sampling(DEFAULT)
    assert set(SamplingSettings.model_fields) == set(vars(Sampling())) | CYCLED


@pytest.mark.parametrize("settings", [{"steps": 10}, {"temperature": 0.7}, {"futures": 64}])
def test_a_request_overrides_the_model_by_any_number_the_usual_one_too(settings):
    usual = Sampling(steps=2, temperature=0.0, futures=16)
    (name, value), = settings.items()
    assert getattr(sampling_of(SamplingSettings(**settings), usual), name) == value
    assert getattr(sampling_of(SamplingSettings(), usual), name) == getattr(usual, name)


@pytest.mark.parametrize("values", [
    {"steps": 0}, {"guidance": -0.1}, {"guidance": 10.1}, {"temperature": 2.1}, {"projected_steps": -1},
    {"target_returns": []}, {"target_returns": [1.01]}, {"constrained_target_returns": []},
    {"constrained_target_returns": [-1.01]}, {"stepz": 3},
    {"margins": []}, {"margins": [-0.1]},
])
def test_sampling_out_of_range_is_refused(values):
    with pytest.raises(ValidationError):
        SamplingSettings(**values)


@pytest.mark.parametrize("name", ["", "Green", "a/b", "../up", "-a", "a b", ".hidden"])
def test_a_request_name_is_a_safe_file_name(name):
    with pytest.raises(ValidationError):
        RequestSettings(name=name)


@pytest.mark.parametrize("values", [{"count": 0}, {"seed": -1}, {"seed": 2**31}])
def test_request_out_of_range_is_refused(values):
    with pytest.raises(ValidationError):
        RequestSettings(name="free", **values)


def test_two_requests_of_one_name_are_refused_because_one_answer_would_be_lost():
    one, other = RequestSettings(name="free", seed=1), RequestSettings(name="free", seed=2)
    with pytest.raises(ValidationError, match="duplicate name 'free'"):
        SampleSettings(requests=(one, other))
    assert len(SampleSettings(requests=(one, RequestSettings(name="other"))).requests) == 2


def test_an_evaluation_needs_two_contexts():
    with pytest.raises(ValidationError):
        EvaluateSettings(contexts=1)


def test_settings_cannot_change():
    with pytest.raises(ValidationError):
        SamplingSettings().steps = 3
