"""What a dataset holds, as tables to read: the figures come from its meta/ files, which `verify` checks."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from rich.console import Group
from rich.table import Table

from aign.errors import DatasetError
from aign.files import manifest
from aign.trajectories.card import described_columns
from aign.trajectories.quality import read_quality
from aign.trajectories.reader import TrajectoryStore
from aign.trajectories.schema import SPLITS
from aign.trajectories.statistics import QUANTILES
from aign.trajectories.trajectory_quality import quality_text

RANGE = ("min", "max", "mean", "std")
"""Statistics shown in one table of distributions, by their names in meta/stats.json; QUANTILES are in the other."""
RETURNS = ("return_normalised", "return_raw", "utility", "rewards", "length")


def inspection(store: TrajectoryStore) -> Group:
    """Return all tables about a dataset.

    Raises:
        DatasetError: its meta/ files lack a figure.
    """
    try:
        figures = read_quality(store)
        return Group(overview(store, figures), columns(store), features(store.info), splits(store.info),
                     behaviours(store.info), behaviour_returns(figures), ranges(store),
                     quantiles(store), provenance(store.info))
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise DatasetError(f"{store.folder}/meta: a figure is missing or malformed ({error!r}). "
                           f"{manifest.REMEDY}") from None


def overview(store: TrajectoryStore, figures: Mapping[str, Any]) -> Table:
    """Return what it is, how large, and how good, with how that was measured."""
    info = store.info
    spec = {name: value for name, value in info["scenario"].items() if name != "name"}
    coverage, duplicates = figures["state_action_coverage"], figures["duplicates"]
    files = manifest.check(store.folder, deep=False).values()
    table = _table(f"Dataset {store.folder.name}", "", "", show_header=False)
    for name, text in (
        ("scenario", f"{info['scenario']['name']} ({_pairs(spec)})"),
        ("episodes", f"{info['episodes']:,} of up to {info['horizon']} steps, format version {info['format_version']}"),
        ("size", f"{sum(entry['bytes'] for entry in files):,} bytes in {len(files)} files, {len(store.shards)} shards"),
        ("action", f"{info['action']['size']} values from {info['action']['low']:g} to {info['action']['high']:g}, "
                   f"{info['action']['kind']}; {info['decision_makers']} decision makers"),
        ("sources", _pairs(sources(store))),
        ("trajectory quality", f"{quality_text(figures['trajectory_quality'])}. "
                               f"{figures['trajectory_quality']['convention']}"),
        ("state-action coverage", f"{_short(coverage['value'])}: {coverage['unique']:,} different cells of "
                                  f"{coverage['total']:,} transitions, {coverage['bins']} bins a value. "
                                  f"{coverage['binning']}"),
        ("duplicates", f"{duplicates['count']:,} ({duplicates['share']:.2%}). {duplicates['meaning']}"),
    ):
        table.add_row(name, text)
    return table


def sources(store: TrajectoryStore) -> dict[str, int]:
    """Return how many episodes came from each dataset or log."""
    names, counts = np.unique(store.strings("source"), return_counts=True)
    return dict(zip(names.tolist(), counts.tolist(), strict=True))


def columns(store: TrajectoryStore) -> Table:
    """Return each column's type, shape of one episode, unit and meaning."""
    table = _table("Columns: one row an episode", "column", "type", "unit", "meaning")
    for column in described_columns(store.schema, store.info["labels"]):
        table.add_row(*column)
    return table


def features(info: Mapping[str, Any]) -> Table:
    """Return what the values of a context and of an observation are; the state is the head of an observation."""
    table = _table("Features", "of", "feature", "values", "unit", "least", "largest", "meaning", numbers=(2, 4, 5))
    for kind in ("context", "state", "observation"):
        for one in info["features"][kind]:
            table.add_row(kind, one["name"], str(one["size"]), one["unit"], _short(one["low"]), _short(one["high"]),
                          one["description"])
    return table


def splits(info: Mapping[str, Any]) -> Table:
    """Return episodes and contexts of each split."""
    table = _table("Splits, by context", "split", "episodes", "contexts", numbers=(1, 2))
    for split in SPLITS:
        table.add_row(split, f"{info['splits'][split]['episodes']:,}", f"{info['splits'][split]['contexts']:,}")
    return table


def behaviours(info: Mapping[str, Any]) -> Table:
    """Return who acted how often in each split."""
    table = _table("Behaviours, episodes by split", "behaviour", *SPLITS, "share", numbers=range(1, 5))
    counts = [info["splits"][split]["behaviours"] for split in SPLITS]
    for name in sorted({name for one in counts for name in one}):
        own = [one.get(name, 0) for one in counts]
        table.add_row(name, *(f"{count:,}" for count in own), f"{sum(own) / info['episodes']:.1%}")
    return table


def behaviour_returns(figures: Mapping[str, Any]) -> Table:
    """Return how well each behaviour acts in the training split: its TQ, and quantiles of its normalised returns."""
    table = _table("Returns by behaviour, training split: trajectory quality, quantiles of return_normalised",
                   "behaviour", "TQ", "q10", "median", "q90", numbers=range(1, 5))
    for name, one in sorted(figures["behaviours"].items()):
        table.add_row(name, _short(one["trajectory_quality"]),
                      *(_short(one["return_normalised"][key]) for key in ("q10", "q50", "q90")))
    return table


def ranges(store: TrajectoryStore) -> Table:
    """Return unit, range and mean of returns, rewards, lengths and labels in the training split."""
    units = {label["name"]: label["unit"] for label in store.info["labels"]}
    table = _table("Returns and labels, training split: range", "figure", "unit", *RANGE, numbers=range(2, 6))
    for name in (*RETURNS[1:], *units):  # a mean of normalised returns says nothing, see scenarios.returns
        table.add_row(name, units.get(name, ""), *(_short(store.stats[name][key]) for key in RANGE))
    return table


def quantiles(store: TrajectoryStore) -> Table:
    """Return quantiles of the same in the training split."""
    table = _table("Returns and labels, training split: quantiles", "figure",
                   *("median" if key == "q50" else key for key in QUANTILES), numbers=range(1, 6))
    for name in (*RETURNS, *(label["name"] for label in store.info["labels"])):
        table.add_row(name, *(_short(store.stats[name][key]) for key in QUANTILES))
    return table


def provenance(info: Mapping[str, Any]) -> Table:
    """Return how the dataset was made, as its maker says."""
    table = _table("Provenance", "what", "value")
    for name, text in _entries({**info["provenance"], "versions": info["versions"]}):
        table.add_row(name, text)
    return table


def _entries(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield one entry a value; a mapping of plain values is one entry."""
    for name, value in values.items():
        if isinstance(value, Mapping) and any(isinstance(one, Mapping) for one in value.values()):
            yield from _entries(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", _pairs(value) if isinstance(value, Mapping) else _plain(value)


def _pairs(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {_plain(value)}" for name, value in values.items())


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _short(value: float | None) -> str:
    return "none" if value is None else f"{value:,.4g}"


def _table(title: str, *head: str, numbers: Sequence[int] = (), show_header: bool = True) -> Table:
    """Return an empty table; texts are folded where the console is narrow, numbers are not."""
    table = Table(title=title, title_justify="left", show_header=show_header)
    for place, name in enumerate(head):
        number = place in numbers
        table.add_column(name, justify="right" if number else "left", overflow="fold", no_wrap=number)
    return table
