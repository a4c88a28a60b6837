"""Exports that other libraries misread: one-hot rows under the space of a choice, episodes that begin elsewhere."""

import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
from smoke import aign, inside, jobs_here

minari = pytest.importorskip("minari")

from minari_replays import replay  # noqa: E402


def exported(case, variant, folder, monkeypatch):
    """Collect and export a case's dataset as its README says, in a folder; return the dataset's id."""
    shutil.copytree(case, folder)
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(folder / "minari"))
    with inside(folder), jobs_here():
        for command in (("collect", variant), ("dataset", "export", f"data/trajectories/{variant}", "--as", "minari",
                                               "--to", "minari")):
            said = aign(*command)
            assert said.code == 0, said.err
    return f"aign/{variant}-all-v0"


def test_choices_are_whole_numbers_of_the_action_space(case_folder, tmp_path, monkeypatch):
    folder = tmp_path / "case"
    dataset = minari.load_dataset(exported(case_folder("05-minari-discrete-actions"), "cart", folder, monkeypatch))
    assert str(dataset.action_space) == "Discrete(2)"
    for episode in dataset.iterate_episodes():
        assert (episode.actions.dtype, episode.actions.shape) == (np.int64, (12,))
        assert all(dataset.action_space.contains(action) for action in episode.actions)
    found = replay(dataset.id)
    assert found.same_return == found.same_steps == found.episodes > 0
    # The report's own script: the recovered environment takes the first action.
    said = subprocess.run([sys.executable, "check.py"], cwd=folder, env=os.environ, capture_output=True, text=True)
    assert said.returncode == 0, said.stderr
    assert "space Discrete(2) stored (12,) int64 in space: True" in said.stdout


def test_choices_are_whole_numbers_in_the_npz_and_in_info(case_folder, tmp_path, monkeypatch):
    folder = tmp_path / "case"
    exported(case_folder("05-minari-discrete-actions"), "cart", folder, monkeypatch)
    with inside(folder):
        assert aign("dataset", "export", "data/trajectories/cart", "--as", "npz", "--to", "cart.npz").code == 0
        said = aign("dataset", "info", "data/trajectories/cart")
    with np.load(folder / "cart.npz") as arrays:
        assert arrays["actions"].dtype == np.int64
        assert set(arrays["actions"].tolist()) == {0, 1}
        assert arrays["actions"].shape == arrays["rewards"].shape
    assert "continuous" not in (folder / "data/trajectories/cart/meta/info.json").read_text()
    assert "choice, one-hot" in said.out


def test_episodes_that_begin_anywhere_are_replayed_by_the_options_stored_for_them(case_folder, tmp_path, monkeypatch):
    """The report's script hands on the context alone; where an episode begins stands beside it, in the same options."""
    case = case_folder("06-minari-replay-random-start")
    found = replay(exported(case, "two", tmp_path / "case", monkeypatch))
    assert found.elsewhere > 20
    assert found.same_return == found.same_steps == found.episodes > 60
