import pytest
from pydantic import Field

from aign.checked_yaml import SHOWN_PROBLEMS, load
from aign.errors import DatasetError, ParameterError
from aign.settings import Settings


class Inner(Settings):
    size: int = Field(ge=1)


class Outer(Settings):
    name: str
    parts: dict[str, Inner] = Field(default_factory=dict)
    share: float = 0.5


@pytest.fixture
def read(tmp_path):
    def written(text, error=ParameterError):
        (tmp_path / "some.yaml").write_text(text)
        return load(tmp_path / "some.yaml", Outer, error)
    return written


def test_a_good_file_is_the_model(read):
    assert read("name: a\nparts: {x: {size: 3}}\nshare: 1") == Outer(name="a", parts={"x": Inner(size=3)}, share=1.0)


@pytest.mark.parametrize(("text", "why"), [
    ("name: a\nprats: {}", "prats: given {}. Unknown parameter 'prats'.*Did you mean 'parts'"),
    ("name: a\nparts: {x: {sise: 3, size: 1}}", r"parts\.x\.sise: given 3.*Did you mean 'size'"),
    ("parts: {}", "name: missing"), ("name: 3", "name: given 3"), ("name: a\nshare: '0.5'", "share: given '0.5'"),
    ("name: a\nparts: {x: {size: 0}}", r"parts\.x\.size: given 0; input should be greater"),
    ("name: a\nshare: .nan", "share: given nan"), ("name: a\nparts: {3: {size: 1}}", "no word"),
    ("[]", "must hold the blocks name, parts, share"), ("", "must hold the blocks"),
    ("name: &x [*x]", "nested too deeply"), ("name: a: b", "line 1")])
def test_problems_name_file_place_value_and_what_is_allowed(read, text, why):
    with pytest.raises(ParameterError, match=why) as error:
        read(text)
    assert "some.yaml" in str(error.value)


def test_many_problems_are_counted(read):
    lines = "\n".join(f"x{index}: 1" for index in range(SHOWN_PROBLEMS + 3))
    with pytest.raises(ParameterError, match="and 3 more") as error:
        read(f"name: a\n{lines}")
    assert len(str(error.value).splitlines()) == SHOWN_PROBLEMS + 1


def test_the_error_is_of_the_kind_asked_for(read):
    with pytest.raises(DatasetError, match="name: missing"):
        read("share: 1", DatasetError)
