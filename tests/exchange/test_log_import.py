"""Logs from file to dataset, through the public function and the command."""

import copy
import io
import json

import numpy as np
import pandas as pd
import pytest
from exchange_data import MAPPING, collected, columns_of, log_of, write_log
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console
from smoke import TRAIN, aign, contents

from aign.errors import AignError, DatasetError, ParameterError, StorageError
from aign.exchange.logs.importing import import_log
from aign.files.writing import read_json
from aign.scenarios.core import registry
from aign.trajectories.contexts import ContextPool
from aign.trajectories.reader import TrajectoryStore
from aign.trajectories.verification import verify

PHYSICS = ("observations", "actions", "rewards", "total_power", "max_power", "active_channels", "utility", "return_raw",
           "return_normalised", "length", "terminated", "truncated", "behaviour", "context")


@pytest.fixture(scope="module")
def log(store):
    return log_of(store)


def changed(**changes):
    return {**copy.deepcopy(MAPPING), **changes}


@pytest.mark.parametrize("name", ["log.csv", "log.parquet"])
def test_what_was_exported_is_imported_to_the_bit(store, scenario, log, tmp_path, name):
    result = import_log(*write_log(tmp_path, log, name=name), scenario, tmp_path / "north")
    original, imported = columns_of(store.folder), columns_of(tmp_path / "north")
    for column in ("actions", "context"):  # scaled to other units and back, so that a last digit may differ
        assert np.allclose(imported[column], original[column], rtol=1e-6), column
    for column in set(PHYSICS) - {"actions", "context"}:
        assert np.allclose(imported[column], original[column], rtol=2e-6, atol=2e-6) \
            if original[column].dtype.kind == "f" else np.array_equal(imported[column], original[column]), column
    assert set(imported["source"]) == {"north-cell"}
    assert result.rejected_rows == result.rejected_episodes == 0
    assert sum(result.episodes.values()) == 20
    assert (tmp_path / "north/rejected.jsonl").read_bytes() == b""


def test_whole_units_come_back_exactly_and_replay(tmp_path):
    scenario = registry.create("power-allocation", users=2)
    store = TrajectoryStore.open(collected(tmp_path / "power", scenario))
    mapping = changed(context={"gain": {"columns": "gain_{i}_per_mw", "scale": 1024}},
                      observations={"power": "power_{i}_mw"}, actions={"columns": "change_{i}_percent"},
                      labels={"total_power": "sum_mw"})
    log = log_of(store)
    for column in log.columns:  # powers of two, so that no digit is lost
        log[column] *= {"gain": 1000 / 1024, "power": 1 / 1000, "change": 1 / 100, "sum": 1 / 1000}.get(
            column.split("_")[0], 1) if log[column].dtype.kind == "f" else 1
    log["gain_0_per_mw"], log["gain_1_per_mw"] = (
        np.repeat(store.column("context")[:, i].numpy().astype(np.float64) / 1024, 17) for i in range(2))
    for i in range(2):
        given_actions = store.column("actions")[:, :, i].numpy().astype(np.float64)
        log[f"change_{i}_percent"] = np.pad(given_actions, ((0, 0), (0, 1)), constant_values=np.nan).reshape(-1)
    import_log(*write_log(tmp_path, log, mapping), scenario, tmp_path / "north")
    original, imported = columns_of(store.folder), columns_of(tmp_path / "north")
    for name in store.columns:
        if name not in ("source", "split", "context_id", "env_seed", "agent_seed", "agent_step"):
            assert np.array_equal(original[name], imported[name]), name
    checks = verify(tmp_path / "north", lambda done, total: None)
    assert "replay" in [check.name for check in checks]


def test_columns_that_are_not_given_are_computed(store, scenario, log, tmp_path):
    bare = {name: MAPPING[name] for name in ("source", "episode", "step", "context", "observations", "actions")}
    import_log(*write_log(tmp_path, log[[c for c in log if c not in ("gained", "sum_mw", "who")]], bare), scenario,
               tmp_path / "north")
    original, imported = columns_of(store.folder), columns_of(tmp_path / "north")
    for name in ("rewards", "total_power", "utility", "return_normalised"):
        assert np.allclose(imported[name], original[name], rtol=1e-5, atol=1e-5), name
    assert set(imported["behaviour"]) == {"operator"}


def test_a_final_observation_may_be_simulated(store, scenario, log, tmp_path):
    acting = log[log["tick"] < scenario.horizon]
    import_log(*write_log(tmp_path, acting, changed(final_observation="simulated")), scenario, tmp_path / "north")
    assert np.allclose(columns_of(tmp_path / "north")["observations"], store.column("observations").numpy(), atol=1e-5)


