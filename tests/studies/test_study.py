import json

import pytest
import yaml
from smoke import aign, contents, inside, run_jobs_here

from aign.errors import DatasetError
from aign.params import Params
from aign.studies import study, tables

NETWORK = {"channels": 8, "embedding": 16}
TRAIN = {"stride": 4, "steps": 20, "evaluate_every": 10, "evaluate_contexts": 8, "batch_size": 16}
COLLECT = {"train_contexts": 64, "validation_contexts": 16, "test_contexts": 16,
           "sac": {"environment_steps": 256, "networks": 8, "learning_starts": 64, "batch_size": 64},
           "ppo": {"environment_steps": 256, "networks": 8, "batch_size": 64},
           "sources": {"random": 16, "heuristics": 20, "solver_guided": 64, "snapshots": 2, "snapshot_episodes": 16}}
PARAMS = {
    "base": {"seed": 0, "device": "cpu", "threads": 1, "workers": 1},
    "variants": {"any": {"scenario": {"name": "power-allocation", "users": 2}}},
    "studies": {"seeds": [0, 1], "tables": {
        "sizes": [{"users": users, "collect": COLLECT} for users in (3, 4)], "transfer_users": [5], "contexts": 8,
        "candidates": 2, "sampling": {"steps": 2}, "bcq": {"gradient_steps": 40, "batch_size": 64, "curve_points": 2},
        "unet": {**TRAIN, "network": {**NETWORK, "multipliers": [1]}},
        "set_diffuser": {**TRAIN, "network": {**NETWORK, "kind": "set", "depth": 1}}}},
}


@pytest.fixture(scope="module")
def studied(tmp_path_factory):
    """The whole study in miniature, run once through the command line, trainings first."""
    folder = tmp_path_factory.mktemp("study")
    (folder / "params.yaml").write_text(yaml.safe_dump(PARAMS))
    with inside(folder), pytest.MonkeyPatch.context() as patch:
        for place in ("aign.stages.collect.run_jobs", "aign.studies.tables.run_jobs"):
            patch.setattr(place, run_jobs_here)
        first = aign("study", "training")
        trained = (folder / "data/reports").exists()
        second = aign("study", "tables")
    return folder, first, trained, second


def read(folder, name):
    return json.loads((folder / "data/reports/tables" / name).read_text())


@pytest.mark.slow
def test_training_comes_first_and_makes_no_page(studied):
    folder, first, trained, _ = studied
    assert first.code == 0, first
    assert not trained
    found = (folder / "data/studies/tables").glob("*/result.json")
    cells = sorted(path.parent.name.rsplit("-", 1)[0] for path in found)
    learned = [name for name in cells if not name.startswith(("compare", "transfer"))]
    assert learned == sorted([*(f"{kind}-{users}-{seed}" for kind in ("bcq", "unet") for users in (3, 4)
                                for seed in (0, 1)), "set-0", "set-1",
                              *(f"{kind}-again-{users}-0" for kind in ("sac", "ppo") for users in (3, 4))])


@pytest.mark.slow
def test_the_tables_hold_every_method_at_every_size(studied):
    folder, _, _, second = studied
    assert second.code == 0, second
    assert "trainings: 14 of 14 cells are there" in second.out
    rows = read(folder, "table1.json")
    assert {(row["users"], row["gains"]) for row in rows} == {(users, gains) for users in (3, 4)
                                                              for gains in ("preset", "general")}
    names = {row["method"] for row in rows}
    assert {"sac", "ppo", "bcq", "diffuser_unet_single", "diffuser_unet_best_of_2", "diffuser_set_single",
            "diffuser_set_best_of_2", "coordinate_ascent", "no_learning_best_of_2", "best_training_design",
            "rounded_optimum", "certified_optimum"} <= names
    assert len(rows) == 4 * len(names)
    for row in rows:
        assert row["seeds"] == 2
        assert row["utility_ratio"]["mean"] <= 1 + 1e-9  # the bound is a bound
        if row["method"] == "certified_optimum":
            assert row["utility_ratio"] == {"mean": 1.0, "low": 1.0, "high": 1.0}


