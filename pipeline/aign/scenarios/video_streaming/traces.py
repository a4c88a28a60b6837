"""Throughput traces: those of a user's files, and generated ones.

Axes: B sessions, N segments.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import torch
from torch import Tensor

from aign.errors import ParameterError

SLOT = 2.0
"""Length of a segment of a generated trace [s]."""
LEVELS, SLOWEST, FASTEST = 10, 0.2, 4.3
"""Levels of throughput of generated traces, evenly spaced in their logarithm [Mbit/s]."""
STAY = 0.7
"""How often a generated trace stays on its level for another segment; otherwise it goes to a neighbour."""
COLUMNS = ("time_s", "bandwidth_kbit_s")
MOST_MBIT_S, LONGEST = 1000.0, 3600.0
"""The fastest segment [Mbit/s] and the longest [s] that a context may hold."""
ENDINGS = (".csv", ".parquet")


@dataclass(frozen=True, eq=False)
class Trace:
    """One log: segment i lasts durations[i] seconds at throughputs[i] Mbit/s; float64, each (N,)."""

    name: str
    durations: np.ndarray
    throughputs: np.ndarray

    def from_segment(self, first: int, segments: int) -> Trace:
        """Return the trace begun at a segment and cut off, or filled with segments of no length, to so many."""
        durations, throughputs = (np.roll(values, -first)[:segments] for values in (self.durations, self.throughputs))
        spare = segments - len(durations)
        return Trace(self.name, np.pad(durations, (0, spare)), np.pad(throughputs, (0, spare)))


def generated(count: int, segments: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return durations [s] and throughputs [Mbit/s], each (B, N), of a Markov chain over levels."""
    moves = torch.where(torch.rand(count, segments, generator=generator) < STAY, 0,
                        2 * torch.randint(2, (count, segments), generator=generator) - 1)
    level = torch.randint(LEVELS, (count,), generator=generator)
    levels = []
    for move in moves.unbind(1):
        level = (level + move).clamp(0, LEVELS - 1)
        levels.append(level)
    throughputs = SLOWEST * (FASTEST / SLOWEST) ** (torch.stack(levels, 1) / (LEVELS - 1))
    return torch.full((count, segments), SLOT), throughputs


def drawn(logs: Sequence[Trace], count: int, segments: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return durations and throughputs (B, N), float32, of logs that begin at any of their segments."""
    chosen = torch.randint(len(logs), (count,), generator=generator).tolist()
    shares = torch.rand(count, generator=generator).tolist()
    begun = [logs[log].from_segment(int(share * len(logs[log].durations)), segments)
             for log, share in zip(chosen, shares, strict=True)]
    return stacked([trace if (trace.durations * trace.throughputs).any() else
                    logs[log].from_segment(int(logs[log].throughputs.argmax()), segments)
                    for trace, log in zip(begun, chosen, strict=True)])


def stacked(traces: Sequence[Trace]) -> tuple[Tensor, Tensor]:
    """Return durations and throughputs (B, N), float32, of traces of equal length."""
    return (torch.tensor(np.stack([trace.durations for trace in traces])).float(),
            torch.tensor(np.stack([trace.throughputs for trace in traces])).float())


def read(place: Path, source: str | None = None) -> list[Trace]:
    """Return the logs of a CSV or Parquet file, or of all such files of a folder, in the order of their names.

    A file has the columns time_s and bandwidth_kbit_s; a value holds from its time to the next one, the last time ends
    the log. A Parquet file may hold a log in each row, as lists, with its name in a column log and where it is from in
    a column source. Throughputs of the last time are not read.

    Raises:
        ParameterError: nothing there, or a log that cannot be used: which, what was given and what is allowed.
    """
    if not place.exists():
        raise ParameterError(f"traces: no file or folder {place}. Give a folder, a CSV or a Parquet file with the "
                             f"columns {', '.join(COLUMNS)}; without traces they are generated.")
    files = sorted(file for file in place.iterdir() if file.suffix in ENDINGS) if place.is_dir() else [place]
    traces = [trace for file in files for trace in _file(file, source)]
    if not traces:
        wanted = "" if source is None else f" of source {source}"
        raise ParameterError(f"traces: no log{wanted} in {place}; allowed: files that end in {' or '.join(ENDINGS)}.")
    return traces


def _file(file: Path, source: str | None) -> list[Trace]:
    if file.suffix not in ENDINGS:
        raise ParameterError(f"traces: {file} ends in {file.suffix or 'nothing'}; allowed: {', '.join(ENDINGS)}.")
    try:
        table = pa.parquet.read_table(file) if file.suffix == ".parquet" else pa.csv.read_csv(file)
    except (pa.ArrowInvalid, OSError) as error:
        raise ParameterError(f"traces: {file} cannot be read ({error}).") from error
    missing = [name for name in COLUMNS if name not in table.column_names]
    if missing:
        raise ParameterError(f"traces: {file} has no column {', '.join(missing)}; it has "
                             f"{', '.join(table.column_names)}.")
    if not pa.types.is_list(table.schema.field(COLUMNS[0]).type):
        times, bandwidths = (table.column(name).to_numpy() for name in COLUMNS)
        return [_trace(file.stem, times, bandwidths, file)]
    rows = table.to_pylist()
    return [_trace(str(row.get("log", place)), row[COLUMNS[0]], row[COLUMNS[1]], file)
            for place, row in enumerate(rows) if source is None or row.get("source") == source]


def _trace(name: str, times: Sequence[float], bandwidths: Sequence[float], file: Path) -> Trace:
    try:
        time, bandwidth = np.asarray(times, dtype=np.float64), np.asarray(bandwidths, dtype=np.float64)[:-1] / 1e3
    except (TypeError, ValueError) as error:
        raise ParameterError(f"traces: {file}, log {name}: times and bandwidths must be numbers ({error}).") from error
    durations = np.diff(time)
    problem = None
    if len(time) < 2 or len(bandwidth) != len(durations):
        problem = f"{len(time)} times and {len(bandwidth) + 1} bandwidths; allowed: two or more, equally many"
    elif not np.isfinite(durations).all() or (durations <= 0).any() or (durations > LONGEST).any():
        at = int(np.argmax(~((durations > 0) & (durations <= LONGEST))))
        problem = f"time_s[{at}] = {time[at]:g} and then {time[at + 1]:g}; allowed: rising, by at most {LONGEST:g} s"
    elif not ((bandwidth >= 0) & (bandwidth <= MOST_MBIT_S)).all():
        at = int(np.argmax(~((bandwidth >= 0) & (bandwidth <= MOST_MBIT_S))))
        problem = f"bandwidth_kbit_s[{at}] = {1e3 * bandwidth[at]:g}; allowed: 0 to {1e3 * MOST_MBIT_S:g}"
    elif not bandwidth.any():
        problem = "no bandwidth above 0; a download would never end"
    if problem:
        raise ParameterError(f"traces: {file}, log {name}: {problem}.")
    return Trace(name, durations, bandwidth)
