"""Disks that fill up and folders that are read-only: is there one clear error, and are the old results kept?

    python tests/faults/disks.py [--cases 200] [--seed 0] [--base FOLDER]

Linux, as root or where users may have namespaces of their own: the command enters a mount namespace of its own, so
that what it mounts (small disks in memory, read-only views) is seen by nobody else and goes when it ends. Every case
puts a sound miniature pipeline on a small disk, leaves a random number of bytes free or makes a folder read-only,
and runs one command. It counts as

    refused     status 2 and one clear error; nothing but .scratch has changed, and once there is room again the same
                command succeeds with the sound result, byte for byte, and leaves nothing else behind
    enough      there was room enough: the sound result
    unclear     another status, or no single message
    traceback   what no user should see
    changed     a refused command changed, lost or half-wrote files
    stuck       with room again, the command failed or made something else

The first two are well. The command ends with status 1 where there is any other, and with 77 where it cannot mount.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from random import Random

from damages import state
from fault_tools import (
    DATASETS,
    MODELS,
    PUBLISHED,
    WATER,
    clear_error,
    has_traceback,
    here,
    inside,
    pipeline,
    publish,
    tell,
)

GOOD = ("refused", "enough")
SKIPPED = 77
"""Status where nothing can be mounted, as test drivers know it."""
DISK = 64 << 20
FREE = (0, 1, 4, 8, 16, 30, 50, 80, 120, 180, 300)
"""kB left free at most; a random number below each."""
DESIGN = ("design", "water-filling", "--preset", "ladder", "--count", "2")
COMMANDS = {
    "collect": ("collect", WATER),
    "train": ("train", WATER),
    "sample": ("sample", WATER),
    "design --save": (*DESIGN, "--save", "out/design"),
    "publish dataset": ("publish", "dataset", DATASETS / WATER, "--to", "out/published"),
    "publish model": ("publish", "model", MODELS / WATER, "--to", "out/published"),
    "import": ("dataset", "import", PUBLISHED / WATER / "dataset", "--to", "out/imported"),
    "info --plots": ("dataset", "info", DATASETS / WATER, "--plots", "out/page.png"),
}
PLACES = {"collect": ("data", "data/trajectories", "data/agents", ".scratch"), "train": ("models", ".scratch"),
          "sample": ("data", "data/designs")}
"""Folders each command writes to, besides the whole disk; `out` for those not named."""


@dataclass(frozen=True)
class Case:
    """One command on a disk without room."""

    command: str
    fault: str
    verdict: str
    outcome: object


class Disk:
    """A small disk in memory with a sound miniature pipeline on it; mounted anew for every case."""

    def __init__(self, base, place):
        self.base, self.place, self.sound = base, place, {}
        place.mkdir()

    def __enter__(self):
        mount("-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", self.place)
        shutil.copytree(self.base, self.place, dirs_exist_ok=True)
        for name in ("out", ".scratch"):
            (self.place / name).mkdir()
        return self

    def __exit__(self, *error):
        unmount(self.place)

    def files(self):
        """Return everything that counts as a result."""
        return {path: content for path, content in state(self.place).items() if not path.startswith(".scratch")
                and path != "filler"}

    def run(self, command):
        with inside(self.place):
            return here(*COMMANDS[command])

    def fill(self, free):
        """Leave `free` bytes."""
        left = os.statvfs(self.place)
        with (self.place / "filler").open("wb") as filler:
            filler.write(bytes(max(0, left.f_bavail * left.f_bsize - free)))


def mount(*arguments):
    subprocess.run(["mount", *map(str, arguments)], check=True, capture_output=True)


def unmount(place):
    # Lazily: a file that is still mapped into memory keeps its disk until it is let go.
    subprocess.run(["umount", "--lazy", place], check=True)


def read_only(folder):
    mount("--bind", folder, folder)
    mount("-o", "remount,ro,bind", folder)


def expected(disk, command):
    """Return the files after the command had all the room it wants."""
    if command not in disk.sound:
        with disk:
            outcome = disk.run(command)
            assert outcome.code == 0, outcome
            disk.sound[command] = disk.files()
    return disk.sound[command]


def full(disk, command, free):
    """Run a command with so many bytes free."""
    wanted = expected(disk, command)
    with disk:
        before = disk.files()
        disk.fill(free)
        outcome = disk.run(command)
        after = disk.files()
        (disk.place / "filler").unlink()
        verdict = judge(disk, command, outcome, before, after, wanted)
    return Case(command, f"{free} bytes free", verdict, outcome)


def write_protected(disk, command, folder):
    """Run a command with a read-only folder."""
    wanted = expected(disk, command)
    with disk:
        before = disk.files()
        read_only(disk.place / folder)
        outcome = disk.run(command)
        after = disk.files()
        unmount(disk.place / folder)
        verdict = judge(disk, command, outcome, before, after, wanted)
    return Case(command, f"{folder} read-only", verdict, outcome)


def judge(disk, command, outcome, before, after, wanted):
    if has_traceback(outcome):
        return "traceback"
    if outcome.code == 0:
        return "enough" if after == wanted else "changed"
    if not clear_error(outcome):
        return "unclear"
    if after != before:
        return "changed"
    again = disk.run(command)
    if again.code == 0 and disk.files() == wanted:
        return "refused"
    return f"stuck ({again})"


def cases(base, place, count, seed=0, commands=tuple(COMMANDS)):
    """Yield every command with each of its folders read-only, then full disks until there are `count` cases."""
    disk, random, done = Disk(base, place), Random(seed), 0
    for command in commands:
        for folder in (".", *PLACES.get(command, ("out",))):
            if done < count:
                done += 1
                yield write_protected(disk, command, folder)
    for number in range(count - done):
        command = commands[number % len(commands)]
        yield full(disk, command, random.randint(0, 1024 * random.choice(FREE)))


def mountable():
    """Return how to enter a mount namespace here, or nothing."""
    for way in (["unshare", "--mount"], ["unshare", "--mount", "--map-root-user"]):
        test = "d=$(mktemp -d) && mount -t tmpfs tmpfs $d && mount --bind $d $d && mount -o remount,ro,bind $d"
        if shutil.which("unshare") and subprocess.run([*way, "sh", "-c", test], capture_output=True).returncode == 0:
            return way
    return []


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--commands", default=",".join(COMMANDS))
    parser.add_argument("--base", type=Path, help="a miniature pipeline that is there already")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if not given.inside:
        way = mountable()
        if not way:
            print("skipped: nothing can be mounted here; be root, or allow users their own namespaces")
            sys.exit(SKIPPED)
        sys.exit(subprocess.run([*way, sys.executable, *sys.argv, "--inside"]).returncode)
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder) / "base"
        if given.base:
            shutil.copytree(given.base, base, ignore=shutil.ignore_patterns(".scratch"))
        else:
            pipeline(base)
        publish(base)
        done = []
        for case in cases(base, Path(folder) / "disk", given.cases, given.seed,
                          tuple(given.commands.split(","))):
            done.append(case)
            if case.verdict not in GOOD:
                print(f"{case.verdict}: {case.command}, {case.fault}\n{case.outcome}", flush=True)
    tell("disks without room", Counter(case.verdict for case in done), len(done))
    tell("by command", Counter(f"{case.command}: {case.verdict}" for case in done), len(done))
    sys.exit(any(case.verdict not in GOOD for case in done))


if __name__ == "__main__":
    main()