def test_contexts_of_equal_value_share_an_id_and_a_split(scenario, store, tmp_path):
    log = pd.concat([log_of(store), log_of(store).assign(run=lambda one: "again-" + one["run"])])
    result = import_log(*write_log(tmp_path, log), scenario, tmp_path / "north")
    found = columns_of(tmp_path / "north")
    assert np.array_equal(found["context_id"][:20], found["context_id"][20:])
    assert np.array_equal(found["split"][:20], found["split"][20:])
    pool = ContextPool.load(tmp_path / "north/contexts.safetensors", scenario)
    assert {name: len(part) for name, part in pool.splits.items()} == result.contexts
    used = len(np.unique(store.column("context").numpy(), axis=0))
    assert sum(result.contexts.values()) == used
    assert result.contexts["test"] == result.contexts["validation"] == max(1, round(0.2 * used))


def test_networks_are_renumbered_in_canonical_order(tmp_path):
    scenario = registry.create("power-allocation", users=2)
    store = TrajectoryStore.open(collected(tmp_path / "power", scenario))
    log = log_of(store)
    swapped = log.rename(columns={name: name.replace("_0_", "_x_").replace("_1_", "_0_").replace("_x_", "_1_")
                                  for name in log})
    given_fixed = changed(observations={"power": MAPPING["observations"]["power"], "log_gain": "seen_{i}"})
    for i in range(2):
        gain = np.repeat(store.column("observations")[:, 0, 2 + i].numpy(), 17)
        swapped[f"seen_{1 - i}"] = gain.astype(np.float64)
    result = import_log(*write_log(tmp_path, swapped, given_fixed), scenario, tmp_path / "north")
    assert result.renumbered == 20
    assert result.deviations["log_gain"].largest < 1e-5
    for name in ("observations", "actions", "context"):
        assert np.allclose(columns_of(tmp_path / "north")[name], store.column(name).numpy(), rtol=1e-5, atol=1e-5)


def test_every_rejected_row_has_its_line_and_reason(scenario, store, log, tmp_path):
    log = log.copy()
    log.loc[3, "power_0_mw"] = 9000.0
    log.loc[40, "gained"] += 1
    log = log.drop(index=60)
    path, mapping = write_log(tmp_path, log)
    lines = path.read_text().splitlines()
    lines[100] += ",surplus"
    path.write_text("\n".join(lines))
    result = import_log(path, mapping, scenario, tmp_path / "north")
    rejected = [json.loads(line) for line in (tmp_path / "north/rejected.jsonl").read_text().splitlines()]
    reasons = {one["line"]: one["reason"] for one in rejected}
    assert reasons[5] == "power[0]: 9 W, allowed: 0 to 3"
    assert reasons[42].startswith("reward: ")
    assert "the simulator says" in reasons[42]
    assert reasons[62] == "step: 7, expected 6"
    assert reasons[101] == "cells: 16, the header has 15"
    assert len(rejected) == result.rejected_rows == 4 * 9 - 1
    assert result.rejected_episodes == 4
    assert result.rows == 179
    kept = len(TrajectoryStore.open(tmp_path / "north"))
    assert kept * 9 + result.rejected_rows == result.rows


def test_the_first_reason_shown_is_the_one_that_explains_the_others(scenario, log, tmp_path):
    twice = pd.concat([log.head(9), log.iloc[8:9]])  # the row that ends the episode
    with pytest.raises(DatasetError, match=r"The first:\n  line 11: step: 8 appears twice, also in line 10$"):
        import_log(*write_log(tmp_path, twice), scenario, tmp_path / "north")


def test_marks_words_and_delimiters_of_the_mapping_are_heeded(scenario, store, log, tmp_path):
    log.assign(done=(log["tick"] == 7).map({True: "yes", False: "no"})).to_csv(
        tmp_path / "log.txt.gz", index=False, sep="|", na_rep="n/a")
    mapping = write_log(tmp_path, log, changed(terminated="done", delimiter="|", empty=["N/A"]))[1]
    result = import_log(tmp_path / "log.txt.gz", mapping, scenario, tmp_path / "north")
    assert (result.rejected_rows, sum(result.episodes.values())) == (0, 20)
    assert np.array_equal(columns_of(tmp_path / "north")["length"], store.column("length").numpy())


