import dataclasses
import io
import json

import matplotlib.pyplot as plt
import pyarrow.parquet as pq
import pytest
import torch
from rich.console import Console

from aign.designs.answer import answer
from aign.designs.requests import Request
from aign.designs.settings import SamplingSettings
from aign.errors import StorageError
from aign.scenarios.core.certificate import CertificateKind


def ask(pipeline, where=(), preset="ladder", count=4):
    request = Request(where, preset, count=count).resolve(pipeline.scenario)
    return answer(pipeline, request, SamplingSettings(steps=5), seed=2)


@pytest.fixture(scope="module")
def green(water):
    return ask(water, ["total_power<=1.5"])


@pytest.fixture(scope="module")
def impossible(power):
    return ask(power, ["min_rate>=500"], "aign-two-users")


def shown(found, width=80):
    console = Console(file=io.StringIO(), width=width, soft_wrap=True)
    console.print(found)
    return console.file.getvalue()


def test_rows_say_what_the_simulator_says(water, green):
    scenario, context = water.scenario, green.request.context[None]
    best = float(scenario.certify(context, green.request.constraints).utility[0])
    assert [row["rank"] for row in green.rows()] == [1, 2, 3, 4]
    for row in green.rows():
        design = torch.tensor(row["design"])[None]
        assert row["utility"] == float(scenario.utility(context, design)[0])
        assert row["gap"] == pytest.approx((best - row["utility"]) / best)
        assert row["total_power"] == float(scenario.measure(context, design)["total_power"][0]) <= 1.5
        assert row["feasible"]
        assert len(row["path"]) == scenario.horizon + 1


def test_normalised_return_exists_where_the_optimum_is_above_the_reference(water, green):
    reference = float(water.scenario.reference_utility(green.request.context[None])[0])
    free = ask(water)
    assert green.optimum < reference < free.optimum
    assert [row["normalised_return"] for row in green.rows()] == [None] * 4
    for row in free.rows():
        assert row["normalised_return"] == pytest.approx((row["utility"] - reference) / (free.optimum - reference))


def test_json_and_parquet_hold_the_rows(green, tmp_path):
    paths = green.save(tmp_path / "new" / "green")
    assert [path.name for path in paths] == ["green.json", "green.parquet", "green.png"]
    stored = json.loads(paths[0].read_text())
    assert stored["designs"] == green.rows()
    assert stored == green.to_json()
    assert pq.read_table(paths[1]).to_pylist() == green.rows()
    assert plt.imread(paths[2]).shape[2] in (3, 4)
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == [path.name for path in paths]


def test_equal_answers_are_equal_bytes(green, tmp_path):
    one, other = green.save(tmp_path / "one"), green.save(tmp_path / "other")
    assert [path.read_bytes() for path in one] == [path.read_bytes() for path in other]


def test_a_stem_with_a_dot_keeps_its_name(green, tmp_path):
    assert green.save(tmp_path / "v1.2")[0].name == "v1.2.json"


def test_an_infeasible_request_is_said_so_and_its_figures_are_null(impossible, tmp_path):
    stored = json.loads(impossible.save(tmp_path / "none")[0].read_text())
    assert stored["feasible"] is False
    assert stored["certified_utility"] is None
    assert all(row["gap"] is None and row["normalised_return"] is None for row in stored["designs"])
    assert pq.read_table(tmp_path / "none.parquet").to_pylist() == impossible.rows()
    assert "infeasible: no design meets these constraints" in shown(impossible)
    assert "nan" not in shown(impossible)


def test_a_certified_utility_of_zero_has_no_relative_gap(water):
    found = ask(water, ["total_power<=0"])
    assert found.optimum == 0
    assert [row["gap"] for row in found.rows()] == [None] * 4
    assert "certified utility 0.0000" in shown(found)


