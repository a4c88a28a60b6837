"""An operator's log as a trajectory dataset: `aign dataset import LOG --mapping MAP.yaml --scenario NAME`.

Read these files in order: `mapping` (what the operator says), `text_file` and `header` (the file), `columns` (which
columns the mapping means), `table` and `values` (cells), `episodes` (rows to episodes), `paths` and `simulation` (the
simulator's word), `contexts` and `recording` (what is stored), `report`.

An episode is imported whole or not at all: a single faulty row rejects it. Nothing is repaired. Every row of the log
is either in the dataset or in rejected.jsonl; an empty line is no row.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from aign.errors import DatasetError
from aign.exchange.batches import Report, silent
from aign.exchange.logs.columns import resolve
from aign.exchange.logs.episodes import LogEpisodes, put_together
from aign.exchange.logs.faults import Faults
from aign.exchange.logs.mapping import LogMapping, load_mapping
from aign.exchange.logs.paths import is_renumbered
from aign.exchange.logs.recording import EpisodeContexts, contexts_of, record
from aign.exchange.logs.report import REJECTED, SHOWN, ImportReport
from aign.exchange.logs.simulation import Comparison, Deviation
from aign.exchange.logs.table import LogTable, open_header, read_table
from aign.exchange.logs.values import LogValues, read_values
from aign.files.writing import sha256
from aign.scenarios.core.scenario import Scenario
from aign.trajectories.assemble import assemble
from aign.trajectories.schema import SPLITS
from aign.trajectories.writer import ShardWriter, shards_aside

SHARD_ROWS = 8_192


def import_log(path: Path, mapping: Path, scenario: Scenario[Any], folder: Path,
               report: Report = silent) -> ImportReport:
    """Turn a table of steps into a trajectory dataset, contexts.safetensors included, so that it trains like any other.

    The log is read into memory whole; import a very large one in parts and merge them.

    Args:
        path: the log, one row a step: .csv, .tsv or .txt (each also with .gz), or .parquet.
        mapping: YAML file, see `LogMapping`.
        scenario: whose episodes these are.
        folder: the dataset to make; an existing one is replaced only when the new one is whole.
        report: told how many episodes have been compared with the simulator.

    Returns:
        Counts, differences from the simulator and rejected rows; it prints as a table.

    Raises:
        ParameterError: the mapping has an unknown or missing name, or names no columns of the log.
        DatasetError: the log is not readable, no episode of it is sound, or too few contexts for all splits.
        StorageError: the disk is full or read-only.
    """
    wanted = load_mapping(mapping)
    header = open_header(path, wanted.delimiter)
    columns = resolve(mapping, wanted, scenario, header)
    table = read_table(header, columns.names, wanted.empty)
    values = read_values(table, columns, wanted)
    comparison = Comparison(values, columns, scenario, table.faults)
    episodes = comparison.run(put_together(values, table.faults, wanted, scenario.horizon), report)
    if not len(episodes):
        raise DatasetError(_nothing(path, folder, table.faults))
    ordered = scenario.canonical_order(_first_contexts(values, episodes))[0].numpy()
    contexts = contexts_of(ordered, wanted.split, scenario, path)
    made = _report(folder, table, values, episodes, contexts, comparison.deviations,
                   int(is_renumbered(values, episodes, scenario).sum()))
    _write(path, wanted, scenario, folder, values, episodes, contexts, table.faults, made)
    return made


def _first_contexts(values: LogValues, episodes: LogEpisodes) -> Any:
    import torch

    return torch.from_numpy(np.ascontiguousarray(values.context[episodes.first]))


def _write(path: Path, mapping: LogMapping, scenario: Scenario[Any], folder: Path, values: LogValues,
           episodes: LogEpisodes, contexts: EpisodeContexts, faults: Faults, made: ImportReport) -> None:
    provenance = {"author": "aign dataset import", "log_sha256": sha256(path), "mapping": mapping.model_dump(),
                  "import": made.provenance()}
    with shards_aside(folder) as aside:
        extras = {"contexts.safetensors": aside / "contexts.safetensors", REJECTED: aside / REJECTED}
        contexts.pool.save(extras["contexts.safetensors"], scenario)
        faults.write(extras[REJECTED])
        with ShardWriter(aside, scenario, SHARD_ROWS, first_episode_id=0) as writer:
            for batch in record(values, episodes, contexts, mapping, scenario):
                writer.append(batch)
        assemble(folder, writer.close(), scenario, provenance, extras)


def _report(folder: Path, table: LogTable, values: LogValues, episodes: LogEpisodes, contexts: EpisodeContexts,
            deviations: dict[str, Deviation], renumbered: int) -> ImportReport:
    named = values.episode[values.episode != ""].astype(np.str_)
    return ImportReport(
        folder=folder,
        rows=len(table) + len(table.faults.unreadable),
        rejected_rows=len(table.faults),
        episodes={name: int((contexts.split == name).sum()) for name in SPLITS},
        contexts={name: len(part) for name, part in contexts.pool.splits.items()},
        rejected_episodes=len(np.unique(named)) - len(episodes),
        renumbered=renumbered,
        kinds=table.faults.kinds(),
        first=table.faults.first(SHOWN),
        deviations=deviations)


def _nothing(path: Path, folder: Path, faults: Faults) -> str:
    """Return the message for a log of which nothing can be imported; the reasons are written beside the folder."""
    beside = folder.with_name(f"{folder.name}-{REJECTED}")
    faults.write(beside)
    if not len(faults):
        return f"{path}: the log has no rows."
    lines = [f"  line {line}: {reason}" for line, reason in faults.first(5)]
    return "\n".join([f"{path}: no episode can be imported; {len(faults):,} rows were rejected, each with its reason "
                      f"in {beside}. The first at fault:", *lines])
