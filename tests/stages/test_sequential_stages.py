"""Stage evaluate in sequential scenarios, whose models are not trained through the stages."""

import pytest
import torch

from aign.designs.answer import answer
from aign.designs.requests import Request
from aign.designs.settings import EvaluateSettings, SampleSettings, SamplingSettings
from aign.diffusion import store as models
from aign.scenarios.core.returns import degenerate_contexts
from aign.stages import evaluate
from aign.stages.evaluate import report, steps
from aign.stages.evaluate.satisfaction import completion_summary, satisfaction_summary

QUICK = SamplingSettings(steps=4)
CURVES = {"agents": {"sac": [{"environment_steps": 9, "normalised_return_pooled": 0.2}]},
          "diffuser": [{"step": 5.0, "normalised_return_pooled": 0.5},
                       {"step": 9.0, "normalised_return_pooled": 0.9}]}


@pytest.fixture(scope="module")
def judged(request, tmp_path_factory):
    """Scores and metrics of each network's methods, no agent among them."""
    def judge(name):
        data = request.getfixturevalue(name)
        folder = tmp_path_factory.mktemp(name)
        models.save(data.pipeline, folder / "models" / f"{name}-sac-only", data.history)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(evaluate, "MODELS", folder / "models")
            patch.setattr(evaluate.store, "load", lambda path, trusted: data.pipeline)
            patch.setattr(evaluate.methods, "policy", lambda *given: data.scenario.heuristics["best"])
            found = evaluate.competitors(name, ["sac"], data.store, data.pipeline,
                                         EvaluateSettings(contexts=6, candidates=2), QUICK, 0)
        scores = evaluate.compare(data.scenario, data.pool["test"], found, "test")
        example = answer(data.pipeline, Request(count=1).resolve(data.scenario), QUICK)
        certificate = data.scenario.certify(data.pool["test"].values)
        metrics = {"scenario": data.scenario.spec(), "contexts": 6, "split": "test", "certificate": certificate.kind,
                   "degenerate_contexts": degenerate_contexts(data.pool["test"].reference, data.pool["test"].optimum),
                   "trained_on": {},
                   "certificate_statement": certificate.statement,
                   "methods": (figures := {name: score.to_json() for name, score in scores.items()}),
                   "task_completion": completion_summary(figures, ["diffuser_single", "diffuser_best_of_2"]),
                   "constraint_satisfaction": satisfaction_summary(evaluate.constrained(
                       data.pipeline, data.pool["test"].values, certificate.design,
                       EvaluateSettings(contexts=6, candidates=2),
                       SampleSettings(sampling=QUICK), "test", 0)),
                   "denoising_steps": steps.curve(data.pipeline, data.pool["validation"], EvaluateSettings(
                       contexts=6, candidates=2, steps_contexts=3, denoising_steps=(1, 2)), QUICK, 0)}
        return scores, metrics, example
    return {name: judge(name) for name in ("matching", "tracking")}


def test_methods_are_the_diffuser_agents_and_rules(judged):
    scores, _, _ = judged["matching"]
    assert set(scores) == {"diffuser_single", "diffuser_best_of_2", "diffuser_best_of_2_sac_only", "sac", "in_turn",
                           "best"}
    assert float(scores["best"].pooled.min()) == 1.0
    assert torch.equal(scores["best"].utility, torch.full((6,), 12.0, dtype=torch.float64))
    assert scores["in_turn"].mean == 0.0
    assert scores["diffuser_best_of_2"].mean >= scores["diffuser_single"].mean


def test_a_page_shows_returns_and_says_what_hindsight_is(judged):
    _, metrics, example = judged["matching"]
    page = report.page("tiny", metrics, example)
    assert ("| method | pooled return [95 % interval] | U/U* mean [95 % interval] | q05 | worst "
            "| U mean [95 % interval] |") in page
    assert ("| best | 1.0000 [1.0000, 1.0000] | 1.00000 [1.00000, 1.00000] | 1.00000 | 1.00000 "
            "| 12.00 [12.00, 12.00] |") in page
    assert "The best of several runs is\nhindsight" in page
    assert page.rstrip().endswith("## What the paper printed\n\nThe paper printed **12**.")


def test_an_optimum_of_zero_is_judged_without_the_ratio(judged, tmp_path):
    scores, metrics, example = judged["tracking"]
    assert all("utility_ratio" not in one for one in metrics["methods"].values())
    page = report.page("tiny", metrics, example)
    methods = page.partition("## Task completion")[0]
    heading, rule, *rows = [line for line in methods.splitlines() if line.startswith("|")]
    assert heading.startswith("| method | pooled return [95 % interval] | q05 | worst | U mean [95 % interval] |")
    assert rule.count("---") == heading.count("|") - 1 == rows[0].count("|") - 1
    order = sorted(scores, key=lambda name: -scores[name].mean)
    assert [row.split("|")[1].strip() for row in rows] == order
    assert f"Best by pooled return: **{order[0]}**" in page
    assert "What the paper printed" not in page
    report.write(tmp_path, "tiny", metrics, scores, CURVES, example)
    assert (tmp_path / "plots" / "gap.png").stat().st_size > 0
    assert "1 - pooled return" in report.gaps(scores).axes[0].get_xlabel()


def test_what_was_generated_in_a_sequential_scenario_is_what_is_returned(judged):
    for _, metrics, _ in judged.values():
        met = metrics["constraint_satisfaction"]
        assert met["all"]["feasible"] >= 6
        assert met["all"]["raw"] == met["all"]["returned"], "the best of all candidates is returned, and none projected"
        assert met["all"]["raw_design"]["count"] <= 2 * met["all"]["returned"]["count"]


def test_convergence_is_drawn_in_the_pooled_return():
    agents, diffuser = report.convergence(CURVES).axes
    assert list(agents.lines[0].get_ydata()) == [0.8]
    assert list(diffuser.lines[0].get_ydata()) == pytest.approx([0.5, 0.1])


def test_a_preset_is_answered_by_decisions(judged, matching):
    assert evaluate.preset_result(judged["matching"][2]) == {}, "no preset"
    found = answer(matching.pipeline, Request(count=1, preset="ones").resolve(matching.scenario), QUICK)
    preset = evaluate.preset_result(found)["preset"]
    assert preset["certified_design"] == [1] * 12
    assert preset["design"] == found.candidates.designs[0, 0].tolist()
    assert "path" not in preset
