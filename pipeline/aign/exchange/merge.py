"""Several datasets of one scenario as one: `aign dataset merge A B --to FOLDER`, whatever the order of A and B.

Datasets are read in the order of their names and digests, a batch at a time, so that memory is bounded and the bytes
do not depend on how the command was typed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Group, RenderableType
from rich.table import Table

from aign.errors import DatasetError
from aign.exchange.batches import Report, batches, silent
from aign.exchange.merge_contexts import MergedContexts, claims_of, merged
from aign.files import manifest
from aign.scenarios.core.scenario import Scenario
from aign.trajectories.assemble import assemble
from aign.trajectories.contexts import CONTEXTS
from aign.trajectories.layout import LONGEST_TEXT
from aign.trajectories.quality import episode_digest
from aign.trajectories.reader import TrajectoryStore
from aign.trajectories.replay import columns_simulated
from aign.trajectories.schema import OWN_SOURCE, SPLITS, Episodes
from aign.trajectories.versions import FIRST_DOUBLE
from aign.trajectories.writer import ShardWriter, shards_aside
from aign.trust import Trust

Array = np.ndarray[Any, Any]
SHARD_ROWS = 8_192


@dataclass
class Part:
    """One of the datasets that were merged.

    Attributes:
        name: of its folder; the source of the episodes that aign collected itself.
        digest: of its manifest.
        store: the dataset.
        moved: its episodes that went to a more held-out split.
        dropped: its episodes that another one repeats, where only unique ones are kept.
    """

    name: str
    digest: str
    store: TrajectoryStore
    moved: int = 0
    dropped: int = 0


@dataclass(frozen=True)
class MergeReport:
    """What became of the datasets; it prints as a table.

    Attributes:
        folder: the merged dataset.
        parts: the datasets, in the order in which their episodes stand.
        contexts: different contexts, of all splits.
        moved: contexts that were in different splits and are now in the most held-out one.
        renumbered: contexts whose id changed, because datasets gave it to different values or the value several ids.
    """

    folder: Path
    parts: Sequence[Part]
    contexts: int
    moved: int
    renumbered: int

    def __rich__(self) -> RenderableType:
        table = Table("dataset", "episodes", "to a more held-out split", "duplicates left out",
                      title=f"Merged into {self.folder}")
        for part in self.parts:
            table.add_row(part.name, f"{len(part.store):,}", f"{part.moved:,}", f"{part.dropped:,}")
        return Group(table, f"{self.contexts:,} contexts: {self.moved:,} were in several splits, {self.renumbered:,} "
                            "have a new number")


def merge(folders: Sequence[Path], target: Path, unique: bool = False, report: Report = silent,
          trust_code: Trust = False) -> MergeReport:
    """Merge datasets of any readable format version; the same folders in any order give the same bytes.

    Sources are kept; episodes that aign collected itself get the name of their dataset's folder. Equal context values
    become one context, in the most held-out split that any dataset has it in (test, then validation, then train);
    normalised returns are by what is certified of it. What older versions hold in float32 is measured again.

    Args:
        folders: two or more datasets of the same scenario with the same parameters.
        target: the dataset to make, none of `folders`; an existing one is replaced only when the new one is whole.
        unique: keep one of several episodes with the same observations and actions.
        report: told how many episodes are done.
        trust_code: which code that the datasets' scenario names may be imported; see `TrajectoryStore.open`.

    Raises:
        TrustError: their scenario names code that is not trusted.
        DatasetError: fewer than two datasets, one is damaged or of another scenario, a name too long for a source, or
            no training episode is left.
        StorageError: the disk is full or read-only.
    """
    parts = _opened(folders, target, trust_code)
    scenario = parts[0].store.scenario
    contexts = merged([claims_of(part.store) for part in parts], scenario)
    with shards_aside(target) as aside:
        contexts.pool().save(aside / CONTEXTS, scenario)
        with ShardWriter(aside, scenario, SHARD_ROWS, first_episode_id=0) as writer:
            for episodes in _episodes(parts, contexts, unique, report):
                writer.append(episodes)
        made = MergeReport(target, parts, len(contexts.ids), contexts.moved, contexts.renumbered)
        assemble(target, writer.close(), scenario, _provenance(made, unique), {CONTEXTS: aside / CONTEXTS})
    return made


def _opened(folders: Sequence[Path], target: Path, trust_code: Trust) -> list[Part]:
    if len(folders) < 2:
        raise DatasetError(f"{len(folders)} datasets given; merging takes two or more.")
    if target.resolve() in [folder.resolve() for folder in folders]:
        raise DatasetError(f"{target}: is one of the datasets to merge. Give another folder with --to.")
    parts = []
    for folder in folders:
        store, name = TrajectoryStore.open(folder, trust_code=trust_code), folder.resolve().name
        if not 0 < len(name.encode()) <= LONGEST_TEXT:
            raise DatasetError(f"{folder}: its name becomes the source of its episodes and may have 1 to "
                               f"{LONGEST_TEXT} bytes. Rename the folder.")
        parts.append(Part(name, manifest.read(folder / manifest.NAME).digest, store))
    for part in parts[1:]:
        first, other = parts[0].store, part.store
        if other.scenario.spec() != first.scenario.spec():
            raise DatasetError(f"{other.folder}: made for {other.scenario.spec()}, but {first.folder} for "
                               f"{first.scenario.spec()}. Only datasets of the same scenario merge.")
    return sorted(parts, key=lambda part: (part.name, part.digest))


def _episodes(parts: Sequence[Part], contexts: MergedContexts, unique: bool, report: Report) -> Iterator[Episodes]:
    """Yield the episodes of all parts with source, context and split of the merged dataset; count what changes."""
    names = np.array(SPLITS)
    digests: set[bytes] = set()
    done, total = 0, sum(len(part.store) for part in parts)
    for index, part in enumerate(parts):
        single = part.store.info["format_version"] < FIRST_DOUBLE
        for episodes in batches(part.store, part.store.rows(None)):
            done += len(episodes)
            kept = _take(episodes, _fresh(episodes, digests)) if unique else episodes
            kept = in_double_precision(kept, part.store.scenario) if single and len(kept) else kept
            part.dropped += len(episodes) - len(kept)
            place = contexts.places(index, kept)
            split = names[contexts.split[place]]
            part.moved += int((split != kept.split).sum())
            source = np.where(kept.source == OWN_SOURCE, part.name, kept.source)
            if len(kept):
                yield replace(kept, context_id=contexts.ids[place], split=split, source=source,
                              return_normalised=contexts.normalised(kept.utility, place))
            report(done, total)


def in_double_precision(episodes: Episodes, scenario: Scenario[Any]) -> Episodes:
    """Return episodes of an older format version as today's would have recorded them.

    Rewards, labels, utility and return_raw, stored in float32, are simulated again in float64. A number that the
    simulator does not give, such as one from a log, stays as it was stored.
    """
    exact = columns_simulated(scenario, *(torch.from_numpy(getattr(episodes, name))
                                          for name in ("context", "observations", "actions", "length")))

    def measured(name: str, stored: Array) -> Array:
        """Return the simulator's numbers where they round to the stored ones."""
        computed = exact[name].numpy()
        with np.errstate(over="ignore"):
            same: Array = computed.astype(np.float32) == stored
        return np.where(same, computed, stored)

    return replace(episodes, labels={name: measured(name, stored) for name, stored in episodes.labels.items()},
                   **{name: measured(name, getattr(episodes, name)) for name in ("rewards", "utility", "return_raw")})


def _fresh(episodes: Episodes, digests: set[bytes]) -> Array:
    """Return (E,) whether an episode's observations and actions are new to `digests`, which takes them in."""
    fresh = np.zeros(len(episodes), dtype=bool)
    for row, (observations, actions) in enumerate(zip(episodes.observations, episodes.actions, strict=True)):
        digest = episode_digest(observations, actions)
        fresh[row] = digest not in digests
        digests.add(digest)
    return fresh


def _take(episodes: Episodes, rows: Array) -> Episodes:
    fields: dict[str, Any] = {name: value[rows] for name, value in vars(episodes).items() if name != "labels"}
    return Episodes(labels={name: value[rows] for name, value in episodes.labels.items()}, **fields)


def _provenance(made: MergeReport, unique: bool) -> Mapping[str, Any]:
    return {
        "author": "aign dataset merge",
        "unique": unique,
        "contexts": {"count": made.contexts, "moved": made.moved, "renumbered": made.renumbered},
        "merged": [{"name": part.name, "digest": part.digest, "episodes": len(part.store), "moved": part.moved,
                    "dropped": part.dropped, "provenance": part.store.info["provenance"]} for part in made.parts],
    }
