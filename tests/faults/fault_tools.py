"""What the fault harness shares: the miniature pipeline's folder, commands that never raise, and how they ended."""

import os
import shutil
import subprocess
import sys
import traceback
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from smoke import POWER, WATER, Outcome, aign, inside, jobs_here, run_chain

COMMAND = Path(sys.executable).with_name("aign")
DATASETS, MODELS, PUBLISHED = Path("data/trajectories"), Path("models"), Path("published")


def here(*arguments):
    """Run a command in this process; what escapes it counts as the traceback a user would see."""
    try:
        with jobs_here():
            return aign(*arguments)
    except Exception:
        return Outcome(1, "", traceback.format_exc())


def apart(*arguments, within=None):
    """Run a command in a process of its own, as a user does."""
    ended = subprocess.run([COMMAND, *map(str, arguments)], capture_output=True, text=True, check=False, cwd=within,
                           env={**os.environ, "OMP_NUM_THREADS": "1"})
    return Outcome(ended.returncode, ended.stdout, ended.stderr)


def clear_error(outcome):
    """Whether a command ended as it shall where the user can mend something: status 2 and one message alone."""
    return (outcome.code == 2 and outcome.err.startswith("error: ") and "\nerror: " not in outcome.err
            and not has_traceback(outcome))


def has_traceback(outcome):
    return "Traceback" in outcome.err + outcome.out or outcome.code not in (0, 2)


def usage_error(outcome):
    """Whether the command line itself was refused."""
    return outcome.code == 2 and "Usage: " in outcome.err and "Traceback" not in outcome.err


def pipeline(folder):
    """Make a new folder with the results of all stages on two tiny networks, nothing published yet."""
    folder.mkdir(parents=True)
    run_chain(folder)
    shutil.rmtree(folder / ".scratch")


def publish(folder):
    """Publish the datasets and models of both networks."""
    with inside(folder):
        for variant in (WATER, POWER):
            must(here("publish", "dataset", DATASETS / variant, "--to", PUBLISHED / variant / "dataset"))
            must(here("publish", "model", MODELS / variant, "--to", PUBLISHED / variant / "model"))


def must(outcome):
    """Return the outcome of a command that has to succeed."""
    assert outcome.code == 0, outcome
    return outcome


def restore(room, base):
    """Make the folder `room` the same as `base` again."""
    shutil.rmtree(room, ignore_errors=True)
    shutil.copytree(base, room, symlinks=True)


def tell(title, counts: Counter, total):
    """Print the totals of a harness in one line each."""
    print(f"{title}: {total}")
    for name, count in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])):
        print(f"  {name}: {count}", flush=True)
