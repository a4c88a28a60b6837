"""The table of networks tells what the reports tell."""

import json
import re

import pytest
from pages import ROOT

TABLE = (ROOT / "pipeline/docs/networks.md").read_text(encoding="utf-8")
ROWS = [[cell.strip() for cell in line.strip("|").split("|")] for line in TABLE.splitlines() if "data/reports/" in line
        and line.startswith("| [")]


def pooled(variant, method):
    """Return a method's pooled return in a report, of the best or of one design where that is asked for."""
    methods = json.loads((ROOT / f"data/reports/{variant}/metrics.json").read_text())["methods"]
    name = next(name for name in methods if re.fullmatch(method, name))
    return methods[name]["normalised_return_pooled"]["mean"]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: re.search(r"reports/([\w-]+)/", row[0])[1])
def test_what_the_generator_reaches_stands_in_the_report(row):
    variant = re.search(r"reports/([\w-]+)/", row[0])[1]
    told = re.findall(r"-?\d+\.\d+", row[3])
    reached = [pooled(variant, r"diffuser_best_of_\d+"), pooled(variant, "diffuser_single")]
    assert told == [f"{value:.{len(text.partition('.')[2])}f}" for value, text in zip(reached, told, strict=True)]
    for agent, text in re.findall(r"\b(SAC|PPO|DDQN) (-?\d+\.\d+)", row[4]):
        assert text == f"{pooled(variant, agent.lower()):.{len(text.partition('.')[2])}f}"


def test_every_report_has_a_row():
    reports = {path.parent.name for path in ROOT.glob("data/reports/*/metrics.json")}
    assert {re.search(r"reports/([\w-]+)/", row[0])[1] for row in ROWS} == reports - {"power-2"}


@pytest.mark.parametrize("report", sorted(ROOT.glob("data/reports/*/metrics.json")), ids=lambda path: path.parent.name)
def test_a_report_holds_nothing_that_evaluate_would_not_make_again(report):
    assert {path.name for path in report.parent.iterdir()} == {"metrics.json", "report.md", "plots"}
