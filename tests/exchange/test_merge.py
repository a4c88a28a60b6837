import io
import shutil
from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest
from exchange_data import collected, columns_of, episodes_of, write_dataset
from publishing import GOLDEN
from rich.console import Console
from smoke import aign, contents

from aign.errors import DatasetError
from aign.exchange.batches import batches
from aign.exchange.merge import in_double_precision, merge
from aign.files.writing import read_json
from aign.scenarios.core import registry
from aign.trajectories.contexts import ContextPool
from aign.trajectories.reader import TrajectoryStore
from aign.trajectories.verification import verify
from aign.trajectories.writer import shards_aside


@pytest.fixture(scope="module")
def three(tmp_path_factory, scenario):
    """Datasets of different seeds, so that ids clash; the last one's episodes come from a log."""
    base = tmp_path_factory.mktemp("three")
    batches, pool = episodes_of(scenario, seed=2)
    logged = [replace(batch, source=np.full(len(batch), "north-cell")) for batch in batches]
    return [collected(base / "first", scenario, seed=0), collected(base / "second", scenario, seed=1),
            write_dataset(base / "third", scenario, logged, pool)]


def test_any_order_gives_the_same_bytes(three, tmp_path):
    found = []
    for number, order in enumerate(permutations(three)):
        merge(order, tmp_path / str(number) / "all")
        found.append(contents(tmp_path / str(number)))
    assert all(one == found[0] for one in found[1:])


def test_all_episodes_are_there_with_their_source(three, tmp_path):
    result = merge(three, tmp_path / "all")
    merged, parts = columns_of(tmp_path / "all"), [columns_of(folder) for folder in three]
    for name in ("observations", "actions", "rewards", "context", "utility", "return_normalised", "split", "behaviour"):
        assert np.array_equal(merged[name], np.concatenate([part[name] for part in parts])), name
    assert merged["source"].tolist() == ["first"] * 20 + ["second"] * 20 + ["north-cell"] * 20
    assert merged["episode_id"].tolist() == list(range(60))
    assert (result.contexts, result.moved) == (60, 0)


def test_contexts_of_the_same_id_but_other_values_are_told_apart(three, tmp_path, scenario):
    result = merge(three, tmp_path / "all")
    merged = columns_of(tmp_path / "all")
    assert len(np.unique(merged["context_id"])) == len(np.unique(merged["context"], axis=0))
    assert result.renumbered == 40  # each id was given three times
    pool = ContextPool.load(tmp_path / "all/contexts.safetensors", scenario)
    for split, part in pool.splits.items():
        rows = merged["split"] == split
        assert set(merged["context_id"][rows]) <= set(part.ids.tolist())


def test_a_merged_dataset_passes_verification(three, tmp_path):
    merge(three, tmp_path / "all")
    names = [check.name for check in verify(tmp_path / "all", lambda done, total: None)]
    assert "replay" in names


def test_datasets_of_older_versions_get_back_what_float32_rounded(tmp_path):
    """Also the normalised returns, which follow from what is certified."""
    two, three = (GOLDEN / f"version-{version}" for version in (2, 3))
    for version in (1, 2):
        shutil.copytree(GOLDEN / f"version-{version}", tmp_path / f"old-{version}")
    merge([tmp_path / "old-2", tmp_path / "old-1"], tmp_path / "all")
    checks = verify(tmp_path / "all", lambda done, total: None)
    assert [check.name for check in checks][-2:] == ["contexts", "replay"]
    merged, rounded, exact = columns_of(tmp_path / "all"), columns_of(two), columns_of(three)
    for name in ("rewards", "utility", "return_raw", "return_normalised", "min_rate", "jain_fairness"):
        assert np.array_equal(merged[name][-30:], exact[name]), name
        assert not np.array_equal(merged[name][-30:], rounded[name]), name


def test_what_the_simulator_does_not_give_stays_as_it_was_stored(tmp_path):
    store = TrajectoryStore.open(GOLDEN / "version-2")
    whole = next(iter(batches(store, store.rows())))
    told = replace(whole, labels={**whole.labels, "min_rate": whole.labels["min_rate"] + 1.0})
    again = in_double_precision(told, store.scenario)
    assert np.array_equal(again.labels["min_rate"], told.labels["min_rate"])
    assert np.array_equal(again.utility, columns_of(GOLDEN / "version-3")["utility"])


def test_a_context_of_two_splits_goes_to_the_most_held_out_one(tmp_path, scenario):
    batches, pool = episodes_of(scenario)
    train, validation, _ = batches
    even = train.context_id % 2 == 0
    moved = replace(train, split=np.where(even, "test", "train"))
    lone = replace(validation, split=np.full(len(validation), "train"))
    one = write_dataset(tmp_path / "one", scenario, batches, pool)
    other = write_dataset(tmp_path / "other", scenario, [moved, lone])
    result = merge([one, other], tmp_path / "all")
    merged = columns_of(tmp_path / "all")
    assert result.moved == len(np.unique(train.context_id[even])) + len(np.unique(validation.context_id))
    assert {part.name: part.moved for part in result.parts} == {"one": even.sum(), "other": len(lone)}
    expected = np.where(even, "test", "train").tolist()
    assert merged["split"][:len(train)].tolist() == expected
    assert merged["split"][20:20 + len(train)].tolist() == expected
    assert set(merged["split"][-len(lone):]) == {"validation"}
    again = ContextPool.load(tmp_path / "all/contexts.safetensors", scenario)
    assert set(train.context_id[even].tolist()) <= set(again["test"].ids.tolist())


