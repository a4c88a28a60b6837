import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from smoke import flip_byte

from aign.engines import completion
from aign.errors import StorageError


@pytest.fixture
def work(tmp_path):
    """What a finished job left: two files and the marker."""
    (tmp_path / "random" / "deep").mkdir(parents=True)
    paths = [tmp_path / "random" / "part.arrow", tmp_path / "random" / "deep" / "policy.json"]
    for number, path in enumerate(paths):
        path.write_bytes(bytes(range(number, 99)))
    completion.write(tmp_path / "random.json", paths, parts=["part.arrow"], episodes=7)
    return tmp_path / "random.json", paths


def test_a_marker_keeps_its_content(work):
    marker, _ = work
    assert completion.read(marker) == {"parts": ["part.arrow"], "episodes": 7}
    before = marker.read_bytes()
    completion.drop_damaged("collect", [marker, marker.with_name("none.json")])
    assert marker.read_bytes() == before


@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize("harm", [flip_byte, lambda path: path.unlink(), lambda path: path.write_bytes(b""),
                                  lambda path: [path.unlink(), path.mkdir()]])
def test_a_damaged_file_is_named_and_its_work_dropped(work, capsys, harm, number):
    marker, paths = work
    harm(paths[number])
    with pytest.raises(StorageError) as caught:
        completion.read(marker)
    assert str(paths[number]) in str(caught.value)
    completion.drop_damaged("collect water-4", [marker])
    assert not marker.exists()
    assert f"collect water-4 | does random again: {paths[number]}" in capsys.readouterr().out


def test_a_change_of_any_bit_of_the_marker_is_found(work):
    marker, _ = work
    content = marker.read_bytes()
    for place in range(len(content)):
        changed = bytearray(content)
        changed[place] ^= 1 << place % 8
        marker.write_bytes(changed)
        with pytest.raises(StorageError, match=r"random\.json"):
            completion.read(marker)


@given(st.recursive(st.none() | st.integers() | st.floats() | st.text(), lambda inner: st.lists(inner, max_size=3)
                    | st.dictionaries(st.text(max_size=6), inner, max_size=3), max_leaves=5))
def test_any_json_that_is_no_marker_is_refused(tmp_path_factory, value):
    marker = tmp_path_factory.mktemp("marker") / "marker.json"
    marker.write_text(json.dumps(value))
    with pytest.raises(StorageError, match=r"marker\.json"):
        completion.read(marker)


def test_a_folder_in_the_markers_place_is_dropped(work):
    marker, _ = work
    marker.unlink()
    (marker / "inside").mkdir(parents=True)
    completion.drop_damaged("collect", [marker])
    assert not marker.exists()
