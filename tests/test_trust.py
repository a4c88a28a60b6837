"""What counts as the name of code in a scenario's parameters."""

from pathlib import Path
from typing import Annotated

import pytest
from pydantic import BaseModel

from aign.trust import NamesCode, named_code, refusal, texts


class Inner(BaseModel):
    function: Annotated[str, NamesCode()] = ""
    unit: str = "1"


class Outer(BaseModel):
    plain: str = "os"
    module: Annotated[str, NamesCode()] = ""
    options: Annotated[dict[str, object], NamesCode()] = {}
    inner: Inner = Inner()
    many: dict[str, Inner] = {}
    last: Annotated[str, NamesCode(lambda value: iter(value.split("/")[1:]))] = ""


@pytest.mark.parametrize(("value", "named"), [
    ("", []), ("a", ["a"]), (3, []), (None, []), (True, []), (["a", ["b", 1.5]], ["a", "b"]),
    ({"plain": 1, "a.b": 2}, []), ({"plain": {"word": 1, "a.b": 2, "c:d": "e"}}, ["a.b", "c:d", "e"]),
    ([{"a.b": 1}], ["a.b"])])
def test_every_text_counts_and_every_inner_key_that_is_no_word(value, named):
    assert list(texts(value)) == named


def test_marked_parameters_are_read_at_any_depth_and_no_others():
    assert named_code(Outer()) == {}
    assert named_code(Outer(module="m", options={"x": ["n"]}, last="a/b", inner=Inner(function="f:g"),
                            many={"one": Inner(function="h:i", unit="os"), "two": Inner()})) == {
        "module": ["m"], "options": ["n"], "inner.function": ["f:g"], "many.one.function": ["h:i"], "last": ["b"]}


def test_the_refusal_names_file_place_and_code_and_says_what_to_do():
    named = {"module": ["m"], "rules": ["f:g", "h:i"]}
    said = str(refusal(Path("data/meta/info.json"), named, False))
    assert said.startswith("data/meta/info.json: its scenario names code")
    assert "module 'm', rules 'f:g', rules 'h:i'" in said
    assert "--trust-code" in said
    assert "trust_code=True" in said
    assert "dvc repro" in str(refusal(Path("x"), named, {"name": "y"}))
