import json
import math

import pytest
import torch
import yaml
from hypothesis import given
from hypothesis import strategies as st

from aign.designs.requests import MOST_DESIGNS, Request, ResolvedRequest, context_reader
from aign.designs.settings import RequestSettings
from aign.errors import AignError, ConstraintError, ContextError, ParameterError
from aign.scenarios.core import registry

SCENARIO = registry.create("water-filling", channels=3)
GAINS = [1.5, 0.5, 0.25]


@pytest.fixture
def context_file(tmp_path):
    def write(text, name="context.yaml"):
        path = tmp_path / name
        path.write_text(text) if isinstance(text, str) else path.write_bytes(text)
        return path

    return write


@pytest.mark.parametrize("dump", [json.dumps, yaml.safe_dump])
@pytest.mark.parametrize("content", [GAINS, {"gain": GAINS}])
def test_json_and_yaml_lists_and_mappings_say_the_same(context_file, dump, content):
    path = context_file(dump(content))
    request = Request(context=path).resolve(SCENARIO)
    assert request.context.tolist() == GAINS
    assert request.context.dtype == torch.float32
    assert request.origin == str(path)


def test_whole_numbers_are_numbers(context_file):
    reader = context_reader(SCENARIO)
    assert reader.values(reader.file(context_file("[1, 1, 2]")), "context").tolist() == [1.0, 1.0, 2.0]


@pytest.mark.parametrize(("text", "message"), [
    ("", "lists of numbers"), ("3", "lists of numbers"), ("hello", "lists of numbers"), ("~", "lists of numbers"),
    ("[]", "given 0"), ("{}", "gain is missing"), ("[1, 1]", "given 2"), ("[1, 1, 1, 1]", "given 4"),
    ("[1, x, 1]", "no numbers"), ("[1, true, 1]", "no numbers"), ("[1, ~, 1]", "no numbers"),
    ("[[1, 1, 1]]", "no numbers"), ("[1, '1', 1]", "no numbers"), ("[1, 2024-01-01, 1]", "no numbers"),
    ("[1, .nan, 1]", r"gain\[1\] = nan"), ("[1, 1, .inf]", r"gain\[2\] = inf"), ("[-1, 1, 1]", r"gain\[0\] = -1"),
    ("[1, 1, 2.5]", "allowed: a finite number"), ("[1, 1, 1" + "0" * 400 + "]", "too large"),
    ("{gian: [1, 1, 1]}", "Did you mean 'gain'"), ("{gain: [1, 1, 1], note: [1]}", "note"),
    ("{gain: 1}", "lists of numbers"), ("{gain: {0.1: a, 0.2: b, 0.3: c}}", "lists of numbers"),
    ("{gain: [1, 1, 1], gain: [1, 1, 1]}", "duplicate key 'gain'"), ("[1, 1", "YAML"), ("&a [*a, 1, 1]", "no numbers"),
    (b"\xff\xfe\x00", "YAML"),
])
def test_a_context_file_that_is_none_says_why(context_file, text, message):
    path = context_file(text)
    with pytest.raises(ContextError, match=message) as caught:
        Request(context=path).resolve(SCENARIO)
    assert str(path) in str(caught.value)


def test_a_missing_file_and_a_folder_are_no_contexts(tmp_path):
    for path in (tmp_path / "none.json", tmp_path):
        with pytest.raises(ContextError, match=path.name):
            Request(context=path).resolve(SCENARIO)


def test_features_of_a_mapping_are_taken_in_the_scenarios_order(context_file):
    class TwoFeatures:
        context_features = (type(SCENARIO.context_features[0])("gain", "1", 0, 9, 2),
                            type(SCENARIO.context_features[0])("demand", "1", 0, 9, 1))

    reader = context_reader(TwoFeatures())
    path = context_file("{demand: [7], gain: [1, 2]}")
    assert reader.values(reader.file(path), "context").tolist() == [1, 2, 7]
    with pytest.raises(ContextError, match="demand is missing"):
        reader.values(reader.file(context_file("{gain: [1, 2]}")), "context")


def test_presets_and_drawn_contexts():
    preset = Request(preset="ladder", count=3).resolve(SCENARIO)
    assert torch.equal(preset.context, SCENARIO.presets["ladder"])
    assert (preset.origin, preset.count, preset.constraints) == ("preset ladder", 3, ())
    drawn = [Request(seed=seed).resolve(SCENARIO) for seed in (5, 5, 6)]
    assert torch.equal(drawn[0].context, drawn[1].context)
    assert not torch.equal(drawn[0].context, drawn[2].context)
    assert drawn[0].origin == "drawn with seed 5"


def test_what_cannot_be_asked(context_file):
    with pytest.raises(ParameterError, match="Did you mean 'ladder'"):
        Request(preset="lader").resolve(SCENARIO)
    with pytest.raises(ParameterError, match="one of them"):
        Request(preset="ladder", context=context_file("[1, 1, 1]")).resolve(SCENARIO)
    for count in (0, -1, MOST_DESIGNS + 1):
        with pytest.raises(ParameterError, match=str(count)):
            Request(count=count).resolve(SCENARIO)
    assert Request(count=MOST_DESIGNS).resolve(SCENARIO).count == MOST_DESIGNS
    with pytest.raises(ConstraintError, match="contradict"):
        Request(["total_power<=1", "total_power>=2"]).resolve(SCENARIO)


