import json

import pytest
from study_fixtures import about, curves, table, transfer

from aign.errors import DatasetError
from aign.studies import claims, convergence, table_two


@pytest.fixture
def folder(tmp_path):
    files = {"table1": table(), "transfer": transfer(), "tables": about(), "convergence": convergence.summary(curves())}
    for name, content in files.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    return tmp_path


def written(folder):
    table_two.write(folder)
    return json.loads((folder / "table2.json").read_text())


def test_what_the_tables_decide(folder):
    rows = written(folder)
    assert len(rows) == 13
    assert all(set(row) == {"claim", "verdict", "figure"} for row in rows)


def test_constraints_decide_once_they_are_there(folder):
    claim = "Proposed: adapts to conditional environments"
    assert {row["claim"]: row["verdict"] for row in written(folder)}[claim] == claims.NOT_MEASURED
    shown, masked = ({"single": {"satisfied_raw": share}} for share in (0.9, 0.1))
    content = {"feasible": shown, "controls": {"masked": masked}}
    (folder / "constraints.json").write_text(json.dumps(content))
    assert {row["claim"]: row["verdict"] for row in written(folder)}[claim] == "supported"


def test_claims_about_bias_are_merged(folder, monkeypatch):
    row = {"claim": "BCQ: dataset bias", "verdict": "mixed", "figure": "f"}
    (folder / "bias.json").write_text(json.dumps([{"method": "bcq"}]))
    monkeypatch.setattr(table_two.bias_claims, "claims", lambda rows: [row] if rows == [{"method": "bcq"}] else [])
    assert written(folder)[-1] == row


def test_nothing_is_judged_before_the_tables_are_made(folder):
    (folder / "convergence.json").unlink()
    table_two.write(folder)
    assert not (folder / "table2.json").exists()


def test_a_damaged_file_is_named(folder):
    (folder / "transfer.json").write_text("[")
    with pytest.raises(DatasetError, match=r"transfer\.json"):
        table_two.write(folder)
