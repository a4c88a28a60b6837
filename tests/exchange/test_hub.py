"""The client really speaks HTTP here, to a hub on this machine: the public one cannot be written to in a test."""

import os
import subprocess
import sys

import huggingface_hub.constants
import pytest
from fake_hub import serving
from publishing import VERSIONS
from smoke import contents

from aign.errors import ParameterError, StorageError
from aign.exchange import hub
from aign.exchange.publish import publish_dataset


@pytest.fixture
def served(monkeypatch, tmp_path):
    """A hub, and a client that knows its address and a token."""
    with serving() as server:
        monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", server.address)
        monkeypatch.setattr(huggingface_hub.constants, "HF_TOKEN_PATH", str(tmp_path / "no-login"))
        monkeypatch.setenv("HF_TOKEN", "hf_of_the_environment")
        yield server


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "folder" / "meta").mkdir(parents=True)
    (tmp_path / "folder" / "README.md").write_text("---\nlicense: apache-2.0\n---\ntext\n")
    (tmp_path / "folder" / "meta" / "x.json").write_text("{}")
    return tmp_path / "folder"


def test_all_files_arrive_in_one_commit_with_the_token_of_the_environment(served, folder):
    assert hub.upload(folder, "me/power", "dataset") == f"{served.address}/datasets/me/power"
    arrived = served.files["dataset", "me/power"]
    assert {name: data for name, data in arrived.items() if name != ".gitattributes"} == contents(folder)
    assert served.commits == 1
    assert served.tokens - {None} == {"Bearer hf_of_the_environment"}


def test_a_second_upload_deletes_what_is_gone(served, folder):
    hub.upload(folder, "me/power", "model")
    (folder / "meta" / "x.json").unlink()
    (folder / "new.txt").write_text("new")
    hub.upload(folder, "me/power", "model")
    assert set(served.files["model", "me/power"]) == {".gitattributes", "README.md", "new.txt"}


@pytest.mark.parametrize(("status", "words"), [
    (401, "does not accept the token"), (403, "may not write there"), (404, "no such owner"),
    (400, "the hub answers 400")])
def test_what_the_hub_refuses_is_one_clear_line(served, folder, status, words):
    served.refuse = status
    with pytest.raises(StorageError, match=words) as caught:
        hub.upload(folder, "me/power", "dataset")
    assert str(caught.value).startswith("hub:me/power: not uploaded; ")
    assert "\n" not in str(caught.value)
    assert "hf_of_the_environment" not in str(caught.value)


def test_no_network_is_one_clear_line(monkeypatch, folder):
    monkeypatch.setenv("HF_TOKEN", "hf_of_the_environment")
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(StorageError, match=r"hub:me/power: not uploaded; .*Check the network"):
        hub.upload(folder, "me/power", "dataset")


def test_without_a_token_nothing_is_made(served, monkeypatch, tmp_path):
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(StorageError, match=r"hub:me/power: no token\. Log in with `hf auth login`, or set HF_TOKEN"):
        publish_dataset([VERSIONS[1]], "hub:me/power")
    assert not served.files
    told = publish_dataset([VERSIONS[1]], "hub:me/power", dry_run=True)
    assert told.dry
    assert sum(told.files.values()) > 10_000
    assert not served.files, "a dry run needs no token and asks the hub nothing"
    assert not served.tokens


def test_a_name_of_no_repository_is_refused_before_any_work(served):
    with pytest.raises(ParameterError, match="hub:OWNER/NAME"):
        publish_dataset([VERSIONS[1]], "hub:power")
    assert not served.files


@pytest.mark.slow
def test_the_command_uploads_what_a_folder_would_get(served, tmp_path):
    environment = {**os.environ, "HF_ENDPOINT": served.address, "HF_HOME": str(tmp_path / "home"),
                   "HF_HUB_OFFLINE": "0"}  # opening a model, as another test does, goes offline for its process
    done = subprocess.run([sys.executable, "-c", "from aign.cli import main; main()", "publish", "dataset",
                           str(VERSIONS[1]), "--to", "hub:me/power"],
                          env=environment, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert f"wrote {served.address}/datasets/me/power" in done.stdout
    publish_dataset([VERSIONS[1]], str(tmp_path / "folder"))
    arrived = served.files["dataset", "me/power"]
    assert {name: data for name, data in arrived.items() if name != ".gitattributes"} == contents(tmp_path / "folder")
