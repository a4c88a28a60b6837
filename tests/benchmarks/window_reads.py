"""How fast random windows are read: our reader, a numpy memmap, and datasets row by row. Same windows, same run.

    python tests/benchmarks/window_reads.py

Writes 100 000 random episodes of 16 steps with 20 actions and 41 observation values to a temporary folder (about
450 MB, and as much again for the memmap), then prints windows a second and the ratio to the memmap.
"""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import datasets
import numpy as np
import torch

from aign.scenarios.core import registry
from aign.trajectories import windows as windows_module
from aign.trajectories.assemble import assemble
from aign.trajectories.reader import TrajectoryStore
from aign.trajectories.schema import Episodes
from aign.trajectories.windows import Windows
from aign.trajectories.writer import ShardWriter

EPISODES, CHUNK, BATCH, BATCHES, SLOW_BATCHES = 100_000, 10_000, 256, 1000, 3
MEMMAP = "numpy memmap, fancy index"


def long_water_filling():
    """Water-filling over 20 channels has observations of 41 values; 16 steps like power allocation."""
    scenario = registry.create("water-filling", channels=20)
    scenario.horizon = 16
    return scenario


def random_episodes(scenario, first: int, generator: np.random.Generator) -> Episodes:
    def normal(*shape):
        return generator.standard_normal((CHUNK, *shape), dtype=np.float32)

    steps, number = scenario.horizon, np.arange(first, first + CHUNK)
    return Episodes(
        observations=normal(steps + 1, scenario.observation_size), actions=normal(steps, scenario.action_size),
        rewards=normal(steps), labels={label.name: normal() for label in scenario.labels}, utility=normal(),
        return_raw=normal(), return_normalised=normal(), length=np.full(CHUNK, steps, np.int32),
        terminated=np.ones(CHUNK, bool), truncated=np.zeros(CHUNK, bool), behaviour=np.full(CHUNK, "random"),
        agent_step=number, agent_seed=np.zeros(CHUNK, np.int32), env_seed=number, context_id=number,
        context=normal(scenario.context_size), split=np.full(CHUNK, "train"))


def median_rates(readers: dict[str, Callable[[torch.Tensor], object]], windows: int) -> dict[str, float]:
    """Windows a second, from the median time of a batch; readers take turns, each with its own draws.

    Taking turns shares out whatever else the machine does; own draws keep one reader from warming the cache for the
    next. A reader whose name starts with "datasets" gets few batches, for it is slow.
    """
    generator = torch.Generator().manual_seed(0)
    times: dict[str, list[float]] = {name: [] for name in readers}
    for batch in range(BATCHES):
        for name, read in readers.items():
            if name.startswith("datasets") and batch >= SLOW_BATCHES:
                continue
            draw = torch.randint(windows, (BATCH,), generator=generator)
            start = time.perf_counter()
            read(draw)
            times[name].append(time.perf_counter() - start)
    return {name: BATCH / float(np.median(taken)) for name, taken in times.items()}


def write(folder: Path, scenario) -> None:
    generator = np.random.default_rng(0)
    start = time.perf_counter()
    with ShardWriter(folder / "parts", scenario, 200_000, 0) as writer:
        for first in range(0, EPISODES, CHUNK):
            writer.append(random_episodes(scenario, first, generator))
    print(f"write {EPISODES} episodes in {len(writer.close())} shards: {time.perf_counter() - start:.1f} s")
    start = time.perf_counter()
    assemble(folder / "dataset", writer.close(), scenario, {})
    print(f"assemble (statistics, quality, sums): {time.perf_counter() - start:.1f} s")


def memmap(folder: Path, store: TrajectoryStore, name: str) -> np.ndarray:
    np.save(folder / f"{name}.npy", store.column(name).numpy())
    return np.load(folder / f"{name}.npy", mmap_mode="r")


def other_readers(windows, observations, actions, rows, horizon, scenario):
    """Return what reads the same windows of so many steps from memmaps of both columns, and from the rows of `datasets`
    one by one; the first is checked.
    """
    chosen, size, per_row = windows.rows.numpy(), scenario.state_size, scenario.horizon - horizon + 1

    def from_memmap(draw):
        index, start = np.divmod(draw.numpy(), per_row)
        index = chosen[index]
        if per_row == 1:
            seen, done = observations[index], actions[index]
        else:
            steps = start[:, None] + np.arange(horizon + 1)
            seen, done = observations[index[:, None], steps], actions[index[:, None], steps[:, :-1]]
        return seen[..., :size], done, seen[:, 0, size:-1], index, start

    def row_by_row(draw):
        for place in draw.tolist():
            index, start = divmod(place, per_row)
            row = rows[int(chosen[index])]
            row["observations"][start:start + horizon + 1], row["actions"][start:start + horizon]

    probe = torch.arange(0, len(windows), 997)
    for ours, theirs in zip(vars(windows.batch(probe)).values(), from_memmap(probe), strict=True):
        np.testing.assert_array_equal(ours.numpy(), theirs)
    return from_memmap, row_by_row


def compare(folder: Path, scenario) -> None:
    start = time.perf_counter()
    store = TrajectoryStore.open(folder / "dataset")
    print(f"open, every byte checked: {time.perf_counter() - start:.2f} s")
    store.__dict__["scenario"] = scenario  # the longer horizon is no parameter of the scenario
    observations, actions = memmap(folder, store, "observations"), memmap(folder, store, "actions")
    lean = TrajectoryStore.open(folder / "dataset", deep=False)
    lean.__dict__["scenario"] = scenario
    rows = datasets.load_from_disk(str(folder / "dataset")).select_columns(["observations", "actions"])
    rows = rows.with_format("torch")
    for horizon in (scenario.horizon, scenario.horizon // 2):
        windows = Windows(store, store.rows(), horizon)
        limit, windows_module.MEMORY_LIMIT = windows_module.MEMORY_LIMIT, 0
        in_the_files = Windows(lean, lean.rows(), horizon)
        windows_module.MEMORY_LIMIT = limit
        from_memmap, row_by_row = other_readers(windows, observations, actions, rows, horizon, scenario)
        rates = median_rates({MEMMAP: from_memmap, "TrajectoryStore windows": windows.batch,
                              "  the same, in the mapped files": in_the_files.batch,
                              "datasets, row by row": row_by_row}, len(windows))
        print(f"\nwindows of {horizon} steps in episodes of {scenario.horizon}, batch {BATCH}")
        for name, rate in rates.items():
            print(f"  {name:28s} {rate:12,.0f} windows/s  {rate / rates[MEMMAP]:8.4f} x memmap")


def main() -> None:
    torch.set_num_threads(1)
    scenario = long_water_filling()
    with tempfile.TemporaryDirectory() as name:
        write(Path(name), scenario)
        compare(Path(name), scenario)


if __name__ == "__main__":
    main()
