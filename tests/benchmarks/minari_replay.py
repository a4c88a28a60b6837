"""For every kind of scenario: small dataset -> Minari export -> recovered environment -> replay of every episode.

    OMP_NUM_THREADS=1 python tests/benchmarks/minari_replay.py               # all kinds, some minutes
    OMP_NUM_THREADS=1 python tests/benchmarks/minari_replay.py power-2 contract-10

Each dataset is made by `aign collect` (agents, random actions, heuristics, walks to certified designs) and exported by
`aign dataset export`. Then Minari alone loads it, and its environment plays each episode from the seed, the options
and the actions stored for it. Ends with status 1 unless all episodes of all kinds have their stored return.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from minari_replays import KINDS, replay

COMMAND = "from aign.cli import main; main()"
SMALL = {"environment_steps": 128, "networks": 4, "batch_size": 32, "hidden": [8], "learning_starts": 32}
COLLECT = {"agents": ["sac"], "train_contexts": 24, "validation_contexts": 6, "test_contexts": 6, "sac": SMALL,
           "sources": {"random": 16, "heuristics": 32, "solver_guided": 32, "snapshots": 1, "snapshot_episodes": 4}}


def aign(folder: Path, *command: str) -> None:
    """Run the command line in a folder."""
    done = subprocess.run([sys.executable, "-c", COMMAND, *command], cwd=folder, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"aign {' '.join(command)} failed: {done.stderr or done.stdout}")


def collected(kind: str, folder: Path) -> str:
    """Collect a dataset of a kind of scenario in a folder, and return its place there."""
    params = {"base": {"seed": 5, "threads": 1, "workers": 1, "device": "cpu"},
              "variants": {kind: {"scenario": KINDS[kind], "collect": COLLECT}}}
    (folder / "params.yaml").write_text(json.dumps(params))  # YAML holds JSON
    aign(folder, "collect", kind)
    return f"data/trajectories/{kind}"


def main() -> None:
    """Print a line for each kind."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kinds", nargs="*", help=f"Of {', '.join(KINDS)}; all by default.")
    print(f"{'kind':<20}{'episodes':>9}{'begin elsewhere':>17}{'stored return':>15}{'every step':>12}"
          f"{'return_raw off by':>19}")
    failed = False
    for kind in parser.parse_args().kinds or KINDS:
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder)
            aign(place, "dataset", "export", collected(kind, place), "--as", "minari", "--to", "minari",
                 "--trust-code")
            os.environ["MINARI_DATASETS_PATH"] = str(place / "minari")
            found = replay(f"aign/{kind}-all-v0")
        failed |= found.same_return < found.episodes
        print(f"{kind:<20}{found.episodes:>9}{found.elsewhere:>17}{found.same_return / found.episodes:>15.2%}"
              f"{found.same_steps / found.episodes:>12.2%}{found.return_difference:>19.1e}", flush=True)
    raise SystemExit(int(failed))


if __name__ == "__main__":
    main()
