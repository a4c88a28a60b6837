import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from aign import plain_yaml
from aign.errors import ParameterError


def read(tmp_path, text):
    path = tmp_path / "file.yaml"
    path.write_text(text, encoding="utf-8")
    return plain_yaml.read(path, ParameterError)


@pytest.mark.parametrize(("text", "value"), [
    ("1e-3", 0.001), ("1.5", 1.5), ("-2", -2), ("010", 10), ("true", True), ("no", "no"), ("on", "on"),
    ("1:30", "1:30"), ("2026-01-01", "2026-01-01"), ("1_000", "1_000"), ("~", None), ("null", None), ("'1'", "1"),
    (".5", 0.5), (".inf", math.inf), ("+4.", 4.0), ("-", [None]), ("=", "="), ("0x10", "0x10"), ("e3", "e3")])
def test_plain_values_are_those_of_version_1_2(tmp_path, text, value):
    result = read(tmp_path, f"a: {text}\n" if text != "-" else "a:\n -\n")["a"]
    assert result == value
    assert type(result) is type(value)


NUMBERS = st.from_regex(r"[-+]?[0-9]{1,4}(\.[0-9]{0,3})?(e[-+]?[0-9]{1,2})?", fullmatch=True)
WORDS = st.sampled_from(["true", "False", "no", "yes", "off", "null", "~", "power-20", "auto", "1-2", "a1", ".5"])


@given(st.dictionaries(st.sampled_from("abcd"), NUMBERS | WORDS | st.lists(NUMBERS | WORDS, max_size=3), min_size=1))
def test_values_are_those_that_dvcs_own_reader_finds(tmp_path_factory, content):
    text = "".join(f"{key}: [{', '.join(value)}]\n" if isinstance(value, list) else f"{key}: {value}\n"
                   for key, value in content.items())
    theirs = YAML(typ="safe", pure=True).load(text)
    assert json.dumps(read(tmp_path_factory.mktemp("yaml"), text)) == json.dumps(theirs)


@pytest.mark.parametrize(("text", "message"), [
    ("a: 1\nb: [1, 2\n", "line 3"), ("a: 1\n\tb: 2\n", "line 2"), ("a: {b: 1, b: 2}\n", "line 1.*'b' stands twice"),
    ("? [1, 2]\n: 3\n", "line 1.*one word or number"), ("a: !!python/object:os.system x\n", "line 1"),
    ("a: !!timestamp x\n", "line 1.*timestamp is not allowed"), ("a: !!binary '?'\n", "binary is not allowed"),
    ("a: !!int x\n", "not readable as YAML"), ("a: !!bool x\n", "not readable as YAML"), ("a: 1\n---\nb: 2\n", "line"),
    ("a: *b\n", "line 1"), ("a: '\x00'\n", "not readable as YAML")])
def test_what_is_wrong_is_said_with_its_line(tmp_path, text, message):
    with pytest.raises(ParameterError, match=f"file.yaml: .*{message}"):
        read(tmp_path, text)


def test_missing_and_undecodable_files(tmp_path):
    with pytest.raises(ParameterError, match=r"none.yaml: missing"):
        plain_yaml.read(tmp_path / "none.yaml", ParameterError)
    (tmp_path / "latin.yaml").write_bytes(b"a: \xe9\xff\n")
    with pytest.raises(ParameterError, match="not readable"):
        plain_yaml.read(tmp_path / "latin.yaml", ParameterError)
    with pytest.raises(ParameterError, match="not readable"):
        plain_yaml.read(tmp_path, ParameterError)


@given(st.text(alphabet="ab:-[]{}!&*#?|>%@'\"1. \n\t,", max_size=40))
def test_any_text_is_read_or_refused_with_a_reason(tmp_path_factory, text):
    message = "file.yaml"
    try:
        read(tmp_path_factory.mktemp("yaml"), text)
    except ParameterError as error:
        message = str(error)
    assert "file.yaml" in message
