"""What is a number, what is a flag, and how a fault is told."""

from decimal import Decimal

import numpy as np
import pytest
import torch
import toy_worlds

from aign.errors import ParameterError
from aign.scenarios.gymnasium.faults import LONGEST, ForeignCall, brief, described, flag, number
from aign.scenarios.gymnasium.labels import Record


class Mute:
    """An object that says nothing of itself."""

    def __repr__(self):
        raise RuntimeError

    def __float__(self):
        raise RuntimeError


def fails(error):
    raise error


@pytest.mark.parametrize("value", [2, 2.0, np.float32(2), np.int8(2), np.array(2.0), torch.tensor(2), Decimal(2)])
def test_one_number_is_a_number(value):
    assert number(value) == 2.0
    assert type(number(value)) is float


@pytest.mark.parametrize("value", [None, "2", b"2", [2.0], np.array([2.0]), torch.tensor([2.0]), np.nan, np.inf, 2j,
                                   10**400, {}, [[1], [1, 2]], Mute()])
def test_what_is_no_finite_number_is_none(value):
    assert number(value) is None


@pytest.mark.parametrize("value", [True, np.True_, 1, np.int64(1), np.array(True), torch.tensor(True)])
def test_a_truth_value_is_a_flag(value):
    assert flag(value) is True


@pytest.mark.parametrize("value", [False, np.False_, 0, np.array(False)])
def test_and_so_is_its_contrary(value):
    assert flag(value) is False


@pytest.mark.parametrize("value", [None, {}, "False", 1.0, np.float32(0), 2, [True], np.array([True]), np.nan, Mute()])
def test_what_may_be_true_in_python_is_no_flag(value):
    assert flag(value) is None


def test_values_are_shown_on_one_short_line():
    assert brief(np.zeros((2, 2))) == "array([[0., 0.], [0., 0.]]) of shape (2, 2)"
    assert len(brief("x" * 1000)) <= LONGEST + 3
    assert brief(Mute()) == "a Mute"


def test_an_exception_is_told_with_the_line_of_others_that_raised_it():
    said = r"^the rule: raised KeyError: 3 \(toy_worlds.py, line \d+\)\. Mend it\.$"
    with pytest.raises(ParameterError, match=said), ForeignCall(lambda: "the rule", lambda error: " Mend it."):
        toy_worlds.raised(Record([], [1, 2, 3]))
    assert described(ValueError("two\n  lines.")) == "ValueError: two lines"
    assert described(ValueError()) == "ValueError"


def test_an_attempt_to_end_the_process_is_a_fault():
    with pytest.raises(ParameterError, match="x: raised SystemExit: 0"), ForeignCall(lambda: "x"):
        fails(SystemExit(0))


@pytest.mark.parametrize("error", [MemoryError("full"), KeyboardInterrupt()])
def test_neither_lack_of_memory_nor_an_interrupt_is_a_fault(error):
    with pytest.raises(type(error)), ForeignCall(lambda: "x"):
        fails(error)
