"""Observations as vectors against Gymnasium's own flattening, and what no observation of a space is."""

import numpy as np
import pytest
import torch
from gymnasium import spaces
from gymnasium.spaces.utils import flatten

from aign.scenarios.gymnasium.observations import OutsideSpaceError, flattener

ROOM = spaces.Dict({"cell": spaces.Discrete(4, start=-1), "load": spaces.Box(-3, 4, (2, 2)),
                    "both": spaces.Tuple((spaces.MultiDiscrete([[2, 3]], start=[[5, -1]]), spaces.MultiBinary(3)))})
SPACES = [
    spaces.Box(-1, 1, (3,)), spaces.Box(-np.inf, np.inf, (2, 3), np.float64), spaces.Box(0, np.inf, (), np.float16),
    spaces.Box(0, 255, (4, 1), np.uint8), spaces.Box(-2**40, 2**40, (2,), np.int64), spaces.Discrete(3),
    spaces.Discrete(5, start=-7), spaces.MultiDiscrete([2, 3]), spaces.MultiBinary((2, 2)), spaces.Text(4), ROOM,
]


class Odd(spaces.Box):
    """A space with rules of its own: an odd sum; it fails at lists."""

    def contains(self, x):
        return x.sum() % 2 == 1


@pytest.mark.parametrize("space", SPACES, ids=str)
def test_what_a_space_draws_is_flattened_as_gymnasium_does_it(space):
    flat = flattener(space)
    space.seed(0)
    for _ in range(40):
        value = space.sample()
        vector = flat(value)
        assert vector.dtype == np.float64
        np.testing.assert_array_equal(vector, np.asarray(flatten(space, value), np.float64))


@pytest.mark.parametrize("space", SPACES[:5], ids=str)
def test_a_vector_is_a_copy(space):
    value = space.sample()
    vector = flattener(space)(value)
    before = vector.copy()
    value[...] = 0
    np.testing.assert_array_equal(vector, before)


def test_numbers_of_another_type_are_the_same_numbers():
    flat, expected = flattener(spaces.Box(-1, 1, (2,))), [0.5, np.float64(np.float32(0.1))]
    for value in ([0.5, 0.1], (0.5, 0.1), np.array([0.5, 0.1]), torch.tensor([0.5, 0.1])):
        assert flat(value).tolist() == expected
    assert flattener(spaces.Box(0, 9, (2,), np.int64))(np.array([1.0, 3.0])).tolist() == [1, 3]
    assert flattener(spaces.Discrete(2))(np.True_).tolist() == [0, 1]


def test_rounding_crosses_no_bound():
    bound = np.array([0.1, 1 / 3], np.float32)
    for space in (spaces.Box(-bound, bound), spaces.Box(bound, np.full(2, np.inf, np.float32))):
        flattener(space)(np.array([0.1, 1 / 3]))
    with pytest.raises(OutsideSpaceError):
        flattener(spaces.Box(-bound, bound))(np.array([0.10001, 0]))
    with pytest.raises(OutsideSpaceError):
        flattener(spaces.Box(0, 10**7, (1,), np.int64))(np.array([10**7 + 1]))


@pytest.mark.parametrize(("space", "value", "said"), [
    (SPACES[0], [1, 2], r"it has the shape \(2,\); its space allows numbers of shape \(3,\)"),
    (SPACES[0], [[0], [0], [0]], r"has the shape \(3, 1\)"),
    (SPACES[0], [0, 1.5, 2], r"it\[1\] is 1.5; its space allows numbers from -1.0 to 1.0"),
    (SPACES[0], [0, 0, np.nan], r"it\[2\] is nan"),
    (SPACES[0], None, "it is None; its space allows numbers"),
    (SPACES[0], ["a", "b", "c"], "it is .*'a'"),
    (SPACES[0], [[1], [1, 2], 3], "it is .*its space allows numbers of shape"),
    (SPACES[1], np.full((2, 3), np.inf), r"it\[0, 0\] is inf; its space allows any finite number"),
    (SPACES[1], np.full((2, 3), 1e39), r"it\[0, 0\] is 1e\+39"),
    (SPACES[2], -1.0, "it is -1.0; its space allows numbers from 0.0 to inf"),
    (SPACES[3], np.full((4, 1), 256), r"it\[0, 0\] is 256; its space allows numbers from 0.0 to 255.0"),
    (SPACES[3], np.full((4, 1), 2.5), "its space allows whole numbers"),
    (SPACES[5], 3, "it is 3; its space allows whole numbers from 0 to 2"),
    (SPACES[5], -1, "it is -1; its space allows"),
    (SPACES[5], 1.0, "it is 1.0; its space allows"),
    (SPACES[5], np.array([1]), r"it is array\(\[1\]\).*; its space allows"),
    (SPACES[7], [0, 3], r"it is \[0, 3\]; its space allows MultiDiscrete"),
    (SPACES[7], [0, -1], "its space allows MultiDiscrete"),
    (SPACES[8], [[0, 1], [2, 0]], "its space allows 0 and 1"),
    (SPACES[9], "abcdefg", "it is 'abcdefg'; its space is Text"),
    (Odd(0, 9, (2,)), np.array([1.0, 3.0]), "it is array.*; its space is "),
    (Odd(0, 9, (2,)), [1.0, 3.0], "at which its space .* raised AttributeError: 'list' object"),
    (ROOM, {"cell": 0}, "it has the keys 'cell'; its space allows a mapping with the keys 'both', 'cell', 'load'"),
    (ROOM, [0], r"it is \[0\]; its space allows a mapping"),
    (ROOM, {"cell": 9, "load": 0, "both": 0}, "its space allows"),
    (ROOM, {"cell": 1, "load": np.zeros((2, 2)), "both": ([[5, -1]],)}, r"it\['both'\] is .*a tuple of 2 values"),
    (ROOM, {"cell": 1, "load": np.zeros((2, 2)), "both": ([[5, -2]], [0, 0, 0])}, r"it\['both'\]\[0\] is"),
], ids=str)
def test_what_is_not_in_the_space_is_told_by_part_value_and_what_is_allowed(space, value, said):
    with pytest.raises(OutsideSpaceError, match=said):
        flattener(space, "it")(value)
