"""The whole study in miniature, and what it says."""

import json
from types import SimpleNamespace

import pytest
import torch
from constraint_study import in_this_process, params

from aign.scenarios.core.constraints import parse, satisfied
from aign.stages import collect
from aign.studies import constraints, request_sets
from aign.studies.constraint_cells import requests_in
from aign.studies.request_sets import INFEASIBLE
from aign.studies.settings import ConstraintsSettings

pytestmark = pytest.mark.slow
SHAPE = {"requests", "satisfied_raw", "satisfied", "utility_ratio_mean", "utility_ratio_worst"}
CONTROLS = {"masked", "achieved", "hindsight", "one_hot", "one_at_a_time", "final_design_only", "temporal_unet",
            "no_learning", "random_training_designs", "convex_solver", "sac_retrained", "ppo_retrained"}


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """The study run once; its folder, its content and the cells it ran."""
    folder, ran = tmp_path_factory.mktemp("constraints"), []
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(constraints, "run_jobs", in_this_process(ran))
        patch.setattr(collect, "run_jobs", in_this_process([]))
        patch.setattr(request_sets, "ATTEMPTS", 100)
        constraints.run(params())
        content = json.loads((folder / "data/reports/tables/constraints.json").read_text())
        first, ran[:] = list(ran), []
        constraints.run(params())
        return SimpleNamespace(folder=folder, content=content, first=first, second=list(ran))


def test_it_has_the_promised_shape(done):
    assert set(done.content["feasible"]) == {"single", "pair", "triple"}  # three users: no held-out pair is feasible
    assert set(done.content["controls"]) == CONTROLS
    for families in (done.content["feasible"], *done.content["controls"].values()):
        for family in families.values():
            assert set(family) >= SHAPE
    assert done.content["feasible"]["single"]["requests"] == 4
    assert done.content["controls"]["masked"]["single"]["requests"] == 3
    assert done.content["milliseconds_per_request"] > 0
    assert done.content["computed_by_another_version"] == []


def test_infeasible_requests_are_named_and_no_feasible_one_is(done):
    assert done.content["infeasible"] == {"requests": 4, "named": 4}
    assert done.content["feasible_called_infeasible"] == 0


def test_every_returned_design_meets_its_request_and_none_beats_a_certified_optimum(done):
    for families in (done.content["feasible"], done.content["controls"]["no_learning"]):
        for family in families.values():
            assert family["satisfied"] == 1
            certified = family["certified_optimum"]["utility_ratio_mean"]
            assert certified is None or certified <= 1 + 1e-9
    solver = done.content["controls"]["convex_solver"]["single"]
    assert solver["certified_optimum"]["utility_ratio_worst"] > 0.97


def test_the_choice_is_the_best_row_and_is_what_the_answers_used(done):
    rows, least = done.content["choices"], params().studies.constraints.least_ratio
    # Four models, each with two weights composed or not; the finalists likewise; two ladders with two margins.
    short, full, last = rows[:16], rows[16:-4], rows[-4:]
    finalists = {"achieved", constraints.constraint_files.best(short, least)["model"]}
    assert {row["model"] for row in full} == {f"{name} (full training)" for name in finalists}
    assert len(full) == 4 * len(finalists)
    guided = constraints.constraint_files.best(full, least)
    for row in last:
        assert [row[name] for name in ("model", "guidance", "composed")] == \
            [guided[name] for name in ("model", "guidance", "composed")]
    sampling, best = done.content["sampling"], constraints.constraint_files.best(last, least)
    assert best["model"] == f"{done.content['model']} (full training)"
    for name, setting in (("guidance", "guidance"), ("margins", "margins"), ("ladder", "constrained_target_returns")):
        assert sampling[setting] == best[name]
    assert sampling["projected_steps"] == 0


def test_a_second_run_computes_nothing(done):
    assert done.second == []
    assert len(done.first) == len(set(done.first)) > 25


def test_requests_are_on_contexts_of_their_split(done):
    results = list(done.folder.glob("data/studies/constraints/requests-test-*/result.json"))
    scenario, asked = requests_in(results)
    assert scenario.state_size == 3
    assert {one.family for one in asked} == {"single", "pair", "triple", INFEASIBLE}
    dataset = done.folder / "data/trajectories/study-constraints-3-0"
    pool = collect.ContextPool.load(dataset / "contexts.safetensors", scenario)
    assert {one.context_id for one in asked} <= set(pool["test"].ids.tolist())
    for path in done.folder.glob("data/studies/constraints/requests-validation-*/result.json"):
        assert {one.context_id for one in requests_in([path])[1]} <= set(pool["validation"].ids.tolist())


def test_the_pictures_are_there_and_the_example_meets_its_request(done):
    pages = done.folder / "data/reports/tables"
    assert {path.name for path in pages.glob("*.png")} == {"constraints_satisfaction.png", "constraints_utility.png",
                                                          "constraints_example.png"}
    main = next(done.folder.glob("data/studies/constraints/answers-main-*/result.json"))
    example = json.loads(main.read_text())["example"]
    scenario, _ = requests_in(list(done.folder.glob("data/studies/constraints/requests-test-single-*/result.json")))
    designs = torch.tensor([one["design"] for one in example["designs"]])
    values = scenario.measure(torch.tensor(example["context"]).expand(len(designs), -1), designs)
    assert bool(satisfied(parse(example["where"], scenario.labels), values, len(designs)).all())
    assert len(torch.unique(designs, dim=0)) == len(designs)


def test_models_and_requests_are_described(done):
    assert [row["steps"] for row in done.content["models"]] == [20] + [10] * 6
    assert done.content["requests"]["pair"][0]["tightness"]["least"] >= 0.05
    assert done.content["requests"]["held_out_pair"][0]["requests"] == 0
    assert done.content["controls"]["sac_retrained"]["single"]["training_seconds"] > 0
    assert done.content["controls"]["ppo_retrained"]["single"]["environment_steps"] == 128


def test_what_is_meant_over_all_repetitions_is_shared_out_and_rounded_up():
    settings = ConstraintsSettings(seeds=(4, 5, 6))
    assert [constraints.share(number, settings) for number in (1, 3, 7, 42)] == [1, 1, 3, 14]
