"""A sample of what `python tests/faults/fuzz.py` does, with the same input and the same judge."""

import shutil

import pytest
from fault_tools import Outcome
from fuzz import GOOD, Room, cases


@pytest.fixture(scope="module")
def done(smoke, tmp_path_factory):
    return cases(smoke.folder, tmp_path_factory.mktemp("fuzz") / "room", 80, seed=2)


@pytest.mark.parametrize("kind", ["params.yaml", "request", "mapping and log"])
def test_odd_input_is_refused_with_one_clear_error_or_taken(done, kind):
    mine = [case for case in done if case.kind.startswith(kind)]
    assert len(mine) >= 20
    for case in mine:
        assert case.verdict in GOOD, case
    assert any(case.verdict == "refused" for case in mine)


def test_some_odd_input_is_valid(done):
    assert any(case.verdict == "valid" for case in done)


@pytest.mark.parametrize(("outcome", "left", "verdict"), [
    (Outcome(0, "", ""), False, "valid"), (Outcome(2, "", "error: no"), False, "refused"),
    (Outcome(2, "", "error: no"), True, "written"), (Outcome(2, "", "no"), False, "unclear"),
    (Outcome(2, "", "error: a\nerror: b"), False, "unclear"), (Outcome(1, "", "Traceback"), False, "traceback"),
    (Outcome(2, "Traceback", "error: no"), False, "traceback"), (Outcome(2, "", "Usage: aign"), False, "refused")])
def test_the_judge_is_not_blind(smoke, tmp_path, outcome, left, verdict):
    room = Room(smoke.folder, tmp_path / "room")
    if left:
        (room.room / "out").mkdir()
        (room.room / "out" / "half.json").write_text("{")
    room.judge("request", None, outcome)
    assert room.done[0].verdict == verdict
    assert not (room.room / "out").exists()
    shutil.rmtree(room.room)
