"""What a dataset holds, as tables to read: the figures come from its meta/ files, which `verify` checks."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
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
    return _table(f"Dataset {store.folder.name}", "", "", show_header=False, rows=(
        ("scenario", f"{info['scenario']['name']} ({_pairs(spec)})"),
        ("episodes", f"{info['episodes']:,} of up to {info['horizon']} steps, format version {info['format_version']}"),
        ("size", f"{sum(entry['bytes'] for entry in files):,} bytes in {len(files)} files, {len(store.shards)} shards"),
        ("action", f"{info['action']['size']} values from {info['action']['low']:g} to {info['action']['high']:g}, "
                   f"{info['action']['kind']}; decision makers: {info['decision_makers']}"),
        ("sources", _pairs(sources(store))),
        ("trajectory quality", f"{quality_text(figures['trajectory_quality'])}. "
                               f"{figures['trajectory_quality']['convention']}"),
        ("state-action coverage", f"{_short(coverage['value'])}: {coverage['unique']:,} different cells of "
                                  f"{coverage['total']:,} transitions, {coverage['bins']} bins a value. "
                                  f"{coverage['binning']}"),
        ("duplicates", f"{duplicates['count']:,} ({duplicates['share']:.2%}). {duplicates['meaning']}"),
    ))


def sources(store: TrajectoryStore) -> dict[str, int]:
    """Return how many episodes came from each dataset or log."""
    names, counts = np.unique(store.strings("source"), return_counts=True)
    return dict(zip(names.tolist(), counts.tolist(), strict=True))


def columns(store: TrajectoryStore) -> Table:
    """Return each column's type, shape of one episode, unit and meaning."""
    return _table("Columns: one row an episode", "column", "type", "unit", "meaning",
                  rows=described_columns(store.schema, store.info["labels"]))


def features(info: Mapping[str, Any]) -> Table:
    """Return what the values of a context and of an observation are; the state is the head of an observation."""
    return _table("Features", "of", "feature", "values", "unit", "least", "largest", "meaning", numbers=(2, 4, 5),
                  rows=((kind, feature["name"], str(feature["size"]), feature["unit"], _short(feature["low"]),
                         _short(feature["high"]), feature["description"])
                        for kind in ("context", "state", "observation") for feature in info["features"][kind]))


def splits(info: Mapping[str, Any]) -> Table:
    """Return episodes and contexts of each split."""
    return _table("Splits, by context", "split", "episodes", "contexts", numbers=(1, 2),
                  rows=((split, *(f"{info['splits'][split][name]:,}" for name in ("episodes", "contexts")))
                        for split in SPLITS))


def behaviours(info: Mapping[str, Any]) -> Table:
    """Return who acted how often in each split."""
    splits = [info["splits"][split]["behaviours"] for split in SPLITS]
    counts = {name: [split.get(name, 0) for split in splits] for name in sorted(set().union(*splits))}
    return _table("Behaviours, episodes by split", "behaviour", *SPLITS, "share", numbers=range(1, 5),
                  rows=((name, *(f"{count:,}" for count in by_split), f"{sum(by_split) / info['episodes']:.1%}")
                        for name, by_split in counts.items()))


def behaviour_returns(figures: Mapping[str, Any]) -> Table:
    """Return how well each behaviour acts in the training split: its TQ, and quantiles of its normalised returns."""
    return _table("Returns by behaviour, training split: trajectory quality, quantiles of return_normalised",
                  "behaviour", "TQ", "q10", "median", "q90", numbers=range(1, 5),
                  rows=((name, _short(behaviour["trajectory_quality"]),
                         *(_short(behaviour["return_normalised"][key]) for key in ("q10", "q50", "q90")))
                        for name, behaviour in sorted(figures["behaviours"].items())))


def ranges(store: TrajectoryStore) -> Table:
    """Return unit, range and mean of returns, rewards, lengths and labels in the training split."""
    units = {label["name"]: label["unit"] for label in store.info["labels"]}
    # A mean of normalised returns says nothing, see scenarios.core.returns.
    return _table("Returns and labels, training split: range", "figure", "unit", *RANGE, numbers=range(2, 6),
                  rows=((name, units.get(name, ""), *(_short(store.stats[name][key]) for key in RANGE))
                        for name in (*RETURNS[1:], *units)))


def quantiles(store: TrajectoryStore) -> Table:
    """Return quantiles of the same in the training split."""
    head = ("median" if key == "q50" else key for key in QUANTILES)
    return _table("Returns and labels, training split: quantiles", "figure", *head, numbers=range(1, 6),
                  rows=((name, *(_short(store.stats[name][key]) for key in QUANTILES))
                        for name in (*RETURNS, *(label["name"] for label in store.info["labels"]))))


def provenance(info: Mapping[str, Any]) -> Table:
    """Return how the dataset was made, as its maker says."""
    return _table("Provenance", "what", "value", rows=_entries({**info["provenance"], "versions": info["versions"]}))


def _entries(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield one entry a value; a mapping of plain values is one entry."""
    for name, value in values.items():
        if isinstance(value, Mapping) and any(isinstance(inner, Mapping) for inner in value.values()):
            yield from _entries(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", _pairs(value) if isinstance(value, Mapping) else _plain(value)


def _pairs(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {_plain(value)}" for name, value in values.items())


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _short(value: float | None) -> str:
    return "none" if value is None else f"{value:,.4g}"


def _table(title: str, *head: str, rows: Iterable[Sequence[str]], numbers: Sequence[int] = (),
           show_header: bool = True) -> Table:
    """Return a table; texts are folded where the console is narrow, numbers are not."""
    table = Table(title=title, title_justify="left", show_header=show_header)
    for place, name in enumerate(head):
        number = place in numbers
        table.add_column(name, justify="right" if number else "left", overflow="fold", no_wrap=number)
    for row in rows:
        table.add_row(*row)
    return table
