import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field
from ruamel.yaml import YAML

from aign import checked_yaml
from aign.checked_yaml import MAX_PROBLEMS, load
from aign.errors import DatasetError, ParameterError
from aign.settings import RENAMED, Settings


class Inner(Settings):
    size: int = Field(ge=1)
    target_returns: tuple[float, ...] = ()


class Outer(Settings):
    name: str
    parts: dict[str, Inner] = Field(default_factory=dict)
    share: float = 0.5


@pytest.fixture
def load_text(tmp_path):
    def load_text(text, error=ParameterError):
        (tmp_path / "some.yaml").write_text(text)
        return load(tmp_path / "some.yaml", Outer, error)
    return load_text


def read(folder, text):
    (folder / "file.yaml").write_text(text, encoding="utf-8")
    return checked_yaml.read(folder / "file.yaml", ParameterError)


# --- the values of a file --------------------------------------------------------------------------------------------

@pytest.mark.parametrize(("text", "value"), [
    ("1e-3", 0.001), ("1.5", 1.5), ("-2", -2), ("010", 10), ("true", True), ("no", "no"), ("on", "on"),
    ("1:30", "1:30"), ("2026-01-01", "2026-01-01"), ("1_000", 1000), ("~", None), ("null", None), ("'1'", "1"),
    (".5", 0.5), (".inf", math.inf), ("+4.", 4.0), ("-", [None]), ("=", "="), ("<<", "<<"), ("0x10", 16), ("e3", "e3")])
def test_plain_values_are_those_of_version_1_2(tmp_path, text, value):
    result = read(tmp_path, f"a: {text}\n" if text != "-" else "a:\n -\n")["a"]
    assert result == value
    assert type(result) is type(value)


NUMBERS = st.from_regex(r"[-+]?[0-9][0-9_]{0,3}(\.[0-9_]{0,3})?(e[-+]?[0-9]{1,2})?|0[xo][0-7]{1,3}", fullmatch=True)
WORDS = st.sampled_from(["true", "False", "no", "yes", "off", "null", "~", "power-20", "auto", "1-2", "a1", ".5",
                         ".5e3"])


@given(st.dictionaries(st.sampled_from("abcd"), NUMBERS | WORDS | st.lists(NUMBERS | WORDS, max_size=3), min_size=1))
def test_values_are_those_that_dvcs_own_reader_finds(tmp_path_factory, content):
    text = "".join(f"{key}: [{', '.join(value)}]\n" if isinstance(value, list) else f"{key}: {value}\n"
                   for key, value in content.items())
    theirs = YAML(typ="safe", pure=True).load(text)
    assert json.dumps(read(tmp_path_factory.mktemp("yaml"), text)) == json.dumps(theirs)


@pytest.mark.parametrize(("text", "message"), [
    ("a: 1\nb: [1, 2\n", "line 3"), ("a: 1\n\tb: 2\n", "line 2"), ("a: {b: 1, b: 2}\n", "line 1.*duplicate key 'b'"),
    ("? {1: 2}\n: 3\n", "line 1.*unhashable key"), ("a: !!python/object:os.system x\n", "line 1"),
    ("a: !!timestamp x\n", "line 1.*timestamp are not allowed"), ("a: !!binary '?'\n", "binary are not allowed"),
    ("a: !!int x\n", "not readable as YAML"), ("a: !!bool x\n", "not readable as YAML"),
    ("a: !!float ''\n", "not readable as YAML"), ("a: 1\n---\nb: 2\n", "line"), ("a: *b\n", "line 1"),
    ("a: '\x00'\n", "not readable as YAML"), ("%YAML 9.9\n---\na: 1\n", "line 1.*incompatible YAML"),
    (f"a: {'[' * 3000}", "not (readable as|valid) YAML"), (f"a: {'9' * 5000}", "not readable as YAML")])
