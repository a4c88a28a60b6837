import pytest

from aign.errors import StorageError
from aign.trajectories.writer import shards_aside


def test_the_place_is_empty_hidden_and_gone_afterwards(tmp_path):
    left_over = tmp_path / ".data.123.shards" / "part-00000.arrow"
    left_over.parent.mkdir()
    left_over.write_text("of a killed run")
    with shards_aside(tmp_path / "data") as aside:
        assert not left_over.exists()
        assert aside.name.startswith(".")
        aside.mkdir()
        (aside / "part-00000.arrow").write_text("new")
    assert list(tmp_path.iterdir()) == []


def test_the_place_is_gone_after_an_error_too(tmp_path):
    with pytest.raises(ZeroDivisionError), shards_aside(tmp_path / "data") as aside:  # noqa: PT012
        aside.mkdir()
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


def test_a_place_in_use_is_refused_and_left_alone(tmp_path):
    with shards_aside(tmp_path / "data") as aside:
        aside.mkdir()
        with pytest.raises(StorageError, match="data: another process is writing there"), \
                shards_aside(tmp_path / "data"):
            raise AssertionError("two share it")
        assert aside.is_dir()
