"""A million trajectories: written side by side, assembled, opened and read in bounded memory, and how fast.

    python tests/benchmarks/million_trajectories.py [EPISODES] [FOLDER]

EPISODES (1 000 000 by default) real episodes of power allocation with 20 users and 16 steps: random actions in
certified contexts, rolled out in batches by two processes, each with shards of its own; then assembled, opened with
every byte checked, and read in random windows by our reader, a numpy memmap of the same columns, and `datasets` row by
row. Takes 9 GB under FOLDER (a temporary folder by default) for a million; all of it is deleted at the end.

Each phase runs in processes of its own, and none may have more than 2 GiB of private memory: the kernel refuses more
(RLIMIT_DATA). Printed are the peaks over time of the sums over those processes:

- private: anonymous memory (RssAnon), what a process needs and nobody else can have;
- resident: all of RSS, so also pages of mapped files. They belong to the page cache: the kernel takes them back
  whenever anybody needs memory, and what is read of a mapped file grows towards the file's size where memory is free.
"""

import resource
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path

import datasets
import numpy as np
import torch
from window_reads import BATCH, MEMMAP, median_rates, other_readers

from aign.agents.behaviours import record
from aign.scenarios.core import registry
from aign.trajectories.assemble import assemble
from aign.trajectories.contexts import ContextPool
from aign.trajectories.reader import TrajectoryStore
from aign.trajectories.windows import COLUMNS, Windows
from aign.trajectories.writer import ShardWriter, finished_parts

EPISODES, WRITERS, SHARD_ROWS = 1_000_000, 2, 200_000
CONTEXTS = {"train": 200, "validation": 10, "test": 10}
SHARES = {"train": 0.9, "validation": 0.05, "test": 0.05}
LIMIT = 2 << 30
POLL_SECONDS = 0.05


def network():
    return registry.create("power-allocation", users=20)


def draw(folder: Path) -> None:
    ContextPool.draw(network(), CONTEXTS, 0).save(folder / "contexts.safetensors", network())


def write(folder: Path, place: int, episodes: int) -> None:
    scenario = network()
    pool = ContextPool.load(folder / "contexts.safetensors", scenario)
    own = folder / f"writer-{place}"
    with ShardWriter(own, scenario, SHARD_ROWS, first_episode_id=place * 10**9) as writer:
        for split, share in SHARES.items():
            for batch in record("random", scenario, pool[split], round(share * episodes), seed=place):
                writer.append(batch)
    writer.finish()


def put_together(folder: Path) -> None:
    parts = finished_parts(folder / f"writer-{place}" for place in reversed(range(WRITERS)))
    assemble(folder / "dataset", parts, network(), {"author": "benchmark"},
             {"contexts.safetensors": folder / "contexts.safetensors"})


def open_deep(folder: Path) -> None:
    store = TrajectoryStore.open(folder / "dataset")
    print(f"  {len(store):,} episodes in {len(store.shards)} shards, {len(store.rows('train')):,} of them for training")


def read(folder: Path) -> None:
    windows = _windows(folder, 16)
    order = torch.randperm(len(windows), generator=torch.Generator().manual_seed(0))
    start, total = time.perf_counter(), 0.0
    for draw in order.split(BATCH):
        total += float(windows.batch(draw).actions[0, 0, 0])
    print(f"  every window once, in random order: {len(order) / (time.perf_counter() - start):,.0f} windows/s")


def _windows(folder: Path, horizon: int) -> Windows:
    store = TrajectoryStore.open(folder / "dataset", deep=False)
    return Windows(store, store.rows("train"), horizon)


def save_memmaps(folder: Path) -> None:
    store = TrajectoryStore.open(folder / "dataset", deep=False)
    for name in COLUMNS:
        views = store.views(name)
        target = np.lib.format.open_memmap(folder / f"{name}.npy", "w+", np.float32, (len(store), *views[0].shape[1:]))
        first = 0
        for view in views:
            target[first:first + len(view)] = view.numpy()
            first += len(view)


def compare(folder: Path) -> None:
    observations, actions = (np.load(folder / f"{name}.npy", mmap_mode="r") for name in COLUMNS)
    rows = datasets.load_from_disk(str(folder / "dataset")).select_columns(list(COLUMNS)).with_format("torch")
    for horizon in (16, 8):
        windows = _windows(folder, horizon)
        from_memmap, row_by_row = other_readers(windows, observations, actions, rows, horizon, network())
        rates = median_rates({MEMMAP: from_memmap, "TrajectoryStore windows": windows.batch,
                              "datasets, row by row": row_by_row}, len(windows))
        print(f"  windows of {horizon} steps, batch {BATCH}")
        for name, rate in rates.items():
            print(f"    {name:28s} {rate:12,.0f} windows/s  {rate / rates[MEMMAP]:8.4f} x memmap  "
                  f"{rate / rates['datasets, row by row']:8.1f} x datasets")


def _limited(function: Callable[..., None], *arguments: object) -> None:
    resource.setrlimit(resource.RLIMIT_DATA, (LIMIT, LIMIT))
    torch.set_num_threads(1)
    function(*arguments)


def _resident(pid: int | None) -> tuple[int, int]:
    """Private and resident bytes of a process now; nothing once it has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0, 0
    sizes = {key: int(value.split()[0]) << 10 for key, _, value in (line.partition(":") for line in lines)
             if key in ("RssAnon", "RssFile", "RssShmem")}
    return sizes.get("RssAnon", 0), sum(sizes.values())


def _watch(processes: list[BaseProcess], peaks: list[int], ended: threading.Event) -> None:
    while not ended.wait(POLL_SECONDS):
        sums = [sum(column) for column in zip(*(_resident(process.pid) for process in processes), strict=True)]
        peaks[:] = [max(pair) for pair in zip(peaks, sums, strict=True)]


def phase(title: str, *calls: tuple) -> None:
    """Run calls side by side, each in a process of its own, and print time and memory."""
    print(title, flush=True)
    context = get_context("spawn")
    processes: list[BaseProcess] = [context.Process(target=_limited, args=call) for call in calls]
    start = time.perf_counter()
    for process in processes:
        process.start()
    peaks, ended = [0, 0], threading.Event()
    watcher = threading.Thread(target=_watch, args=(processes, peaks, ended))
    watcher.start()
    for process in processes:
        process.join()
    ended.set()
    watcher.join()
    if any(process.exitcode for process in processes):
        raise SystemExit(f"{title}: a process failed.")
    print(f"  {time.perf_counter() - start:.0f} s, {len(processes)} process(es); peak memory: private "
          f"{peaks[0] / 1e9:.2f} GB, resident {peaks[1] / 1e9:.2f} GB", flush=True)


def main() -> None:
    episodes = int(sys.argv[1].replace("_", "")) if len(sys.argv) > 1 else EPISODES
    folder = Path(tempfile.mkdtemp(dir=sys.argv[2] if len(sys.argv) > 2 else None))
    try:
        phase("draw and certify contexts", (draw, folder))
        phase(f"write {episodes:,} episodes", *((write, folder, place, episodes // WRITERS)
                                                for place in range(WRITERS)))
        phase("assemble: copy, statistics, quality, sums", (put_together, folder))
        size = sum(path.stat().st_size for path in (folder / "dataset").rglob("*") if path.is_file())
        print(f"  {size / 1e9:.2f} GB")
        for place in range(WRITERS):
            shutil.rmtree(folder / f"writer-{place}")
        phase("open, every byte checked", (open_deep, folder))
        phase("read", (read, folder))
        phase("(save the memmaps to compare with)", (save_memmaps, folder))
        phase("compare", (compare, folder))
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
