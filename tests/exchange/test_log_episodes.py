import numpy as np
import pytest
from exchange_data import MAPPING
from hypothesis import given
from hypothesis import strategies as st

from aign.exchange.logs.episodes import NONE, put_together
from aign.exchange.logs.mapping import LogMapping
from aign.exchange.logs.row_errors import RowErrors
from aign.exchange.logs.table import NO_NUMBER
from aign.exchange.logs.values import LogValues

HORIZON = 4


def values_of(rows, flags=(None, None), reward=True):
    """Values of rows (episode, step, acting); context and behaviour follow the episode."""
    episode, step, acting = (list(column) for column in zip(*rows, strict=True))
    number = np.array([sum(map(ord, name)) for name in episode], dtype=np.float32)
    actions = np.where(np.array(acting)[:, None], 0.5, np.nan).astype(np.float32).repeat(2, axis=1)
    return LogValues(
        episode=np.array(episode, dtype=object), step=np.array(step, dtype=np.int64),
        behaviour=np.array([f"who {name}" for name in episode], dtype=object),
        context=number[:, None].repeat(3, axis=1), state=np.zeros((len(rows), 2), np.float32), fixed={},
        actions=actions, reward=actions[:, 0].copy() if reward else None,
        labels={"total": np.ones(len(rows), np.float32)},
        terminated=None if flags[0] is None else np.array(flags[0], dtype=bool),
        truncated=None if flags[1] is None else np.array(flags[1], dtype=bool))


def whole(name, steps=HORIZON, first=0):
    """Rows of a complete episode with its final observation."""
    return [(name, first + step, step < steps) for step in range(steps + 1)]


def together(values, errors=None, **changes):
    errors = errors or RowErrors(np.arange(2, len(values.step) + 2))
    found = put_together(values, errors, LogMapping.model_validate({**MAPPING, **changes}), HORIZON)
    return found, errors


@given(st.lists(st.integers(1, HORIZON), min_size=1, max_size=5), st.randoms(use_true_random=False))
def test_rows_in_any_order_become_the_same_episodes(lengths, random):
    rows = [row for index, steps in enumerate(lengths) for row in whole(f"e{index}", steps)]
    places = list(range(len(rows)))
    random.shuffle(places)
    found, errors = together(values_of([rows[place] for place in places]))
    assert len(errors) == 0
    begun = list(dict.fromkeys(rows[place][0] for place in places))
    assert len(found) == len(begun)
    for index, name in enumerate(begun):
        steps = lengths[int(name[1:])]
        original = [places[row] for row in found.rows[index] if row != NONE]
        assert [rows[place] for place in original] == whole(name, steps)
        assert found.length[index] == steps
        assert (found.rows[index, steps + 1:] == NONE).all()
        assert (found.terminated[index], found.truncated[index]) == (steps == HORIZON, steps < HORIZON)
        assert found.first[index] == found.rows[index, 0]
        assert found.last[index] == found.rows[index, steps]


@given(st.data())
def test_a_row_that_is_lost_or_doubled_rejects_its_episode_alone(data):
    rows = [row for name in "abc" for row in whole(name)]
    place = data.draw(st.integers(0, len(rows) - 1))
    twice = data.draw(st.booleans())
    name = rows[place][0]
    rows = rows[:place] + rows[place:place + 1] * (2 * twice) + rows[place + 1:]
    found, errors = together(values_of(rows))
    assert len(found) == 2
    assert len(errors) == sum(other == name for other, _, _ in rows)
    assert {rows[line - 2][0] for line, _ in errors.entries()} == {name}


def test_every_row_is_in_an_episode_or_rejected():
    rows = [*whole("a"), *whole("b", 2), ("c", 0, True), *whole("d", HORIZON + 1), ("", 0, True)]
    values = values_of(rows)
    errors = RowErrors(np.arange(2, len(rows) + 2))
    errors.add(values.episode == "", lambda row: "run: the cell is empty")
    found, _ = together(values, errors)
    assert (found.rows != NONE).sum() + len(errors) == len(rows)
    assert len(found) == 2


@pytest.mark.parametrize(("rows", "line", "why"), [
    ([("a", 0, True), ("a", 2, True), ("a", 3, False)], 3, "step: 2, expected 1"),
    ([("a", 0, True), ("a", 0, True), ("a", 1, False)], 3, "step: 0 appears twice, also in line 2"),
    (whole("a", first=1), 2, "step: 1, expected 0"),
    ([("a", 0, False)], 2, "length: 0 steps"),
    (whole("a", HORIZON + 1), 7, "length: 5 steps; an episode has 1 to 4"),
    ([("a", 0, True), ("a", 1, False), ("a", 2, False)], 3, "actions: empty, and this is not the episode's last row"),
    ([("a", 0, True), ("a", 1, True)], 3, "actions: must be empty on the episode's last row")])
def test_what_is_no_episode_is_rejected_at_its_line(rows, line, why):
    found, errors = together(values_of(rows))
    assert len(found) == 0
    assert errors.first(1)[0][0] == line
    assert why in errors.first(1)[0][1]


@pytest.mark.parametrize("rows", [
    [*whole("a", 2), ("a", 2, False)],  # the row that ends the episode twice: the first one lacks an action
    [("a", 0, True), ("a", 1, False), ("a", 1, True), ("a", 2, False)]])
