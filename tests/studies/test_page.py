import json
from itertools import pairwise

import pytest
from clones import ROOT
from study_fixtures import about, curves, evidence, table, transfer

from aign.errors import DatasetError
from studies import agents_page, claims, convergence, page


@pytest.fixture
def folder(tmp_path):
    verdicts = [claims.decided(*claim) for claim in claims.claims(evidence())]
    files = {"table1": table(), "table2": verdicts, "transfer": transfer(), "tables": about(),
             "convergence": convergence.summary(curves())}
    for name, content in files.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    convergence.draw(curves(), [20], tmp_path / "convergence.png")
    return tmp_path


def test_the_page_shows_every_section_and_names_the_winners(folder):
    text = page.page(folder)
    for words in ("## Table I", "#### 20 users, preset gains", "#### 50 users, general gains",
                  "Best: **diffuser_unet_best_of_4**", "| 199.02 | 254.04 |", "| sac | 0.99510 [",
                  "| sac | 20, 50 | discount 0; rewards: others' |",
                  "![convergence](convergence.png)",
                  "## Table II", "| SAC: slow convergence | supported |", "never trained", "### 35 users",
                  "in 1 of 2 cases", "make tables"):
        assert words in text, words
    assert "## Rate utility" not in text
    assert "## Biased" not in text


def test_every_table_is_well_formed(folder):
    lines = page.page(folder).splitlines()
    tables = [line for line in lines if line.startswith("|")]
    assert len(tables) > 60
    for before, line in pairwise(tables):
        if line.startswith("|--"):
            assert line.count("|") == before.replace("\\|", "").count("|")


def test_the_order_is_claimed_only_where_intervals_are_apart(folder):
    rows = table()
    assert "do not overlap" in page.won([row for row in rows if row["users"] == 20 and row["gains"] == "preset"])
    single = [row for row in table(seeds=1) if row["users"] == 20 and row["gains"] == "preset"]
    assert "overlap, so no order is claimed" in page.won(single)
    assert page.won(single[:1]).endswith("optimum.")


def test_other_studies_have_a_section_where_they_were_made(folder):
    group = {"requests": 10, "satisfied_raw": 0.5, "satisfied": 1.0, "utility_ratio_mean": 0.99,
             "utility_ratio_worst": 0.9}
    (folder / "constraints.json").write_text(json.dumps({
        "feasible": {"single": group, "pair": group},
        "controls": {"masked": {"single": group, "pair": group}},
        "infeasible": {"requests": 5, "named": 4}, "feasible_called_infeasible": 0,
        "raw_by_labels": {"max_power": {"requests": 4, "satisfied_raw": 1.0},
                          "energy_efficiency and min_rate": {"requests": 3, "satisfied_raw": 0.125}},
        "raw_by_seed": {"single": [0.5, 1.0], "held_out_pair": [None, 0.125]}, "milliseconds_per_request": 12.0,
        "settings": {"train": {"steps": 7000}, "variant_steps": 90}}))
    case = {"users": 4, "constraints": [], "verdict": "a tie", "best_known_by": {"gradient_ascent": 3}, "proof": None,
            "budgets": [{"milliseconds": 1.0, "winner": "tie", "classic": {"method": "wmmse", "starts": 2},
                         "diffuser": None}],
            "landscape": {"silent_users_share": 0.25}, "methods": {"wmmse": [{"starts": 1}] * 100},
            "starts_needed": {"wmmse": {"0.001": {"mean": 1.0, "median": 1.0}}}}
    (folder / "rate.json").write_text(json.dumps({"cases": [case], "verdict": "mixed", "notes": ["A note."]}))
    (folder / "rate-2-stations.png").write_bytes(b"")
    text = page.page(folder)
    lowest, *_, highest = [line for line in text.splitlines() if line.startswith(("| energy_eff", "| max_power"))]
    assert "0.125" in lowest
    assert "max_power" in highest
    for method in ("diffuser", "masked"):
        assert f"| {method} | pair | 10 | 0.5 | 1 | 0.99000 | 0.9 |" in text
    assert "4 of 5 named as such" in text
    assert "took 7 000 gradient steps" in text
    assert "took 90, to be compared" in text
    assert "seed by seed: single 50.0% / 100.0%; held out pair 12.5%." in text
    for words in ("- verdict: mixed", "- verdict: a tie", "- proof: -", "| 1 | tie | wmmse | 2 |", "100 rows",
                  "- silent users share: 0.25", "- gradient ascent: 3", "| wmmse | mean: 1, median: 1 |", "- A note."):
        assert words in text, words
    assert "![rate-2-stations](rate-2-stations.png)" in text


def test_nothing_made_yet_still_says_how(tmp_path):
    assert "make tables" in page.page(tmp_path)


def test_a_damaged_file_is_named(folder):
    (folder / "table1.json").write_text("{")
    with pytest.raises(DatasetError, match=r"table1\.json"):
        page.page(folder)


@pytest.mark.parametrize("place", ["tables", "agents"])
def test_the_committed_pages_are_those_of_the_committed_figures(place):
    folder = ROOT / "data/reports" / place
    made = page.page(folder) if place == "tables" else \
        agents_page.page(json.loads((folder / "agents.json").read_text()))
    assert (folder / "README.md").read_text() == made


def test_a_page_of_plain_means_says_so(folder):
    text = (folder / "table1.json").read_text().replace("normalised_return_pooled", "normalised_return")
    (folder / "table1.json").write_text(text)
    made = page.page(folder)
    assert "> Recorded before returns were pooled" in made
    assert "| method | normalised return |" in made
    assert "> Recorded" not in page.page(folder.parent / "nothing")
