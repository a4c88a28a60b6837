"""`aign plan`: cheapest survivable networks from the command line, and changes to the one that stands."""

import json

import pytest
from smoke import aign, inside

SQUARE = {"nodes": [{"id": number, "name": name, "pos": [number % 2, number // 2]}
                    for number, name in enumerate("ABCD")],
          "edges": [{"source": a, "target": b, "dist": 10} for a, b in ((0, 1), (1, 3), (3, 2), (2, 0))],
          "graph": {"demands": {"0": {"3": 2.0}}}}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "square.json").write_text(json.dumps(SQUARE))
    with inside(tmp_path):
        yield tmp_path


def test_a_network_of_ones_own_is_planned_with_proof(folder):
    outcome = aign("plan", "square.json", "--unit", "2.5", "--save", "plan.json")
    assert outcome.code == 0, outcome.err
    assert "proven optimum" in outcome.out
    stored = json.loads((folder / "plan.json").read_text())
    # Both ways around carry all of 2 when the other is cut; a module of 2.5 filled to 0.8 carries 2.
    assert stored["modules"] == {"A-B": 1, "B-D": 1, "D-C": 1, "C-A": 1}
    assert stored["cost"] == stored["bound"] == pytest.approx(4 * 10 * 2.5)


def test_less_protection_costs_less_and_a_cut_that_parts_the_network_is_exempt(folder):
    alone = aign("plan", "square.json", "--unit", "2.5", "--risks", "none", "--save", "plan.json")
    assert alone.code == 0, alone.err
    assert json.loads((folder / "plan.json").read_text())["cost"] == pytest.approx(2 * 10 * 2.5)
    line = {**SQUARE, "edges": SQUARE["edges"][:3]}
    (folder / "line.json").write_text(json.dumps(line))
    outcome = aign("plan", "line.json", "--unit", "2.5")
    assert "exempt" in outcome.out
    assert "link A-B" in outcome.out


def test_changes_to_what_stands_are_steps_that_end_in_all_traffic_carried(folder):
    aign("plan", "square.json", "--unit", "2.5", "--save", "now.json")
    outcome = aign("plan", "square.json", "--unit", "2.5", "--grow", "2", "--installed", "now.json",
                   "--save", "new.json")
    assert outcome.code == 0, outcome.err
    steps = json.loads((folder / "new.json").read_text())["steps"]
    assert [step["modules"] for step in steps] == [1, 1, 1, 1]
    assert steps[-1]["carries"] == 1.0
    assert [step["carries"] for step in steps] == sorted(step["carries"] for step in steps)


def test_two_layers_light_fibres_under_lightpaths(folder):
    outcome = aign("plan", "square.json", "--layers", "2", "--unit", "2.5", "--save", "plan.json")
    assert outcome.code == 0, outcome.err
    modules = json.loads((folder / "plan.json").read_text())["modules"]
    assert {name for name in modules if name.startswith("fibre")} == {
        "fibre A-B", "fibre B-D", "fibre D-C", "fibre C-A"}


@pytest.mark.parametrize(("arguments", "said"), [
    (("polsk",), "'polska'"),
    (("missing.json",), "no such file"),
    (("square.json", "--traffic", "none.csv"), "none.csv: no such file"),
    (("square.json", "--layers", "2", "--risks", "nodes"), "--layers 2 does not go with --risks"),
    (("square.json", "--installed", "square.json"), "not a plan of this network"),
])
def test_what_cannot_be_planned_is_one_clear_error(folder, arguments, said):
    outcome = aign("plan", *arguments)
    assert outcome.code == 2
    assert said in outcome.err
    assert "Traceback" not in outcome.err


def test_satellites_carry_what_no_fibre_can_and_the_orbit_is_said(folder):
    line = {**SQUARE, "edges": [{**edge, "dist": 400} for edge in SQUARE["edges"][:3]]}
    line["nodes"] = [{**node, "pos": [10 * node["pos"][0], 45 + node["pos"][1]]} for node in SQUARE["nodes"]]
    (folder / "line.json").write_text(json.dumps(line))
    (folder / "sky.yaml").write_text("gateways: [A, D]\nplanes: 8\nsatellites: 12\naltitude: 1200\nelevation: 5\n"
                                     "slots: 2\n")
    outcome = aign("plan", "line.json", "--unit", "2.5", "--satellites", "sky.yaml", "--gap", "0.02", "--save",
                   "plan.json", "--map", "plan.png")
    assert outcome.code == 0, outcome.err
    assert "one orbit in 109.3 minutes" in outcome.out
    assert any("satellite" in name for name in json.loads((folder / "plan.json").read_text())["modules"])
    assert (folder / "plan.png").read_bytes().startswith(b"\x89PNG")


def test_what_is_removed_earns(folder):
    aign("plan", "square.json", "--unit", "2.5", "--grow", "2", "--save", "now.json")
    outcome = aign("plan", "square.json", "--unit", "2.5", "--installed", "now.json", "--earned", "0.5", "--save",
                   "less.json")
    assert outcome.code == 0, outcome.err
    stored = json.loads((folder / "less.json").read_text())
    assert [step["modules"] for step in stored["steps"]] == [-1] * 4
    assert stored["cost"] == pytest.approx(-0.5 * 4 * 10 * 2.5)


def test_maps_of_one_and_two_layers(folder):
    for layers in ("1", "2"):
        outcome = aign("plan", "square.json", "--layers", layers, "--unit", "2.5", "--map", f"{layers}.png")
        assert outcome.code == 0, outcome.err
    assert (folder / "1.png").read_bytes() != (folder / "2.png").read_bytes()


@pytest.mark.parametrize(("text", "said"), [
    ("gateways: [Z]\n", "Unknown gateway 'Z'"),
    ("planes: 3\n", "gateways: missing"),
    ("gateways: [A]\naltitude: 10\n", "altitude 200 to 36000 km"),
    ("gateways: [A]\nslot: 3\n", "Did you mean 'slots'?"),
])
def test_satellites_that_cannot_be_are_one_clear_error(folder, text, said):
    (folder / "sky.yaml").write_text(text)
    outcome = aign("plan", "square.json", "--satellites", "sky.yaml")
    assert outcome.code == 2
    assert said in outcome.err
    assert "Traceback" not in outcome.err


def test_groups_fail_together_and_some_failures_need_not_be_survived(folder):
    (folder / "ducts.csv").write_text("A-B, B-D\n")
    together = aign("plan", "square.json", "--unit", "2.5", "--risks", "none", "--groups", "ducts.csv")
    assert together.code == 0, together.err
    assert "cost 50" in together.out  # the way around the group, C, is enough
    some = aign("plan", "square.json", "--unit", "2.5", "--reliability", "0.5", "--save", "plan.json")
    assert some.code == 0, some.err
    stored = json.loads((folder / "plan.json").read_text())
    assert stored["cost"] == pytest.approx(2 * 10 * 2.5)
    assert len(stored["dropped"]) == 2
    assert "need not be survived: link" in some.out


def test_a_budget_is_enough_or_proven_too_small(folder):
    assert "the budget of 100 is enough" in aign("plan", "square.json", "--unit", "2.5", "--budget", "100").out
    small = aign("plan", "square.json", "--unit", "2.5", "--budget", "90")
    assert "no plan exists for the budget of 90" in small.out


@pytest.mark.parametrize(("text", "said"), [("A-B, A-Z\n", "line 1: Unknown link 'A-Z'"), ("\n", "names no link")])
def test_groups_that_are_none_are_one_clear_error(folder, text, said):
    (folder / "ducts.csv").write_text(text)
    outcome = aign("plan", "square.json", "--groups", "ducts.csv")
    assert outcome.code == 2
    assert said in outcome.err
