"""Which of several models of one scenario `aign design` and `aign ask` take."""

import json
import shutil

from smoke import WATER, aign

from aign.scenarios.core import registry

DESIGN = ("design", "water-filling", "--count", "2", "--seed", "3")


def as_another(folder, name, **parameters):
    """Add a model folder of which only the name and the network that its index tells count here."""
    shutil.copytree(folder / f"models/{WATER}", folder / f"models/{name}")
    index = folder / f"models/{name}/model_index.json"
    content = json.loads(index.read_text())
    content["design"]["scenario"] = registry.create("water-filling", **parameters).spec()
    index.write_text(json.dumps(content))


def test_several_models_are_told_apart_by_what_differs(workplace):
    as_another(workplace, "water-6", channels=6)
    outcome = aign(*DESIGN)
    assert outcome.code == 2
    assert "models/water-4 (channels=4); models/water-6 (channels=6)" in outcome.err
    assert "--model" in outcome.err
    assert aign(*DESIGN, "--set", "channels=4").code == 0


def test_of_several_models_that_of_the_default_network_is_taken(workplace):
    as_another(workplace, "default")
    outcome = aign(*DESIGN)
    assert outcome.code == 2
    assert "models/default" in outcome.err, "it was chosen, and is no whole model"
    assert "2 models" not in outcome.err


def test_a_model_called_as_its_scenario_can_be_asked_about(workplace):
    shutil.copytree(workplace / f"models/{WATER}", workplace / "models/water-filling")
    as_another(workplace, "water-6", channels=6)
    outcome = aign("ask", "--on", "water-filling", "total power at most 1 W")
    assert outcome.code == 0, outcome
    assert "channels=4" in outcome.out
