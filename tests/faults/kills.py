"""kill -9 at random moments of collect, train, sample and publish: is anything lost, doubled or half-written?

    python tests/faults/kills.py --kills 100 [--seed 0] [--processes 5] [--points 50]

A miniature pipeline runs once without a fault: its files are what every other run has to give. Then each stage is
started again and again where its results of another seed lie, and killed, either with all its processes or the parent
alone, whose children then have to end by themselves. Two runs of three are killed once more or twice before they may
go to the end. A kill counts as

    identical    after the last run all files are those of the run without a fault, byte for byte, and nothing is
                 left over; and after every kill each result was the old one or the new one as a whole, or moved aside
    changed      the files differ, or something is left over
    half-written between the runs a result was neither the old nor the new one
    failed       the last run failed
    orphan       a child went on for more than ten seconds after its parent was killed

Only the first is well; the command ends with status 1 where there is any other. Moments are even over the run's
time. `--points` kills more, at file operations picked at random: there the narrow windows lie. Starting Python takes
longer than these tiny stages, so runs are forked from a process that has imported everything; `--processes` of the
kills are of the installed `aign`, from its very start. Linux or macOS.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from random import Random
from unittest import mock

from damages import state
from fault_tools import COMMAND, DATASETS, MODELS, PUBLISHED, WATER, restore, tell
from smoke import write_params

FEW = {"random": 6, "heuristics": 0, "solver_guided": 6, "snapshots": 1, "snapshot_episodes": 4}
CHANGES = {f"variants.{WATER}.collect.sources": FEW,
           f"variants.{WATER}.sample.requests": [{"name": "free", "count": 3}]}
STAGES = {
    "collect": ("collect", WATER),
    "train": ("train", WATER),
    "sample": ("sample", WATER),
    "publish dataset": ("publish", "dataset", DATASETS / WATER, "--to", PUBLISHED / "dataset"),
    "publish model": ("publish", "model", MODELS / WATER, "--to", PUBLISHED / "model"),
}
OUTPUTS = {"collect": (DATASETS / WATER, Path("data/agents") / WATER), "train": (MODELS / WATER, MODELS /
           f"{WATER}-sac-only"), "sample": (Path("data/designs") / WATER,), "publish dataset": (PUBLISHED / "dataset",),
           "publish model": (PUBLISHED / "model",)}
SECONDS_TO_END = 10
FILE_EVENTS = ("open", "os.rename", "os.mkdir", "os.rmdir", "os.remove", "os.truncate", "shutil.copyfile")


@dataclass(frozen=True)
class Case:
    """One run that was killed, perhaps several times, and then went to its end."""

    stage: str
    moments: tuple
    verdict: str
    detail: str


# --- runs in processes of their own ----------------------------------------------------------------------------------

def preload():
    """Import what the stages need, but compute nothing: a forked process can then do all there is to do."""
    import datasets  # noqa: F401
    import stable_baselines3  # noqa: F401

    from aign.diffusion import pipeline  # noqa: F401
    from aign.exchange import publish, publish_model  # noqa: F401
    from aign.stages import collect, sample, train  # noqa: F401


def forked(room, arguments, log, point=0):
    """Start a command in a forked process that leads a session of its own; return its number.

    Args:
        room: the folder it works in.
        arguments: of the command.
        log: takes what it says.
        point: end all its processes just before this file operation; never where 0.
    """
    number = os.fork()
    if number:
        return number
    try:
        settle(room, log)
        sys.stdout, sys.stderr = os.fdopen(1, "w", buffering=1), os.fdopen(2, "w", buffering=1)
        if point:
            end_at(point)
        from aign import cli

        sys.argv = ["aign", *map(str, arguments)]
        with mock.patch("aign.engines.local.get_context", return_value=get_context("fork")):
            cli.main()
        os._exit(0)
    except SystemExit as ended:
        os._exit(int(ended.code or 0))
    except BaseException:
        sys.excepthook(*sys.exc_info())
        os._exit(1)


def settle(room, log):
    """Make this process the leader of a session, at work in the room, with all it says in the log."""
    os.setsid()
    os.chdir(room)
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(output, 1), os.dup2(output, 2)


def end_at(point):
    """Kill the whole session just before this process's point-th operation on a file it may change."""
    left = point

    def hook(event, arguments):
        nonlocal left
        if event in FILE_EVENTS and changes(event, arguments):
            left -= 1
            if not left:
                os.killpg(0, signal.SIGKILL)

    sys.addaudithook(hook)


