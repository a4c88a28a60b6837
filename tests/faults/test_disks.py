"""A sample of what `python tests/faults/disks.py` does, in a mount namespace of its own."""

import subprocess
import sys
from pathlib import Path

import pytest
from disks import SKIPPED, judge, mountable
from fault_tools import Outcome


@pytest.mark.slow
@pytest.mark.skipif(not mountable(), reason="nothing can be mounted here: be root, or allow users their own namespaces")
def test_no_room_is_one_clear_error_and_costs_no_result(smoke):
    script = Path(__file__).with_name("disks.py")
    ended = subprocess.run([sys.executable, script, "--cases", "14", "--base", smoke.folder, "--commands",
                            "sample,design --save,publish dataset,import"], capture_output=True, text=True, check=False)
    assert ended.returncode != SKIPPED, ended.stdout
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert ended.stdout.startswith("disks without room: 14\n")
    assert "  refused: " in ended.stdout


class Recovered:
    """A disk on which the command succeeds once there is room, or does not."""

    def __init__(self, code, files):
        self.code, self.found = code, files

    def run(self, command):
        return Outcome(self.code, "", "")

    def files(self):
        return self.found


OLD, NEW = {"a": b"old"}, {"a": b"new"}
REFUSED = Outcome(2, "", "error: a: cannot be written")


@pytest.mark.parametrize(("outcome", "after", "again", "verdict"), [
    (REFUSED, OLD, Recovered(0, NEW), "refused"), (REFUSED, {}, Recovered(0, NEW), "changed"),
    (REFUSED, NEW, Recovered(0, NEW), "changed"), (REFUSED, OLD, Recovered(2, OLD), "stuck"),
    (REFUSED, OLD, Recovered(0, OLD), "stuck"), (Outcome(0, "", ""), NEW, None, "enough"),
    (Outcome(0, "", ""), OLD, None, "changed"), (Outcome(2, "", "no"), OLD, None, "unclear"),
    (Outcome(1, "", "Traceback"), OLD, None, "traceback")])
def test_the_judge_is_not_blind(outcome, after, again, verdict):
    assert judge(again, "train", outcome, OLD, after, NEW).startswith(verdict)
