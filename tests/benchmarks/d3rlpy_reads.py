"""The npz export in d3rlpy, which needs an environment of its own because it pins gymnasium 1.0.

    python -m venv /tmp/d3rlpy && /tmp/d3rlpy/bin/pip install d3rlpy
    OMP_NUM_THREADS=1 python tests/benchmarks/d3rlpy_reads.py /tmp/d3rlpy/bin/python
    OMP_NUM_THREADS=1 python tests/benchmarks/d3rlpy_reads.py /tmp/d3rlpy/bin/python asp-selection power-2

For each kind of scenario a small dataset is collected and exported here. There d3rlpy reads the file, with the action
space that the file names; the episodes must be those of the file, and an agent trained on them (discrete or continuous
CQL, a few steps) must answer with actions of the environment. `guessed` is the action space that d3rlpy takes when it
is not told: values that happen to be whole, as the scores of several choices at once are, it takes for choices.
"""

import argparse
import json
import subprocess
import tempfile
from pathlib import Path

from minari_replay import KINDS, aign, collected

READER = """
import json, sys
import numpy as np
import d3rlpy, structlog
structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
from d3rlpy.algos import CQLConfig, DiscreteCQLConfig
from d3rlpy.constants import ActionSpace
from d3rlpy.dataset import MDPDataset
with np.load(sys.argv[1]) as file:
    columns = {name: file[name] for name in ("observations", "actions", "rewards", "terminals", "timeouts")}
    space, returns = json.loads(str(file["metadata/action_space"])), file["infos/return_raw"]
discrete = space["kind"] == "discrete"
size = space["choices"] if discrete else space["size"]
kind = ActionSpace.DISCRETE if discrete else ActionSpace.CONTINUOUS
dataset = MDPDataset(**columns, action_space=kind, action_size=size)
ends = np.flatnonzero(columns["terminals"] | columns["timeouts"])
same = len(dataset.episodes) == len(ends)
start = 0
for episode, end in zip(dataset.episodes, ends):
    inside = slice(start, end + 1)
    same &= np.array_equal(episode.observations, columns["observations"][inside])
    same &= np.array_equal(episode.actions.squeeze(), columns["actions"][inside].squeeze())
    same &= bool(np.isclose(episode.compute_return(), returns[end], rtol=1e-5, atol=1e-5))
    same &= episode.terminated == bool(columns["terminals"][end])
    start = end + 1
config = DiscreteCQLConfig(batch_size=32) if discrete else CQLConfig(batch_size=32)
agent = config.create(device="cpu:0")
agent.fit(dataset, n_steps=20, n_steps_per_epoch=20, show_progress=False,
          logger_adapter=d3rlpy.logging.NoopAdapterFactory())
answers = agent.predict(columns["observations"][:256])
fits = (answers.dtype.kind == "i" and answers.min() >= 0 and answers.max() < size) if discrete else (
    answers.shape[1] == size and np.abs(answers).max() <= 1)
guessed = MDPDataset(**columns).dataset_info
print(json.dumps({"d3rlpy": d3rlpy.__version__, "episodes": len(dataset.episodes), "same": bool(same),
                  "space": f"{kind.name.lower()} {size}", "guessed": f"{guessed.action_space.name.lower()} "
                  f"{guessed.action_size}", "answers": bool(fits)}))
"""


def main() -> None:
    """Print a line for each kind; status 1 where d3rlpy reads other episodes, or its agent answers out of the space."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("python", help="The interpreter of the environment that has d3rlpy.")
    parser.add_argument("kinds", nargs="*", help=f"Of {', '.join(KINDS)}; all by default.")
    given = parser.parse_args()
    print(f"{'kind':<20}{'episodes':>9}{'same':>7}{'told':>16}{'guessed':>16}{'agent in space':>16}")
    failed = False
    for kind in given.kinds or KINDS:
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder)
            aign(place, "dataset", "export", collected(kind, place), "--as", "npz", "--to", "x.npz")
            done = subprocess.run([given.python, "-c", READER, "x.npz"], cwd=place, capture_output=True, text=True,
                                  env={"PATH": "/usr/bin:/bin"})
        if done.returncode:
            raise SystemExit(f"{kind}: d3rlpy failed: {done.stderr}")
        found = json.loads(done.stdout.splitlines()[-1])
        failed |= not (found["same"] and found["answers"])
        print(f"{kind:<20}{found['episodes']:>9}{found['same']!s:>7}{found['space']:>16}{found['guessed']:>16}"
              f"{found['answers']!s:>16}", flush=True)
    raise SystemExit(int(failed))


if __name__ == "__main__":
    main()
