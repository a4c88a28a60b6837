"""Training in several processes: does it repeat exactly, how far is it from one process, and how fast is it?

    python tests/benchmarks/scale_training.py data/trajectories/power-20 --processes 2 --steps 60 --out training.json

The settings of the variant of params.yaml with the name of the dataset are trained for a few steps: once in one
process, twice in several. Prints and writes: whether the two runs in several processes are the same; the largest
difference between the weights of several processes and of one, relative to the largest of the same tensor; seconds.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

sys.path.insert(0, str(Path(__file__).parents[2] / "pipeline"))

from aign.files.writing import write_json
from aign.params import load
from aign.stages.train import learn

WEIGHTS = ("unet", "inverse")


def train(dataset: Path, settings: Any, run: Any, folder: Path) -> tuple[dict[str, torch.Tensor], float]:
    """Train in a folder; return the last weights and the seconds taken."""
    began = time.perf_counter()
    learn(lambda done: None, dataset, settings, run, "benchmark", None, folder / "state.safetensors", folder / "model",
          folder / "marker.json")
    seconds = time.perf_counter() - began
    tensors = load_file(folder / "state.safetensors")
    return {name: value for name, value in tensors.items() if name.split("/")[0] in WEIGHTS}, seconds


def difference(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> float:
    """Return the largest difference of any weight, relative to the largest of its tensor."""
    return max(float((first[name] - second[name]).abs().max() / first[name].abs().max().clamp_min(1e-30))
               for name in first)


def main() -> None:
    """Train three times, compare, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--params", type=Path, default=Path("params.yaml"))
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    params = load(arguments.params)
    run = params.base
    torch.set_num_threads(run.threads)
    block = params.variant(arguments.dataset.name).train
    small = {"steps": arguments.steps, "evaluate_every": arguments.steps, "checkpoint_every": arguments.steps}
    settings = {count: block.model_copy(update={**small, "processes": count}) for count in (1, arguments.processes)}
    with tempfile.TemporaryDirectory() as scratch:
        runs = [train(arguments.dataset, settings[count], run, Path(scratch) / str(number))
                for number, count in enumerate((1, arguments.processes, arguments.processes))]
    (alone, alone_seconds), (shared, shared_seconds), (again, _) = runs
    result = {
        "dataset": arguments.dataset.name, "steps": arguments.steps, "batch_size": block.batch_size,
        "processes": arguments.processes, "threads": run.threads, "seed": run.seed, "torch": torch.__version__,
        "two_runs_identical": all(torch.equal(shared[name], again[name]) for name in shared),
        "largest_relative_difference_to_one_process": difference(alone, shared),
        "largest_relative_difference_of_two_runs": difference(shared, again),
        "seconds_one_process": round(alone_seconds, 2), "seconds_several_processes": round(shared_seconds, 2),
    }
    print(json.dumps(result, indent=1))
    if arguments.out is not None:
        write_json(arguments.out, result)


if __name__ == "__main__":
    main()
