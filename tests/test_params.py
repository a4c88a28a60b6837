import subprocess
import sys

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aign.errors import ParameterError
from aign.params import Params, ScenarioSettings, load

VALID = {
    "base": {"seed": 7, "threads": 1},
    "variants": {"water-10": {
        "scenario": {"name": "water-filling", "channels": 4, "budget": 2},
        "collect": {"train_contexts": 10, "sac": {"hidden": [8, 8], "learning_rate": 1e-3}, "sources": {"random": 5}},
    }, "water-20": {"scenario": {"name": "water-filling"}}},
}


@pytest.fixture
def write(tmp_path):
    def write(content):
        path = tmp_path / "params.yaml"
        path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
        return path

    return write


def changed(place, value):
    """The valid content with one value replaced; `place` is dotted."""
    content = yaml.safe_load(yaml.safe_dump(VALID))
    *way, last = place.split(".")
    block = content
    for part in way:
        block = block.setdefault(part, {})
    block[last] = value
    return content


def test_values_arrive_with_defaults_for_the_rest(write):
    params = load(write(VALID))
    variant = params.variant("water-10")
    assert (params.base.seed, params.base.workers) == (7, 2)
    assert variant.collect.sac.hidden == (8, 8)
    assert variant.collect.ppo.hidden == (64, 64)
    assert variant.scenario.parameters == {"channels": 4, "budget": 2}


def test_the_scenario_is_built_from_its_block(write):
    scenario = load(write(VALID)).variant("water-10").create_scenario()
    assert scenario.spec()["channels"] == 4
    wrong = load(write(changed("variants.water-10.scenario.chanels", 4)))
    with pytest.raises(ParameterError, match="chanels"):
        wrong.variant("water-10").create_scenario()


def test_unknown_variant_names_the_nearest(write):
    with pytest.raises(ParameterError, match=r"'water-1'.*Allowed: water-10, water-20.*Did you mean 'water-10'"):
        load(write(VALID)).variant("water-1")


@pytest.mark.parametrize(("place", "value", "parts"), [
    ("base.sede", 1, ["base.sede", "given 1", "Did you mean 'seed'"]),
    ("variants.water-10.train.return_focus", 3, ["train.return_focus: return_focus is called return_weighting now"]),
    ("variants.water-10.sample.sampling.hidden", 0.5, ["sampling.hidden: hidden is called unconditioned_fr"]),
    ("variants.water-10.collect.sources.hidden", 1, ["sources.hidden: given 1. Unknown parameter 'hidden'"]),
    ("bas", {}, ["bas:", "Did you mean 'base'"]),
    ("variants.water-10.collcet", {}, ["variants.water-10.collcet", "Did you mean 'collect'"]),
    ("variants.water-10.collect.sac.learning_rat", 1, ["collect.sac.learning_rat:", "Did you mean 'learning_rate'"]),
    ("variants.water-10.collect.sac.tau", 3, ["variants.water-10.collect.sac.tau: given 3", "less than or equal to 1"]),
    ("variants.water-10.collect.sac.hidden", [8, 0], ["sac.hidden[1]: given 0", "greater than or equal to 1"]),
    ("variants.water-10.collect.train_contexts", "many", ["given 'many'", "valid integer"]),
    ("variants.water-10.collect.train_contexts", True, ["given True", "valid integer"]),
    ("variants.water-10.collect.train_contexts", 1.0, ["given 1.0", "valid integer"]),
    ("variants.water-10.collect.sac.target_entropy", float("nan"), ["sac.target_entropy: given nan", "finite"]),
    ("variants.water-10.scenario.budget", float("inf"), ["scenario.budget: given inf", "finite"]),
    ("variants.water-10.scenario", {}, ["variants.water-10.scenario.name: missing"]),
    ("variants.water-10.scenario", 3, ["variants.water-10.scenario: given 3"]),
    ("variants.Water_1", VALID["variants"]["water-20"], ["variants: the name 'Water_1' is not allowed", "power-20"]),
    ("variants.../up", VALID["variants"]["water-20"], ["variants"]),
    ("variants", {}, ["variants: given {}", "at least 1 item"]),
    ("base.device", "gpu", ["base.device: given 'gpu'", "'auto', 'cpu' or 'cuda'"]),
    ("base.1", {2: 3}, ["base.1", "2", "quote it"]),
])
def test_each_mistake_is_named_with_place_value_and_what_is_allowed(write, place, value, parts):
    path = write(changed(place, value))
    with pytest.raises(ParameterError) as caught:
        load(path)
    assert str(caught.value).startswith(f"{path}: ")
    for part in parts:
        assert part in str(caught.value)


