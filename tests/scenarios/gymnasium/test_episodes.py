"""Episodes found by their decisions, against environments stepped by hand."""

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
    start = Maker.start
    monkeypatch.setattr(Maker, "start", lambda maker, seed: started.append(seed) or start(maker, seed))
    found = corridor()
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


def test_what_is_not_finite_is_refused():
    lost = Maker("toy/Switches-v0", "", '{"noise": "lost"}', "")
    found = Episodes(lost, actions_of(toy_worlds.Switches().action_space, "x"), {}, 4)
    found.after(0, np.zeros((0, 5), np.float32))
    with pytest.raises(ParameterError, match="Switches-v0 gave an observation or a reward that is not finite after 1"):
        found.after(0, np.zeros((1, 5), np.float32))
