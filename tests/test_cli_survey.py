"""`aign survey`: trained, surveyed and saved from the command line; what is wrong is one clear error."""

import json

import pyarrow.parquet
import pytest
from pyarrow import csv
from smoke import aign, inside

RING = {"nodes": [{"id": number, "name": name, "pos": place} for number, (name, place) in enumerate(
            {"A": [0, 0], "B": [1, 0], "C": [2, 1], "D": [1, 2], "E": [0, 1]}.items())],
        "edges": [{"source": a, "target": b, "dist": 10 + a} for a, b in
                  ((0, 1), (1, 2), (2, 3), (3, 4), (4, 0), (0, 2))],
        "graph": {"demands": {"0": {"2": 3.0, "3": 2.0}, "1": {"3": 4.0, "4": 1.0}}}}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "ring.json").write_text(json.dumps(RING))
    with inside(tmp_path):
        yield tmp_path


def test_a_survey_is_trained_made_and_saved(folder):
    outcome = aign("survey", "ring.json", "--unit", "2", "--train", "4", "--futures", "6", "--save", "out/ring")
    assert outcome.code == 0, outcome.err
    assert "6 of 6 futures planned" in outcome.out
    links = csv.read_csv(folder / "out/ring.csv")
    futures = pyarrow.parquet.read_table(folder / "out/ring.parquet")
    assert links.num_rows == 6
    assert futures.num_rows == 6
    plans = futures["modules"].to_pylist()
    assert links["mean"].to_pylist() == pytest.approx([sum(column) / 6 for column in zip(*plans, strict=True)])
    summary = json.loads((folder / "out/ring.json").read_text())
    assert summary["routed_in_every_failure"] == 6
    assert (folder / "out/ring.png").read_bytes().startswith(b"\x89PNG")
    again = aign("survey", "ring.json", "--unit", "2", "--futures", "6", "--save", "out/again")
    assert again.code == 0, again.err
    assert (folder / "out/again.csv").read_bytes() == (folder / "out/ring.csv").read_bytes()


def test_matrices_of_ones_own_without_routing(folder):
    aign("survey", "ring.json", "--unit", "2", "--train", "3", "--futures", "0")
    (folder / "years.csv").write_text("future,source,target,demand\n2030,A,C,2\n2031,A,C,4\n2031,B,D,1\n")
    outcome = aign("survey", "ring.json", "--unit", "2", "--matrices", "years.csv", "--no-check", "--save", "years")
    assert outcome.code == 0, outcome.err
    assert "not routed" in outcome.out
    table = pyarrow.parquet.read_table(folder / "years.parquet")
    assert table["future"].to_pylist() == ["2030", "2031"]
    assert table["routed"].to_pylist() == [False, False]


@pytest.mark.parametrize(("arguments", "said"), [
    (("ring.json",), "Train first: `aign survey"),
    (("ring.json", "--common", "2", "1"), "a low and a high factor"),
    (("missing.json",), "no such file"),
])
def test_what_cannot_be_surveyed_is_one_clear_error(folder, arguments, said):
    outcome = aign("survey", *arguments)
    assert outcome.code == 2
    assert said in outcome.err
    assert "Traceback" not in outcome.err
