import numpy as np
import pytest
import torch

from aign.trajectories.comparison import Comparison


class Stored:
    """As much of a shard as a comparison reads: three episodes of 4, 2 and 1 steps."""

    path = "shard"

    def __init__(self):
        self.columns = {
            "episode_id": torch.tensor([70, 71, 72]), "length": torch.tensor([4, 2, 1], dtype=torch.int32),
            "rewards": torch.arange(12.0, dtype=torch.float64).view(3, 4),
            "observations": torch.arange(30.0).view(3, 5, 2),
            "utility": torch.tensor([0.1, 0.0, -0.3], dtype=torch.float64)}

    def view(self, name):
        return self.columns[name]

    def precision(self, name):
        return self.columns[name].dtype


class StoredByVersion2(Stored):
    """The same, its file holding all in float32."""

    def precision(self, name):
        return torch.float32


def compared(**changes):
    """Compare the stored columns with copies in which single places hold other values."""
    stored, result = Stored(), Comparison("the truth")
    computed = {name: stored.view(name).clone() for name in ("observations", "rewards", "utility")}
    for name, (place, value) in changes.items():
        computed[name][place] = value
    result.add(stored, computed)
    return result


def test_equal_columns():
    result = compared()
    assert (result.first, result.differing, result.episodes, dict(result.columns)) == (None, 0, 3, {})
    assert result.values == 30 + 12 + 3
    assert result.compared == ("observations", "rewards", "utility")


def test_words():
    assert compared(rewards=((0, 3), 3.5)).first == (
        "shard, column 'rewards': episode 70 (row 0) holds rewards[3] = 3.0, the truth gives 3.5")
    assert compared(utility=(2, 1.0)).first == (
        "shard, column 'utility': episode 72 (row 2) holds utility = -0.3, the truth gives 1.0")
    assert "observations[1][1] = 13.0, the truth gives nan" in compared(observations=((1, 1, 1), np.nan)).first


@pytest.mark.parametrize(("name", "place", "value"), [
    ("utility", 0, float(np.nextafter(0.1, 1))), ("utility", 1, -0.0),
    ("rewards", (1, 1), 5.000000000000001), ("rewards", (2, 0), 9.0), ("observations", (2, 1, 0), 0.0),
    ("observations", (0, 4, 1), 9.5)])
def test_every_bit_counts(name, place, value):
    assert compared(**{name: (place, value)}).columns == {name: 1}


@pytest.mark.parametrize(("name", "place"), [("rewards", (1, 2)), ("rewards", (2, 1)), ("observations", (1, 3, 0)),
                                             ("observations", (2, 2, 1))])
def test_padding_does_not_count(name, place):
    assert compared(**{name: (place, -5.0)}).first is None


def test_the_first_episode_is_shown_whatever_the_column():
    result = compared(observations=((2, 0, 0), 1.5), utility=(1, 0.25))
    assert "episode 71 " in result.first
    assert (result.differing, result.columns) == (2, {"observations": 1, "utility": 1})


def test_parts_of_a_shard_add_up():
    stored, result = Stored(), Comparison("the truth")
    result.add(stored, {"utility": torch.tensor([0.1], dtype=torch.float64)})
    result.add(stored, {"utility": torch.tensor([9.0, -0.3], dtype=torch.float64)}, start=1)
    result.add(stored, {"utility": torch.tensor([9.0], dtype=torch.float64)}, start=2)
    assert (result.episodes, result.differing, result.columns) == (4, 2, {"utility": 2})
    assert "episode 71 (row 1)" in result.first


def test_what_a_file_holds_in_float32_is_compared_in_float32():
    near = torch.tensor([0.1 + 1e-12, 0.0, -0.3], dtype=torch.float64)
    for stored, count in ((Stored(), 1), (StoredByVersion2(), 0)):
        result = Comparison("the truth")
        result.add(stored, {"utility": near})
        assert result.differing == count


def test_the_largest_difference_is_relative_to_the_column():
    assert compared().share == 0.0
    assert compared(rewards=((0, 3), 3.5)).share == 0.5 / 11
    assert compared(rewards=((0, 3), 3.5), utility=(1, 1.0)).share == 1.0
