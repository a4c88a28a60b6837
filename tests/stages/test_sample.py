import json
import shutil

import pyarrow.parquet as pq
import pytest
from smoke import POWER, WATER, aign, contents, flip_byte, write_params

from aign.designs.answer import answer
from aign.designs.requests import Request
from aign.params import load

DESIGNS = "data/designs"


def stored(folder, variant, name):
    return json.loads((folder / DESIGNS / variant / f"{name}.json").read_text())


def test_every_request_has_its_three_files(smoke):
    assert sorted(contents(smoke.folder / DESIGNS)) == sorted(
        f"{variant}/{name}.{ending}"
        for variant, name in ((WATER, "free"), (WATER, "green"), (POWER, "preset"), (POWER, "impossible"))
        for ending in ("json", "parquet", "png"))


def test_an_answer_is_what_the_library_says(smoke, water):
    params = load(smoke.folder / "params.yaml")
    settings = params.variant(WATER).sample
    for asked in settings.requests:
        request = Request.of(asked).resolve(water.scenario)
        found = answer(water, request, settings.sampling, params.base.seed)
        content = stored(smoke.folder, WATER, asked.name)
        assert content == json.loads(json.dumps(found.to_json()))
        table = pq.read_table(smoke.folder / DESIGNS / WATER / f"{asked.name}.parquet")
        assert table.to_pylist() == content["designs"]


def test_constraints_hold_and_an_impossible_request_is_said_so(smoke):
    green = stored(smoke.folder, WATER, "green")
    assert green["where"] == ["total_power<=1"]
    assert green["feasible"]
    assert all(row["feasible"] and row["total_power"] <= 1 for row in green["designs"])
    impossible = stored(smoke.folder, POWER, "impossible")
    assert impossible["feasible"] is False
    assert impossible["certified_utility"] is None
    assert not any(row["feasible"] for row in impossible["designs"])
    assert "request green, best utility" in smoke.said["sample", WATER].out


def test_again_the_same_bytes_and_requests_no_longer_asked_go(workplace):
    before = contents(workplace / DESIGNS / WATER)
    (workplace / DESIGNS / WATER / "old.json").write_text("{}")
    assert aign("sample", WATER).code == 0
    assert contents(workplace / DESIGNS / WATER) == before


def test_a_context_file_of_the_parameters_is_found_from_the_current_folder(workplace):
    (workplace / "mine.json").write_text("[1.5, 1.0, 0.5, 0.1]")
    write_params(workplace, {f"variants.{WATER}.sample.requests": [{"name": "mine", "context": "mine.json"}]})
    assert aign("sample", WATER).code == 0
    assert stored(workplace, WATER, "mine")["context"] == pytest.approx([1.5, 1.0, 0.5, 0.1])


@pytest.mark.parametrize(("place", "value", "words"), [
    ("requests", [{"name": "good"}, {"name": "bad", "where": ["total_power<=1", "total_power>=2"]}], "contradict"),
    ("requests", [{"name": "good"}, {"name": "bad", "preset": "lader"}], "Did you mean 'ladder'"),
    ("requests", [{"name": "good"}, {"name": "bad", "context": "none.json"}], "none.json: missing"),
    ("requests", [{"name": "good"}, {"name": "good"}], "duplicate name 'good'"),
    ("sampling", {"scheduler": "DDIMSchedular"}, "Did you mean 'DDIMScheduler'"),
    ("sampling", {"steps": 101}, "from 1 to 100"),
    ("sampling", {"target_returns": []}, "sample.sampling.target_returns"),
])
def test_one_bad_value_leaves_the_earlier_answers_as_they_were(workplace, place, value, words):
    write_params(workplace, {f"variants.{WATER}.sample.{place}": value})
    before = contents(workplace)
    outcome = aign("sample", WATER)
    assert outcome.code == 2
    assert words in outcome.err
    assert contents(workplace) == before


def test_without_a_whole_model_nothing_is_made(workplace):
    shutil.rmtree(workplace / DESIGNS)
    flip_byte(workplace / "models" / WATER / "unet/diffusion_pytorch_model.safetensors")
    outcome = aign("sample", WATER)
    assert outcome.code == 2
    assert "altered" in outcome.err
    assert not (workplace / DESIGNS).exists()
