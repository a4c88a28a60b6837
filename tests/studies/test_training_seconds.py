import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studies import training_seconds
from studies.training_seconds import Clock, Stopwatch, seconds_at


@pytest.fixture
def clock(monkeypatch):
    """Time that passes only when told to."""
    class Time:
        now = 100.0

        def perf_counter(self):
            return self.now

    time = Time()
    monkeypatch.setattr(training_seconds, "time", time)
    return time


def run(watch, clock, first, last, each):
    for step in range(first, last + 1):
        clock.now += each
        watch.tell(step)


def test_an_unbroken_training_takes_its_time(tmp_path, clock):
    watch = Stopwatch(tmp_path / "seconds.json", every=5)
    run(watch, clock, 1, 20, 2.0)
    assert watch.total() == 40.0
    assert watch.marks == [(5, 10.0), (10, 20.0), (15, 30.0), (20, 40.0)]


def test_a_resumed_training_adds_up_and_does_not_count_steps_twice(tmp_path, clock):
    path = tmp_path / "seconds.json"
    run(Stopwatch(path, every=5), clock, 1, 13, 2.0)  # killed at 13, its checkpoint is of step 10
    clock.now += 1e6  # lay still
    again = Stopwatch(path, every=5)
    run(again, clock, 11, 20, 3.0)
    assert again.total() == 10 * 2.0 + 10 * 3.0
    assert [step for step, _ in again.marks] == [5, 10, 15, 20]
    assert again.marks == [tuple(mark) for mark in json.loads(path.read_text())]


def test_marks_after_the_checkpoint_are_dropped(tmp_path, clock):
    path = tmp_path / "seconds.json"
    run(Stopwatch(path, every=2), clock, 1, 9, 1.0)
    again = Stopwatch(path, every=2)
    run(again, clock, 5, 10, 4.0)  # the checkpoint was of step 4
    assert again.total() == 4.0 + 6 * 4.0
    assert [step for step, _ in again.marks] == [2, 4, 6, 8, 10]


def test_a_checkpoint_between_marks_is_reckoned_in_proportion(tmp_path, clock):
    path = tmp_path / "seconds.json"
    run(Stopwatch(path, every=5), clock, 1, 5, 2.0)
    again = Stopwatch(path, every=5)
    run(again, clock, 8, 10, 1.0)
    assert again.total() == 7 * 2.0 + 3.0


def test_a_training_that_was_over_already_took_what_it_took(tmp_path, clock):
    path = tmp_path / "seconds.json"
    run(Stopwatch(path, every=5), clock, 1, 10, 2.0)
    assert Stopwatch(path, every=5).total() == 20.0


@given(st.lists(st.integers(1, 50), min_size=1, max_size=9), st.integers(0, 60))
def test_seconds_never_fall_with_steps(gaps, step):
    marks, at = [], 0
    for gap in gaps:
        at += gap
        marks.append((at, 3.0 * at))
    assert 0 <= seconds_at(marks, step) <= seconds_at(marks, step + 1) <= 3.0 * (step + 1) + 1e-9


def test_preparation_is_not_learning(clock):
    told = []
    watch = Clock(told.append)
    clock.now += 7
    watch.tell(0, 10)
    clock.now += 2
    watch.tell(10, 10)
    assert (watch.preparation, watch.now(), watch.marks) == (7.0, 2.0, [(0, 0.0), (10, 2.0)])
    assert told == [0, 10]
