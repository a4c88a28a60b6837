import json
import math

import pytest
import torch
from smoke import WATER

from aign.designs.answer import answer
from aign.designs.requests import Request
from aign.scenarios.core.constraints import Constraint
from aign.stages.evaluate import report
from aign.stages.evaluate.satisfaction import (
    ConstrainedRequest,
    Satisfaction,
    completion_summary,
    satisfaction_summary,
)
from aign.stages.evaluate.score import Score, summary
from aign.trajectories.contexts import Contexts


def score(utilities):
    """Two contexts with reference 0.5 and optimum 1: a utility is U/U*, and 2 U - 1 its return."""
    half = torch.full((2,), 0.5, dtype=torch.float64)
    contexts = Contexts(torch.arange(2), torch.zeros(2, 1), half, 2 * half, "test")
    return Score(contexts, torch.tensor(utilities, dtype=torch.float64), 1.25)


SCORES = {"equal_power": score([0.8, 0.9]), "diffuser_single": score([0.99, 1.0]), "sac": score([0.95, 0.97])}
CURVES = {"agents": {"sac": [{"environment_steps": 10, "normalised_return_pooled": -3.0},
                             {"environment_steps": 20, "normalised_return_pooled": None}],
                     "ppo": [{"environment_steps": 10, "normalised_return_pooled": 0.5}]},
          "diffuser": [{"step": 5.0, "normalised_return_pooled": 0.9}, {"step": 9.0, "normalised_return_pooled": 1.0}]}


METHODS = {name: result.to_json() for name, result in SCORES.items()}
OUTCOME = Satisfaction(ConstrainedRequest("single", (Constraint("total_power", "<=", 1.0),), torch.zeros(4, 1), 2),
                       feasible=torch.tensor([True, True, True, False]),
                       impossible=torch.tensor([False, False, False, True]),
                       raw=torch.tensor([[True, True], [False, True], [False, False], [False, False]]),
                       returned=torch.tensor([True, True, True, False]))

BY_STEPS = {"definition": "On 4 validation contexts.", "usual": 2, "rows": [
    {"steps": steps, "pooled_return": None, "utility_ratio": 0.9, "mean_distance": 1.25, "raw_percent": None}
    for steps in (1, 2)]}


@pytest.fixture(scope="module")
def example(water):
    return answer(water, Request(preset="ladder", count=2).resolve(water.scenario))


@pytest.fixture(scope="module")
def metrics(example):
    return {"scenario": example.scenario.spec(), "contexts": 2, "split": "test",
            "certificate": example.certificate.kind, "certificate_statement": example.certificate.statement,
            "degenerate_contexts": {"count": 1, "of": 2, "meaning": "No room there."},
            "trained_on": {"sac": "discount 0; rewards: those of a neighbour"},
            "methods": METHODS, "task_completion": completion_summary(METHODS, ["diffuser_single"]),
            "constraint_satisfaction": satisfaction_summary([OUTCOME]), "denoising_steps": BY_STEPS}


def test_the_page_ranks_methods_by_pooled_return(metrics, example):
    page = report.page("tiny", metrics, example)
    lines = [line for line in page.splitlines() if line.startswith("| ")]
    heading, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[:4]]
    assert [row[0] for row in rows] == ["diffuser_single", "sac", "equal_power"]
    assert all(len(row) == len(heading) for row in rows)
    assert page.startswith("# tiny: water-filling\n")
    assert "**diffuser_single**" in page
    pooled, ratio = SCORES["sac"].to_json()["normalised_return_pooled"], summary(SCORES["sac"].ratio)
    assert rows[1][1] == f"0.9200 [{pooled['mean_low']:.4f}, {pooled['mean_high']:.4f}]"
    assert rows[1][2] == f"0.96000 [{ratio['mean_low']:.5f}, {ratio['mean_high']:.5f}]"
    assert "Degenerate are 1 of 2 contexts. No room there." in page
    assert "- sac: discount 0; rewards: those of a neighbour" in page
    best = example.rows()[0]["utility"]
    assert f"Best utility {best:.4f}; certified utility {example.optimum:.4f} (upper bound)" in page
    assert "preset ladder" in page
    assert "{" not in page


def test_the_page_tells_completion_and_satisfaction(metrics, example):
    page = report.page("tiny", metrics, example)
    pooled = METHODS["diffuser_single"]["normalised_return_pooled"]
    low, high = 100 * pooled["mean_low"], 100 * pooled["mean_high"]
    assert f"| diffuser_single | 99.0 % [{low:.1f}, {high:.1f}] |" in page
    assert "| one label bounded | 4 | 3 | 1 | 2 | 50.0 % (3 of 6) | 66.7 % [20.8, 93.9] (2 of 3) " \
           "| 100.0 % [43.9, 100.0] (3 of 3) |" in page
    assert "two labels bounded" not in page, "none was asked"
    assert "On 4 validation contexts." in page
    assert "| 2 | - | 0.90000 | 1.250 | - |" in page
    for definition in (metrics["task_completion"], metrics["constraint_satisfaction"]):
        assert definition["definition"] in page


def test_gaps_are_boxes_of_one_minus_the_pooled_return_worst_method_first():
    axes = report.gaps(SCORES).axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["equal_power", "sac", "diffuser_single"]
    assert axes.get_xscale() == "log"
    medians = [line.get_xdata()[0] for line in axes.lines if len(set(line.get_xdata())) == 1 and len(line.get_xdata())]
    assert any(value == pytest.approx(0.3) for value in medians)


def test_curves_show_gaps_and_leave_out_what_is_unknown():
    agents, diffuser = report.convergence(CURVES).axes
    sac, ppo = (line.get_ydata() for line in agents.lines)
    assert sac[0] == 4.0
    assert math.isnan(sac[1])
    assert list(ppo) == [0.5]
    assert list(diffuser.lines[0].get_ydata()) == pytest.approx([0.1, 1e-6])
    assert list(diffuser.lines[0].get_xdata()) == [5, 9]
    assert [text.get_text() for text in agents.get_legend().get_texts()] == ["sac", "ppo"]


def test_equal_results_are_equal_bytes(tmp_path, metrics, example):
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        report.write(tmp_path / name, "tiny", metrics, SCORES, CURVES, example)
    files = sorted(path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*") if path.is_file())
    assert [str(path) for path in files] == ["plots/convergence.png", "plots/design.png", "plots/gap.png",
                                              "plots/steps.png", "report.md"]
    assert all((tmp_path / "one" / path).read_bytes() == (tmp_path / "other" / path).read_bytes() for path in files)


def test_the_report_of_a_real_run_shows_its_own_figures(smoke):
    folder = smoke.folder / "data/reports" / WATER
    metrics = json.loads((folder / "metrics.json").read_text())
    page = (folder / "report.md").read_text()
    for name, method in metrics["methods"].items():
        assert f"| {name} | {method['normalised_return_pooled']['mean']:.4f} [" in page
    best = max(metrics["methods"], key=lambda name: metrics["methods"][name]["normalised_return_pooled"]["mean"])
    assert f"**{best}**" in page
