import re
import shutil
from pathlib import Path

import pyarrow as pa
import pytest
from recorded_data import (
    changed_batch,
    changed_columns,
    changed_json,
    nudge,
    put,
    record_dataset,
    row_of,
    sealed,
    with_null,
)

from aign.errors import DatasetError
from aign.files import manifest
from aign.scenarios.core import registry
from aign.trajectories.assemble import assemble
from aign.trajectories.reader import TrajectoryStore
from aign.trajectories.verification import verify

GOLDEN = Path(__file__).parent / "golden"


def silent(done, total):
    pass


def checks(folder, replay=False):
    return list(verify(folder, silent if replay else None))


def refused(folder, *words, after=(), replay=False):
    """Check that a dataset is refused with a message that holds all words, after it passed the checks named."""
    passed = []
    with pytest.raises(DatasetError) as caught:
        passed.extend(check.name for check in verify(folder, silent if replay else None))
    for word in words:
        assert str(word) in str(caught.value)
    assert passed == list(after)
    return str(caught.value)


BYTES, COLUMNS = ("files",), ("files", "schema")
VALUES, SPLITS = (*COLUMNS, "values"), (*COLUMNS, "values", "splits")
FIGURES = (*SPLITS, "figures")


def test_a_sound_dataset_passes_every_check(recorded):
    passed = {check.name: check for check in checks(recorded, replay=True)}
    assert list(passed) == [*FIGURES, "contexts", "replay"]
    files = [path for path in recorded.rglob("*") if path.is_file() and path.name != "manifest.json"]
    assert passed["files"].counts == {"files": 11, "bytes": sum(path.stat().st_size for path in files)}
    assert passed["schema"].counts == {"shards": 4, "columns": 21}
    # 9 x 9 observations, 8 x 4 actions, 8 rewards, 3 labels, 3 returns, 4 context values, 6 numbers, 2 flags, 3 texts.
    assert passed["values"].counts == {"episodes": 108, "values": 108 * (81 + 32 + 8 + 3 + 3 + 4 + 6 + 2 + 3)}
    assert passed["splits"].counts == {"episodes": 108, "contexts": 36}
    assert passed["contexts"].counts == {"contexts": 36, "episodes": 108}
    assert passed["replay"].counts == {"episodes": 108, "values": 108 * (81 + 32 + 8 + 3 + 3)}
    assert "water-filling" in passed["schema"].subject
    assert "return_normalised" in passed["replay"].subject


def test_a_dataset_of_an_older_format_passes(tmp_path):
    passed = checks(shutil.copytree(GOLDEN / "version-1", tmp_path / "d"), replay=True)
    assert [check.name for check in passed] == [*FIGURES, "contexts", "replay"]


def test_a_dataset_without_contexts_file_passes(recorded, tmp_path):
    store = TrajectoryStore.open(recorded)
    assemble(tmp_path / "d", sorted(recorded.glob("*.arrow")), store.scenario, store.info["provenance"])
    passed = checks(tmp_path / "d", replay=True)
    assert [check.name for check in passed] == [*FIGURES, "replay"]
    assert "return_normalised" not in passed[-1].subject


# --- each check catches what no earlier one does ---------------------------------------------------------------------

