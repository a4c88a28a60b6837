"""Jobs of the collect stage: each lets one source act and leaves its episodes, and what it learned, in a folder."""

from __future__ import annotations

import math
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aign.agents.behaviours import Source, batch_size, record
from aign.agents.learners import explore
from aign.agents.settings import CollectSettings, Kind
from aign.engines import completion
from aign.engines.jobs import Report
from aign.files.writing import write_json
from aign.scenarios.core.registry import create
from aign.scenarios.core.scenario import Scenario, finite_or_none
from aign.scenarios.core.seeding import derived_seed
from aign.trajectories.contexts import ContextPool
from aign.trajectories.schema import SPLITS
from aign.trajectories.writer import ShardWriter

PREPARED = 0.5
"""Share of an episode that counts as done once the design it leads to is certified, where networks tell of that."""


@dataclass(frozen=True)
class Task:
    """What every source is told.

    Attributes:
        scenario: name and parameters, as `Scenario.spec` gives them.
        collect: sizes and hyper-parameters.
        seed: of everything random; each source derives streams of its own.
        contexts: the file that `ContextPool.save` wrote, with the certified designs kept.
        folder: of this source alone; emptied first, so that an interrupted attempt leaves no trace.
        marker: written last: number of episodes and names of the shards, in order; with the checksum of each file.
        first_episode_id: identifiers count up from here.
    """

    scenario: Mapping[str, Any]
    collect: CollectSettings
    seed: int
    contexts: Path
    folder: Path
    marker: Path
    first_episode_id: int

    def begin(self) -> tuple[Scenario[Any], ContextPool, ShardWriter]:
        """Empty the folder and open what is needed."""
        scenario = create(**self.scenario)
        shutil.rmtree(self.folder, ignore_errors=True)
        writer = ShardWriter(self.folder, scenario, self.collect.shard_rows, self.first_episode_id)
        return scenario, ContextPool.load(self.contexts, scenario), writer

    def finish(self, writer: ShardWriter) -> None:
        """Write the marker."""
        parts = [part.name for part in writer.close()]
        completion.write(self.marker, sorted(self.folder.iterdir()), parts=parts,
                    episodes=writer.next_episode_id - self.first_episode_id)


def learn(report: Report, task: Task, kind: Kind) -> None:
    """Train an agent; its episodes, `<kind>.json` and `<kind>.safetensors` (policy) and `curve.json` stay."""
    scenario, pool, writer = task.begin()
    with writer:
        learned = explore(kind, scenario, pool, task.collect, task.seed, writer.append,
                          lambda done, planned: report(done))
    learned.policy.save(task.folder / kind)
    curve = [{name: finite_or_none(value) for name, value in point.items()} for point in learned.curve]
    write_json(task.folder / "curve.json", curve)
    task.finish(writer)


def act(report: Report, task: Task, source: Source, counts: Mapping[str, int]) -> None:
    """Let a source that learns nothing act, `counts[split]` episodes in each split."""
    scenario, pool, writer = task.begin()
    done = left = 0

    def certified(number: int, total: int) -> None:
        report(done + int(PREPARED * number / total * min(left, batch_size(scenario))))

    scenario.on_certified = certified
    with writer:
        for split in SPLITS:
            left = counts[split]
            for episodes in record(source, scenario, pool[split], left, task.seed):
                writer.append(episodes)
                done += len(episodes)
                left -= len(episodes)
                report(done)
    task.finish(writer)


def job_counts(counts: Mapping[str, int], jobs: int) -> list[dict[str, int]]:
    """Return how many episodes of each split each job makes: as even as can be, none without training episodes."""
    jobs = max(1, min(jobs, counts["train"]))
    return [{split: (count + job) // jobs for split, count in counts.items()} for job in reversed(range(jobs))]


def job_seed(seed: int, source: Source, job: int, jobs: int) -> int:
    """Return the seed, in [0, 2^31), of one of the jobs of a source; the stage's where there is only one."""
    return seed if jobs == 1 else derived_seed(seed, source, job, "of", jobs) % 2**31


def held_out_counts(train: int, share: float) -> dict[str, int]:
    """Return episodes for each split: `train`, and `share` of it, rounded up, for validation and for test."""
    held_out = math.ceil(share * train)
    return {"train": train, "validation": held_out, "test": held_out}
