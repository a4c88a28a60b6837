import dataclasses
import json
import math
import shutil

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from smoke import EVALUATE, POWER, WATER, aign, contents, write_params

from aign.errors import DatasetError
from aign.scenarios.core import registry
from aign.stages import evaluate as stage
from aign.trajectories.contexts import ContextPool
from aign.trajectories.reader import TrajectoryStore

METHODS = {"diffuser_single", "diffuser_best_of_16", "diffuser_best_of_16_sac_only", "sac", "ppo",
           "no_learning_best_of_16", "best_training_trajectory"}
FIGURES = {"mean", "mean_low", "mean_high", "q05", "worst"}


@pytest.fixture(scope="module", params=[WATER, POWER])
def variant(request):
    return request.param


@pytest.fixture(scope="module")
def metrics(smoke, variant):
    return json.loads((smoke.folder / "data/reports" / variant / "metrics.json").read_text())


@pytest.fixture(scope="module")
def stored(smoke, variant):
    return TrajectoryStore.open(smoke.folder / "data/trajectories" / variant)


def test_every_method_is_measured_on_unseen_contexts(metrics, stored, variant):
    assert metrics["scenario"] == stored.scenario.spec()
    assert metrics["split"] == "test"
    assert metrics["contexts"] == (4 if variant == WATER else 5)
    assert metrics["certificate"] == ("upper bound" if variant == WATER else "exhaustive search")
    assert set(metrics["methods"]) == METHODS | set(stored.scenario.heuristics)
    for method in metrics["methods"].values():
        assert set(method) == {"utility_ratio", "normalised_return_pooled"}
        for figures in (method["utility_ratio"], method["normalised_return_pooled"]):
            assert set(figures) == FIGURES
            assert all(math.isfinite(value) for value in figures.values())
            assert figures["worst"] <= figures["q05"] <= figures["mean_high"]
            assert figures["mean_low"] <= figures["mean"] <= figures["mean_high"]


def test_completion_and_satisfaction_are_there_for_every_network(metrics, variant):
    completion, met = metrics["task_completion"], metrics["constraint_satisfaction"]
    assert set(completion) == {"definition", "diffuser_single", "diffuser_best_of_16"}
    for name in ("diffuser_single", "diffuser_best_of_16"):
        assert completion[name]["percent"] == 100 * metrics["methods"][name]["normalised_return_pooled"]["mean"]
    assert met["single"]["asked"] == 2 * (3 if variant == WATER else 6), "each label, in each of two contexts"
    assert 2 * met["single"]["feasible"] >= met["single"]["asked"], "the certified design meets at least half"
    assert met["all"]["asked"] == sum(met[kind]["asked"] for kind in ("single", "pair", "params"))
    assert met["all"]["asked"] == sum(request["asked"] for request in met["requests"])
    assert met["all"]["returned"]["percent"] >= met["all"]["raw"]["percent"] >= met["all"]["raw_design"]["percent"]
    stated = met["requests"][-1]
    assert stated["where"] == (["total_power<=1"] if variant == WATER else ["min_rate>=500"])
    assert (stated["feasible"], stated["impossible"]) == ((1, 0) if variant == WATER else (0, 1))


def test_nothing_beats_the_certified_optimum(metrics):
    for method in metrics["methods"].values():
        assert method["utility_ratio"]["mean"] <= 1 + 1e-9
        assert method["normalised_return_pooled"]["mean"] <= 1 + 1e-6


def test_heuristics_are_measured_as_by_hand(metrics, stored):
    scenario = stored.scenario
    test = ContextPool.load(stored.folder / "contexts.safetensors", scenario)["test"]
    values, count = test.values, metrics["contexts"]
    for name, rule in scenario.heuristics.items():
        ratios, gains, spreads = [], [], []
        for row in range(count):
            context = values[row:row + 1]
            utility = float(scenario.utility(context, rule(context)))
            best = float(scenario.certify(context).utility)
            reference = float(scenario.reference_utility(context))
            ratios.append(utility / best)
            gains.append(utility - reference)
            spreads.append(best - reference)
        found = metrics["methods"][name]
        assert found["utility_ratio"]["mean"] == pytest.approx(np.mean(ratios))
        assert found["utility_ratio"]["worst"] == pytest.approx(min(ratios))
        pooled = found["normalised_return_pooled"]
        assert pooled["mean"] == pytest.approx(sum(gains) / sum(spreads), rel=1e-6, abs=1e-9)
        losses = [spread - gain for gain, spread in zip(gains, spreads, strict=True)]
        assert pooled["worst"] == pytest.approx(1 - max(losses) / np.mean(spreads), rel=1e-6, abs=1e-9)
    rooms = np.array(spreads)
    assert metrics["degenerate_contexts"]["count"] == (rooms <= 0.01 * rooms.mean()).sum()
    assert metrics["degenerate_contexts"]["of"] == count


def test_agents_are_named_as_what_they_are(metrics, variant):
    assert set(metrics["trained_on"]) == {"sac, ppo"}
    reward = "the reward in the dataset" if variant == WATER else "a difference reward for each user, which is not in"
    for text in metrics["trained_on"].values():
        assert text.startswith("discount 0, so a contextual bandit")
        assert f"rewards: {reward}" in text


