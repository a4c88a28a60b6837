"""DVC as a registry of datasets, as data/README.md describes it, with local repositories."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from publishing import VERSIONS
from smoke import contents

from aign.exchange.publish import publish_dataset
from aign.exchange.published import import_published
from aign.trajectories.reader import TrajectoryStore

pytestmark = [pytest.mark.slow, pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")]


@pytest.fixture(scope="module")
def run(tmp_path_factory, python):
    """Run git or dvc in a folder, with no settings but these."""
    home = tmp_path_factory.mktemp("home")
    identity = {f"GIT_{who}_{what}": "test@example.org"
                for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    environment = {**os.environ, **identity, "HOME": str(home), "DVC_NO_ANALYTICS": "1", "GIT_CONFIG_NOSYSTEM": "1",
                   "DVC_GLOBAL_CONFIG_DIR": str(home), "DVC_SYSTEM_CONFIG_DIR": str(home),
                   "DVC_SITE_CACHE_DIR": str(home / "cache")}

    def command(folder, *arguments, fails=False):
        program = [python, "-m", "dvc"] if arguments[0] == "dvc" else [arguments[0]]
        done = subprocess.run([*program, *arguments[1:]], cwd=folder, env=environment, capture_output=True, text=True)
        assert (done.returncode != 0) is fails, f"{arguments}: {done.stdout}{done.stderr}"
        return done.stdout + done.stderr
    return command


@pytest.fixture(scope="module")
def registry(tmp_path_factory, run):
    """A repository with a local dataset and a published one, two tags of the latter, data only in DVC's cache."""
    repository = tmp_path_factory.mktemp("registry")
    run(repository, "git", "init", "--quiet")
    run(repository, "dvc", "init", "--quiet")
    shutil.copytree(VERSIONS[1], repository / "data" / "trajectories" / "golden")
    for tag, stores in (("v1", VERSIONS[:1]), ("v2", VERSIONS)):
        publish_dataset(stores, str(repository / "data" / "published"))
        run(repository, "dvc", "add", "--quiet", "data/published", "data/trajectories/golden")
        run(repository, "git", "add", "--all")
        run(repository, "git", "commit", "--quiet", "--message", tag)
        run(repository, "git", "tag", tag)
    return repository


def test_get_fetches_a_dataset_that_opens_and_one_that_imports(registry, run, tmp_path):
    run(tmp_path, "dvc", "get", str(registry), "data/trajectories/golden", "--out", "golden")
    assert contents(tmp_path / "golden") == contents(VERSIONS[1])
    assert len(TrajectoryStore.open(tmp_path / "golden")) == 30
    run(tmp_path, "dvc", "get", str(registry), "data/published", "--rev", "v1", "--out", "old")
    import_published(tmp_path / "old", tmp_path / "back")
    assert contents(tmp_path / "back") == contents(VERSIONS[0])


def test_import_records_where_from_and_update_follows(registry, run, tmp_path):
    run(tmp_path, "git", "init", "--quiet")
    run(tmp_path, "dvc", "init", "--quiet")
    run(tmp_path, "dvc", "import", str(registry), "data/published", "--rev", "v1", "--out", "published")
    (record,) = yaml.safe_load((tmp_path / "published.dvc").read_text())["deps"]
    assert record["repo"]["rev"] == "v1"
    assert Path(record["repo"]["url"]) == registry
    before = contents(tmp_path / "published")
    run(tmp_path, "dvc", "update", "--rev", "v2", "published.dvc")
    assert contents(tmp_path / "published") == contents(registry / "data" / "published") != before
    import_published(tmp_path / "published", tmp_path / "back", "version-2")
    assert contents(tmp_path / "back") == contents(VERSIONS[1])


def test_a_remote_serves_a_clone_without_the_cache(registry, run, tmp_path):
    run(registry, "dvc", "remote", "add", "--default", "--force", "storage", str(tmp_path / "remote"))
    run(registry, "dvc", "push")
    run(registry, "git", "commit", "--quiet", "--all", "--message", "remote")
    run(tmp_path, "git", "clone", "--quiet", str(registry), "clone")
    run(tmp_path / "clone", "dvc", "pull")
    assert contents(tmp_path / "clone" / "data" / "published") == contents(registry / "data" / "published")


def test_what_the_registry_lacks_is_no_silent_success(registry, run, tmp_path):
    assert "nothing" in run(tmp_path, "dvc", "get", str(registry), "data/nothing", fails=True)
