"""Models made by earlier programs open for ever and generate what they did: see golden/README.md."""

import importlib.util
import json
import shutil
from pathlib import Path

import pytest
import torch

from aign.diffusion import store as models
from aign.diffusion.pipeline import DesignPipeline
from aign.errors import ModelError
from aign.files import manifest
from aign.files.writing import write_json
from aign.scenarios.core.constraints import satisfied

GOLDEN = Path(__file__).parent / "golden"
KINDS = ("set", "temporal")


@pytest.fixture(scope="module")
def golden():
    spec = importlib.util.spec_from_file_location("golden_models_make", GOLDEN / "make.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def stored(kind):
    return {name: torch.tensor(values) for name, values in json.loads((GOLDEN / f"{kind}.json").read_text()).items()}


@pytest.mark.parametrize("kind", KINDS)
def test_it_generates_the_same_designs(kind, golden):
    assert sum(path.stat().st_size for path in (GOLDEN / kind).rglob("*") if path.is_file()) < 200_000
    found = golden.generate(models.load(GOLDEN / kind))
    expected = stored(kind)
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        # Sums are taken in another order on another processor; a whole power level is 1.
        torch.testing.assert_close(torch.tensor(found[name]), values, rtol=1e-4, atol=1e-3, msg=name)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_compared_tells_models_and_requests_apart(kind, golden):
    plans = stored(kind)
    assert plans["states"].shape == (4, 17, 2)
    assert len(plans["raw_designs"].unique(dim=0)) > 1
    other = models.load(GOLDEN / KINDS[kind == "set"])
    assert not torch.allclose(torch.tensor(golden.generate(other)["states"]), plans["states"], atol=0.5)
    scenario = other.scenario
    assert satisfied(golden.CONSTRAINTS, scenario.measure(golden.contexts(), plans["designs"]), 4).all()
    assert not torch.equal(plans["designs"], plans["raw_designs"])


@pytest.mark.parametrize("kind", KINDS)
def test_diffusers_alone_opens_it_and_it_knows_its_data(kind, golden):
    pipeline = DesignPipeline.from_pretrained(GOLDEN / kind, local_files_only=True, low_cpu_mem_usage=False)
    assert pipeline.scenario.spec()["users"] == 2
    assert pipeline.config.design["provenance"]["dataset"] == "golden"
    assert pipeline.conditions.labels == [label.name for label in pipeline.scenario.labels]


def with_conditions(folder, target, conditions):
    """Copy a model, replace its conditions, and seal it again."""
    shutil.copytree(folder, target)
    index = json.loads((target / "model_index.json").read_text())
    index["design"]["conditions"] = conditions(index["design"]["conditions"])
    write_json(target / "model_index.json", index)
    manifest.build(target)
    return models.load(target)


@pytest.mark.parametrize("kind", KINDS)
def test_models_with_mean_and_deviation_of_labels_still_open(kind, golden, tmp_path):
    mean = {"total_power": 40.0, "min_rate": 20.0}

    def scores(old):
        return {"labels": old["labels"], "mean": [mean.get(name, 3.0) for name in old["labels"]],
                "std": [4.0] * len(old["labels"])}

    def two_knots(old):
        means = scores(old)["mean"]
        return {**old, "knots": [[one - 4.0, one + 4.0] for one in means], "scores": [[-1.0, 1.0]] * len(means)}

    old = with_conditions(GOLDEN / kind, tmp_path / "old", scores)
    # The standard score of a value, as those models had it.
    place = old.conditions.column("total_power") - 1
    assert old.conditions.score(place, torch.tensor([40.0, 46.0])).tolist() == [0.0, 1.5]
    same = with_conditions(GOLDEN / kind, tmp_path / "same", two_knots)
    assert golden.generate(old) == golden.generate(same)
    assert golden.generate(old)["states"] != stored(kind)["states"].tolist()


@pytest.mark.parametrize("name", ["model_index.json", "unet/diffusion_pytorch_model.safetensors"])
def test_damage_is_refused(name, tmp_path):
    folder = shutil.copytree(GOLDEN / "set", tmp_path / "set")
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / name).write_bytes(content)
    with pytest.raises(ModelError, match=f"{name}: altered"):
        models.load(folder)