def test_what_is_wrong_is_said_with_its_line(tmp_path, text, message):
    with pytest.raises(ParameterError, match=f"file.yaml: .*{message}") as caught:
        read(tmp_path, text)
    assert len(str(caught.value)) < 600


def test_missing_and_undecodable_files(tmp_path):
    with pytest.raises(ParameterError, match=r"none.yaml: missing"):
        checked_yaml.read(tmp_path / "none.yaml", ParameterError)
    (tmp_path / "latin.yaml").write_bytes(b"a: \xe9\xff\n")
    with pytest.raises(ParameterError, match="not readable"):
        checked_yaml.read(tmp_path / "latin.yaml", ParameterError)
    with pytest.raises(ParameterError, match="not readable"):
        checked_yaml.read(tmp_path, ParameterError)


@given(st.text(alphabet="ab:-[]{}!&*#?|>%@'\"1. \n\t,", max_size=40))
def test_any_text_is_read_or_refused_with_a_reason(tmp_path_factory, text):
    message = "file.yaml"
    try:
        read(tmp_path_factory.mktemp("yaml"), text)
    except ParameterError as error:
        message = str(error)
    assert "file.yaml" in message


# --- a file as settings ----------------------------------------------------------------------------------------------

def test_a_good_file_is_the_model(load_text):
    assert load_text("name: a\nparts: {x: {size: 3}}\nshare: 1") == Outer(name="a", parts={"x": Inner(size=3)},
                                                                         share=1.0)


@pytest.mark.parametrize(("text", "why"), [
    ("name: a\nprats: {}", "prats: given {}. Unknown parameter 'prats'.*Did you mean 'parts'"),
    ("name: a\nparts: {x: {sise: 3, size: 1}}", r"parts\.x\.sise: given 3.*Did you mean 'size'"),
    ("name: a\nparts: {x: {ladder: [1], size: 1}}", r"parts\.x\.ladder: ladder is called target_returns now"),
    ("name: a\nladder: [1]", "Unknown parameter 'ladder'"),
    ("parts: {}", "name: missing"), ("name: 3", "name: given 3"), ("name: a\nshare: '0.5'", "share: given '0.5'"),
    ("name: a\nparts: {x: {size: 0}}", r"parts\.x\.size: given 0; input should be greater"),
    ("name: a\nshare: .nan", "share: given nan"), ("name: a\nparts: {3: {size: 1}}", "not text"),
    ("? [1, 2]\n: 3\n", r"the key \(1, 2\), which is not text"),
    ("name: a\nparts: {<<: {x: {size: 1}}}", r"parts\.<<"),
    ("[]", "must contain the blocks name, parts, share"), ("", "must contain the blocks"),
    ("name: &x [*x]", "nested too deeply"), ("name: a: b", "line 1")])
def test_problems_name_file_place_value_and_what_is_allowed(load_text, text, why):
    with pytest.raises(ParameterError, match=why) as error:
        load_text(text)
    assert "some.yaml" in str(error.value)


def test_few_lines_of_aliases_cannot_fill_the_memory(load_text):
    lines = [f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]" for before, name in zip("abcdefgh", "bcdefghi",
                                                                                           strict=True)]
    with pytest.raises(ParameterError, match="more than 1,000,000 values"):
        load_text("\n".join(["a: &a [1]", *lines]))


def test_many_problems_are_counted(load_text):
    lines = "\n".join(f"x{index}: 1" for index in range(MAX_PROBLEMS + 3))
    with pytest.raises(ParameterError, match="and 3 more") as error:
        load_text(f"name: a\n{lines}")
    assert len(str(error.value).splitlines()) == MAX_PROBLEMS + 1


def test_the_error_is_of_the_kind_asked_for(load_text):
    with pytest.raises(DatasetError, match="name: missing"):
        load_text("share: 1", DatasetError)


def test_no_new_name_is_an_old_one():
    assert not RENAMED.keys() & RENAMED.values()