@pytest.mark.slow
def test_exploring_again_learns_the_same_policy(studied):
    about = read(studied[0], "tables.json")
    assert set(about["same_policy_again"].values()) == {True}
    assert about["stale"] == []


@pytest.mark.slow
def test_offline_methods_saw_the_same_steps(studied):
    rows = {(row["users"], row["method"]): row["environment_steps"] for row in read(studied[0], "table1.json")}
    for users in (3, 4):
        assert rows[users, "bcq"] == rows[users, "diffuser_unet_single"] == rows[users, "best_training_design"]
    assert rows[3, "diffuser_set_single"] == rows[3, "bcq"] + rows[4, "bcq"]


@pytest.mark.slow
def test_transfer_convergence_and_claims_are_written(studied):
    folder = studied[0]
    methods = {row["method"] for row in read(folder, "transfer.json")}
    assert {"diffuser_set_single", "sac_trained_on_3", "ppo_trained_on_4", "bcq_trained_on_4",
            "coordinate_ascent"} <= methods
    assert {row["method"] for row in read(folder, "convergence.json")} == {"sac", "ppo", "bcq", "unet", "set"}
    assert len(read(folder, "table2.json")) >= 13
    page = (folder / "data/reports/tables/README.md").read_text()
    assert "#### 4 users, general gains" in page
    assert (folder / "data/reports/tables/convergence.png").stat().st_size > 10_000


@pytest.mark.slow
def test_a_second_run_computes_nothing_and_writes_the_same(studied, monkeypatch):
    folder = studied[0]
    before = contents(folder / "data/reports")
    monkeypatch.setattr(tables, "run_jobs", lambda jobs, *_: pytest.fail("computes again") if jobs else None)
    with inside(folder):
        assert aign("study", "tables").code == 0
    assert contents(folder / "data/reports") == before


def test_an_unknown_study_is_refused_with_the_nearest(workplace):
    outcome = aign("study", "tabels")
    assert outcome.code == 2
    assert outcome.err.startswith("error: Unknown study 'tabels'")
    assert "Did you mean 'tables'" in outcome.err


def test_one_part_runs_alone_and_all_run_in_order(workplace, monkeypatch):
    ran = []
    monkeypatch.setattr(study, "PARTS", {name: lambda params, name=name: ran.append(name) for name in ("one", "two")})
    assert aign("study", "two").code == 0
    assert aign("study").code == 0
    assert ran == ["two", "one", "two"]
    assert "aign study" in (workplace / "data/reports/tables/README.md").read_text()


@pytest.mark.parametrize(("part", "refused"), [("bias", "table1.json"), ("tables", "bias.json"), ("rate", "bias.json")])
def test_files_of_an_earlier_program_are_refused_before_anything_is_computed(tmp_path, monkeypatch, part, refused):
    monkeypatch.setattr(study, "PAGES", tmp_path)
    monkeypatch.setattr(study, "PARTS", {part: lambda params: pytest.fail("computed")})
    (tmp_path / refused).write_text(json.dumps([{"method": "sac", "normalised_return": {"mean": -937104.0}}]))
    with pytest.raises(DatasetError, match=f"{refused}: written by an earlier aign.*`aign study`"):
        study.study(part, Params.model_validate(PARAMS))


def test_a_study_that_makes_a_file_again_does_not_mind_what_it_was(tmp_path):
    (tmp_path / "bias.json").write_text(json.dumps([{"normalised_return": {"mean": 0.5}}]))
    study.check_files("bias", tmp_path)
    study.check_files("all", tmp_path)
    (tmp_path / "bias.json").write_text(json.dumps([{"normalised_return_pooled": {"mean": 0.5}}]))
    study.check_files("tables", tmp_path)
