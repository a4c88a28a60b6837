"""Case 08: `datasets` keeps results beside the shards; the dataset stays usable and DVC sees no change."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from smoke import POWER, aign, contents, jobs_here

from aign.errors import DatasetError
from aign.files import manifest

pytestmark = [pytest.mark.slow, pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")]

CHECKOUT = Path(__file__).resolve().parents[2]
DATASET = Path("data/trajectories") / POWER
STAGE = f"stages:\n  collect:\n    cmd: aign collect {POWER}\n    outs: [{DATASET}]\n"
UP_TO_DATE = "Data and pipelines are up to date.\n"
EVERY_KIND = """
import datasets
dataset = datasets.load_from_disk("data/trajectories/power-2")
changed = dataset.map(lambda row: {"twice": 2 * row["utility"]}, num_proc=2)
sorted_, parts = dataset.sort("utility"), dataset.train_test_split(0.5, seed=1)
assert len(changed) == len(sorted_) == parts["train"].num_rows + parts["test"].num_rows
"""
STOPPED = """
import os, datasets
def stop(row, place):
    return os._exit(9) if place > 50 else row
datasets.load_from_disk("data/trajectories/power-2").map(stop, with_indices=True, writer_batch_size=10)
"""


@pytest.fixture
def dvc(workplace, python):
    """Run DVC in a folder whose dataset is a stage's output, tracked as in this repository."""
    home = workplace.parent
    environment = {**os.environ, "HOME": str(home), "DVC_NO_ANALYTICS": "1", "GIT_CONFIG_NOSYSTEM": "1",
                   "DVC_GLOBAL_CONFIG_DIR": str(home), "DVC_SYSTEM_CONFIG_DIR": str(home),
                   "DVC_SITE_CACHE_DIR": str(home / "cache")}

    def command(*arguments):
        return subprocess.run([python, "-m", "dvc", *arguments], env=environment, capture_output=True,
                              text=True, check=True).stdout

    subprocess.run(["git", "init", "--quiet"], env=environment, check=True)
    command("init", "--quiet")
    shutil.copy(CHECKOUT / ".dvcignore", workplace)
    (workplace / "dvc.yaml").write_text(STAGE)
    command("commit", "--force", "--quiet")
    assert command("status") == UP_TO_DATE
    return command


def use(python, *arguments):
    """Use the dataset as somebody with `datasets` alone does; return what now lies beside it."""
    before = set(contents(DATASET))
    subprocess.run([python, *arguments], capture_output=True, check=False)
    left = set(contents(DATASET)) - before
    assert left, "datasets wrote nothing: this test shows nothing"
    return left


def check_usable(folder):
    commands = [("dataset", "info", DATASET), ("dataset", "verify", DATASET, "--replay"),
                ("dataset", "export", DATASET, "--as", "npz", "--to", folder / "power.npz"),
                ("dataset", "merge", DATASET, DATASET, "--unique", "--to", folder / "merged"),
                ("publish", "dataset", DATASET, "--to", folder / "published"),
                ("dataset", "import", folder / "published", "--config", POWER, "--to", folder / "back"),
                ("design", "power-allocation", "--users", "2", "--count", "2"),
                ("train", POWER), ("evaluate", POWER)]
    with jobs_here():
        for command in commands:
            said = aign(*command)
            assert said.code == 0, f"{command}: {said.err}"
            assert "left out" not in said.err
    assert contents(folder / "back") == {name: content for name, content in contents(DATASET).items()
                                         if name in {*manifest.check(DATASET, deep=True), manifest.NAME}}


def test_the_reported_use_leaves_the_dataset_usable_and_dvc_up_to_date(case_folder, dvc, python, tmp_path):
    left = use(python, str(case_folder("08-map-in-dataset-folder") / "use.py"), str(DATASET))
    assert all(name.startswith("cache-") for name in left)
    check_usable(tmp_path)
    assert dvc("status") == UP_TO_DATE
    assert "cache" not in dvc("data", "status", "--granular")


@pytest.mark.parametrize("script", [EVERY_KIND, STOPPED], ids=["every kind", "stopped midway"])
def test_every_use_leaves_the_dataset_whole_and_dvc_up_to_date(dvc, python, script):
    listed = manifest.check(DATASET, deep=True)
    left = use(python, "-c", script)
    assert script is EVERY_KIND or any(name.startswith("tmp") for name in left)
    assert manifest.check(DATASET, deep=True) == listed
    assert dvc("status") == UP_TO_DATE
    (DATASET / "data-00009-of-00010.arrow").write_bytes(b"")
    with pytest.raises(DatasetError, match="foreign"):
        manifest.check(DATASET, deep=False)
    assert "modified" in dvc("status")
