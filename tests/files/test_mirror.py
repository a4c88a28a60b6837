"""Remote folders without a server: what is fetched, what is refused."""

import fsspec
import pytest

from aign.errors import DatasetError, ParameterError, StorageError
from aign.files import manifest, mirror, remote
from aign.files.mirror import Mirror
from aign.files.remote import RemoteFolder, is_remote

URL = "memory://bucket/thing"
LARGE = bytes(range(256)) * 40


@pytest.fixture
def files(tmp_path):
    """A finished folder in storage that this process alone sees."""
    folder = tmp_path / "thing"
    (folder / "deep").mkdir(parents=True)
    (folder / "large.arrow").write_bytes(LARGE)
    (folder / "deep" / "small.json").write_text("{}")
    manifest.build(folder)
    system = fsspec.filesystem("memory")
    system.put(str(folder), "/bucket/thing", recursive=True)
    yield system
    system.rm("/bucket", recursive=True)


def test_large_files_take_no_room_until_they_are_read(files):
    seen = Mirror(URL)
    large = seen.folder / "large.arrow"
    assert (seen.folder.name, large.stat().st_size, large.stat().st_blocks) == ("thing", len(LARGE), 0)
    assert (seen.folder / "deep/small.json").read_text() == "{}"
    before = seen.fetched
    for start, stop in ((100, 200), (150, 260), (9_000, 9_999), (120, 130), (9_999, 20_000)):
        seen.fetch("large.arrow", start, stop)
    assert seen.fetched - before == (260 - 100) + (len(LARGE) - 9_000)
    content = large.read_bytes()
    assert (content[100:260], content[9_000:]) == (LARGE[100:260], LARGE[9_000:])
    assert not any(content[260:9_000])
    seen.fetch_all()
    assert large.read_bytes() == LARGE
    assert seen.fetched == seen.size


def test_no_byte_is_asked_for_twice(files, monkeypatch):
    asked, read = [], RemoteFolder.read
    monkeypatch.setattr(mirror, "BLOCK", 1_000)
    monkeypatch.setattr(RemoteFolder, "read", lambda self, *where: asked.append(where) or read(self, *where))
    seen = Mirror(URL)
    seen.fetch("large.arrow", 2_500, 4_200)
    seen.fetch_all()
    spans = sorted((start, stop) for name, start, stop in asked if name == "large.arrow")
    assert [start for start, _ in spans] == [0, *(stop for _, stop in spans[:-1])]
    assert spans[-1][1] == len(LARGE)
    assert max(stop - start for start, stop in spans) == 1_000


def test_it_goes_when_it_is_no_longer_used(files):
    seen = Mirror(URL)
    folder = seen.folder
    assert folder.exists()
    del seen
    assert not folder.exists()


@pytest.mark.parametrize(("change", "message"), [
    (lambda files: files.rm("/bucket/thing/meta/manifest.json"), "an upload has not ended"),
    (lambda files: files.rm("/bucket/thing/large.arrow"), "large.arrow: missing"),
    (lambda files: files.pipe("/bucket/thing/large.arrow", LARGE[:-1]), "10239 bytes, the manifest says 10240"),
    (lambda files: files.pipe("/bucket/thing/deep/small.json", b"[]"), r"memory://bucket/thing/deep/small.json: alter"),
    (lambda files: files.pipe("/bucket/thing/more.txt", b"x"), "more.txt: foreign"),
    (lambda files: files.pipe("/bucket/thing/meta/manifest.json", b"{}"), "manifest.json: altered"),
])
def test_what_is_not_as_the_manifest_says_is_refused(files, change, message):
    change(files)
    with pytest.raises(DatasetError, match=message) as told:
        Mirror(URL)
    assert URL in str(told.value)


def test_names_that_lead_out_of_the_folder_are_refused(files, monkeypatch):
    monkeypatch.setattr(type(files), "find", lambda self, path, **others: {
        "/bucket/thing/../../etc/passwd": {"size": 3}})
    with pytest.raises(DatasetError, match="not a file name that can be kept on disk"):
        Mirror(URL)


def test_what_changes_while_it_is_read_is_told(files):
    seen = Mirror(URL)
    files.pipe("/bucket/thing/large.arrow", LARGE[:500])
    with pytest.raises(StorageError, match="400 bytes came, 1000 were asked for"):
        seen.fetch("large.arrow", 100, 1_100)


@pytest.mark.parametrize(("url", "message"), [
    ("ftp://host/x", "unknown kind of storage. Allowed: s3://, file://, memory://"),
    ("s3://me:secret@bucket/x", "neither '@' nor '?'"), ("s3://bucket/x?token=secret", "neither '@' nor '?'"),
    ("memory://", "not the address of a folder"), ("file:///data/../etc", "not the address of a folder")])
def test_addresses_are_checked_and_secrets_not_repeated(url, message):
    with pytest.raises(ParameterError) as told:
        RemoteFolder(url)
    assert message in str(told.value)
    assert "secret" not in str(told.value)


def test_errors_hold_no_credentials(files, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hush")

    def failing(self, path, **others):
        raise OSError("http://me:word@host refused hush")

    monkeypatch.setattr(type(files), "cat_file", failing)
    with pytest.raises(StorageError, match="refused <AWS_SECRET_ACCESS_KEY>") as told:
        RemoteFolder(URL).read("large.arrow", 0, 1)
    assert "word" not in str(told.value)


def test_what_is_missing_to_speak_s3_is_told(monkeypatch):
    def missing(protocol, **others):
        raise ImportError("Install s3fs to access S3", name="s3fs")

    monkeypatch.setattr(fsspec, "filesystem", missing)
    with pytest.raises(StorageError, match=r"s3fs is missing.*pip install 'aign\[s3\]'"):
        RemoteFolder("s3://bucket/x")


def test_a_folder_of_this_machine_has_an_address_too(files, tmp_path):
    assert not is_remote(tmp_path)
    assert not is_remote("data/x")
    seen = Mirror(f"file://{tmp_path}/thing")
    seen.fetch_all()
    assert (seen.folder / "large.arrow").read_bytes() == LARGE
    assert remote.RemoteFolder(f"file://{tmp_path}/nothing").sizes() == {}
