"""Episodes found by their decisions, against environments stepped by hand."""

import json

import gymnasium
import numpy as np
import pytest
import toy_worlds  # registers the toys
from hypothesis import given
from hypothesis import strategies as st

from aign.errors import ParameterError
from aign.scenarios.gymnasium import episodes
from aign.scenarios.gymnasium.episodes import ENDED, RETURN, STEPS, Episodes
from aign.scenarios.gymnasium.labels import LabelParameters
from aign.scenarios.gymnasium.making import Maker
from aign.scenarios.gymnasium.spaces import actions_of

LABELS = {"slips": LabelParameters(info="slip", how="sum"), "leaning": LabelParameters(function="toy_worlds:lean"),
          "depth": LabelParameters(info="deep.place", how="min")}
HORIZON = 6


def corridor(**labels):
    return Episodes(Maker("toy/Corridor-v0", "", "{}", ""), actions_of(toy_worlds.Corridor().action_space, "x"),
                    labels, HORIZON)


def by_hand(seed, choices):
    """Return observation, and ended, steps, return, slips, steps to the right, least place."""
    env = gymnasium.make("toy/Corridor-v0", max_episode_steps=-1)
    seen, ended, rewards, slips, right, least = env.reset(seed=seed)[0], False, [], 0, 0, np.nan
    for choice in choices:
        if not ended:
            seen, reward, ended, _, info = env.step(5 + int(choice))
            rewards.append(reward)
            slips, right, least = slips + info["slip"], right + (choice == 2), np.nanmin([least, info["deep"]["place"]])
    shown = [float(seen["even"] == 0), float(seen["even"]), *seen["place"]]
    return shown, [float(ended), len(rewards), sum(rewards), slips, right if rewards else np.nan, least]


def check(found, seed, choices):
    moment = found.after(seed, np.array(choices, np.float32).reshape(-1, 1))
    shown, totals = by_hand(seed, choices)
    np.testing.assert_array_equal(moment.observed, np.array(shown, np.float32))
    np.testing.assert_array_equal(moment.totals, np.array(totals))


@given(asked=st.lists(st.tuples(st.integers(0, 3), st.lists(st.integers(0, 2), max_size=HORIZON)), max_size=12))
def test_any_question_in_any_order_gets_the_answer_of_an_environment_stepped_by_hand(asked):
    found = corridor(**LABELS)
    for seed, choices in asked:
        check(found, seed, choices)


def test_forgetting_changes_no_answer(monkeypatch):
    monkeypatch.setattr(episodes, "LIVE", 2)
    monkeypatch.setattr(episodes, "KEPT", 30)
    found, generator = corridor(**LABELS), np.random.default_rng(0)
    paths = [generator.integers(3, size=HORIZON).tolist() for _ in range(6)]
    for length in range(HORIZON + 1):
        for seed, path in enumerate(paths):
            check(found, seed, path[:length])


def test_an_environment_is_stepped_on_and_not_started_again(monkeypatch):
    started = []
    found = corridor()
    found.after(0, np.empty((0, 1), np.float32))  # makes one environment more, for its spaces
    make = Maker.make
    monkeypatch.setattr(Maker, "make", lambda maker, seed: started.append(seed) or make(maker, seed))
    for length in range(HORIZON + 1):
        for seed in (4, 9):
            found.after(seed, np.ones((length, 1), np.float32))
    assert started == [4, 9]


def test_after_the_end_nothing_happens():
    found, right = corridor(), np.full((HORIZON, 1), 2.0, np.float32)
    ended = next(seed for seed in range(50) if found.after(seed, right).totals[ENDED])
    steps = int(found.after(ended, right).totals[STEPS])
    early, late = found.after(ended, right[:steps]), found.after(ended, right)
    assert early.totals[RETURN] == late.totals[RETURN]
    np.testing.assert_array_equal(early.observed, late.observed)


# --- what an environment hands out is its own, and labels are numbers -------------------------------------------------
def toy_episodes(environment, **labels):
    world = toy_worlds.Faulty()
    asked = {name: LabelParameters(**label) for name, label in labels.items()}
    return lambda **options: Episodes(Maker(f"toy/{environment}-v0", "", json.dumps(options), ""),
                                      actions_of(world.action_space, "x"), asked, 8)


def totals(found, steps=3):
    return found.after(0, np.full((steps, 2), 0.5, np.float32)).totals[len(episodes.BASE_TOTALS):].tolist()


def test_a_label_sees_what_was_shown_although_the_environment_shows_one_buffer():
    labels = {"by_info": {"function": "toy_worlds:info_moved", "how": "sum"},
              "moved": {"function": "toy_worlds:moved", "how": "sum"}}
    assert totals(toy_episodes("SameBuffers", **labels)(), 8) == pytest.approx([8.0, 8.0], rel=1e-6)


def test_a_label_sees_the_action_that_was_asked_for_although_the_environment_changes_it():
    assert totals(toy_episodes("SameBuffers", asked={"function": "toy_worlds:asked"})()) == [0.5]


@pytest.mark.parametrize("value", [None, np.nan, np.inf, "much", [1.0], {"a": 1}])
def test_a_label_that_is_no_number_is_refused_at_its_step_by_name(monkeypatch, value):
    fault = toy_worlds.Faulty.fault
    monkeypatch.setattr(toy_worlds.Faulty, "fault", lambda env, place, right: fault(env, place, right)
                        if place != "label" or env.time < 2 else value)
    found = toy_episodes("Faulty", load={"info": "load", "how": "max"})()
    assert totals(found, 1) == [1.0]
    with pytest.raises(ParameterError, match=r"toy/Faulty-v0, step 2 with seed 0: labels.load: info 'load' gave .*; a "
                                             "label needs one finite number at every step"):
        totals(found, 2)


def test_a_function_of_a_label_that_raises_is_told():
    found = toy_episodes("Faulty", late={"function": "toy_worlds:raised"})()
    assert totals(found, 2) == [2.0]
    with pytest.raises(ParameterError, match=r"step 3 with seed 0: labels.late: function toy_worlds:raised: raised "
                                             r"KeyError: 3 \(toy_worlds.py, line \d+\)"):
        totals(found, 3)


def test_what_cannot_be_copied_is_refused_only_where_a_function_reads_it(monkeypatch):
    monkeypatch.setattr(toy_worlds.Faulty, "fault", lambda env, place, right: {**right, "held": (n for n in ())}
                        if place == "info" else right)
    assert totals(toy_episodes("Faulty", load={"info": "load"})()) == [3.0]
    with pytest.raises(ParameterError, match="step 1 with seed 0: info is kept for the functions of labels, but copying"
                                             " it: raised TypeError: cannot pickle 'generator'"):
        totals(toy_episodes("Faulty", moved={"function": "toy_worlds:moved"})())
