import json
import math

import pytest
import torch
import yaml
from hypothesis import given
from hypothesis import strategies as st

from aign.designs.requests import MOST_DESIGNS, Request, make_request, read_context
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
    request = make_request(SCENARIO, context=path)
    assert request.context.tolist() == GAINS
    assert request.context.dtype == torch.float32
    assert request.origin == str(path)


def test_whole_numbers_are_numbers(context_file):
    assert read_context(context_file("[1, 1, 2]"), SCENARIO).tolist() == [1.0, 1.0, 2.0]


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
        make_request(SCENARIO, context=path)
    assert str(path) in str(caught.value)


def test_a_missing_file_and_a_folder_are_no_contexts(tmp_path):
    for path in (tmp_path / "none.json", tmp_path):
        with pytest.raises(ContextError, match=path.name):
            make_request(SCENARIO, context=path)


def test_features_of_a_mapping_are_taken_in_the_scenarios_order(context_file):
    class TwoFeatures:
        context_features = (type(SCENARIO.context_features[0])("gain", "1", 0, 9, 2),
                            type(SCENARIO.context_features[0])("demand", "1", 0, 9, 1))

    path = context_file("{demand: [7], gain: [1, 2]}")
    assert read_context(path, TwoFeatures()).tolist() == [1, 2, 7]
    with pytest.raises(ContextError, match="demand is missing"):
        read_context(context_file("{gain: [1, 2]}"), TwoFeatures())


def test_presets_and_drawn_contexts():
    preset = make_request(SCENARIO, preset="ladder", count=3)
    assert torch.equal(preset.context, SCENARIO.presets["ladder"])
    assert (preset.origin, preset.count, preset.constraints) == ("preset ladder", 3, ())
    drawn = [make_request(SCENARIO, seed=seed) for seed in (5, 5, 6)]
    assert torch.equal(drawn[0].context, drawn[1].context)
    assert not torch.equal(drawn[0].context, drawn[2].context)
    assert drawn[0].origin == "drawn with seed 5"


def test_what_cannot_be_asked(context_file):
    with pytest.raises(ParameterError, match="Did you mean 'ladder'"):
        make_request(SCENARIO, preset="lader")
    with pytest.raises(ParameterError, match="one of them"):
        make_request(SCENARIO, preset="ladder", context=context_file("[1, 1, 1]"))
    for count in (0, -1, MOST_DESIGNS + 1):
        with pytest.raises(ParameterError, match=str(count)):
            make_request(SCENARIO, count=count)
    assert make_request(SCENARIO, count=MOST_DESIGNS).count == MOST_DESIGNS
    with pytest.raises(ConstraintError, match="contradict"):
        make_request(SCENARIO, ["total_power<=1", "total_power>=2"])


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
    check(lambda: make_request(SCENARIO, context=path))


@given(st.binary(max_size=40) | st.text("[]{}:,-.&*!|>'\"#%@`\n\t 019enaif~", max_size=20).map(str.encode))
def test_any_bytes_in_a_file_are_a_request_or_an_error_of_ours(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "bytes.yaml"
    path.write_bytes(content)
    check(lambda: make_request(SCENARIO, context=path))


LABELS = st.sampled_from(["total_power", "max_power", "active_channels", "power", ""])
CONSTRAINTS = st.builds("{}{}{}".format, LABELS, st.sampled_from(["<=", ">=", "<", "==", " <= "]),
                        NUMBERS | st.text(max_size=4))


@given(st.lists(CONSTRAINTS | st.text(max_size=20), max_size=4))
def test_any_constraints_are_a_request_or_an_error_of_ours(where):
    check(lambda: make_request(SCENARIO, where))


def check(make):
    try:
        request = make()
    except AignError:
        return
    assert isinstance(request, Request)
    assert request.context.shape == (SCENARIO.context_size,)
    assert torch.equal(SCENARIO.check_contexts(request.context)[0], request.context)
    for constraint in request.constraints:
        assert constraint.label in {label.name for label in SCENARIO.labels}
        assert math.isfinite(constraint.threshold)
