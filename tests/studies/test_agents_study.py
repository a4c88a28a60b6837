"""The comparison of agents: one cell is computed for real, tables and verdicts are checked on numbers chosen here."""

import json

import pytest
import torch
from matplotlib.image import imread

from aign.agents.stored_policies import open_policy
from aign.errors import DatasetError
from aign.params import Params
from aign.scenarios.core import registry
from aign.studies import agents, agents_page
from aign.trajectories.contexts import ContextPool

WATER = {"name": "water-filling", "channels": 3}
SAC = {"environment_steps": 256, "networks": 8, "batch_size": 32, "learning_starts": 64, "updates_per_step": 1,
       "hidden": [8]}
KINDS = ("sac", "d2sac", "ppo")


def parameters(**study):
    collect = {"sac": SAC, "d2sac": {**SAC, "denoising_steps": 2},
               "ppo": {"environment_steps": 256, "networks": 8, "batch_size": 32, "hidden": [8]}}
    return Params.model_validate({
        "base": {"workers": 1}, "variants": {"water-3": {"scenario": WATER, "collect": collect}},
        "studies": {"agents": {"variants": {"water-3": KINDS}, "contexts": 4, "curve_points": 2, "seeds": [0, 1],
                               **study}}})


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A place with the contexts of a dataset."""
    monkeypatch.chdir(tmp_path)
    scenario = registry.create(**WATER)
    pool = ContextPool.draw(scenario, {"train": 20, "validation": 6, "test": 6}, seed=1)
    path = tmp_path / "data/trajectories/water-3/contexts.safetensors"
    path.parent.mkdir(parents=True)
    pool.save(path, scenario)
    return tmp_path


@pytest.mark.parametrize("kind", KINDS)
def test_a_cell_holds_what_its_policy_is_worth_on_unseen_contexts(home, kind):
    job = agents.agent_cell(parameters(), "water-3", kind, seed=3)
    told = []
    job.function(told.append, **job.arguments)
    found = json.loads(job.result.read_text())
    scenario, contexts = registry.create(**WATER), None
    contexts = ContextPool.load(home / "data/trajectories/water-3/contexts.safetensors", scenario)["test"]
    policy, states = open_policy(job.result.parent / kind), scenario.initial_state(contexts.values[:4])
    for time in range(scenario.horizon):
        states, _ = scenario.step(contexts.values[:4], states, policy.act(scenario, contexts.values[:4], states, time))
    few, utility = contexts.take(torch.arange(4)), scenario.utility(contexts.values[:4], states)
    by_hand = (utility - few.reference).sum() / (few.optimum - few.reference).sum()
    assert found["normalised_return_pooled"]["mean"] == pytest.approx(float(by_hand), abs=1e-5)
    assert found["trained_on"] == ("discount 0, so a contextual bandit, which looks no further than the next reward; "
                                   "rewards: the reward in the dataset")
    assert found["contexts"] == 4
    assert found["environment_steps"] == 256
    assert told[-1] == 256
    assert [point["environment_steps"] for point in found["curve"]][-1] == 256
    assert len(found["curve"]) == 2


def test_a_cell_depends_on_the_contexts_and_on_the_agent_s_own_settings_only(home):
    job = agents.agent_cell(parameters(), "water-3", "ppo", seed=0)
    other = parameters()
    changed = other.model_dump()
    changed["variants"]["water-3"]["collect"]["sac"]["environment_steps"] = 512
    assert agents.agent_cell(Params.model_validate(changed), "water-3", "ppo", seed=0).result == job.result
    changed["variants"]["water-3"]["collect"]["ppo"]["environment_steps"] = 512
    assert agents.agent_cell(Params.model_validate(changed), "water-3", "ppo", seed=0).result != job.result
    path = home / "data/trajectories/water-3/contexts.safetensors"
    path.write_bytes(path.read_bytes() + b" ")
    assert agents.agent_cell(parameters(), "water-3", "ppo", seed=0).result != job.result


def test_contexts_that_are_missing_are_named_with_the_command_that_makes_them(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DatasetError, match=r"water-3/contexts.safetensors: missing.*dvc repro collect@water-3"):
        agents.run(parameters())


def test_without_variants_there_is_nothing_to_do(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    agents.run(parameters(variants={}))
    assert "no variants are named" in capsys.readouterr().out
    assert not (tmp_path / "data").exists()


# --- the page --------------------------------------------------------------------------------------------------------

def made(value, worst=0.0, seconds=10.0):
    curve = [{"environment_steps": steps, "normalised_return_pooled": value * steps / 200} for steps in (100, 200)]
    return {"normalised_return_pooled": {"mean": value, "worst": worst}, "contexts": 8, "trained_on": "discount 0",
            "training_seconds": seconds, "environment_steps": 200, "curve": curve}


@pytest.fixture
def cells():
    values = {"d2sac": (0.90, 0.92, 0.94), "sac": (0.80, 0.83, 0.83), "ppo": (0.89, 0.95, 0.93), "ucb": (0.1, 0.1, 0.2)}
    return {("net", kind, seed): made(value, worst=value - 0.5) for kind, found in values.items()
            for seed, value in enumerate(found)}


def test_rows_are_means_over_seeds_with_student_intervals(cells):
    row = next(row for row in agents_page.rows(cells) if row["agent"] == "d2sac")
    assert row["normalised_return_pooled"]["mean"] == pytest.approx(0.92)
    assert row["normalised_return_pooled"]["high"] - 0.92 == pytest.approx(4.302653 * 0.02 / 3**0.5, rel=1e-5)
    assert row["worst_context"] == pytest.approx(0.4)
    assert row["seeds"] == 3


def test_a_claim_is_decided_by_the_paired_difference_over_seeds(cells):
    found = {one["claim"]: one for one in agents_page.claims(cells)}
    assert list(found) == ["d2sac beats sac", "d2sac beats ppo", "d2sac beats ucb"]
    assert found["d2sac beats sac"]["difference"]["mean"] == pytest.approx(0.1)
    assert found["d2sac beats sac"]["verdict"] == "supported"
    assert found["d2sac beats ppo"]["verdict"] == "undecided"


@pytest.mark.parametrize(("interval", "said"), [
    ((0.1, 0.01, 0.2), "supported"), ((-0.1, -0.2, -0.01), "refuted"), ((0.0, -0.1, 0.1), "undecided"),
    ((0.1, None, None), "one seed decides nothing")])
def test_verdicts(interval, said):
    assert agents_page.verdict(dict(zip(("mean", "low", "high"), interval, strict=True))) == said


def test_the_page_shows_the_best_agent_first_and_everything_is_written(cells, tmp_path):
    agents_page.write(cells, tmp_path)
    lines = (tmp_path / "README.md").read_text().splitlines()
    order = [line.split("|")[1].strip() for line in lines if line.startswith("| ") and "---" not in line]
    assert order[:5] == ["agent", "ppo", "d2sac", "sac", "ucb"]
    assert json.loads((tmp_path / "agents.json").read_text())["claims"][0]["verdict"] == "supported"
    assert imread(tmp_path / "curves.png").std() > 0.05