def test_the_two_user_preset_is_answered(smoke):
    metrics = json.loads((smoke.folder / "data/reports" / POWER / "metrics.json").read_text())
    preset = metrics["preset"]
    assert preset["name"] == "aign-two-users"
    assert preset["start"] == preset["path"][0] == [0, 0]
    assert preset["certified_by"] == "exhaustive search"
    assert preset["certified_design"] == [28, 31]
    assert preset["utility"] <= preset["certified_utility"]
    assert len(preset["path"]) == 17
    scenario = registry.create(**metrics["scenario"])
    context = scenario.presets["aign-two-users"][None]
    assert preset["utility"] == float(scenario.utility(context, torch.tensor([preset["design"]], dtype=torch.float32)))


def test_report_and_plots_are_there(smoke, variant, metrics):
    folder = smoke.folder / "data/reports" / variant
    assert set(contents(folder)) == {"metrics.json", "report.md", "plots/gap.png", "plots/convergence.png",
                                     "plots/design.png", "plots/steps.png"}
    page = (folder / "report.md").read_text()
    assert all(f"| {name} |" in page for name in metrics["methods"])
    assert all(plt.imread(path).std() > 0 for path in (folder / "plots").iterdir())


def test_another_run_writes_the_same_bytes_and_tells_the_times_on_its_output_only(workplace):
    report = workplace / "data/reports" / WATER
    before = contents(report)
    outcome = aign("evaluate", WATER)
    assert outcome.code == 0
    assert "milliseconds" in outcome.out
    assert contents(report) == before


def test_other_numbers_of_candidates_have_other_names(workplace):
    write_params(workplace, {f"variants.{WATER}.evaluate": {**EVALUATE, "contexts": 2, "candidates": 3}})
    assert aign("evaluate", WATER).code == 0
    metrics = json.loads((workplace / "data/reports" / WATER / "metrics.json").read_text())
    assert metrics["contexts"] == 2
    assert {"diffuser_best_of_3", "no_learning_best_of_3", "diffuser_best_of_3_sac_only"} <= set(metrics["methods"])


@pytest.mark.parametrize("missing", [f"models/{WATER}-sac-only", f"data/agents/{WATER}/sac.safetensors",
                                     f"data/agents/{WATER}/curves.json", f"data/trajectories/{WATER}"])
def test_what_is_missing_is_named_and_the_old_report_stays(workplace, missing):
    path = workplace / missing
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    before = contents(workplace)
    outcome = aign("evaluate", WATER)
    assert outcome.code == 2
    assert missing in outcome.err
    assert contents(workplace) == before


def test_unseen_takes_the_first_test_contexts_at_most_all(stored):
    pool = ContextPool.load(stored.folder / "contexts.safetensors", stored.scenario)
    assert torch.equal(stage.unseen(stored, 3).values, pool["test"].values[:3])
    assert len(stage.unseen(stored, 1000)) == 5
    assert not set(stage.unseen(stored, 5).ids.tolist()) & set(pool["train"].ids.tolist())


def test_one_test_context_gives_no_interval(stored, monkeypatch):
    pool = ContextPool.load(stored.folder / "contexts.safetensors", stored.scenario)
    few = ContextPool({**pool.splits, "test": pool["test"].take(torch.arange(1))})
    monkeypatch.setattr(ContextPool, "load", lambda path, scenario: few)
    with pytest.raises(DatasetError, match="at least 2"):
        stage.unseen(stored, 256)


def test_compare_times_and_scores_each_method(stored):
    contexts = stage.unseen(stored, 4)
    best = stored.scenario.certify(contexts.values).design
    scores = stage.compare(stored.scenario, contexts, {"solver": lambda given: best}, "evaluate test")
    assert scores["solver"].ratio.tolist() == pytest.approx([1.0] * 4, abs=1e-4)
    assert scores["solver"].milliseconds > 0


def test_figures_are_finite_where_the_reference_is_optimal(stored):
    contexts = stage.unseen(stored, 3)
    solved = dataclasses.replace(contexts, reference=contexts.optimum)
    method = next(iter(stored.scenario.heuristics.values()))
    found = stage.compare(stored.scenario, solved, {"rule": method}, "evaluate test")["rule"].to_json()
    json.dumps(found, allow_nan=False)
    assert set(found["normalised_return_pooled"].values()) == {None}, "no context has room: it is undefined"
    one = contexts.reference.clone()
    one[0] = contexts.optimum[0]
    found = stage.compare(stored.scenario, dataclasses.replace(contexts, reference=one), {"rule": method},
                          "evaluate test")["rule"].to_json()["normalised_return_pooled"]
    utility = stored.scenario.utility(contexts.values, method(contexts.values))
    assert found["mean"] == pytest.approx(float((utility - one).sum() / (contexts.optimum - one).sum()))


def test_whole_numbers_are_shown_as_such():
    assert [repr(value) for value in stage.whole([3.0, 2.5, -0.0])] == ["3", "2.5", "0"]