@pytest.mark.parametrize("name", ["log.csv", "log.parquet"])
@pytest.mark.parametrize("first", [2**24 + 1, 2**53 - 90])
def test_whole_numbers_are_stored_as_they_are(scenario, log, tmp_path, name, first):
    """Counters of bytes, say: no simulator, tolerance or conversion comes between."""
    last, acting = log["gained"].isna(), log["gained"].notna()
    sums, steps = first + np.arange(last.sum()), first // 8 + np.arange(acting.sum()) % 9
    counted = log.assign(sum_mw=pd.array([pd.NA] * len(log), "Int64"), gained=pd.array([pd.NA] * len(log), "Int64"))
    counted.loc[last, "sum_mw"], counted.loc[acting, "gained"] = sums, steps
    wide = changed(reward={"columns": "gained", "tolerance": 1e30},
                   labels={"total_power": {"columns": "sum_mw", "tolerance": 1e30}})
    import_log(*write_log(tmp_path, counted, wide, name), scenario, tmp_path / "north")
    found = columns_of(tmp_path / "north")
    order = np.argsort(found["total_power"])
    assert [int(value) for value in found["total_power"][order]] == sums.tolist()
    assert found["rewards"][order].astype(np.int64).flatten().tolist() == steps.tolist()
    assert [int(value) for value in found["return_raw"][order]] == steps.reshape(20, 8).sum(1).tolist()


@pytest.mark.parametrize("name", ["log.csv", "log.parquet"])
def test_whole_numbers_that_would_be_rounded_are_refused(scenario, log, tmp_path, name):
    counted = log.assign(sum_mw=pd.array([2**53] * len(log), "Int64"))
    counted.loc[8, "sum_mw"] = 2**53 + 1
    wide = changed(labels={"total_power": {"columns": "sum_mw", "tolerance": 1e30}})
    result = import_log(*write_log(tmp_path, counted, wide, name), scenario, tmp_path / "north")
    assert result.rejected_rows == 9
    assert "sum_mw: '9007199254740993' is a whole number that float64 would round" in (
        tmp_path / "north/rejected.jsonl").read_text()
    assert len(columns_of(tmp_path / "north")["utility"]) == 19


def test_a_conversion_of_units_misses_no_bound_by_its_last_digit(scenario, store, log, tmp_path):
    horsepower = 735.49875
    total = store.column("total_power").numpy()
    assert not np.array_equal(total / horsepower * horsepower, total)
    other = log.assign(sum_mw=log["sum_mw"] / 1000 / horsepower)
    import_log(*write_log(tmp_path, other, changed(labels={"total_power": {"columns": "sum_mw", "scale": horsepower}})),
               scenario, tmp_path / "north")
    assert sorted(columns_of(tmp_path / "north")["total_power"]) == sorted(total)


def test_a_log_may_deviate_within_the_tolerance_and_is_kept_as_given(scenario, store, log, tmp_path):
    rounded = log.assign(gained=log["gained"].round(2), sum_mw=log["sum_mw"].round(-1))
    wide = changed(reward={"columns": "gained", "tolerance": 0.02},
                   labels={"total_power": {"columns": "sum_mw", "scale": 0.001, "tolerance": 0.02}})
    result = import_log(*write_log(tmp_path, rounded, wide), scenario, tmp_path / "north")
    assert result.rejected_rows == 0
    found = columns_of(tmp_path / "north")
    given_rewards = rounded["gained"].to_numpy().reshape(20, 9)[:, :-1]
    assert np.array_equal(found["rewards"], given_rewards)
    assert np.allclose(found["return_raw"], given_rewards.sum(axis=1), atol=1e-5)
    difference = np.abs(given_rewards - store.column("rewards").numpy()).max()
    assert result.deviations["reward"].largest == pytest.approx(difference, abs=1e-6)
    kept = read_json(tmp_path / "north/meta/info.json", DatasetError)["provenance"]["import"]["simulator"]
    assert kept["reward"]["largest"] == result.deviations["reward"].largest
    with pytest.raises(DatasetError, match="no episode can be imported"):
        import_log(*write_log(tmp_path, rounded), scenario, tmp_path / "strict")
    assert "simulator says" in (tmp_path / "strict-rejected.jsonl").read_text()
    assert not (tmp_path / "strict").exists()


def test_wrong_units_are_noticed(scenario, log, tmp_path):
    with pytest.raises(DatasetError, match="no episode can be imported"):
        import_log(*write_log(tmp_path, log, changed(actions="change_{i}_percent")), scenario, tmp_path / "north")


def test_an_import_is_the_same_bytes_again_and_sorted_rows_too(scenario, log, tmp_path):
    for place in ("one", "two"):
        (tmp_path / place).mkdir()
        import_log(*write_log(tmp_path / place, log), scenario, tmp_path / place / "north")
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    shuffled = log.sample(frac=1, random_state=0).sort_values("tick", ascending=False, kind="stable")
    import_log(*write_log(tmp_path, shuffled), scenario, tmp_path / "north")
    one, two = (columns_of(folder) for folder in (tmp_path / "one/north", tmp_path / "north"))
    order = np.lexsort(one["observations"].reshape(20, -1).T), np.lexsort(two["observations"].reshape(20, -1).T)
    for name in set(one) - {"episode_id"}:
        assert np.array_equal(one[name][order[0]], two[name][order[1]]), name


