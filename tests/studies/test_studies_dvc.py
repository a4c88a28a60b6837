"""The tables as the real dvc makes them: in a clone, at smoke size; and what dvc.yaml watches."""

import shutil

import pytest
import yaml
from clones import ROOT, make_clone
from imports import closure, is_empty, modules_of
from miniature import GRID, PARAMS, STAGES_FILE
from test_dvc import CHANGES_NO_RESULT

from aign import params
from studies import command, runs
from studies.settings import StudySettings

TABLES = "pipeline/studies/dvc.yaml:tables"
NO_RESULT = {**CHANGES_NO_RESULT, "aign.api": "the public face",
             "aign.checkout": "refuses to run another folder's code"}


@pytest.fixture(scope="module")
def content():
    return yaml.safe_load((ROOT / STAGES_FILE).read_text())


@pytest.fixture(scope="module")
def made(tmp_path_factory, python):
    """A clone in which the stages up to the tables have run, over two seeds and two numbers of users."""
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    clone = make_clone(tmp_path_factory.mktemp("studies"), python, PARAMS)
    clone.run_jobs_here()
    path = clone.folder / STAGES_FILE
    stages = yaml.safe_load(path.read_text())
    stages["vars"] = [stages["vars"][0], GRID]
    path.write_text(yaml.safe_dump(stages, sort_keys=False))
    clone.commit("Miniature")
    said = clone.dvc("repro", TABLES)
    return clone, said


@pytest.mark.slow
def test_dvc_rebuilds_the_tables_over_seeds_and_sizes(made):
    clone, said = made
    ran = {f"{stage}@{users}-{seed}" for stage in ("collect-tables", "train-tables", "compare")
           for users in GRID["users"] for seed in GRID["seeds"]} | {"train-set@0", "train-set@1", "code", "tables"}
    assert all(f"Running stage '{STAGES_FILE}:{stage}'" in said for stage in ran)
    rows = yaml.safe_load((clone.folder / "data/reports/tables/table1.json").read_text())
    assert {(row["users"], row["gains"]) for row in rows} == {(users, gains) for users in GRID["users"]
                                                              for gains in ("preset", "general")}
    assert {row["seeds"] for row in rows} == {len(GRID["seeds"])}


@pytest.mark.slow
def test_a_second_run_has_nothing_to_do(made):
    clone, _ = made
    assert "Running stage" not in clone.dvc("repro", TABLES)


@pytest.mark.slow
def test_a_stage_whose_output_was_lost_runs_alone(made):
    clone, _ = made
    (clone.folder / "data/reports/tables/table1.json").unlink()
    said = clone.dvc("repro", TABLES)
    assert said.count("Running stage") <= 1  # none where DVC's run cache still has it
    assert (clone.folder / "data/reports/tables/table1.json").exists()


@pytest.mark.slow
def test_the_pipeline_neither_runs_nor_needs_the_studies(tmp_path, python):
    clone = make_clone(tmp_path, python, {name: block for name, block in PARAMS.items() if name != "studies"})
    assert "collect@power-2" in clone.dvc("status", "dvc.yaml")
    said = clone.dvc("repro", "--dry", "dvc.yaml", fails=True)  # what it would run is not there yet
    assert "pipeline/studies" not in said


def test_every_stage_has_a_command_of_this_program(content):
    assert set(content["stages"]) == set(command.STAGES)
    for name, stage in content["stages"].items():
        block = stage.get("do", stage)
        assert block["wdir"] == "../.."
        assert block["cmd"].split()[:3] == ["python", "pipeline/studies", name]


def test_a_stage_writes_where_its_command_does(content):
    for name, stage in content["stages"].items():
        for out in stage.get("do", stage)["outs"]:
            path = out if isinstance(out, str) else next(iter(out))
            assert path.startswith((f"data/studies/{name}/", "data/reports/")) or path == f"data/studies/{name}.json"


def test_headline_files_are_committed_outputs(content):
    outs = [next(iter(out)) for stage in content["stages"].values() for out in stage.get("do", stage)["outs"]
            if isinstance(out, dict) and next(iter(out.values())) == {"cache": False}]
    for folder in ("tables", "agents"):
        tracked = [path for path in (ROOT / "data/reports" / folder).rglob("*") if path.is_file()]
        for path in tracked:
            place = path.relative_to(ROOT).as_posix()
            assert any(place == out or place.startswith(f"{out}/") for out in outs), place


def test_the_grid_is_what_the_settings_are_for(content):
    grid, known = content["vars"][1], params.load(ROOT / "params.yaml")
    assert set(grid["users"]) == set(StudySettings().tables.sizes)
    assert set(grid["rate_cases"]) == {case.name for case in StudySettings().rate.cases}
    blocks = yaml.safe_load((ROOT / "params.yaml").read_text())["studies"]
    assert set(grid["agent_variants"]) == set(blocks["agents"]["variants"])
    assert all(known.variant(name) for name in grid["agent_variants"])


def test_parameters_tracked_are_written_out(content):
    blocks = yaml.safe_load((ROOT / "params.yaml").read_text())
    for stage in content["stages"].values():
        for path in stage.get("do", stage).get("params", []):
            value = blocks
            for part in path.split("."):
                value = value[part]


def watched(stage):
    """Return the code a stage watches, relative to pipeline/."""
    return {dep.replace("${package}", "aign").replace("${studies}", "studies") for dep in stage["deps"]
            if dep.startswith("${")}


def test_half_finished_work_rests_on_the_code_that_dvc_watches(content):
    places = watched(content["stages"]["code"])
    assert all(any(path == place or path.startswith(f"{place}/") for path in runs.sources()) for place in places)
    assert all(any(path == place or path.startswith(f"{place}/") for place in places) for path in runs.sources())


@pytest.mark.parametrize("name", command.STAGES)
def test_all_code_that_a_stage_imports_is_watched(content, name):
    stage = content["stages"][name]
    places = watched(content["stages"]["code"]) | watched(stage.get("do", stage))
    known = {module for place in places for module in (
        modules_of(place.removeprefix("aign/")) if place.startswith("aign/") else
        {place.removesuffix(".py").replace("/", ".")})}
    module = f"studies.{command.STAGES[name].split(':')[0]}"
    loaded = {module for module, file in closure([module], beyond=["aign.params"]).items() if not is_empty(file)}
    assert len(loaded) > 10
    assert loaded - NO_RESULT.keys() - known == set()


def test_no_module_is_watched_in_vain(content):
    starts = [f"studies.{entry.split(':')[0]}" for entry in command.STAGES.values()]
    loaded = closure(starts, beyond=["aign.params"])
    for stage in content["stages"].values():
        for place in watched(stage.get("do", stage)):
            if place.startswith("studies/") and place.endswith(".py"):
                assert place.removesuffix(".py").replace("/", ".") in loaded


def test_every_run_rests_on_the_code(content):
    for name, stage in content["stages"].items():
        block = stage.get("do", stage)
        if name != "code":
            assert "data/studies/code.json" in block["deps"], name
