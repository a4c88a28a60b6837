import subprocess
import sys

import pytest
from pydantic import ValidationError

from aign.diffusion.settings import NetworkSettings, TrainSettings


@pytest.mark.parametrize("values", [
    {"network": {"channels": 12}}, {"network": {"kernel": 0}}, {"network": {"embedding": 8}},
    {"network": {"multipliers": [0]}}, {"network": {"groups": 0}}, {"network": {"dropout": 0.1}}, {"stride": 0},
    {"steps": 0}, {"ablation_steps": 0}, {"batch_size": 0}, {"learning_rate": 0}, {"learning_rate": 2}, {"warmup": -1},
    {"weight_decay": -1e-3}, {"gradient_clip": 0}, {"ema_decay": 1}, {"noise_steps": 1}, {"prediction": "score"},
    {"return_dropout": 1}, {"label_dropout": -0.1}, {"return_weighting": -1}, {"inverse_hidden": 0},
    {"evaluate_every": 0},
    {"evaluate_contexts": 0}, {"checkpoint_every": 0}, {"precision": "float16"}, {"step": 5}])
def test_values_out_of_range_and_unknown_names_are_refused(values):
    with pytest.raises(ValidationError):
        TrainSettings.model_validate(values)


def test_settings_cannot_change():
    with pytest.raises(ValidationError):
        TrainSettings().steps = 5
    with pytest.raises(ValidationError):
        NetworkSettings().kernel = 1


def test_json_changes_nothing():
    settings = TrainSettings(network=NetworkSettings(multipliers=(1, 2, 4)), return_weighting=0.5)
    assert TrainSettings.model_validate_json(settings.model_dump_json()) == settings


def test_reading_settings_loads_no_torch():
    check = "import sys; import aign.diffusion.settings; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", check], check=True)
