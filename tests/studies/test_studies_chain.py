"""All studies in miniature, run once in this process, stage by stage as dvc.yaml orders them."""

import json
import re

import pytest
import yaml
from miniature import PARAMS, run, run_jobs_here, study, studying
from smoke import contents

from aign.errors import DatasetError, ParameterError
from studies import comparison, constraint_choices, constraints, params, runs
from studies.request_sets import FAMILIES

pytestmark = pytest.mark.slow
SEEDS = (0, 1)
CASE = "2x2-strong"


@pytest.fixture(scope="module")
def studied(tmp_path_factory):
    """The folder in which the studies of tables, bias and rate have run, and their page."""
    folder = tmp_path_factory.mktemp("studies")
    with studying(folder):
        for stage, cases in (("collect-tables", (2, 3)), ("train-tables", (2, 3)), ("train-set", ("",)),
                             ("compare", (2, 3)), ("transfer", (4,)), ("bias", ("",))):
            for seed in SEEDS:
                for case in cases:
                    run(stage, seed, case)
        for users in (2, 3):
            run("time-agents", 0, users)
        for stage in ("tables", "bias-table"):
            run(stage)
        for stage in ("collect-rate", "train-rate", "compare-rate"):
            run(stage, 0, CASE)
        for stage in ("rate", "page"):
            run(stage)
    return folder


@pytest.fixture(scope="module")
def constrained(tmp_path_factory):
    """The folder in which the study of constraints has run, with one seed."""
    folder = tmp_path_factory.mktemp("constraints")
    with studying(folder):
        for stage in ("collect-constraints", "draw-requests", "train-constraints", "choose-guidance", "train-final",
                      "choose-final", "choose-targets", "answer", "constraints"):
            run(stage)
    return folder


def read(folder, name):
    return json.loads((folder / "data/reports/tables" / name).read_text())


def test_the_tables_hold_every_method_at_every_size(studied):
    rows = read(studied, "table1.json")
    names = {row["method"] for row in rows}
    assert {"sac", "ppo", "bcq", "diffuser_unet_single", "diffuser_unet_best_of_2", "diffuser_set_single",
            "diffuser_set_best_of_2", "coordinate_ascent", "no_learning_best_of_2", "best_training_design",
            comparison.ROUNDED, comparison.CERTIFIED} <= names
    assert len(rows) == 4 * len(names)
    for row in rows:
        assert row["seeds"] == 2
        assert row["utility_ratio"]["mean"] <= 1 + 1e-9  # the bound is a bound
        if row["method"] == comparison.CERTIFIED:
            assert row["utility_ratio"] == {"mean": 1.0, "low": 1.0, "high": 1.0}


def test_offline_methods_saw_the_same_steps_and_agents_learn_the_same_again(studied):
    rows = {(row["users"], row["method"]): row["environment_steps"] for row in read(studied, "table1.json")}
    for users in (2, 3):
        assert rows[users, "bcq"] == rows[users, "diffuser_unet_single"] > 0
        assert rows[users, "diffuser_set_single"] > rows[users, "bcq"]  # all sizes together
    about = read(studied, "tables.json")
    assert about["same_policy_again"] == {f"{kind}-{users}": True for users in (2, 3) for kind in ("ppo", "sac")}


def test_nobody_trained_at_the_sizes_of_transfer(studied):
    rows = read(studied, "transfer.json")
    assert {row["users"] for row in rows} == {4}
    assert {f"{kind}_trained_on_{users}" for kind in ("sac", "ppo", "bcq") for users in (2, 3)} <= \
        {row["method"] for row in rows}


def test_the_page_has_a_section_for_each_study(studied):
    text = (studied / "data/reports/tables/README.md").read_text()
    for title in ("Table I", "Convergence", "Numbers of users never trained on", "Rate utility", "Biased and small"):
        assert f"## {title}" in text
    assert set(re.findall(r"rate_[^)]*png", text)) == {"rate_2x2-strong-0-0.png", "rate_2x2-strong-0-1.png"}
    assert "Recorded before" not in text