def test_duplicates_are_kept_unless_asked(three, tmp_path):
    copy = shutil.copytree(three[0], tmp_path / "copy")
    assert sum(len(part.store) - part.dropped for part in merge([three[0], copy], tmp_path / "all").parts) == 40
    for place, order in (("one", [three[0], copy, three[1]]), ("two", [copy, three[1], three[0]])):
        result = merge(order, tmp_path / place / "all", unique=True)
        assert {part.name: part.dropped for part in result.parts} == {"copy": 0, "first": 20, "second": 0}
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    assert len(columns_of(tmp_path / "one/all")["utility"]) == 40


def test_provenance_names_the_datasets(three, tmp_path):
    merge(three[:2], tmp_path / "all")
    found = read_json(tmp_path / "all/meta/info.json", DatasetError)["provenance"]
    assert [(one["name"], one["episodes"]) for one in found["merged"]] == [("first", 20), ("second", 20)]
    for one, folder in zip(found["merged"], three[:2], strict=True):
        assert one["digest"] == read_json(folder / "meta/manifest.json", DatasetError)["digest"]
    assert str(tmp_path) not in (tmp_path / "all/meta/info.json").read_text()


def test_merging_merged_datasets_keeps_sources(three, tmp_path):
    merge(three[:2], tmp_path / "pair")
    merge([tmp_path / "pair", three[2]], tmp_path / "all")
    assert set(columns_of(tmp_path / "all")["source"]) == {"first", "second", "north-cell"}


def test_progress_and_table(three, tmp_path):
    said = []
    result = merge(three, tmp_path / "all", report=lambda done, total: said.append((done, total)))
    assert said[-1] == (60, 60)
    console = Console(width=120, file=io.StringIO())
    console.print(result)
    assert "60 contexts: 0 were in several splits, 40 have a new number" in console.file.getvalue()


def test_wrong_requests_are_refused(three, tmp_path):
    other = collected(tmp_path / "other", registry.create("water-filling", channels=2), contexts={
        "train": 3, "validation": 1, "test": 1}, counts={"train": 3, "validation": 1, "test": 1})
    longest = shutil.copytree(three[0], tmp_path / ("a" * 65))
    for folders, why in (([three[0]], "two or more"), ([three[0], other], "same scenario"),
                         ([three[0], longest], "Rename the folder"), ([three[0], tmp_path / "none"], "no such folder")):
        with pytest.raises(DatasetError, match=why):
            merge(folders, tmp_path / "all")
    with pytest.raises(DatasetError, match="Give another folder"):
        merge(three, three[1])
    assert not (tmp_path / "all").exists()


def test_a_damaged_dataset_is_named_and_nothing_is_left(three, tmp_path):
    damaged = shutil.copytree(three[0], tmp_path / "damaged")
    shard = damaged / "data-00001-of-00003.arrow"
    shard.write_bytes(shard.read_bytes()[:-1])
    with pytest.raises(DatasetError, match=r"damaged/data-00001-of-00003\.arrow"):
        merge([damaged, three[1]], tmp_path / "all")
    assert [path.name for path in tmp_path.iterdir()] == ["damaged"]


def test_the_command_merges(three, tmp_path):
    said = aign("dataset", "merge", *three, "--to", tmp_path / "all", "--unique")
    assert said.code == 0, said.err
    assert "second" in said.out
    assert len(columns_of(tmp_path / "all")["utility"]) == 60


def test_the_command_replaces_no_foreign_folder(three, tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    said = aign("dataset", "merge", *three, "--to", tmp_path)
    assert said.code == 2
    assert "not replaced" in said.err


def test_a_merge_into_a_folder_that_another_makes_is_refused_and_harms_nothing(folder, tmp_path):
    with shards_aside(tmp_path / "both") as aside:
        aside.mkdir()
        (aside / "part-00000.arrow").write_text("theirs")
        said = aign("dataset", "merge", folder, folder, "--unique", "--to", tmp_path / "both")
        assert said.code == 2
        assert said.err == (f"error: {tmp_path / 'both'}: another process is writing there. Give each a folder of its "
                            "own, or wait for the other to end.\n")
        assert (aside / "part-00000.arrow").read_text() == "theirs"
    assert aign("dataset", "merge", folder, folder, "--unique", "--to", tmp_path / "both").code == 0
    assert [path.name for path in tmp_path.iterdir()] == ["both"]
