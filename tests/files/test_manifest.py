import hashlib
import json
import shutil

import pytest

from aign.errors import DatasetError
from aign.files import manifest

ROWS = {"data-00000-of-00002.arrow": 32, "data-00001-of-00002.arrow": 4}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a manifest. Read-only: copy it before damaging it."""
    folder = tmp_path_factory.mktemp("manifest") / "dataset"
    (folder / "meta").mkdir(parents=True)
    for number, name in enumerate([*ROWS, "README.md", "meta/info.json", "weights.safetensors"]):
        (folder / name).write_bytes(bytes(range(number, 200)) * 40)
    manifest.build(folder, ROWS)
    return folder


@pytest.fixture
def copy(folder, tmp_path):
    return shutil.copytree(folder, tmp_path / "copy")


def all_files(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_it_lists_every_file_but_itself(folder):
    files = manifest.check(folder, deep=True)
    assert sorted([*files, "meta/manifest.json"]) == all_files(folder)
    for name, entry in files.items():
        content = (folder / name).read_bytes()
        assert entry["bytes"] == len(content)
        assert entry["sha256"] == hashlib.sha256(content).hexdigest()
    assert [entry["rows"] for name, entry in sorted(files.items()) if name.endswith(".arrow")] == [32, 4]


def test_a_flipped_bit_anywhere_in_any_file_is_found_and_named(copy):
    for name in all_files(copy):
        path = copy / name
        content = path.read_bytes()
        for place in (0, len(content) // 3, len(content) // 2, len(content) - 1):
            changed = bytearray(content)
            changed[place] ^= 1
            path.write_bytes(changed)
            with pytest.raises(DatasetError) as caught:
                manifest.check(copy, deep=True)
            assert str(path) in str(caught.value), (name, place)
        path.write_bytes(content)
    manifest.check(copy, deep=True)


def test_every_bit_of_the_manifest_is_sealed(copy):
    path = copy / manifest.NAME
    content = path.read_bytes()
    for place in range(0, len(content), 5):
        changed = bytearray(content)
        changed[place] ^= 1 << place % 8
        path.write_bytes(changed)
        with pytest.raises(DatasetError, match=r"manifest\.json"):
            manifest.check(copy, deep=False)


@pytest.mark.parametrize("deep", [False, True])
def test_missing_truncated_and_foreign_files_are_found_without_reading_them_all(copy, deep):
    for name in all_files(copy):
        path = copy / name
        content = path.read_bytes()
        path.write_bytes(content[:-1])
        with pytest.raises(DatasetError) as caught:
            manifest.check(copy, deep)
        assert str(path) in str(caught.value)
        path.unlink()
        with pytest.raises(DatasetError, match="missing") as caught:
            manifest.check(copy, deep)
        assert str(path) in str(caught.value)
        path.write_bytes(content)
    for foreign in (copy / "data-00002-of-00002.arrow", copy / "meta" / "cache-1.arrow", copy / "meta" / ".hidden",
                    copy / "tmp1", copy / "cache-1.arrow.part"):
        foreign.write_text("")
        with pytest.raises(DatasetError, match="foreign") as caught:
            manifest.check(copy, deep)
        assert str(foreign) in str(caught.value)
        foreign.unlink()
    manifest.check(copy, deep)


def test_a_link_to_nothing_is_a_missing_file(copy):
    (copy / "README.md").unlink()
    (copy / "README.md").symlink_to(copy / "nowhere")
    with pytest.raises(DatasetError, match=r"README\.md: missing"):
        manifest.check(copy, deep=True)


def test_other_folders(tmp_path):
    with pytest.raises(DatasetError, match="no such folder"):
        manifest.check(tmp_path / "none", deep=False)
    with pytest.raises(DatasetError, match=r"manifest\.json: missing"):
        manifest.check(tmp_path, deep=False)
    (tmp_path / "meta").mkdir()
    nan = float("nan")
    for content in ([], {"files": {}}, {"digest": "0", "files": {}}, {"digest": None, "files": [1]}, 7, "text",
                    {"digest": nan, "files": {"a": nan}}, {"digest": "0", "files": {}, "content": [1]}):
        (tmp_path / manifest.NAME).write_text(json.dumps(content))
        with pytest.raises(DatasetError, match="not a manifest that aign wrote"):
            manifest.check(tmp_path, deep=False)


@pytest.mark.parametrize("name", [".gitattributes", ".git/config", ".cache/huggingface/CACHEDIR.TAG"])
def test_what_a_client_leaves_at_the_top_is_no_part_of_the_folder(copy, name):
    for place in (copy, copy / "meta"):
        (place / name).parent.mkdir(parents=True, exist_ok=True)
    (copy / name).write_text("text")
    listed = manifest.check(copy, deep=True)
    assert name not in listed
    (copy / "meta" / name).write_text("text")
    with pytest.raises(DatasetError, match="foreign"):
        manifest.check(copy, deep=True)


@pytest.mark.parametrize("name", ["cache-0123456789abcdef.arrow", "cache-0123456789abcdef_00001_of_00002.arrow",
                                  "tmp0a_9zzzz"])
def test_caches_of_datasets_beside_the_shards_are_no_part_of_the_folder(copy, name):
    listed = manifest.check(copy, deep=True)
    (copy / name).write_text("rows")
    assert manifest.check(copy, deep=True) == listed


def test_a_listed_file_is_checked_whatever_its_name(tmp_path):
    (tmp_path / "cache-1.arrow").write_text("rows")
    manifest.build(tmp_path)
    (tmp_path / "cache-1.arrow").write_text("rose")
    with pytest.raises(DatasetError, match="altered"):
        manifest.check(tmp_path, deep=True)
