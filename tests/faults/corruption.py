"""Damage to dataset and model folders: is each found, by name, before a wrong number is used?

    python tests/faults/corruption.py --cases 1000 [--seed 0] [--processes 10]

Every case takes a sound miniature pipeline, does one random damage (see damages.py) to one folder, and runs one
command that reads the folder, in this process; `--processes` cases run the installed `aign` instead. A case counts as

    found       status 2 and one clear error that names a damaged file, nothing else changed
    told        one clear warning that names a damaged file, and the result is the one without the whole folder
    no matter   the command needed nothing of what was damaged: its result is the sound folder's, byte for byte
    unnamed     refused, but the error names no damaged file
    wrong       a result that differs from the sound folder's
    traceback   what no user should see
    overwritten a refused command changed files

The first three are well. The command ends with status 1 where there is any other.
"""

import argparse
import shutil
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from random import Random

import damages
from fault_tools import (
    DATASETS,
    MODELS,
    POWER,
    PUBLISHED,
    WATER,
    apart,
    clear_error,
    has_traceback,
    here,
    inside,
    pipeline,
    publish,
    restore,
    tell,
)

GOOD = ("found", "told", "no matter")
DESIGN = ("design", "water-filling", "--preset", "ladder", "--count", "2", "--save", "out/design")
TARGETS = {
    "dataset": (DATASETS, {
        "verify": ("dataset", "verify", DATASETS / WATER),
        "info": ("dataset", "info", DATASETS / WATER),
        "train": ("train", WATER),
        "evaluate": ("evaluate", WATER),
        "publish": ("publish", "dataset", DATASETS / WATER, "--to", "out/published"),
        "design": DESIGN,
    }),
    "model": (MODELS, {
        "design --model": (*DESIGN, "--model", MODELS / WATER),
        "design": DESIGN,
        "sample": ("sample", WATER),
        "evaluate": ("evaluate", WATER),
        "publish": ("publish", "model", MODELS / WATER, "--to", "out/published"),
    }),
    "published dataset": (PUBLISHED, {
        "import": ("dataset", "import", PUBLISHED / WATER / "dataset", "--to", "out/imported"),
    }),
    "published model": (PUBLISHED, {
        "design --model": (*DESIGN, "--model", PUBLISHED / WATER / "model"),
    }),
}
WEIGHTS = {"dataset": 9, "model": 6, "published dataset": 4, "published model": 1}
"""How often each kind of folder is drawn."""


@dataclass(frozen=True)
class Case:
    """One damage and what came of it."""

    target: str
    command: str
    damage: damages.Damage
    verdict: str
    outcome: object


def folder_of(target, variant):
    place = TARGETS[target][0] / variant
    return place / target.removeprefix("published ") if target.startswith("published") else place


class Room:
    """A folder in which sound results lie, are damaged, and are restored.

    Args:
        base: sound results: data, models, published.
        room: a new folder.
    """

    def __init__(self, base, room):
        self.base, self.room, self.sound = base, room, {}
        restore(room, base)

    def run(self, random, target, command, run=here):
        """Damage the target's folder, run a command, judge, restore."""
        damage = damages.damage(random, self.room / folder_of(target, WATER), self.base / folder_of(target, POWER))
        outcome, made, untouched = self.outcome(run, target, command)
        restore(self.room, self.base)
        return Case(target, command, damage, self.verdict(target, command, damage, outcome, made, untouched), outcome)

    def verdict(self, target, command, damage, outcome, made, untouched):
        named = any(name in outcome.err for name in damage.names)
        if has_traceback(outcome):
            return "traceback"
        if outcome.code:
            return ("found" if named and clear_error(outcome) else "unnamed") if untouched else "overwritten"
        if outcome.err.startswith("warning: ") and made == self.expected(target, command, without=True):
            return "told" if named else "unnamed"
        return "no matter" if made == self.expected(target, command) else "wrong"

    def expected(self, target, command, without=False):
        """Return what a command makes of the sound folder, or without it."""
        if (target, command, without) not in self.sound:
            if without:
                shutil.rmtree(self.room / folder_of(target, WATER))
            outcome, made, _ = self.outcome(here, target, command)
            assert outcome.code == 0, outcome
            self.sound[target, command, without] = made
            restore(self.room, self.base)
        return self.sound[target, command, without]

    def outcome(self, run, target, command):
        """Return how a command ended, what it made, and whether it left all else as it was."""
        before = damages.state(self.room)
        with inside(self.room):
            outcome = run(*TARGETS[target][1][command])
        shutil.rmtree(self.room / ".scratch", ignore_errors=True)
        after = damages.state(self.room)
        changed = {path: content for path, content in after.items() if before.get(path) != content
                   and not path.startswith("data/reports")}  # which hold times
        shown = outcome.out if command == "info" else ""
        return outcome, (shown, changed), before == after


def cases(base, room, count, seed=0, processes=0):
    """Yield `count` cases; the same seed gives the same ones. Of them, `processes` run in a process of their own."""
    random, place = Random(seed), Room(base, room)
    every = count // processes if processes else count + 1
    for number in range(count):
        target = random.choices(list(WEIGHTS), WEIGHTS.values())[0]
        command = random.choice(sorted(TARGETS[target][1]))
        yield place.run(random, target, command, apart if number % every == every - 1 else here)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--processes", type=int, default=10)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder) / "base"
        pipeline(base)
        publish(base)
        done = []
        for case in cases(base, Path(folder) / "room", given.cases, given.seed, given.processes):
            done.append(case)
            if len(done) % 100 == 0:
                tell("so far", Counter(case.verdict for case in done), len(done))
            if case.verdict not in GOOD:
                print(f"{case.verdict}: {case.command} after {case.damage}\n{case.outcome}", flush=True)
    tell("corruptions", Counter(case.verdict for case in done), len(done))
    tell("by folder", Counter(f"{case.target}, {case.command}: {case.verdict}" for case in done), len(done))
    tell("by damage", Counter(f"{case.damage.kind}: {case.verdict}" for case in done), len(done))
    sys.exit(any(case.verdict not in GOOD for case in done))


if __name__ == "__main__":
    main()