@pytest.mark.parametrize("name", ["data-00002-of-00004.arrow", "meta/stats.json", "README.md", "contexts.safetensors"])
def test_a_flipped_bit_is_found_by_the_manifest(recorded, tmp_path, name):
    copy = shutil.copytree(recorded, tmp_path / "d")
    content = bytearray((copy / name).read_bytes())
    content[len(content) // 2] ^= 4
    (copy / name).write_bytes(content)
    refused(copy, f"{copy / name}: altered")


def test_no_folder(tmp_path):
    refused(tmp_path / "nothing", "no such folder")


@pytest.mark.parametrize(("change", "words"), [
    (lambda info: info.update(format_version=99), "format version 99"),
    (lambda info: info.pop("scenario"), "names no scenario"),
    (lambda info: info.update(scenario=["water-filling"]), "names no scenario"),
    (lambda info: info["scenario"].update(name=7), "names no scenario"),
    (lambda info: info["scenario"].update(name="water-fillin"), "Did you mean 'water-filling'"),
    (lambda info: info["scenario"].update(channels=1), "greater than or equal to 2"),
    (lambda info: info["scenario"].update(channels=5), "data-00000-of-00004.arrow, column 'observations'"),
    (lambda info: info["scenario"].update(users=5), "Parameters: channels"),
])
def test_another_scenario_is_refused(recorded, tmp_path, change, words):
    refused(changed_json(recorded, tmp_path / "d", "meta/info.json", change), words, after=BYTES)


def renamed(batch):
    return batch.rename_columns(["reward" if name == "rewards" else name for name in batch.schema.names])


def with_one_more(batch):
    return batch.append_column("extra", pa.array([0] * batch.num_rows))


def with_other_type(batch):
    place = batch.schema.names.index("utility")
    return batch.set_column(place, "utility", batch.column(place).cast(pa.float32(), safe=False))


@pytest.mark.parametrize(("change", "column", "words"), [
    (renamed, "rewards", "reward: "), (with_one_more, "extra", "one too many"),
    (with_other_type, "utility", "utility: float given, utility: double needed"),
    (lambda batch: batch.drop_columns("split"), "split", "nothing given"),
])
def test_other_columns_are_named_with_their_shard(recorded, tmp_path, change, column, words):
    copy = changed_batch(recorded, tmp_path / "d", 2, change)
    refused(copy, copy / "data-00002-of-00004.arrow", f"column {column!r}", words, after=BYTES)


def test_shards_are_numbered_without_gaps(recorded, tmp_path):
    copy = shutil.copytree(recorded, tmp_path / "d")
    (copy / "data-00003-of-00004.arrow").unlink()
    refused(sealed(copy), "needed: data-00000-of-00003.arrow", after=BYTES)
    for shard in copy.glob("*.arrow"):
        shard.unlink()
    refused(sealed(copy), "its shards are missing", after=BYTES)


def test_rows_are_those_of_the_manifest(recorded, tmp_path):
    copy = shutil.copytree(recorded, tmp_path / "d")
    manifest.build(copy, {path.name: 32 for path in copy.glob("*.arrow")})
    refused(copy, "data-00003-of-00004.arrow: 12 episodes, the manifest says 32", after=BYTES)


@pytest.mark.parametrize(("name", "value", "place", "words"), [
    ("rewards", float("nan"), (2,), "holds nan"), ("observations", float("inf"), (0, 1), "holds inf"),
    ("utility", float("nan"), (), "holds nan"), ("actions", 1.5, (0, 0), "holds 1.5; an action as applied lies in"),
    ("length", 9, (), "1 to 8 steps"), ("length", 0, (), "1 to 8 steps"), ("split", "tests", (), "allowed: train"),
    ("behaviour", "", (), "1 to 64"), ("source", "x" * 65, (), "1 to 64"),
])
def test_a_value_without_meaning_is_named_with_shard_and_episode(recorded, tmp_path, name, value, place, words):
    row, episode, shard = row_of(recorded, "test")
    copy = changed_columns(recorded, tmp_path / "d", {name: put(row, value, *place)})
    refused(copy, copy / shard, f"column {name!r}", f"(episode {episode})", words, after=COLUMNS)


def test_an_episode_that_did_not_end_is_named(recorded, tmp_path):
    row, episode, shard = row_of(recorded, "test")
    copy = changed_columns(recorded, tmp_path / "d", {"terminated": put(row, False)})
    refused(copy, copy / shard, "column 'terminated'", f"(episode {episode})", after=COLUMNS)


def test_an_impossible_context_is_named(recorded, tmp_path):
    row, _, shard = row_of(recorded, "test")
    copy = changed_columns(recorded, tmp_path / "d", {"context": put(row, 2.5, 0)})
    refused(copy, copy / shard, "column 'context'", "gain[0] = 2.5", after=COLUMNS)


@pytest.mark.parametrize("name", ["observations", "rewards", "utility", "length", "behaviour", "context"])
def test_nulls_are_found_wherever_they_are(recorded, tmp_path, name):
    copy = changed_batch(recorded, tmp_path / "d", 1, lambda batch: with_null(batch, name))
    refused(copy, copy / "data-00001-of-00004.arrow", f"column {name!r}: 1 nulls", after=COLUMNS)


def test_text_that_is_none_is_found(recorded, tmp_path):
    copy = shutil.copytree(recorded, tmp_path / "d")
    path = copy / "data-00000-of-00004.arrow"
    content = path.read_bytes()
    assert b"randomrandom" in content
    path.write_bytes(content.replace(b"randomrandom", b"rand\xff\xfftrandom"[:12], 1))
    refused(sealed(copy), f"{path}: no sound Arrow data", after=COLUMNS)


def test_episodes_of_one_number_are_named_with_their_shards(recorded, tmp_path):
    copy = changed_columns(recorded, tmp_path / "d", {"episode_id": put(40, 1000)})
    message = refused(copy, "episode_id 1000 occurs 2 times", after=VALUES)
    assert re.findall(r"data-\d+", message) == ["data-00000", "data-00001"]


def test_a_context_number_in_two_splits_is_found(recorded, tmp_path):
    row, _, shard = row_of(recorded, "test")
    copy = changed_columns(recorded, tmp_path / "d", {"split": put(row, "train")})
    refused(copy, "occurs in more than one split", copy / shard, after=VALUES)


def test_one_context_under_two_numbers_may_not_be_in_two_splits(recorded, tmp_path):
    test, episode, shard = row_of(recorded, "test")
    train, _, _ = row_of(recorded, "train")

    def same(column):
        number = column.copy()
        column[(number == number[test]).all(axis=1)] = number[train]

    copy = changed_columns(recorded, tmp_path / "d", {"context": same})
    refused(copy, copy / shard, "column 'split'", f"episode {episode} ", "is also in split train", after=VALUES)


@pytest.mark.parametrize("row", [3, 107])
def test_a_context_number_stands_for_one_context(recorded, tmp_path, row):
    copy = changed_columns(recorded, tmp_path / "d", {"context": nudge(row, 1)})
    refused(copy, "column 'context'", "context_id", after=VALUES)


def test_a_figure_that_the_shards_do_not_give_is_found(recorded, tmp_path):
    copy = changed_json(recorded, tmp_path / "d", "meta/stats.json", lambda stats: stats["utility"].update(mean=1.0))
    refused(copy, copy / "meta/stats.json", "utility.mean: 1.0 stored", after=SPLITS)


def test_choices_that_earlier_programs_called_continuous_are_accepted(tmp_path):
    folder = record_dataset(tmp_path / "asp", registry.create("asp-selection", providers=3, tasks=4))
    former = {"kind": "continuous", "size": 3, "low": -1.0, "high": 1.0}
    old = changed_json(folder, tmp_path / "old", "meta/info.json", lambda info: info.update(action=former))
    assert [check.name for check in checks(old)] == [check.name for check in checks(folder)]
    wrong = changed_json(folder, tmp_path / "d", "meta/info.json", lambda info: info["action"].update(choices=4))
    refused(wrong, wrong / "meta/info.json", "action.choices: 4 stored, the shards give 3", after=SPLITS)


def test_a_training_value_is_found_by_the_statistics(recorded, tmp_path):
    row, _, _ = row_of(recorded, "train")
    copy = changed_columns(recorded, tmp_path / "d", {"rewards": put(row, 99.0, 3)})
    refused(copy, copy / "meta/stats.json", "rewards.", after=SPLITS)


def test_a_return_that_its_reference_utilities_do_not_give_is_found(recorded, tmp_path):
    row, episode, shard = row_of(recorded, "test")
    copy = changed_columns(recorded, tmp_path / "d", {"return_normalised": nudge(row)}, described=True)
    refused(copy, copy / shard, "column 'return_normalised'", f"episode {episode} ", after=FIGURES)


def test_a_utility_that_is_not_the_last_designs_is_found(recorded, tmp_path):
    row, episode, shard = row_of(recorded, "test")
    copy = changed_columns(recorded, tmp_path / "d", {"observations": put(row, 0.0, -1, 0)}, described=True)
    refused(copy, copy / shard, "column 'utility'", f"episode {episode} ", "its last design has", after=FIGURES)


def test_a_utility_that_moved_by_one_bit_does_not_give_its_return(recorded, tmp_path):
    row, episode, shard = row_of(recorded, "test")
    copy = changed_columns(recorded, tmp_path / "d", {"utility": nudge(row)}, described=True)
    refused(copy, copy / shard, "column 'return_normalised'", f"episode {episode} ", after=FIGURES)


@pytest.mark.parametrize("name", ["rewards", "total_power", "return_raw"])
@pytest.mark.parametrize("split", ["train", "test"])
def test_only_a_replay_finds_what_was_described_and_sealed_again(recorded, tmp_path, name, split):
    row, episode, shard = row_of(recorded, split)
    copy = changed_columns(recorded, tmp_path / "d", {name: nudge(row, *(2,) * (name == "rewards"))}, described=True)
    assert [check.name for check in checks(copy)] == [*FIGURES, "contexts"]
    refused(copy, copy / shard, f"column {name!r}", f"episode {episode} ", "1 of 108 episodes differ",
            after=[*FIGURES, "contexts"], replay=True)


def test_verifying_changes_nothing(recorded, tmp_path):
    copy = shutil.copytree(recorded, tmp_path / "d")
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in copy.rglob("*") if path.is_file()}
    checks(copy, replay=True)
    assert {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in copy.rglob("*") if path.is_file()} == before
