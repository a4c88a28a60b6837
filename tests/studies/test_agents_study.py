"""The comparison of agents: agents are trained for real; tables and verdicts are checked on numbers chosen here."""

import json

import pytest
import torch
from matplotlib.image import imread
from miniature import run_jobs_here

from aign.agents.stored_policies import open_policy
from aign.errors import ParameterError
from aign.scenarios.core import registry
from aign.trajectories.contexts import ContextPool
from studies import agents, agents_page
from studies.params import StudyParams
from studies.runs import Run

WATER = {"name": "water-filling", "channels": 3}
SAC = {"environment_steps": 256, "networks": 8, "batch_size": 32, "learning_starts": 64, "updates_per_step": 1,
       "hidden": [8]}
KINDS = ("sac", "d2sac", "ppo")


def parameters():
    collect = {"sac": SAC, "d2sac": {**SAC, "denoising_steps": 2},
               "ppo": {"environment_steps": 256, "networks": 8, "batch_size": 32, "hidden": [8]}}
    return StudyParams.model_validate({
        "base": {"workers": 1}, "variants": {"water-3": {"scenario": WATER, "collect": collect}},
        "studies": {"agents": {"variants": {"water-3": KINDS}, "contexts": 4, "curve_points": 2}}})


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A place with the contexts of a dataset."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("studies.runs.run_jobs", run_jobs_here)
    scenario = registry.create(**WATER)
    pool = ContextPool.draw(scenario, {"train": 20, "validation": 6, "test": 6}, seed=1)
    path = tmp_path / "data/trajectories/water-3/contexts.safetensors"
    path.parent.mkdir(parents=True)
    pool.save(path, scenario)
    return tmp_path


def test_a_run_holds_what_each_policy_is_worth_on_unseen_contexts(home):
    agents.learn(Run(parameters(), "agents", 3, "water-3"))
    scenario = registry.create(**WATER)
    contexts = ContextPool.load(home / "data/trajectories/water-3/contexts.safetensors", scenario)["test"]
    for kind in KINDS:
        folder = home / "data/studies/agents/3/water-3" / kind
        result = json.loads((folder / "result.json").read_text())
        policy, states = open_policy(folder / kind), scenario.initial_state(contexts.values[:4])
        for time in range(scenario.horizon):
            action = policy.act(scenario, contexts.values[:4], states, time)
            states, _ = scenario.step(contexts.values[:4], states, action)
        few, utility = contexts.take(torch.arange(4)), scenario.utility(contexts.values[:4], states)
        by_hand = (utility - few.reference).sum() / (few.optimum - few.reference).sum()
        assert result["normalised_return_pooled"]["mean"] == pytest.approx(float(by_hand), abs=1e-5)
        assert result["trained_on"] == ("discount 0, so a contextual bandit, which looks no further than the next "
                                        "reward; rewards: the reward in the dataset")
        assert (result["contexts"], result["environment_steps"]) == (4, 256)
        assert [point["environment_steps"] for point in result["curve"]][-1] == 256
        assert len(result["curve"]) == 2


def test_a_variant_that_is_not_compared_is_refused(home):
    params = parameters()
    other = params.model_copy(update={"studies": StudyParams.model_fields["studies"].default})
    with pytest.raises(ParameterError, match=r"studies\.agents\.variants: .*water-3"):
        agents.learn(Run(other, "agents", 3, "water-3"))


# --- the page --------------------------------------------------------------------------------------------------------

def made(value, worst=0.0, seconds=10.0):
    curve = [{"environment_steps": steps, "normalised_return_pooled": value * steps / 200} for steps in (100, 200)]
    return {"normalised_return_pooled": {"mean": value, "worst": worst}, "contexts": 8, "trained_on": "discount 0",
            "training_seconds": seconds, "environment_steps": 200, "curve": curve}


@pytest.fixture
def runs():
    values = {"d2sac": (0.90, 0.92, 0.94), "sac": (0.80, 0.83, 0.83), "ppo": (0.89, 0.95, 0.93), "ucb": (0.1, 0.1, 0.2)}
    return {(str(seed), "net", kind): made(value, worst=value - 0.5) for kind, returns in values.items()
            for seed, value in enumerate(returns)}


def test_rows_are_means_over_seeds_with_student_intervals(runs):
    row = next(row for row in agents_page.rows(runs) if row["agent"] == "d2sac")
    assert row["normalised_return_pooled"]["mean"] == pytest.approx(0.92)
    assert row["normalised_return_pooled"]["high"] - 0.92 == pytest.approx(4.302653 * 0.02 / 3**0.5, rel=1e-5)
    assert row["worst_context"] == pytest.approx(0.4)
    assert row["seeds"] == 3


def test_a_claim_is_decided_by_the_paired_difference_over_seeds(runs):
    found = {one["claim"]: one for one in agents_page.claims(runs)}
    assert list(found) == ["d2sac beats sac", "d2sac beats ppo", "d2sac beats ucb"]
    assert found["d2sac beats sac"]["difference"]["mean"] == pytest.approx(0.1)
    assert found["d2sac beats sac"]["verdict"] == "supported"
    assert found["d2sac beats ppo"]["verdict"] == "undecided"


@pytest.mark.parametrize(("interval", "said"), [
    ((0.1, 0.01, 0.2), "supported"), ((-0.1, -0.2, -0.01), "refuted"), ((0.0, -0.1, 0.1), "undecided"),
    ((0.1, None, None), "one seed decides nothing")])
def test_verdicts(interval, said):
    assert agents_page.verdict(dict(zip(("mean", "low", "high"), interval, strict=True))) == said


def test_the_page_shows_the_best_agent_first_and_everything_is_written(runs, tmp_path, monkeypatch):
    monkeypatch.setattr(agents_page, "FOLDER", tmp_path)
    monkeypatch.setattr(agents_page, "results", lambda stage: runs)
    agents_page.write(Run(parameters(), "agents-page"))
    lines = (tmp_path / "README.md").read_text().splitlines()
    order = [line.split("|")[1].strip() for line in lines if line.startswith("| ") and "---" not in line]
    assert order[:5] == ["agent", "ppo", "d2sac", "sac", "ucb"]
    assert json.loads((tmp_path / "agents.json").read_text())["claims"][0]["verdict"] == "supported"
    assert imread(tmp_path / "curves.png").std() > 0.05
