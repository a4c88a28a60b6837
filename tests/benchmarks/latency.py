"""How long designs take: `python tests/benchmarks/latency.py [MODEL]`, one torch thread on a CPU, or a GPU.

Prints milliseconds for a batch of 32 single designs (32 contexts, one each) and for one request with 16 candidates,
generation and verification included, and the quality of single designs on many more contexts.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch

from aign.designs.generation import generate
from aign.diffusion import device, store

ROUNDS = 9
QUALITY_CONTEXTS = 2_048


def median_seconds(work: Callable[[], object]) -> float:
    """Return the median duration of several runs, after one that is not counted."""
    work()
    seconds = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds)


def main(folder: Path) -> None:
    """Measure one model."""
    torch.set_num_threads(1)
    pipeline = store.load(folder).to(device.choose("auto"))
    scenario = pipeline.scenario
    contexts = scenario.draw_contexts(32, torch.Generator().manual_seed(7))
    batch = median_seconds(lambda: generate(pipeline, contexts, (), 1))
    request = median_seconds(lambda: generate(pipeline, contexts[:1], (), 16))
    many = scenario.draw_contexts(QUALITY_CONTEXTS, torch.Generator().manual_seed(8))
    ratio = generate(pipeline, many, (), 1).utility[:, 0] / scenario.certify(many).utility
    print(f"{folder} on {pipeline.device}: 32 designs {1000 * batch:.0f} ms, {32 / batch:.0f} designs/s; one request "
          f"with 16 candidates {1000 * request:.0f} ms; single designs in {QUALITY_CONTEXTS} new contexts: U/U* mean "
          f"{float(ratio.mean()):.5f}, 1 % quantile {float(ratio.quantile(0.01)):.5f}, worst {float(ratio.min()):.5f}")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "models/power-20"))