CELLS = st.one_of(st.none(), st.just("abc"), st.just(""), st.floats(-1e4, 1e4), st.floats(width=32).map(repr),
                  st.integers(-5, 50))


@pytest.mark.slow
@settings(max_examples=25)
@given(st.data())
def test_any_damage_is_rejected_or_the_rest_is_untouched(tmp_path_factory, scenario, log, store, data):
    folder = tmp_path_factory.mktemp("damaged")
    damaged = log.astype(object)
    for _ in range(data.draw(st.integers(1, 4))):
        row, column = data.draw(st.integers(0, len(log) - 1)), data.draw(st.sampled_from(list(log.columns)))
        damaged.loc[row, column] = data.draw(CELLS)
    path, mapping = write_log(folder, damaged)
    try:
        result = import_log(path, mapping, scenario, folder / "north")
    except AignError:  # a clear error is the other good end; anything else fails the test
        return
    found = columns_of(folder / "north")
    lines = [json.loads(one)["line"] for one in (folder / "north/rejected.jsonl").read_text().splitlines()]
    assert len(lines) == len(set(lines)) == result.rejected_rows
    assert len(found["length"]) + found["length"].sum() + len(lines) == len(log)
    known = {actions.tobytes() for actions in np.round(store.column("actions").numpy(), 4)}
    assert all(actions.tobytes() in known or (actions == 0).any() for actions in np.round(found["actions"], 4))


@pytest.mark.slow
def test_an_imported_log_trains_and_its_model_is_evaluated(scenario, log, tmp_path):
    from aign.diffusion import store as models
    from aign.diffusion.settings import TrainSettings
    from aign.settings import RunSettings
    from aign.stages.train import learn

    import_log(*write_log(tmp_path, log), scenario, tmp_path / "north")
    quick = TrainSettings.model_validate({**TRAIN, "steps": 6, "evaluate_every": 3, "evaluate_contexts": 2})
    learn(lambda done: None, tmp_path / "north", quick, RunSettings(device="cpu"), "digest", None,
          tmp_path / "checkpoint.safetensors", tmp_path / "model", tmp_path / "history.json")
    assert models.load(tmp_path / "model").scenario.spec() == scenario.spec()


def test_the_report_is_a_table(scenario, log, tmp_path):
    damaged = log.copy()
    damaged.loc[0, "power_0_mw"] = -1
    result = import_log(*write_log(tmp_path, damaged), scenario, tmp_path / "north")
    console = Console(width=120, file=io.StringIO())
    console.print(result)
    text = console.file.getvalue()
    assert "rejected.jsonl" in text
    assert "power[0]: -0.001 W, allowed: 0 to 3" in text
    assert "Compared with the simulator" in text


def test_progress_counts_the_episodes(scenario, log, tmp_path):
    said = []
    import_log(*write_log(tmp_path, log), scenario, tmp_path / "north", lambda done, total: said.append((done, total)))
    assert said == [(20, 20)]


def test_logs_that_cannot_be_imported_are_one_clear_error(scenario, log, tmp_path):
    target = tmp_path / "north"
    for frame, mapping, error, why in (
            (log.head(0), MAPPING, DatasetError, "no rows"),
            (log.head(9), MAPPING, DatasetError, "too few"),
            (log.drop(columns="who"), MAPPING, ParameterError, "behaviour.column: .*has no column 'who'"),
            (log, changed(context={}), ParameterError, r"context\.gain: missing")):
        with pytest.raises(error, match=why):
            import_log(*write_log(tmp_path, frame, mapping), scenario, target)
    assert not target.exists()


def test_scenarios_whose_state_is_not_observed_whole_are_refused(log, tmp_path):
    """A log cannot hold the hidden part, so the simulator could not go on from its rows."""
    scenario = registry.create("asp-selection")
    with pytest.raises(DatasetError, match=r"scenario asp-selection cannot be imported.*not observed"):
        import_log(*write_log(tmp_path, log), scenario, tmp_path / "north")


def test_a_place_that_cannot_be_written_is_an_error(scenario, log, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError):
        import_log(*write_log(tmp_path, log), scenario, tmp_path / "file" / "north")


def test_the_command_imports_a_log(log, tmp_path):
    path, mapping = write_log(tmp_path, log)
    said = aign("dataset", "import", path, "--mapping", mapping, "--scenario", "water-filling", "--set", "channels=3",
                "--to", tmp_path / "north")
    assert said.code == 0, said.err
    assert len(TrajectoryStore.open(tmp_path / "north")) == 20
    assert "Imported into" in said.out
