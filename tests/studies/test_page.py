import json
from itertools import pairwise

import pytest
from study_fixtures import about, curves, evidence, table, transfer

from aign.errors import DatasetError
from aign.studies import claims, convergence, page


@pytest.fixture
def folder(tmp_path):
    files = {"table1": table(), "table2": claims.claims(evidence()), "transfer": transfer(), "tables": about(),
             "convergence": convergence.summary(curves())}
    for name, content in files.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    convergence.draw(curves(), [20], tmp_path / "convergence.png")
    return tmp_path


def test_the_page_shows_every_section_and_names_the_winners(folder):
    page.write(folder)
    text = (folder / "README.md").read_text()
    for words in ("## Table I", "#### 20 users, preset gains", "#### 50 users, general gains",
                  "Best: **diffuser_unet_best_of_4**", "| 199.02 | 254.04 |", "| sac | 0.99510 [",
                  "| sac | 20, 50 | discount 0; rewards: others' |",
                  "![convergence](convergence.png)",
                  "## Table II", "| SAC: slow convergence | supported |", "never trained", "### 35 users",
                  "in 1 of 2 cases", "Computed by another version than the present one: bcq-20-0", "make tables"):
        assert words in text, words
    for title in page.OTHERS.values():
        assert f"## {title}" not in text


def test_every_table_is_well_formed(folder):
    lines = page.page(folder).splitlines()
    tables = [line for line in lines if line.startswith("|")]
    assert len(tables) > 60
    for before, line in pairwise(tables):
        if line.startswith("| --- |"):
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
        "controls": {"constraints_masked": {"single": group, "pair": group}},
        "infeasible": {"requests": 5, "named": 4}, "feasible_called_infeasible": 0,
        "raw_by_labels": {"max_power": {"requests": 4, "satisfied_raw": 1.0},
                          "energy_efficiency and min_rate": {"requests": 3, "satisfied_raw": 0.125}},
        "raw_by_seed": {"single": [0.5, 1.0], "held_out_pair": [None, 0.125]}, "milliseconds_per_request": 12.0,
        "settings": {"train": {"steps": 7000}, "variant_steps": 90}}))
    (folder / "rate.json").write_text(json.dumps({"curves": [{"seconds": 1, "quality": 0.5}] * 100}))
    (folder / "rate-2-stations.png").write_bytes(b"")
    text = page.page(folder)
    lowest, *_, highest = [line for line in text.splitlines() if line.startswith(("| energy_eff", "| max_power"))]
    assert "0.125" in lowest
    assert "max_power" in highest
    for method in ("diffuser", "constraints_masked"):
        assert f"| {method} | pair | 10 | 0.5 | 1 | 0.99000 | 0.9 |" in text
    assert "4 of 5 named as such" in text
    assert "took 7 000 gradient steps" in text
    assert "took 90, to be compared" in text
    assert "seed by seed: single 50.0% / 100.0%; held out pair 12.5%." in text
    assert "100 rows" in text
    assert "![rate-2-stations](rate-2-stations.png)" in text


def test_nothing_made_yet_still_says_how(tmp_path):
    page.write(tmp_path / "new")
    assert "aign study" in (tmp_path / "new/README.md").read_text()


def test_a_damaged_file_is_named(folder):
    (folder / "table1.json").write_text("{")
    with pytest.raises(DatasetError, match=r"table1\.json"):
        page.write(folder)
    assert not (folder / "README.md").exists()