def changes(event, arguments):
    """Whether a file operation may change something in the room."""
    if event == "open":
        path, mode, flags = arguments
        writes = any(sign in mode for sign in "wax+") if isinstance(mode, str) else \
            bool((flags or 0) & (os.O_WRONLY | os.O_RDWR))
        return writes and not str(path).startswith(("/dev", "/proc"))
    return True


def installed(room, arguments, log, point=0):
    """Start the installed command the same way."""
    return executed(room, [COMMAND, *arguments], log)


def executed(room, command, log):
    """Start a program in a process that leads a session of its own; return its number."""
    number = os.fork()
    if not number:
        settle(room, log)
        os.execve(command[0], list(map(str, command)), {**os.environ, "OMP_NUM_THREADS": "1"})
    return number


def members(session):
    """Return the living processes of a session."""
    found = []
    for line in subprocess.run(["ps", "-A", "-o", "pid=,sess=,stat="], capture_output=True, text=True,
                               check=True).stdout.splitlines():
        number, own, status = line.split()[:3]
        if int(own) == session and not status.startswith("Z"):
            found.append(int(number))
    return found


def finished(number):
    """Wait for a started command; return its status."""
    return os.waitstatus_to_exitcode(os.waitpid(number, 0)[1])


def kill(number, seconds, alone):
    """Kill a command after a while; return whether it was still running, and whether an orphan went on."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if os.waitpid(number, os.WNOHANG)[0]:
            return False, False
        time.sleep(min(0.005, max(0.0, deadline - time.monotonic())))
    try:
        (os.kill if alone else os.killpg)(number, signal.SIGKILL)
    except ProcessLookupError:  # so early that it leads no session yet
        os.kill(number, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(number, 0)[1]) < 0, alone and goes_on(number)


def goes_on(session):
    """Whether processes of a session whose parent was killed go on."""
    deadline = time.monotonic() + SECONDS_TO_END
    while members(session):
        if time.monotonic() > deadline:
            os.killpg(session, signal.SIGKILL)
            return True
        time.sleep(0.05)
    return False


# --- cases -----------------------------------------------------------------------------------------------------------

class Trial:
    """One stage, with the state it starts from and the one it has to reach.

    Args:
        stage: a key of STAGES.
        start: a folder with what the stage reads, and with its results of another seed.
        wanted: what the folder holds after a run without a fault.
        room: where it runs.
        start_run: `forked` or `installed`.
        seconds: how long a run takes.
    """

    def __init__(self, stage, start, wanted, room, start_run, seconds):
        self.stage, self.start, self.wanted, self.room, self.start_run, self.seconds = (
            stage, start, wanted, room, start_run, seconds)
        self.log = room.with_suffix(".log")
        self.old = state(start)

    def run(self, moments, points=()):
        """Kill at the moments, (share of the run's time, whether the parent alone), or at file operations; then run
        to the end. Moments at which the run was over already are left out of the case.
        """
        restore(self.room, self.start)
        hit, trouble = [], ""
        for share, alone in moments:
            struck, orphan = kill(self.start_run(self.room, STAGES[self.stage], self.log), share * self.seconds, alone)
            if struck:
                hit.append((round(share * self.seconds, 2), "parent" if alone else "all"))
                trouble = trouble or ("orphan" if orphan else self.half_written())
        for point in points:
            if finished(self.start_run(self.room, STAGES[self.stage], self.log, point)) < 0:
                hit.append(f"file operation {point}")
                trouble = trouble or self.half_written()
        code = finished(self.start_run(self.room, STAGES[self.stage], self.log))
        said = self.log.read_text()
        verdict, detail = (trouble or ("failed" if code else ""), said if code else "")
        if not verdict:
            different = self.different()
            verdict, detail = ("changed", ", ".join(different)) if different else ("identical", "")
        return Case(self.stage, tuple(hit), verdict, detail)

    def half_written(self):
        """Return the verdict where a result is neither the old nor the new one, nor moved aside."""
        now = state(self.room)
        for output in OUTPUTS[self.stage]:
            aside = output.with_name(f".{output.name}.old").as_posix()
            mine = under(now, output.as_posix())
            if mine not in (under(self.old, output.as_posix()), under(self.wanted, output.as_posix())) and not (
                    not mine and under(now, aside)):
                return "half-written"
        return ""

    def different(self):
        """Return the paths that are not as wanted; of scratch, locks alone may stay."""
        now = {path: content for path, content in state(self.room).items()
               if not (path.startswith(".scratch") and (content == "folder" or path.endswith(".lock")))}
        return sorted(path for path in now.keys() | self.wanted.keys() if now.get(path) != self.wanted.get(path))


def under(files, place):
    return {path.removeprefix(f"{place}/"): content for path, content in files.items() if path.startswith(f"{place}/")}


def prepare(folder, stages=tuple(STAGES), base=None):
    """Make `old` (results of another seed) and `wanted` (without a fault); return how long each stage took.

    Where there is a `base`, a miniature pipeline that ran before, it is the old state, and only `stages` run.
    """
    seconds = {}
    for name, seed in (("old", 4), ("wanted", 3)):
        if base:
            shutil.copytree(base, folder / name, ignore=shutil.ignore_patterns(".scratch"))
        else:
            (folder / name).mkdir()
        write_params(folder / name, {**CHANGES, "base.seed": seed})
        for stage in [] if base and name == "old" else stages if base else STAGES:
            began = time.monotonic()
            code = finished(forked(folder / name, STAGES[stage], folder / "log"))
            assert code == 0, (folder / "log").read_text()
            seconds[stage] = time.monotonic() - began
        shutil.rmtree(folder / name / ".scratch", ignore_errors=True)
    return seconds


def replace(place, source):
    """Make a folder the same as another, which may be missing."""
    shutil.rmtree(place, ignore_errors=True)
    if source.exists():
        shutil.copytree(source, place)


def trial(folder, stage, seconds, start_run=forked):
    """Return a trial of a stage: it finds the new results of earlier stages, and the old ones of its own and later."""
    start, wanted = folder / f"start {stage}", folder / f"goal {stage}"
    if not start.exists():
        restore(start, folder / "wanted")
        for later in list(STAGES)[list(STAGES).index(stage):]:
            for output in OUTPUTS[later]:
                replace(start / output, folder / "old" / output)
        restore(wanted, start)
        for output in OUTPUTS[stage]:
            replace(wanted / output, folder / "wanted" / output)
    return Trial(stage, start, state(wanted), folder / "room", start_run, seconds)


def cases(folder, kills, seed=0, processes=0, points=0, stages=tuple(STAGES), base=None):
    """Yield cases with that many kills altogether, and one at each of `points` file operations more."""
    random, done, seconds = Random(seed), 0, prepare(folder, stages, base)
    slower = {}
    while done < kills:
        stage = random.choice(stages)
        own = done < processes
        if own and stage not in slower:
            began = time.monotonic()
            restore(folder / "room", trial(folder, stage, 0).start)
            finished(installed(folder / "room", STAGES[stage], folder / "log"))
            slower[stage] = time.monotonic() - began
        one = trial(folder, stage, slower[stage] if own else seconds[stage], installed if own else forked)
        case = one.run([(random.random(), random.random() < 1 / 3) for _ in range(random.randint(1, 3))])
        done += len(case.moments)
        yield case
    while done < kills + points:
        stage = random.choice(stages)
        case = trial(folder, stage, seconds[stage]).run([], [random.randint(1, 60) for _ in range(2)])
        done += len(case.moments)
        yield case


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--processes", type=int, default=5)
    parser.add_argument("--points", type=int, default=50)
    parser.add_argument("--stages", default=",".join(STAGES))
    parser.add_argument("--base", type=Path, help="a miniature pipeline that is there already")
    given = parser.parse_args()
    preload()
    totals, where = Counter(), Counter()
    with tempfile.TemporaryDirectory() as folder:
        for case in cases(Path(folder), given.kills, given.seed, given.processes, given.points,
                          tuple(given.stages.split(",")), given.base):
            totals[case.verdict] += len(case.moments)
            where[f"{case.stage}: {case.verdict}"] += len(case.moments)
            print(f"{case.verdict}: {case.stage}, killed at {case.moments} {case.detail}", flush=True)
    tell("kills", totals, totals.total())
    tell("by stage", where, totals.total())
    sys.exit(totals.keys() - {"identical"} != set())


if __name__ == "__main__":
    main()
