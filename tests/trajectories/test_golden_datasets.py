"""Datasets made by earlier programs open for ever: see golden/README.md."""

import hashlib
import importlib.util
import json
import shutil
from pathlib import Path

import datasets
import numpy as np
import pytest
import torch

from aign.errors import DatasetError
from aign.files import manifest
from aign.files.writing import write_json
from aign.trajectories.assemble import assemble
from aign.trajectories.contexts import ContextPool
from aign.trajectories.reader import TrajectoryStore
from aign.trajectories.schema import FORMAT_VERSION, arrow_schema
from aign.trajectories.statistics import statistics
from aign.trajectories.verification import verify
from aign.trajectories.versions import READABLE
from aign.trajectories.windows import Windows

GOLDEN = Path(__file__).parent / "golden"
MEASURED = {"rewards", "return_raw", "return_normalised", "utility", "total_power", "max_power", "min_rate",
            "min_sinr_db", "jain_fairness", "energy_efficiency"}
"""Columns that are float64 from version 3 on."""
VERSIONS = sorted(int(path.name.removeprefix("version-")) for path in GOLDEN.glob("version-?"))


def folder_of(version):
    return GOLDEN / f"version-{version}"


@pytest.fixture(scope="module")
def figures():
    spec = importlib.util.spec_from_file_location("golden_make", GOLDEN / "make.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.figures


def test_every_readable_version_has_a_golden_dataset_of_its_own():
    assert tuple(VERSIONS) == READABLE
    assert READABLE[-1] == FORMAT_VERSION
    for version in VERSIONS:
        assert json.loads((folder_of(version) / "meta" / "info.json").read_text())["format_version"] == version
        assert sum(path.stat().st_size for path in folder_of(version).rglob("*") if path.is_file()) < 60_000


@pytest.mark.parametrize("version", VERSIONS)
def test_every_column_is_what_was_written(version, figures):
    expected = json.loads(folder_of(version).with_suffix(".json").read_text())
    if version == 1:
        expected["source"] = {"texts": ["collect"] * 30}
    made, store = figures(folder_of(version)), TrajectoryStore.open(folder_of(version))
    widened = {name for name in expected if made[name].get("dtype") != expected[name].get("dtype")}
    assert widened == (MEASURED if version < 3 else set())
    for name in widened:  # the same numbers in float64
        values = store.column(name).numpy()
        assert np.array_equal(values, values.astype(np.float32))
        assert hashlib.sha256(values.astype(np.float32).tobytes()).hexdigest() == expected[name]["sha256"]
        assert made[name]["shape"] == expected[name]["shape"]
    assert {name: one for name, one in made.items() if name not in widened} == {
        name: one for name, one in expected.items() if name not in widened}


@pytest.mark.parametrize("version", VERSIONS)
def test_it_passes_verification_and_its_replay(version):
    checks = {check.name: check for check in verify(folder_of(version), lambda done, total: None)}
    assert checks["contexts"].counts["episodes"] == checks["replay"].counts["episodes"] == 30


@pytest.mark.parametrize("version", VERSIONS)
def test_it_is_used_like_any_other(version):
    store = TrajectoryStore.open(folder_of(version))
    assert store.columns == arrow_schema(store.scenario).names
    assert "source: str (30,)" in repr(store)
    rows = store.rows("train", ["solver-guided"])
    window = Windows(store, rows, 16).batch(torch.arange(6))
    assert torch.equal(window.states, store.gather("observations", rows)[..., :2])
    pool = ContextPool.load(folder_of(version) / "contexts.safetensors", store.scenario)
    # The certificates stored with it give the normalised returns stored in it.
    contexts = {int(number): row for row, number in enumerate(pool["train"].ids)}
    place = torch.tensor([contexts[int(number)] for number in store.gather("context_id", rows)])
    found = pool["train"].take(place).normalised(store.gather("utility", rows).double())
    exact = {"rtol": 0, "atol": 0} if version > 2 else {"rtol": 1e-4, "atol": 1e-4}
    torch.testing.assert_close(found, store.gather("return_normalised", rows), **exact)


@pytest.mark.parametrize("version", VERSIONS)
def test_its_statistics_still_come_out(version):
    store = TrajectoryStore.open(folder_of(version))
    again = statistics(store.shards)
    assert again.keys() == store.stats.keys()
    for name, figures in store.stats.items():
        for key, value in figures.items():
            np.testing.assert_allclose(again[name][key], value, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("version", VERSIONS)
def test_hugging_face_opens_it(version):
    dataset = datasets.load_from_disk(str(folder_of(version)))
    assert len(dataset) == 30
    assert ("source" in dataset.column_names) == (version > 1)


def test_versions_differ_in_the_source_alone():
    """But for the solver-guided walks, whose targets were found in another way by then."""
    one, two = (TrajectoryStore.open(folder_of(version)) for version in (1, 2))
    rows = torch.from_numpy(np.flatnonzero(one.strings("behaviour") != "solver-guided"))
    assert len(rows) == 20
    for name in set(one.columns) - {"source", "behaviour", "split"}:
        assert torch.equal(one.gather(name, rows), two.gather(name, rows)), name
    assert one.strings("behaviour").tolist() == two.strings("behaviour").tolist()
    log = np.char.startswith(two.strings("behaviour"), "heuristic")
    assert two.strings("source").tolist() == np.where(log, "field-log", "collect").tolist()


def test_version_three_holds_exactly_what_version_two_rounded():
    two, three = (TrajectoryStore.open(folder_of(version)) for version in (2, 3))
    for name in set(two.columns) - {"source", "behaviour", "split"}:
        exact = three.column(name)
        assert torch.equal(two.column(name), exact.float().double() if name in MEASURED else exact), name
    assert not torch.equal(two.column("utility"), three.column("utility"))


def test_shards_of_an_old_version_are_no_parts_of_a_new_dataset(tmp_path):
    store = TrajectoryStore.open(folder_of(1))
    with pytest.raises(DatasetError, match=r"different: .*return_raw, rewards, source, "):
        assemble(tmp_path / "d", sorted(folder_of(1).glob("*.arrow")), store.scenario, {})


def relabelled(version, claimed, place):
    """A copy that claims another format version, sealed again."""
    copy = shutil.copytree(folder_of(version), place / "copy")
    info = json.loads((copy / "meta" / "info.json").read_text())
    write_json(copy / "meta" / "info.json", {**info, "format_version": claimed})
    manifest.build(copy, {path.name: rows for path, rows in zip(sorted(copy.glob("*.arrow")), (16, 14), strict=True)})
    return copy


@pytest.mark.parametrize("claimed", [1, 4, "2", 2.0, None])
def test_a_version_that_the_shards_do_not_have_is_refused(claimed, tmp_path):
    copy = relabelled(2, claimed, tmp_path)
    if claimed == 1:  # the columns of version 2 read the same, whatever the label says
        assert set(TrajectoryStore.open(copy).strings("source")) == {"collect", "field-log"}
    else:
        with pytest.raises(DatasetError, match="this program reads 1, 2 and 3"):
            TrajectoryStore.open(copy)


@pytest.mark.parametrize(("version", "claimed"), [(1, 2), (1, 3), (2, 3)])
def test_an_old_label_is_no_licence_for_missing_columns(version, claimed, tmp_path):
    copy = relabelled(version, claimed, tmp_path)
    with pytest.raises(DatasetError, match=r"needed in place .* by scenario power-allocation as it is now"):
        TrajectoryStore.open(copy).scenario  # noqa: B018