def test_many_mistakes_are_counted(write):
    content = changed("base.seed", -1)
    content["variants"]["water-10"]["collect"]["sac"].update(dict.fromkeys(["a", "b", "c", "d", "e", "f"], 1))
    with pytest.raises(ParameterError) as caught:
        load(write(content))
    assert str(caught.value).count("\n") == 5
    assert "and 2 more" in str(caught.value)


@pytest.mark.parametrize("text", ["", "3", "- base", "base: {seed: 1"])
def test_files_that_hold_no_blocks(write, text):
    with pytest.raises(ParameterError, match=r"params.yaml: "):
        load(write(text))


def test_a_block_inside_itself_is_refused(write):
    with pytest.raises(ParameterError, match="nested too deeply"):
        load(write("base: &a\n  seed: *a\nvariants: {}\n"))


def test_settings_cannot_change(write):
    params = load(write(VALID))
    with pytest.raises(ValueError, match="frozen"):
        params.base.seed = 3
    assert isinstance(params.variant("water-20").scenario, ScenarioSettings)


VALUES = st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
                      lambda inner: st.lists(inner, max_size=2)
                      | st.dictionaries(st.sampled_from(["seed", "sac", "name", "x"]) | st.text(max_size=3), inner,
                                        max_size=2), max_leaves=5)
PLACES = st.sampled_from(["base", "base.seed", "base.x", "variants", "variants.water-10", "variants.x.y", "variants.a",
                          "variants.water-10.scenario", "variants.water-10.scenario.name", "variants.water-10.collect",
                          "variants.water-10.train", "variants.water-10.sample", "variants.water-10.evaluate",
                          "variants.water-10.collect.sac", "variants.water-10.collect.sac.hidden",
                          "variants.water-10.collect.shard_rows", "variants.water-10.collect.sources.random"])


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(PLACES, VALUES)
def test_any_content_is_valid_or_a_parameter_error(write, place, value):
    path = write(changed(place, value))
    message = ""
    try:
        params = load(path)
    except ParameterError as error:
        message = str(error)
    assert message.startswith(f"{path}: ") or Params.model_validate(params.model_dump()) == params


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(VALUES)
def test_any_file_is_valid_or_a_parameter_error(write, value):
    with pytest.raises(ParameterError):
        load(write(yaml.safe_dump(value)))


def test_reading_parameters_does_not_load_torch(write):
    code = f"import sys; from aign.params import load; load({str(write(VALID))!r}); print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


def test_what_dvc_tracks_must_be_written_out():
    whole = {"base": {"seed": 1, "threads": 1, "device": "cpu"}, "variants": {"a": {
        "scenario": {"name": "water-filling"}, "collect": {}, "train": {}, "sample": {}, "evaluate": {}}}}
    Params.model_validate(whole).check_tracked("a")
    for block in ("collect", "train", "sample", "evaluate"):
        less = {name: value for name, value in whole["variants"]["a"].items() if name != block}
        with pytest.raises(ParameterError, match=f"variants.a lacks {block}, which DVC tracks"):
            Params.model_validate({**whole, "variants": {"a": less}}).check_tracked("a")
    with pytest.raises(ParameterError, match="base lacks seed, device, which DVC tracks"):
        Params.model_validate({**whole, "base": {"threads": 1}}).check_tracked("a")
