import shutil

import pytest
from recorded_data import changed_columns, nudge, row_of, sealed
from smoke import POWER, WATER, aign

from aign.trajectories.reader import TrajectoryStore


def dataset(folder, variant):
    return folder / "data" / "trajectories" / variant


@pytest.mark.parametrize("variant", [WATER, POWER])
def test_what_the_pipeline_collects_is_verified_and_replayed(smoke, variant):
    folder = dataset(smoke.folder, variant)
    outcome = aign("dataset", "verify", folder, "--replay")
    assert (outcome.code, outcome.err) == (0, "")
    lines = outcome.out.splitlines()
    assert [line.split()[1] for line in lines if line.startswith("ok ")] == [
        "files", "schema", "values", "splits", "figures", "contexts", "replay"]
    episodes = len(TrajectoryStore.open(folder))
    assert f"100 % of {episodes:,} episodes replayed exactly in " in lines[-1]
    assert lines[-1].endswith(" episodes/s")


def test_without_replay_nothing_is_simulated(smoke):
    outcome = aign("dataset", "verify", dataset(smoke.folder, WATER))
    assert outcome.code == 0
    assert "replay" not in outcome.out


def test_a_difference_is_one_error_after_the_checks_passed(smoke, tmp_path):
    folder = dataset(smoke.folder, WATER)
    row, episode, shard = row_of(folder, "test")
    copy = changed_columns(folder, tmp_path / "copy", {"rewards": nudge(row, 1)}, described=True)
    assert aign("dataset", "verify", copy).code == 0
    outcome = aign("dataset", "verify", copy, "--replay")
    assert outcome.code == 2
    assert outcome.err.startswith(f"error: {copy / shard}, column 'rewards': episode {episode} ")
    assert outcome.err.count("\n") == 1
    assert [line.split()[1] for line in outcome.out.splitlines() if line.startswith("ok ")][-1] == "contexts"


def test_damage_is_one_error(smoke, tmp_path):
    copy = shutil.copytree(dataset(smoke.folder, WATER), tmp_path / "copy")
    (copy / "contexts.safetensors").unlink()
    for command in (("verify", copy), ("info", copy)):
        outcome = aign("dataset", *command)
        assert (outcome.code, outcome.out) == (2, "")
        assert outcome.err.startswith(f"error: {copy}/contexts.safetensors: missing")


def test_a_contexts_file_of_another_dataset_is_refused(smoke, tmp_path):
    copy = shutil.copytree(dataset(smoke.folder, WATER), tmp_path / "copy")
    shutil.copyfile(dataset(smoke.folder, POWER) / "contexts.safetensors", copy / "contexts.safetensors")
    outcome = aign("dataset", "verify", sealed(copy))
    assert outcome.code == 2
    assert "contexts were drawn for" in outcome.err
    assert outcome.err.count("\n") == 1


def test_info_shows_tables_and_draws_a_page(smoke, tmp_path):
    page = tmp_path / "sub" / "page.png"
    outcome = aign("dataset", "info", dataset(smoke.folder, POWER), "--plots", page)
    assert (outcome.code, outcome.err) == (0, "")
    for word in ("power-allocation", "trajectory quality", "state-action coverage", "5 bins", "duplicates", "min_rate",
                 "Mbit/s", "solver-guided", "Provenance", "held_out_share", f"made {page}"):
        assert word in outcome.out
    assert page.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("plots", ["page", "page.pdf", ""])
def test_a_page_is_a_png(smoke, tmp_path, plots):
    outcome = aign("dataset", "info", dataset(smoke.folder, WATER), "--plots", plots)
    assert (outcome.code, outcome.out) == (2, "")
    assert "ends in .png" in outcome.err


@pytest.mark.parametrize("command", ["info", "verify"])
def test_no_dataset(tmp_path, command):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("x")
    for name in ("nothing", "empty", "file"):
        outcome = aign("dataset", command, tmp_path / name)
        assert (outcome.code, outcome.out) == (2, "")
        assert outcome.err.startswith(f"error: {tmp_path / name}")
        assert outcome.err.count("\n") == 1
