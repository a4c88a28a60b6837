"""A published dataset, opened by others: a fresh environment with `datasets` alone, without aign and offline.

    aign publish dataset data/trajectories/power-2 data/trajectories/power-20 --to /tmp/published
    python tests/benchmarks/open_published.py /tmp/published [--environment FOLDER]

Makes a virtual environment, installs `datasets` (nothing else is named), and there opens every configuration and split
with load_dataset, load_dataset as a stream, pyarrow and pandas. All four must give the same numbers in the first rows
of each split, and all but the stream, which is cut there, as many rows as the card says.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

OPEN = '''
import hashlib, importlib.util, sys, tempfile, time
from importlib.metadata import version

import datasets, numpy, pandas, pyarrow, pyarrow.dataset

folder = sys.argv[1]
datasets.disable_progress_bars()
assert importlib.util.find_spec("aign") is None, "aign is installed here: the environment is not clean"
print("python", sys.version.split()[0], *(f"{name} {version(name)}" for name in ("datasets", "pyarrow", "pandas")))


def digest(column):
    """Hash a column of numbers or nested lists of them, row by row."""
    found = hashlib.sha256()
    for row in column:
        found.update(numpy.asarray(row.tolist() if isinstance(row, numpy.ndarray) else row, numpy.float64).tobytes())
    return found.hexdigest()[:16]


def seconds(load):
    began = time.monotonic()
    return load(), time.monotonic() - began


COLUMNS = ("actions", "return_normalised", "context")
FIRST = 1000
with tempfile.TemporaryDirectory() as cache:
    for name in datasets.get_dataset_config_names(folder):
        info = datasets.load_dataset_builder(folder, name, cache_dir=cache).info
        for split, expected in info.splits.items():
            path = f"{folder}/{name}"
            readers = {
                "load_dataset": lambda: datasets.load_dataset(folder, name, split=split, cache_dir=cache)
                .with_format("numpy", dtype=numpy.float64),  # which would give float32 otherwise
                "streaming": lambda: list(datasets.load_dataset(folder, name, split=split, streaming=True).take(FIRST)),
                "pyarrow": lambda: pyarrow.dataset.dataset(sorted(
                    str(one) for one in __import__("pathlib").Path(path).glob(f"{split}-*"))).to_table(),
                "pandas": lambda: pandas.read_parquet(path, filters=[("split", "==", split)]),
            }
            found = {}
            for reader, load in readers.items():
                rows, took = seconds(load)
                wanted = expected.num_examples if reader != "streaming" else min(FIRST, expected.num_examples)
                assert len(rows) == wanted, (name, split, reader, len(rows))
                column = (lambda one: [row[one] for row in rows]) if reader == "streaming" else \\
                    (lambda one: rows.column(one)[:FIRST].to_pylist()) if reader == "pyarrow" else \\
                    (lambda one: rows[:FIRST][one])
                found[reader] = [digest(column(one)) for one in COLUMNS]
                print(f"{name:12} {split:10} {reader:12} {len(rows):8,} rows  {found[reader][0]}  {took:6.2f} s")
            assert len(set(map(tuple, found.values()))) == 1, "the readers disagree"
print("all readers agree on", ", ".join(COLUMNS))
'''


def make(environment: Path) -> Path:
    """Return the Python of a fresh environment with `datasets`; one that is there already is used as it is."""
    python = environment / "bin" / "python"
    if not python.exists():
        venv.create(environment, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "datasets"], check=True)
    return python


def main() -> int:
    """Run the check; 0 where everything opened and agreed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--environment", type=Path, help="keep the environment there")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        began = time.monotonic()
        python = make(given.environment or Path(place) / "environment")
        print(f"environment in {time.monotonic() - began:.0f} s")
        home = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        done = subprocess.run([python, "-I", "-c", OPEN, str(given.folder.resolve())], cwd=place,
                              env={**home, "HF_HUB_OFFLINE": "1", "HF_HOME": f"{place}/home", "HOME": place})
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
