"""Trajectory quality against values computed by hand, and what becomes of the figure of earlier programs."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from recorded_data import changed_json

from aign.errors import DatasetError
from aign.files import manifest
from aign.trajectories.contexts import ContextPool, Contexts
from aign.trajectories.quality import read_quality
from aign.trajectories.reader import TrajectoryStore
from aign.trajectories.reference_utilities import ReferenceUtilities
from aign.trajectories.trajectory_quality import PooledReturn, UnknownQuality, measure, quality_text
from aign.trajectories.verification import verify

GOLDEN = Path(__file__).parent / "golden"


def measured(normalised, contexts, reference, optimum):
    """The measure of episodes in contexts with these reference utilities."""
    ids = torch.arange(len(reference))
    split = Contexts(ids, torch.zeros(len(ids), 1),
                     *(torch.tensor(values, dtype=torch.float64) for values in (reference, optimum)), "train")
    return PooledReturn.measured(torch.tensor(normalised), ReferenceUtilities({"train": split}), torch.tensor(contexts))


def test_episodes_count_by_the_room_of_their_contexts():
    """Gains 1, -2 in room 2 twice, 8 in room 8: 7 of 12."""
    found = measured([0.5, -1.0, 1.0], [0, 0, 1], [1.0, 2.0], [3.0, 10.0])
    overall = found.overall()
    assert overall["value"] == pytest.approx(7 / 12)
    assert overall["utility_ratio"] == pytest.approx((2 / 3 + -1 / 3 + 1) / 3)
    assert found.of(np.array([True, True, False])) == pytest.approx(-1 / 4)
    # Contexts are drawn whole: only the first, only the second, or both.
    assert (overall["low"], overall["high"]) == pytest.approx((-1 / 4, 1))


def test_a_context_whose_reference_is_optimal_does_not_rule():
    """A loss of 0.01 utility there is a normalised return of about -1e6; pooled it is a thousandth."""
    found = measured([0.5, -0.01 / (1e-9 * 11.0)], [0, 1], [0.0, 10.0], [10.0, 10.0]).overall()
    assert found["value"] == pytest.approx(4.99 / 10)
    assert found["degenerate_contexts"]["count"] == 1
    assert found["degenerate_contexts"]["of"] == 2
    assert found["utility_ratio"] is None, "a reference at 0"
    assert "1 of 2 contexts are degenerate" in quality_text(found)


def test_where_no_context_has_room_there_is_no_value():
    found = measured([-5.0, 0.0], [0, 1], [4.0, 10.0], [4.0, 10.0]).overall()
    assert (found["value"], found["low"], found["high"]) == (None, None, None)
    assert quality_text(found).startswith("-; mean U/U* 1.0000; 2 of 2")


def test_without_contexts_file_it_is_not_known(ragged_store):
    assert isinstance(measure(ragged_store.shards, None), UnknownQuality)
    figures = read_quality(ragged_store)
    assert figures["trajectory_quality"]["value"] is None
    assert "no contexts.safetensors" in figures["trajectory_quality"]["convention"]
    assert {one["trajectory_quality"] for one in figures["behaviours"].values()} == {None}
    assert quality_text(figures["trajectory_quality"]) == "not known"


def test_contexts_of_another_dataset_are_refused(recorded, ragged_store):
    with pytest.raises(DatasetError, match=r"of split validation, which contexts\.safetensors does not have"):
        measure(ragged_store.shards, recorded / "contexts.safetensors")


# --- files of earlier programs ---------------------------------------------------------------------------------------

@pytest.mark.parametrize("version", [1, 2])
def test_an_earlier_figure_is_verified_as_written_and_shown_as_today(version):
    folder = GOLDEN / f"version-{version}"
    store = TrajectoryStore.open(folder)
    written = json.loads((folder / "meta/quality.json").read_text())
    plain = store.gather("return_normalised", store.rows("train")).double()
    assert written["trajectory_quality"]["value"] == pytest.approx(float(plain.mean()))
    assert written["trajectory_quality"]["value"] < -200
    assert "figures" in [check.name for check in verify(folder)]
    pool = ContextPool.load(folder / "contexts.safetensors", store.scenario)["train"]
    place = {int(number): row for row, number in enumerate(pool.ids)}
    known = pool.take(torch.tensor([place[int(number)] for number in store.gather("context_id", store.rows("train"))]))
    gain = store.gather("utility", store.rows("train")).double() - known.reference
    figures = read_quality(store)
    assert figures["trajectory_quality"]["value"] == pytest.approx(
        float(gain.sum() / (known.optimum - known.reference).sum()), rel=1e-4)
    assert figures["behaviours"]["heuristic:coordinate_ascent"]["trajectory_quality"] == pytest.approx(1)
    assert figures["duplicates"] == written["duplicates"]


def test_a_wrong_earlier_figure_is_found(tmp_path):
    copy = shutil.copytree(GOLDEN / "version-2", tmp_path / "d")
    quality = json.loads((copy / "meta/quality.json").read_text())
    quality["trajectory_quality"]["value"] = 0.5
    (copy / "meta/quality.json").write_text(json.dumps(quality))
    manifest.build(copy, {path.name: rows for path, rows in zip(sorted(copy.glob("*.arrow")), (16, 14), strict=True)})
    with pytest.raises(DatasetError, match=r"quality.json, trajectory_quality.value: 0.5 stored, the shards give -253"):
        list(verify(copy))


@pytest.mark.parametrize("version", [0, 3, "2", None])
def test_an_unknown_version_is_refused(recorded, tmp_path, version):
    copy = changed_json(recorded, tmp_path / "d", "meta/quality.json", lambda figures: figures.update(version=version))
    with pytest.raises(DatasetError, match="of another version"):
        read_quality(TrajectoryStore.open(copy))