@pytest.mark.parametrize("content", [GAINS, tuple(GAINS), {"gain": GAINS}, torch.tensor(GAINS)])
def test_a_context_can_be_given_as_values(content):
    request = Request(context=content).resolve(SCENARIO)
    assert request.context.tolist() == GAINS
    assert request.origin == "the given context"


@pytest.mark.parametrize(("content", "message"), [([1, 1], "given 2"), ([1, "x", 1], "no numbers"),
                                                  ({"gian": GAINS}, "Did you mean 'gain'"), (3, "lists of numbers")])
def test_values_that_are_no_context_say_why(content, message):
    with pytest.raises(ContextError, match=message):
        Request(context=content).resolve(SCENARIO)


def test_the_seed_of_the_answer_draws_a_context_unless_the_request_has_its_own():
    said, own = Request().resolve(SCENARIO, seed=5), Request(seed=6).resolve(SCENARIO, seed=5)
    assert (said.origin, own.origin) == ("drawn with seed 5", "drawn with seed 6")
    assert torch.equal(said.context, Request(seed=5).resolve(SCENARIO).context)


def test_one_text_is_no_list_of_constraints():
    with pytest.raises(ParameterError, match=r"give a list of constraints, such as \['total_power<=1'\]"):
        Request("total_power<=1")
    with pytest.raises(ParameterError, match="seed = -1: allowed from 0 to 2147483647"):
        Request(seed=-1)


def test_a_request_of_the_parameter_file_is_the_same_request():
    settings = RequestSettings(name="green", preset="ladder", where=("total_power<=1",), count=3, seed=2)
    assert Request.of(settings) == Request(("total_power<=1",), preset="ladder", count=3, seed=2)


def test_the_parameter_file_says_objective_start_and_spread(tmp_path):
    settings = RequestSettings(name="green", objective=("total_power", "utility"), start=tmp_path / "start.yaml",
                               spread=2)
    request = Request.of(settings)
    assert (request.objective, request.start, request.spread) == (("total_power", "utility"), settings.start, 2)
    (tmp_path / "start.yaml").write_text("power: [1, 0.5, 0.25]")
    resolved = request.resolve(SCENARIO)
    assert [str(objective) for objective in resolved.objectives] == ["min total_power", "utility"]
    assert resolved.start.tolist() == [1, 0.5, 0.25]
    assert not resolved.by_utility
    assert resolved.to_json()["objective"] == ["min total_power", "utility"]
    assert RequestSettings(name="free").model_dump() == {"name": "free", "preset": None, "context": None, "seed": 0,
                                                         "where": (), "count": 16}, "as before where nothing is said"


@pytest.mark.parametrize(("wrong", "message"), [
    ({"objective": "total_power"}, r"give a list of objectives, such as \['total_power'\]"),
    ({"spread": 0}, "spread = 0: allowed from 1")])
def test_objectives_and_spread_are_checked_at_once(wrong, message):
    with pytest.raises(ParameterError, match=message):
        Request(**wrong)


NUMBERS = st.floats() | st.integers() | st.just(10**400)
LEAVES = NUMBERS | st.none() | st.booleans() | st.text(max_size=5)
TREES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=4)
                     | st.dictionaries(st.sampled_from(["gain", "x"]) | st.text(max_size=3), inner, max_size=3),
                     max_leaves=8)
CONTENTS = TREES | st.lists(st.floats(0.01, 1.9), min_size=3, max_size=3)


@given(CONTENTS, st.sampled_from([json.dumps, yaml.safe_dump]))
def test_any_tree_in_a_file_is_a_request_or_an_error_of_ours(tmp_path_factory, content, dump):
    path = tmp_path_factory.getbasetemp() / "tree.yaml"
    path.write_text(dump(content))
    check(lambda: Request(context=path).resolve(SCENARIO))


@given(st.binary(max_size=40) | st.text("[]{}:,-.&*!|>'\"#%@`\n\t 019enaif~", max_size=20).map(str.encode))
def test_any_bytes_in_a_file_are_a_request_or_an_error_of_ours(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "bytes.yaml"
    path.write_bytes(content)
    check(lambda: Request(context=path).resolve(SCENARIO))


LABELS = st.sampled_from(["total_power", "max_power", "active_channels", "power", ""])
CONSTRAINTS = st.builds("{}{}{}".format, LABELS, st.sampled_from(["<=", ">=", "<", "==", " <= "]),
                        NUMBERS | st.text(max_size=4))


@given(st.lists(CONSTRAINTS | st.text(max_size=20), max_size=4))
def test_any_constraints_are_a_request_or_an_error_of_ours(where):
    check(lambda: Request(where).resolve(SCENARIO))


def check(make):
    try:
        request = make()
    except AignError:
        return
    assert isinstance(request, ResolvedRequest)
    assert request.context.shape == (SCENARIO.context_size,)
    assert torch.equal(SCENARIO.check_contexts(request.context)[0], request.context)
    for constraint in request.constraints:
        assert constraint.label in {label.name for label in SCENARIO.labels}
        assert math.isfinite(constraint.threshold)
