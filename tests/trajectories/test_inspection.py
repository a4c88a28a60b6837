import io
import json
import re
import shutil

import numpy as np
import pytest
from recorded_data import changed_json, record_dataset
from rich.console import Console

from aign.errors import DatasetError
from aign.trajectories.inspection import inspection
from aign.trajectories.reader import TrajectoryStore


def shown(folder, width=160):
    console = Console(file=io.StringIO(), width=width)
    console.print(inspection(TrajectoryStore.open(folder)))
    return console.file.getvalue()


def cells(text, title):
    """Return the rows of the table under a title, as lists of cells."""
    lines = text.split(title, 1)[1].splitlines()[1:]
    rows = []
    for line in lines:
        if line.startswith("└"):
            return rows
        if line[0] in "│┃":
            rows.append([cell.strip() for cell in re.split("[│┃]", line)[1:-1]])
    raise AssertionError


def stored(folder, name):
    return json.loads((folder / "meta" / f"{name}.json").read_text())


def test_overview_states_the_quality_figures_and_their_bins(recorded):
    rows, figures = dict(cells(shown(recorded, 1000), "Dataset water-4")), stored(recorded, "quality")
    assert rows["scenario"] == "water-filling (budget 3.0, channels 4, gain 1.0)"
    assert rows["episodes"] == "108 of up to 8 steps, format version 3"
    assert rows["sources"] == "collect 108"
    quality = figures["trajectory_quality"]
    assert rows["trajectory quality"].startswith(
        f"{quality['value']:.4f} [{quality['low']:.4f}, {quality['high']:.4f}]; mean U/U* "
        f"{quality['utility_ratio']:.4f}; {quality['degenerate_contexts']['count']} of 24 contexts are degenerate. "
        "Pooled return")
    coverage = figures["state_action_coverage"]
    assert rows["state-action coverage"].startswith(
        f"{coverage['value']:.4g}: {coverage['unique']:,} different cells of {coverage['total']:,} transitions, "
        "5 bins a value. ")
    assert rows["duplicates"].startswith(f"{figures['duplicates']['count']} (")
    size = sum(path.stat().st_size for path in recorded.rglob("*") if path.is_file() and path.name != "manifest.json")
    assert rows["size"] == f"{size:,} bytes in 11 files, 4 shards"


def test_every_column_has_shape_unit_and_meaning(recorded):
    rows = {row[0]: row[1:] for row in cells(shown(recorded), "Columns: one row an episode")}
    assert [name for name in rows if name] == ["column", *TrajectoryStore.open(recorded).columns]
    assert rows["observations"][0] == "float32[9][9]"
    assert rows["total_power"] == ["float64", "W", "Sum of powers; lower is better"]
    assert all(meaning for _, _, meaning in rows.values())


def test_features_are_listed_with_units_and_bounds(recorded):
    rows = cells(shown(recorded), "Features")
    assert ["context", "gain", "4", "1/W", "0.001", "2", ""] in rows
    assert ["state", "power", "4", "W", "0", "3", ""] in rows


def test_splits_and_behaviours_add_up(recorded):
    text, store = shown(recorded), TrajectoryStore.open(recorded)
    assert cells(text, "Splits, by context")[1:] == [["train", "72", "24"], ["validation", "18", "6"],
                                                    ["test", "18", "6"]]
    behaviour, split = store.strings("behaviour"), store.strings("split")
    for name, *counts, share in cells(text, "Behaviours, episodes by split")[1:]:
        own = behaviour == name
        assert counts == [str(int((own & (split == one)).sum())) for one in ("train", "validation", "test")]
        assert share == f"{own.mean():.1%}"


def test_returns_by_behaviour_are_those_of_the_training_split(recorded):
    store = TrajectoryStore.open(recorded)
    returns = store.column("return_normalised").numpy().astype(float)
    train = store.strings("split") == "train"
    rows = cells(shown(recorded), "Returns by behaviour")[1:]
    figures = stored(recorded, "quality")["behaviours"]
    assert [row[0] for row in rows] == sorted(set(store.strings("behaviour")))
    for name, quality, *quantiles in rows:
        own = returns[train & (store.strings("behaviour") == name)]
        assert quality == f"{figures[name]['trajectory_quality']:,.4g}"
        assert quantiles == [f"{value:,.4g}" for value in np.quantile(own, (0.1, 0.5, 0.9))]


def test_labels_and_returns_are_distributed_as_numpy_says(recorded):
    store, text = TrajectoryStore.open(recorded), shown(recorded)
    rows = store.rows("train")
    ranges = {row[0]: row[1:] for row in cells(text, "training split: range")}
    quantiles = {row[0]: row[1:] for row in cells(text, "training split: quantiles")}
    for name, unit in (("return_raw", ""), ("max_power", "W"), ("active_channels", "1"), ("utility", "")):
        values = store.gather(name, rows).numpy().astype(float)
        assert ranges[name] == [unit, *(f"{one:,.4g}" for one in (values.min(), values.max(), values.mean(),
                                                                 values.std()))]
        assert quantiles[name] == [f"{one:,.4g}" for one in np.quantile(values, (0.01, 0.1, 0.5, 0.9, 0.99))]


def test_provenance_shows_everything(recorded):
    rows = dict(cells(shown(recorded, 300), "Provenance"))
    info = stored(recorded, "info")
    assert rows["author"] == "test"
    assert rows["seed"] == "5"
    assert rows["versions"] == ", ".join(f"{name} {version}" for name, version in info["versions"].items())


def test_nested_provenance_is_spelled_out(recorded, tmp_path):
    copy = changed_json(recorded, tmp_path / "d", "meta/info.json",
                        lambda info: info.update(provenance={"collect": {"ppo": {"hidden": [8, 8]}, "rows": 3}}))
    rows = dict(cells(shown(copy), "Provenance"))
    assert rows["collect.ppo"] == "hidden [8, 8]"
    assert rows["collect.rows"] == "3"


def test_sources_are_counted(tmp_path, scenario):
    assert "operator-log 108" in shown(record_dataset(tmp_path / "d", scenario, source="operator-log"))


def test_no_number_is_cut_at_eighty_columns(recorded):
    assert "…" not in shown(recorded, 80)


@pytest.mark.parametrize(("name", "change"), [
    ("quality", lambda figures: figures.pop("duplicates")), ("quality", lambda figures: figures.update(behaviours=3)),
    ("stats", lambda stats: stats.pop("utility")), ("info", lambda info: info.update(features=[])),
    ("info", lambda info: info["splits"].pop("test")), ("info", lambda info: info.update(labels=[{"name": "x"}])),
])
def test_a_missing_figure_is_an_error_of_the_dataset(recorded, tmp_path, name, change):
    copy = changed_json(recorded, tmp_path / "d", f"meta/{name}.json", change)
    with pytest.raises(DatasetError, match="missing or malformed"):
        shown(copy)


def test_damage_is_found_before_anything_is_shown(recorded, tmp_path):
    copy = shutil.copytree(recorded, tmp_path / "d")
    (copy / "meta" / "stats.json").write_text("{}")
    with pytest.raises(DatasetError, match=r"stats\.json"):
        shown(copy)