def test_a_repeated_step_is_the_only_reason_where_others_follow_from_it(rows):
    found, errors = together(values_of(rows))
    assert len(found) == 0
    (reason,) = [why for _, why in errors.entries() if "its episode" not in why]
    assert "appears twice" in reason


def test_a_step_that_cannot_be_read_is_the_only_reason():
    values = values_of(whole("a"))
    values.step[2] = NO_NUMBER
    errors = RowErrors(np.arange(2, 7))
    errors.add_row(2, "step: 'x' is not a whole number")
    found, _ = together(values, errors)
    assert len(found) == 0
    assert errors.kinds() == {"the episode has a faulty row": 4, "step": 1}


def test_rows_are_compared_with_the_first_one_that_can_be_read():
    values = values_of(whole("a"))
    values.context[0], values.behaviour[0] = np.nan, ""
    errors = RowErrors(np.arange(2, 7))
    errors.add_row(0, "gain[0]: the cell is empty")
    together(values, errors)
    assert errors.kinds() == {"the episode has a faulty row": 4, "gain": 1}


@pytest.mark.parametrize("lines", [[2, 3, 4], [2, 4, 6]])
def test_a_last_row_that_cannot_be_read_is_said_of_the_one_before_it(lines):
    rows = [("a", step, True) for step in range(3)]
    broken = RowErrors(np.array(lines), [(lines[-1] + 2, "cells: 1, the header has 9")])
    found, errors = together(values_of(rows), broken)
    assert len(found) == 0
    assert errors.first(9)[0] == (lines[-1], "end: the next row cannot be read, so the episode may go on")


@pytest.mark.parametrize(("name", "why"), [("context", "context: differs from line 2"),
                                           ("behaviour", "behaviour: differs from line 2")])
def test_context_and_behaviour_may_not_change_within_an_episode(name, why):
    values = values_of(whole("a"))
    getattr(values, name)[2] = "x" if name == "behaviour" else 9
    found, errors = together(values)
    assert len(found) == 0
    assert errors.first(9) == [(4, f"{why} of the same episode")]


def test_a_label_is_needed_on_the_last_row_only():
    values = values_of(whole("a"))
    values.labels["total"][:-1] = np.nan
    assert len(together(values)[0]) == 1
    values.labels["total"][-1] = np.nan
    assert "total: empty on the episode's last row" in together(values)[1].first(1)[0][1]


def test_a_reward_is_needed_where_an_action_is():
    values = values_of(whole("a"))
    values.reward[1] = np.nan
    assert "reward: empty" in together(values)[1].first(1)[0][1]


def test_without_a_final_row_every_row_acts():
    found, errors = together(values_of([("a", step, True) for step in range(3)]), final_observation="simulated")
    assert len(errors) == 0
    assert found.length.tolist() == [3]
    assert found.rows[0].tolist() == [0, 1, 2, NONE, NONE]
    assert found.last.tolist() == [2]


def flags(rows, *places):
    return [place in places for place in range(len(rows))]


@pytest.mark.parametrize(("steps", "terminated", "truncated", "expected"), [
    (4, (3,), None, (True, False)), (4, (4,), None, (True, False)), (4, (), None, (False, True)),
    (2, None, (1,), (False, True)), (4, None, (), (True, False)), (4, (), (3,), (False, True)),
    (4, (3,), (3,), (True, True)), (2, (), (1,), (False, True)),
    (2, (1,), None, "terminated after 2 steps"), (4, (1,), None, "terminated: true, but the episode goes on"),
    (4, (), (), "neither terminated nor truncated"), (2, None, (), "terminated after 2 steps"),
    (4, None, (0,), "truncated: true, but the episode goes on")])
def test_ends_follow_the_flags_and_contradictions_are_rejected(steps, terminated, truncated, expected):
    rows = whole("a", steps)
    given_flags = tuple(None if places is None else flags(rows, *places) for places in (terminated, truncated))
    found, errors = together(values_of(rows, given_flags))
    if isinstance(expected, tuple):
        assert (bool(found.terminated[0]), bool(found.truncated[0])) == expected
    else:
        assert len(found) == 0
        assert expected in errors.first(1)[0][1]


def test_a_short_episode_before_a_row_that_cannot_be_read_may_go_on():
    rows = [("a", step, True) for step in range(3)]
    broken = RowErrors(np.array([2, 3, 4]), [(5, "cells: 1, the header has 9")])
    found, errors = together(values_of(rows), broken, final_observation="simulated")
    assert len(found) == 0
    assert errors.first(9)[0] == (4, "end: the next row cannot be read, so the episode may go on")
    away = RowErrors(np.array([2, 3, 4, 5]), [(9, "cells: 1")])  # line 5 is another episode's
    found, _ = together(values_of([*rows, ("b", 0, True)]), away, final_observation="simulated")
    assert found.first.tolist() == [0]


def test_sound_episodes_are_those_without_a_fault_found_later():
    found, errors = together(values_of([*whole("a"), *whole("b")]))
    errors.add_row(2, "power: wrong")
    left = found.without(errors)
    assert left.rows.tolist() == found.rows[1:].tolist()
    assert [line for line, _ in errors.entries()] == [2, 3, 4, 5, 6]
