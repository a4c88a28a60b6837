"""An operator's log as a trajectory dataset: `aign dataset import LOG --mapping MAP.yaml --scenario NAME`.

Read these files in order: `mapping` (what the operator says), `text_file` and `header` (the file), `columns` (which
columns the mapping means), `table` and `values` (cells), `episodes` (rows to episodes), `paths` and `simulation`
(comparison with the simulator), `recording` (what is stored), `report`.

A single invalid row rejects its whole episode. Nothing is repaired. Every row of the log is either in the dataset or in
rejected.jsonl; an empty line is not a row.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from aign.errors import DatasetError
from aign.exchange.batches import Report, silent
from aign.exchange.logs.columns import resolve
from aign.exchange.logs.episodes import put_together
from aign.exchange.logs.mapping import load_mapping
from aign.exchange.logs.paths import first_contexts, is_renumbered
from aign.exchange.logs.recording import contexts_of, record
from aign.exchange.logs.report import MAX_ROWS, REJECTED, ImportReport
from aign.exchange.logs.row_errors import RowErrors
from aign.exchange.logs.simulation import Comparison
from aign.exchange.logs.table import open_header, read_table
from aign.exchange.logs.values import read_values
from aign.files.writing import sha256
from aign.scenarios.core.scenario import Scenario
from aign.trajectories.assemble import assemble
from aign.trajectories.schema import SPLITS
from aign.trajectories.writer import ShardWriter, shards_aside

SHARD_ROWS = 8_192


def import_log(path: Path, mapping_file: Path, scenario: Scenario[Any], folder: Path,
               report: Report = silent) -> ImportReport:
    """Turn a table of steps into a trajectory dataset, contexts.safetensors included, so that it trains like any other.

    The log is read into memory whole; import a very large one in parts and merge them.

    Args:
        path: the log, one row a step: .csv, .tsv or .txt (each also with .gz), or .parquet.
        mapping_file: YAML, see `LogMapping`.
        scenario: whose episodes these are.
        folder: the dataset to make; an existing one is replaced only when the new one is whole.
        report: told how many episodes have been compared with the simulator.

    Returns:
        Counts, differences from the simulator and rejected rows; it prints as a table.

    Raises:
        ParameterError: the mapping has an unknown or missing name, or names no columns of the log.
        DatasetError: the log is not readable, no episode of it is sound, too few contexts for all splits, or a scenario
            whose state is not observed whole.
        StorageError: the disk is full or read-only.
    """
    _check_observed(path, scenario)
    mapping = load_mapping(mapping_file)
    header = open_header(path, mapping.delimiter)
    columns = resolve(mapping_file, mapping, scenario, header)
    table = read_table(header, columns.names, mapping.empty)
    values, errors = read_values(table, columns, mapping), table.errors
    comparison = Comparison(values, columns, scenario, errors)
    episodes = comparison.run(put_together(values, errors, mapping, scenario.horizon), report)
    if not len(episodes):
        raise DatasetError(_nothing(path, folder, errors))
    ordered = scenario.canonical_order(first_contexts(values, episodes))[0].numpy()
    contexts = contexts_of(ordered, mapping.split, scenario, path)
    result = ImportReport(
        folder=folder,
        rows=len(table) + len(errors.unreadable),
        rejected_rows=len(errors),
        episodes={name: int((contexts.split == name).sum()) for name in SPLITS},
        contexts={name: len(part) for name, part in contexts.pool.splits.items()},
        rejected_episodes=len(set(values.episode) - {""}) - len(episodes),
        renumbered=int(is_renumbered(values, episodes, scenario).sum()),
        kinds=errors.kinds(),
        first=errors.first(MAX_ROWS),
        deviations=comparison.deviations)
    provenance = {"author": "aign dataset import", "log_sha256": sha256(path), "mapping": mapping.model_dump(),
                  "import": result.provenance()}
    with shards_aside(folder) as aside:
        extras = {name: aside / name for name in ("contexts.safetensors", REJECTED)}
        contexts.pool.save(extras["contexts.safetensors"], scenario)
        errors.write(extras[REJECTED])
        with ShardWriter(aside, scenario, SHARD_ROWS, first_episode_id=0) as writer:
            for batch in record(values, episodes, contexts, mapping, scenario):
                writer.append(batch)
        assemble(folder, writer.close(), scenario, provenance, extras)
    return result


def _check_observed(path: Path, scenario: Scenario[Any]) -> None:
    """Refuse scenarios whose state has parts that are not observed: a log does not hold them."""
    context = scenario.draw_contexts(1, torch.Generator().manual_seed(0))
    if scenario.initial_state(context).shape[1] != scenario.state_size:
        raise DatasetError(f"{path}: logs of the scenario {scenario.name} cannot be imported, because its state has "
                           "parts that are not observed. Record the episodes with `aign collect` instead.")


def _nothing(path: Path, folder: Path, errors: RowErrors) -> str:
    """Return the message for a log of which nothing can be imported; the reasons are written beside the folder."""
    beside = folder.with_name(f"{folder.name}-{REJECTED}")
    errors.write(beside)
    if not len(errors):
        return f"{path}: the log has no rows."
    lines = [f"  line {line}: {reason}" for line, reason in errors.first(5)]
    return "\n".join([f"{path}: no episode can be imported; {len(errors):,} rows were rejected, each with its reason "
                      f"in {beside}. The first:", *lines])
