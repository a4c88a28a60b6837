"""A reader never meets half a file or folder: whatever fails, the old content stays and nothing is left beside it."""

import errno
import hashlib
import json
import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aign.errors import DatasetError, StorageError
from aign.files import writing

NUMBERS = st.integers(-2**53, 2**53) | st.floats(allow_nan=False, allow_infinity=False)
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3), max_leaves=8)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def fail_with(number):
    def fail(*arguments, **options):
        raise OSError(number, os.strerror(number))
    return fail


def interrupt_writing(path, error):
    with writing.writing(path) as aside:
        aside.write_text("half")
        raise error


def interrupt_building(folder, error):
    with writing.building(folder) as aside:
        (aside / "data.txt").write_text("half")
        raise error


# --- one file ---------------------------------------------------------------------------------------------------------
def test_writing_puts_the_file_in_place_and_makes_missing_folders(tmp_path):
    path = tmp_path / "a" / "b" / "file.txt"
    with writing.writing(path) as aside:
        aside.write_text("whole")
        assert not path.exists()
    assert path.read_text() == "whole"
    assert names(path.parent) == ["file.txt"]


def test_writing_shows_the_old_content_until_the_block_ends(tmp_path):
    path = tmp_path / "file.txt"
    path.write_text("old")
    with writing.writing(path) as aside:
        aside.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"


def test_writing_clears_what_killed_writers_of_that_file_left(tmp_path):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    here = writing.HOST
    alive = (f".a[1].txt.{here}.{os.getppid()}.part", f".b.txt.{here}.{dead.pid}.part",
             f".a[1].txt.another-machine.{dead.pid}.part", ".a[1].txt.part", ".a[1].txt.x.part")
    for name in (*alive, f".a[1].txt.{here}.{dead.pid}.part", f".a[1].txt.{here}.{10**30}.part"):
        (tmp_path / name).write_text("half")
    with writing.writing(tmp_path / "a[1].txt") as aside:
        aside.write_text("whole")
    assert names(tmp_path) == sorted((*alive, "a[1].txt"))


@pytest.mark.parametrize("error", [ValueError("a bug"), KeyboardInterrupt()], ids=["bug", "interrupt"])
def test_a_failure_while_writing_keeps_the_old_file_and_is_passed_on_as_it_is(tmp_path, error):
    path = tmp_path / "file.txt"
    path.write_text("old")
    with pytest.raises(type(error)) as caught:
        interrupt_writing(path, error)
    assert caught.value is error
    assert path.read_text() == "old"
    assert names(tmp_path) == ["file.txt"]


@pytest.mark.parametrize("call", ["fsync", "replace"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_a_full_or_read_only_disk_keeps_the_old_file_and_says_what_to_do(tmp_path, monkeypatch, call, number):
    path = tmp_path / "file.txt"
    path.write_text("old")
    monkeypatch.setattr(writing.os, call, fail_with(number))
    with pytest.raises(StorageError) as caught:
        writing.write_json(path, 1)
    message = str(caught.value)
    assert str(path) in message
    assert os.strerror(number) in message
    assert "disk space" in message
    assert path.read_text() == "old"
    assert names(tmp_path) == ["file.txt"]


def test_a_folder_that_cannot_be_made_is_a_storage_error(tmp_path):
    (tmp_path / "occupied").write_text("a file where a folder is needed")
    with pytest.raises(StorageError, match="occupied"):
        writing.write_json(tmp_path / "occupied" / "file.json", 1)


# --- one folder -------------------------------------------------------------------------------------------------------
def test_building_replaces_the_folder_as_a_whole(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "stale.txt").write_text("old")
    with writing.building(folder) as aside:
        (aside / "fresh.txt").write_text("new")
        assert names(folder) == ["stale.txt"]
    assert names(folder) == ["fresh.txt"]
    assert names(tmp_path) == ["data"]


def test_building_makes_a_new_folder_with_its_parents(tmp_path):
    with writing.building(tmp_path / "a" / "b") as aside:
        (aside / "x").write_text("1")
    assert names(tmp_path / "a") == ["b"]


def test_building_starts_empty_though_an_earlier_run_was_killed(tmp_path):
    (tmp_path / ".data.123.part").mkdir()
    (tmp_path / ".data.123.part" / "remains").write_text("of a killed run")
    (tmp_path / ".data.lock").write_text("")
    others = [".data.v2.123.part", ".metadata.123.part"]  # of other folders, which may be at work
    for name in others:
        (tmp_path / name).mkdir()
    with writing.building(tmp_path / "data") as aside:
        assert names(aside) == []
        assert names(tmp_path) == sorted([*others, ".data.lock", aside.name])
    assert names(tmp_path) == sorted([*others, "data"])


@pytest.mark.parametrize("error", [ValueError("a bug"), KeyboardInterrupt(), OSError(errno.ENOSPC, "full")],
                         ids=["bug", "interrupt", "full disk"])
def test_a_failure_while_building_keeps_the_old_folder(tmp_path, error):
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "old.txt").write_text("old")
    with pytest.raises(StorageError if isinstance(error, OSError) else type(error)):
        interrupt_building(folder, error)
    assert names(tmp_path) == ["data"]
    assert (folder / "old.txt").read_text() == "old"


def test_a_failure_between_the_two_renames_puts_the_old_folder_back(tmp_path, monkeypatch):
    folder, rename = tmp_path / "data", os.replace
    folder.mkdir()
    (folder / "old.txt").write_text("old")

    def fail_on_the_new_folder(source, target):
        if source.name.endswith(".part"):
            raise OSError(errno.ENOSPC, "No space left on device")
        rename(source, target)

    monkeypatch.setattr(writing.os, "replace", fail_on_the_new_folder)
    with pytest.raises(StorageError), writing.building(folder) as aside:
        (aside / "new.txt").write_text("new")
    assert names(folder) == ["old.txt"]


def test_a_folder_left_aside_by_a_killed_run_comes_back_when_the_next_run_fails(tmp_path):
    (tmp_path / ".data.old").mkdir()
    (tmp_path / ".data.old" / "old.txt").write_text("old")
    with pytest.raises(ValueError, match="a bug"):
        interrupt_building(tmp_path / "data", ValueError("a bug"))
    assert names(tmp_path) == ["data"]
    assert names(tmp_path / "data") == ["old.txt"]


# --- contents ---------------------------------------------------------------------------------------------------------
@given(JSON_VALUES)
def test_json_text_is_read_back_as_it_was(value):
    assert json.loads(writing.json_text(value)) == value


@given(st.dictionaries(st.text(max_size=4), st.integers(), max_size=6))
def test_equal_content_is_equal_bytes_whatever_the_order(value):
    assert writing.json_text(dict(reversed(value.items()))) == writing.json_text(value)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_numbers_that_json_does_not_know_are_refused_and_nothing_is_written(tmp_path, value):
    with pytest.raises(ValueError, match="not JSON compliant"):
        writing.write_json(tmp_path / "file.json", {"x": value})
    assert names(tmp_path) == []


def test_read_json_names_the_file_that_is_missing_or_damaged(tmp_path):
    path = tmp_path / "info.json"
    with pytest.raises(DatasetError, match=r"info\.json: missing"):
        writing.read_json(path, DatasetError)
    path.write_text('{"half": ')
    with pytest.raises(DatasetError, match=r"info\.json: not readable"):
        writing.read_json(path, DatasetError)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DatasetError, match=r"info\.json: not readable"):
        writing.read_json(path, DatasetError)


