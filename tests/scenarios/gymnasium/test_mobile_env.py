"""mobile-env, which strangers wrote, through the whole pipeline: what is stored is what it does."""

import json

import gymnasium
import numpy as np
import pytest
from smoke import SMALL, TRAIN, run_chain

from aign.trajectories.reader import TrajectoryStore
from aign.trajectories.replay import check_replay, replay

USERS, CHOICES, HORIZON = 5, 4, 8
PARAMS = {
    "base": {"seed": 3, "device": "cpu", "threads": 1, "workers": 1},
    "variants": {"mobile": {
        "scenario": {"name": "gymnasium", "environment": "mobile-small-central-v0", "module": "mobile_env",
                     "seed_option": "config.seed", "horizon": HORIZON, "agents": USERS, "rollouts": 1, "repeats": 2,
                     "rules": {"strongest": "aign.scenarios.gymnasium.station_choice:strongest_station"},
                     "labels": {"rate": {"info": "mean datarate", "how": "mean"}}},
        "collect": {"train_contexts": 6, "validation_contexts": 2, "test_contexts": 2, "agents": ["ppo"],
                    "sources": {"random": 8, "heuristics": 12, "solver_guided": 0, "snapshots": 1,
                                "snapshot_episodes": 4},
                    "ppo": {**SMALL, "environment_steps": 64, "rollout_steps": 8, "epochs": 1, "discount": 0.9}},
        "train": {**TRAIN, "window": 4, "stride": 1, "evaluate_contexts": 2, "evaluate_every": 30},
        "sample": {"requests": [{"name": "free", "seed": 1, "count": 2}]},
        "evaluate": {"contexts": 2, "candidates": 2},
    }},
}


@pytest.fixture(scope="module")
def chain(tmp_path_factory):
    pytest.importorskip("mobile_env")
    folder = tmp_path_factory.mktemp("mobile")
    run_chain(folder, PARAMS)
    return folder


def executed(seed, choices):
    """Return the rewards of choices (T, users) in the environment as its authors ship it."""
    env = gymnasium.make("mobile-small-central-v0", config={"seed": seed})
    env.reset(seed=seed)
    return [float(env.step(step)[1]) for step in choices]


@pytest.mark.slow
def test_sampled_decisions_earn_in_mobile_env_exactly_what_was_promised(chain):
    answer = json.loads((chain / "data/designs/mobile/free.json").read_text())
    assert len(answer["designs"]) == 2
    for row in answer["designs"]:
        choices = np.array(row["design"]).reshape(HORIZON, USERS, CHOICES).argmax(2)
        assert sum(executed(int(answer["context"][0]), choices)) == pytest.approx(row["utility"], rel=1e-12)


@pytest.mark.slow
def test_recorded_episodes_are_those_of_mobile_env_in_every_reward(chain):
    store = TrajectoryStore.open(chain / "data/trajectories/mobile", trust_code=True)
    check_replay(replay(store), rounding=True)
    rows = store.rows("train")[::5]
    columns = {name: store.gather(name, rows) for name in ("context", "actions", "rewards", "return_raw", "utility")}
    for context, actions, rewards, earned, utility in zip(*(columns[name] for name in columns), strict=True):
        found = executed(int(context[0]), actions.reshape(HORIZON, USERS, CHOICES).argmax(2).numpy())
        assert rewards.tolist() == pytest.approx(found, rel=1e-12)  # it adds up sets, in an order of its own
        assert [float(earned), float(utility)] == pytest.approx([sum(found)] * 2, rel=1e-12)


@pytest.mark.slow
def test_every_method_is_compared(chain):
    metrics = json.loads((chain / "data/reports/mobile/metrics.json").read_text())
    assert metrics["certificate"] == "best known"
    compared = {"diffuser_single", "diffuser_best_of_2", "ppo", "random", "constant", "strongest"}
    assert compared <= metrics["methods"].keys()
