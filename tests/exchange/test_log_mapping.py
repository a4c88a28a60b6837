import copy
from pathlib import Path

import pytest
import yaml
from exchange_data import MAPPING
from hypothesis import given, settings
from hypothesis import strategies as st

from aign.errors import ParameterError
from aign.exchange.logs.mapping import LogMapping, load_mapping

EXAMPLE = Path(__file__).parent / "fixtures" / "north-cell.yaml"


@pytest.fixture
def load(tmp_path):
    def write(content):
        (tmp_path / "map.yaml").write_text(content if isinstance(content, str) else yaml.safe_dump(content))
        return load_mapping(tmp_path / "map.yaml")
    return write


def changed(place, value):
    content = copy.deepcopy(MAPPING)
    *path, last = place.split(".")
    block = content
    for name in path:
        block = block[name]
    if value is None:
        del block[last]
    else:
        block[last] = value
    return content


def test_short_and_long_forms_are_the_same(load):
    short = load({**MAPPING, "reward": "gained", "behaviour": "field", "actions": ["a", "b"]})
    long = load({**MAPPING, "reward": {"columns": ["gained"], "scale": 1.0, "offset": 0.0},
                 "behaviour": {"name": "field"}, "actions": {"columns": ["a", "b"]}})
    assert short == long
    assert short.reward.columns == ["gained"]


def test_defaults_are_those_documented(load):
    needed = ("source", "episode", "step", "context", "observations", "actions")
    mapping = load({name: MAPPING[name] for name in needed})
    assert mapping.reward is None
    assert mapping.labels == {}
    assert mapping.behaviour.name == "operator"
    assert mapping.final_observation == "row"
    assert (mapping.split.train, mapping.split.validation, mapping.split.test) == (0.8, 0.1, 0.1)
    assert mapping.tolerance_of(None) == mapping.tolerance == 1e-6


def test_a_reading_may_have_a_tolerance_of_its_own(load):
    mapping = load({**MAPPING, "tolerance": 0.5, "reward": {"columns": "gained", "tolerance": 2}})
    assert mapping.tolerance_of(mapping.reward) == 2
    assert mapping.tolerance_of(mapping.actions) == 0.5


def test_marks_of_empty_cells_and_blanks_around_names(load):
    mapping = load({**MAPPING, "empty": [None, "-", " NA "], "episode": " run "})
    assert mapping.empty == ["null", "-", "NA"]
    assert mapping.episode == "run"


@pytest.mark.parametrize(("place", "value", "why"), [
    ("empty", [-999], "valid string"), ("empty", [""], "at least 1 character"), ("empty", "NA", "valid array"),
    ("observatoins", {"power": "p{i}"}, "Did you mean 'observations'"),
    ("context.gain.scal", 2, "Did you mean 'scale'"),
    ("split.trian", 0.5, "Did you mean 'train'"),
    ("source", None, "source: missing"),
    ("source", "", "source: given ''"),
    ("source", "n" * 65, "at most 64"),
    ("context.gain.scale", 0, "would make all values equal"),
    ("context.gain.scale", "1000", "valid number"),
    ("context.gain.columns", [], "at least 1 item"),
    ("context.gain.columns", 3, "valid array"),
    ("split.train", 0.9, "must sum to 1"),
    ("split.train", -0.2, "greater than or equal to 0"),
    ("behaviour", {"column": "who", "name": "x"}, "give either a name"),
    ("behaviour", {}, "give either a name"),
    ("final_observation", "guessed", "'row' or 'simulated'"),
    ("tolerance", -1, "greater than or equal to 0"),
    ("delimiter", ";;", "at most 1"),
    ("first_step", 0.5, "valid integer"),
    ("labels.total_power", None, None),
])
def test_wrong_values_are_refused_with_their_place(load, place, value, why):
    if why is None:
        assert load(changed(place, value)).labels == {}
        return
    with pytest.raises(ParameterError, match=why) as error:
        load(changed(place, value))
    assert "map.yaml" in str(error.value)


@pytest.mark.parametrize("content", ["", "- a\n- b\n", "source: [", "source: a\nsource: b\n", "tolerance: .nan\n"])
def test_files_that_are_no_mapping_are_refused(load, content):
    with pytest.raises(ParameterError, match=r"map\.yaml"):
        load(content)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ParameterError, match=r"none\.yaml: missing"):
        load_mapping(tmp_path / "none.yaml")


SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False),
                    st.text(max_size=5))
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
    st.sampled_from([*LogMapping.model_fields, "columns", "scale", "x"]), inner, max_size=3), max_leaves=6)


@settings(max_examples=40)
@given(st.dictionaries(st.sampled_from([*LogMapping.model_fields, "x"]), VALUES, max_size=5))
def test_any_content_is_a_mapping_or_a_clear_error(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("fuzz") / "map.yaml"
    path.write_text(yaml.safe_dump({**MAPPING, **content}))
    try:
        said = repr(load_mapping(path))
    except ParameterError as error:
        said = str(error)
    assert said.startswith((str(path), "LogMapping("))


def test_the_documented_example_is_valid():
    assert load_mapping(EXAMPLE).source == "north-cell"