@pytest.mark.parametrize("size", [0, 1, writing.BLOCK, writing.BLOCK + 1])
def test_sha256_reads_every_block(tmp_path, size):
    content = bytes(range(256)) * (size // 256 + 1)
    (tmp_path / "blob").write_bytes(content[:size])
    assert writing.sha256(tmp_path / "blob") == hashlib.sha256(content[:size]).hexdigest()


# --- one process at a time --------------------------------------------------------------------------------------------
HOLDING = """
import sys, time
from pathlib import Path
from aign.files.writing import building
with building(Path(sys.argv[1])) as aside:
    (aside / "theirs").write_text("theirs")
    print("holds", flush=True)
    sys.stdin.read()
"""


@contextmanager
def another_process(folder):
    """Another process that builds a folder until its input ends."""
    with subprocess.Popen([sys.executable, "-c", HOLDING, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          text=True) as process:
        assert process.stdout.readline() == "holds\n"
        yield process


def test_a_claimed_folder_is_refused_to_others_until_it_is_free(tmp_path):
    folder = tmp_path / "deep" / "folder"
    with writing.claimed(folder):
        with pytest.raises(StorageError, match=f"{folder}: another process is writing there"), writing.claimed(folder):
            raise AssertionError("two hold it")
        with writing.claimed(folder, "other.lock"), writing.claimed(tmp_path / "other"):
            pass
    with writing.claimed(folder), pytest.raises(ZeroDivisionError), writing.claimed(tmp_path / "other"):
        1 / 0  # noqa: B018
    with writing.claimed(tmp_path / "other"):
        assert names(tmp_path) == [".other.lock", "deep"]
    assert names(folder.parent) == []


def test_a_folder_that_another_process_builds_is_refused_and_its_work_is_left_alone(tmp_path):
    folder = tmp_path / "data"
    with another_process(folder) as process:
        with pytest.raises(StorageError, match="data: another process is writing there"), writing.building(folder):
            raise AssertionError("two build it")
        process.stdin.close()
    assert process.returncode == 0
    assert names(folder) == ["theirs"]
    assert names(tmp_path) == ["data"]


def test_a_folder_whose_builder_was_killed_is_free_and_nothing_of_it_stays(tmp_path):
    with another_process(tmp_path / "data") as process:
        process.kill()
    assert len(names(tmp_path)) == 2
    with writing.building(tmp_path / "data") as aside:
        (aside / "ours").write_text("ours")
    assert names(tmp_path) == ["data"]
    assert names(tmp_path / "data") == ["ours"]


def test_many_who_want_one_folder_never_hold_it_together(tmp_path):
    script = """
import sys, time
from pathlib import Path
from aign.errors import StorageError
from aign.files.writing import claimed
folder, inside, held = Path(sys.argv[1]), Path(sys.argv[2]), 0
while held < 40:
    try:
        with claimed(folder):
            inside.mkdir()  # fails where somebody else is inside
            inside.rmdir()
            held += 1
    except StorageError:
        time.sleep(0.001)
"""
    many = [subprocess.Popen([sys.executable, "-c", script, str(tmp_path / "data"), str(tmp_path / "inside")])
            for _ in range(4)]
    assert [one.wait() for one in many] == [0] * 4
    assert names(tmp_path) == []


def test_the_folder_one_stands_in_cannot_be_replaced(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StorageError, match="Give the path of a folder"), writing.building(Path(".")):
        raise AssertionError("built")


def test_text_is_the_same_bytes_on_every_system(tmp_path):
    writing.write_text(tmp_path / "a", "ä → €\r\nb\n")
    assert (tmp_path / "a").read_bytes() == "ä → €\r\nb\n".encode()
