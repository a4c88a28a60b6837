"""Every error a user can mend is one family, and a wrong name is answered with the nearest right one."""

import inspect

import numpy as np
import pyarrow as pa
import pytest
import torch

from aign import errors
from aign.errors import AignError, out_of_memory, unknown_name

FAMILY = [member for _, member in inspect.getmembers(errors, inspect.isclass) if issubclass(member, Exception)]


@pytest.mark.parametrize("kind", FAMILY, ids=lambda kind: kind.__name__)
def test_one_handler_catches_every_error_and_prints_its_message_alone(kind):
    with pytest.raises(AignError) as caught:
        raise kind("params.yaml: users = 0; allowed: 2 to 100.")
    assert str(caught.value) == "params.yaml: users = 0; allowed: 2 to 100."


def test_errors_of_different_kinds_are_told_apart():
    kinds = [kind for kind in FAMILY if kind is not AignError]
    assert len(kinds) >= 6
    for kind in kinds:
        assert not any(issubclass(kind, other) for other in kinds if other is not kind)


@pytest.mark.parametrize("kind", FAMILY, ids=lambda kind: kind.__name__)
def test_each_kind_says_when_it_occurs_and_what_to_do(kind):
    """The troubleshooting page is made from these two paragraphs."""
    when, what_to_do = inspect.getdoc(kind).split("\n\n")
    assert when.endswith(".")
    assert what_to_do.endswith(".")


@pytest.mark.parametrize("ask", [lambda: np.empty(2**60, np.uint8), lambda: torch.empty(2**60, dtype=torch.uint8),
                                 lambda: bytearray(2**60), lambda: pa.allocate_buffer(2**60)])
def test_every_librarys_shortage_of_memory_is_known(ask):
    with pytest.raises((MemoryError, RuntimeError)) as caught:
        ask()
    assert out_of_memory(caught.value)


@pytest.mark.parametrize("error", [RuntimeError("shapes differ"), ValueError("no"), OSError(28, "disk full")])
def test_other_errors_are_no_shortage_of_memory(error):
    assert not out_of_memory(error)


def test_a_misspelt_name_is_answered_with_the_nearest_and_all_that_exist():
    message = unknown_name("scenario", "water-filing", ["power-allocation", "water-filling"])
    assert "'water-filing'" in message
    assert "Did you mean 'water-filling'?" in message
    assert "power-allocation, water-filling" in message


def test_a_name_near_to_nothing_gets_no_guess():
    assert "Did you mean" not in unknown_name("label", "zzzz", ["total_power", "max_power"])


def test_allowed_names_are_sorted_whatever_their_order():
    assert unknown_name("label", "x", ["b", "a"]) == unknown_name("label", "x", ["a", "b"])
