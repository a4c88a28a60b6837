"""A sample of what `python tests/faults/corruption.py` does, with the same damages and the same judge."""

from random import Random
from shutil import copytree, ignore_patterns, rmtree

import pytest
from corruption import GOOD, TARGETS, Room
from damages import damage, state
from fault_tools import POWER, WATER, Outcome, publish

SEED = 1


@pytest.fixture(scope="module")
def base(smoke, tmp_path_factory):
    base = tmp_path_factory.mktemp("corruption") / "base"
    copytree(smoke.folder, base, ignore=ignore_patterns(".scratch"))
    publish(base)
    return base


@pytest.fixture(scope="module")
def room(base, tmp_path_factory):
    return Room(base, tmp_path_factory.mktemp("corruption") / "room")


@pytest.mark.parametrize(("target", "command"), [(target, command) for target in TARGETS for command
                                                 in TARGETS[target][1]])
def test_damage_is_found_and_named_before_a_wrong_number_is_used(room, target, command):
    random = Random(f"{SEED} {target} {command}")
    for _ in range(2):
        case = room.run(random, target, command)
        assert case.verdict in GOOD, case


def test_every_damage_changes_the_folder_and_names_what_it_touched(base, tmp_path):
    kinds = set()
    for seed in range(60):
        folder = copytree(base / "models" / WATER, tmp_path / "copy")
        before = state(folder)
        done = damage(Random(seed), folder, base / "models" / POWER)
        kinds.add(done.kind)
        assert state(folder) != before
        assert done.names
        rmtree(folder)
    assert len(kinds) > 12


@pytest.mark.parametrize(("outcome", "verdict"), [
    (Outcome(0, "", ""), "wrong"), (Outcome(1, "", "Traceback (most recent call last)"), "traceback"),
    (Outcome(2, "", "error: something"), "unnamed")])
def test_the_judge_is_not_blind(room, outcome, verdict):
    case = room.run(Random(0), "model", "design --model", run=lambda *arguments: outcome)
    assert case.verdict == verdict
