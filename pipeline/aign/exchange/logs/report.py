"""What an import did: counts, rejected rows with their reasons, differences from the simulator, as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from aign.exchange.logs.simulation import Deviation
from aign.trajectories.schema import SPLITS

MAX_ROWS = 10
"""Rejected rows that the table lists; the file lists all."""
MAX_KINDS = 12
"""Kinds of rejection that the table lists."""
REJECTED = "rejected.jsonl"


@dataclass(frozen=True)
class ImportReport:
    """What became of a log.

    Attributes:
        folder: the dataset.
        rows: rows of the log.
        rejected_rows: rows that are not in the dataset; each is in rejected.jsonl with its line and reason.
        episodes: imported episodes, by split.
        contexts: different contexts, by split.
        rejected_episodes: episodes that were left out; rows without an episode are not counted.
        renumbered: episodes whose networks were renumbered in the scenario's canonical order.
        kinds: rejected rows by kind of reason, most frequent first.
        first: line and reason of the first rows with an error of their own.
        deviations: what was compared with the simulator, by name.
    """

    folder: Path
    rows: int
    rejected_rows: int
    episodes: Mapping[str, int]
    contexts: Mapping[str, int]
    rejected_episodes: int
    renumbered: int
    kinds: Mapping[str, int]
    first: Sequence[tuple[int, str]]
    deviations: Mapping[str, Deviation]

    def provenance(self) -> dict[str, Any]:
        """Return what meta/info.json keeps of it, as JSON values."""
        return {"rows": self.rows, "rejected_rows": self.rejected_rows, "rejected_episodes": self.rejected_episodes,
                "renumbered_episodes": self.renumbered, "rejected_for": dict(self.kinds),
                "simulator": {name: asdict(deviation) for name, deviation in self.deviations.items()}}

    def __rich__(self) -> RenderableType:
        counts = Table("", *SPLITS, "rejected", title=f"Imported into {self.folder}")
        counts.add_row("episodes", *(f"{self.episodes.get(name, 0):,}" for name in SPLITS),
                       f"{self.rejected_episodes:,}")
        counts.add_row("contexts", *(f"{self.contexts.get(name, 0):,}" for name in SPLITS), "")
        counts.add_row("rows", f"{self.rows - self.rejected_rows:,} of {self.rows:,}", "", "",
                       f"{self.rejected_rows:,}")
        if self.renumbered:
            counts.caption = (f"{self.renumbered:,} episodes: parts of the network renumbered in the scenario's "
                              "canonical order")
        parts: list[RenderableType] = [counts]
        if self.deviations:
            differences = Table("value", "compared", "rejected", "largest difference kept",
                                title="Compared with the simulator")
            for name, deviation in self.deviations.items():
                differences.add_row(name, f"{deviation.compared:,}", f"{deviation.rejected:,}",
                                    f"{deviation.largest:.3g}")
            parts.append(differences)
        if self.rejected_rows:
            rejected = Table("line", "reason", title="Rejected rows", caption="; ".join(
                f"{kind}: {count:,}" for kind, count in list(self.kinds.items())[:MAX_KINDS]))
            for line, reason in self.first:
                rejected.add_row(str(line), Text(reason))
            parts += [rejected, Text(f"All rejected rows: {self.folder / REJECTED}")]
        return Group(*parts)