def test_a_design_that_meets_the_request_proves_it_feasible(water):
    """The exact solution leaves the weakest channels silent, so the certificate knows no design with all active."""
    found = ask(water, ["active_channels>=4"], count=8)
    assert not found.certificate.feasible[0]
    assert found.rows()[0]["feasible"]
    assert found.feasible
    assert "infeasible" not in shown(found)


def test_where_only_the_best_known_is_certified_impossibility_is_not_claimed(water):
    found = ask(water, ["active_channels>=4", "total_power<=0"])
    assert found.certificate.kind is CertificateKind.BEST_KNOWN
    assert "no design is known" in shown(found)


def test_the_best_known_design_is_at_least_the_best_generated_one(power, green):
    found = ask(power, ["jain_fairness>0.9", "total_power<40"], "aign-two-users", count=3)
    assert all(row["feasible"] for row in found.rows())
    assert found.best_known == found.optimum >= found.rows()[0]["utility"]
    assert found.summary()["where"] == ["jain_fairness>0.9", "total_power<40"]
    assert green.optimum == pytest.approx(green.best_known, rel=1e-5)
    assert "total_power<=1.5 binds" in shown(green)


def test_a_spread_choice_keeps_the_best_and_shows_fewer(water):
    found = ask(water, ["total_power<=2"], count=8)
    few = found.spread(3)
    assert 1 <= len(few.rows()) <= 3
    assert few.rows()[0] == found.rows()[0]
    designs = [row["design"] for row in found.rows()]
    assert all(row["design"] in designs for row in few.rows())
    assert few.diversity.distinct == len(few.rows())


def test_each_design_can_be_shown_once_in_the_same_order(power):
    found = ask(power, preset="aign-two-users", count=12)
    once = found.distinct()
    designs = [row["design"] for row in found.rows()]
    assert [row["design"] for row in once.rows()] == [list(each) for each in dict.fromkeys(map(tuple, designs))]
    assert len(once.rows()) == found.diversity.distinct < len(designs)
    assert [row["rank"] for row in once.rows()] == list(range(1, len(once.rows()) + 1))


def test_novelty_is_told_where_there_are_training_designs(green):
    designs = green.candidates.designs[0]
    assert green.diversity.novelty is None
    assert "not measured" in shown(green)
    known = dataclasses.replace(green, training_designs=designs[:2])
    assert known.diversity.novelty[:2] == [0, 0]
    assert known.summary()["diversity"]["novelty"] == known.diversity.novelty
    assert "are no training design" in shown(known)


def test_the_explanation_is_a_picture_beside_the_others(green, impossible, tmp_path):
    *_, path = green.save_all(tmp_path / "green")
    assert path.name == "green-why.png"
    assert plt.imread(path).shape[1] > 500
    assert [path.name for path in impossible.save_all(tmp_path / "none")] == ["none.json", "none.parquet", "none.png"]
    assert "because of min_rate>=500" in shown(impossible, 300)
    assert "Nearest feasible design, with min_rate>=500 relaxed" in shown(impossible, 300)


@pytest.mark.parametrize("width", [60, 80, 200])
def test_the_table_shows_every_figure_whole_at_any_width(green, width):
    text = shown(green, width)
    for row in green.rows():
        for figure in (f"{row['utility']:.4f}", f"{row['gap']:.3%}", f"{row['total_power']:.4g}"):
            assert figure in text
    assert f"certified utility {green.optimum:.4f} (upper bound)" in text
    assert "total_power<=1.5" in text
    assert "[W]" in text


def test_no_name_is_taken_for_markup_or_mathematics(green, tmp_path):
    request = dataclasses.replace(green.request, origin=r"a[/red]$\nothing$[bold].yaml")
    found = dataclasses.replace(green, request=request)
    assert r"a[/red]$\nothing$[bold].yaml" in shown(found, 200)
    assert found.save(tmp_path / "odd")[2].stat().st_size > 1000


def test_a_folder_that_cannot_be_is_a_storage_error(green, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot be written"):
        green.save(tmp_path / "file" / "green")