def test_a_run_again_is_the_same_and_a_stopped_one_goes_on(studied, monkeypatch):
    folder = studied / "data/studies/train-tables/0/2"
    before = contents(folder)
    ran = []

    def stopped(jobs, workers, title, threads=1, engine=None):
        run_jobs_here([job for job in jobs if not (job.result.exists() or ran)][:1], workers, title, threads)
        ran.append(title)
        if len(ran) == 1:
            raise KeyboardInterrupt

    def rest(jobs, workers, title, threads=1, engine=None):
        ran.extend(job.name for job in jobs if not job.result.exists())
        run_jobs_here(jobs, workers, title, threads)

    with studying(studied):
        monkeypatch.setattr(runs, "run_jobs", stopped)
        with pytest.raises(KeyboardInterrupt):
            run("train-tables", 0, 2)
        assert contents(folder) == before  # nothing is replaced before all is there
        monkeypatch.setattr(runs, "run_jobs", rest)
        run("train-tables", 0, 2)
    assert ran[1:] == ["bcq"]
    weights = [path for path in before if path.endswith(".safetensors")]
    assert weights
    assert all((folder / path).read_bytes() == before[path] for path in weights)


def test_the_constraints_are_answered_by_every_method(constrained):
    content = read(constrained, "constraints.json")
    assert set(content["controls"]) == {"masked", *constraints.CONDITIONED, *constraints.PLANNERS, "no_learning",
                                        "random_training_designs", "convex_solver", "sac_retrained", "ppo_retrained"}
    assert set(content["feasible"]) <= set(FAMILIES)
    assert content["infeasible"]["requests"] == 4
    for figures in content["feasible"].values():
        assert figures["certified_optimum"]["requests"] + figures["best_known_optimum"]["requests"] \
            == figures["requests"]
    rounds = [row["model"] for row in content["choices"]]
    assert {name for name in rounds if "full" not in name} == set(constraints.CONDITIONED)
    assert f"{content['model']} (full training)" in rounds
    assert sum(values["requests"] for values in content["raw_by_labels"].values()) == \
        sum(figures["requests"] for figures in content["feasible"].values())


def test_the_winner_keeps_the_way_of_sampling_that_was_compared(constrained):
    with studying(constrained):
        loaded = params.load()
        choice = constraint_choices.chosen(loaded, "choose-targets")
        assert choice.model in constraints.finalists(loaded)
    sampling = read(constrained, "constraints.json")["sampling"]
    assert sampling["guidance"] in PARAMS["studies"]["constraints"]["guidance"]
    assert sampling == choice.sampling.model_dump(mode="json")


def test_what_an_earlier_stage_should_have_made_is_named(tmp_path):
    with studying(tmp_path), pytest.raises(DatasetError, match=r"holds no results.*dvc repro pipeline/studies"):
        run("tables")


@pytest.mark.parametrize(("arguments", "words"), [
    (("tabels",), ("tabels", "Did you mean 'tables'")), (("collect-tables", 0, 9), ("9 users", "2, 3")),
    (("collect-rate", 0, "3x3"), ("3x3", CASE)), (("agents", 0, "power-9"), ("power-9", "power-2"))])
def test_a_wrong_stage_or_case_is_one_message(tmp_path, capsys, arguments, words):
    with studying(tmp_path), pytest.raises(SystemExit) as ended:
        study(*arguments)
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert all(word in said for word in words)


MISTAKES = [
    (("agents", "variants"), {"water-5": ["sac"]}, "studies.agents.variants.water-5: ", "power-2"),
    (("agents", "variants"), {"power-2": ["sac", "ddqn"]}, "studies.agents.variants.power-2[1]: ", "ddqn"),
    (("bias", "users"), 21, "studies.bias.users: ", "2, 3"),
    (("rate", "cases"), [{"base_stations": 2, "users": 4, "gains": "general", "constraints": [[], ["minrate>=1"]]}],
     "studies.rate.cases[0].constraints[1]: ", "'minrate'"),
    (("tables", "candidats"), 3, "studies.tables.candidats: ", "candidates"),
]


@pytest.mark.parametrize(("place", "value", "said", "word"), MISTAKES)
def test_each_mistake_in_the_block_studies_is_one_error_with_its_place(tmp_path, place, value, said, word):
    content = json.loads(json.dumps(PARAMS))
    content["studies"][place[0]][place[1]] = value
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump(content))
    with pytest.raises(ParameterError) as caught:
        params.check(params.load(path), path)
    message = str(caught.value)
    assert message.startswith(f"{path}: {said}")
    assert word in message
    assert "\n" not in message
