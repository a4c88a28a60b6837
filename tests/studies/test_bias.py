"""The task is computed for a small real dataset; rows and plot are checked on numbers chosen here."""

import json
import statistics

import pytest
import torch
from scipy.stats import t as student

from aign.agents import behaviours, recording
from aign.agents.rollout import rollout
from aign.agents.settings import BCQSettings
from aign.designs.settings import SamplingSettings
from aign.diffusion.settings import NetworkSettings, TrainSettings
from aign.scenarios.core import registry
from aign.settings import RunSettings
from aign.stages.evaluate import unseen
from aign.trajectories.assemble import assemble
from aign.trajectories.contexts import ContextPool
from aign.trajectories.reader import TrajectoryStore
from aign.trajectories.writer import ShardWriter
from studies import bias, bias_table
from studies.settings import BiasSettings
from studies.subsets import SUBSETS, rows_of

METHODS = ["bcq", "diffuser_single", "diffuser_best_of_2", "diffuser_single_return_hidden",
           "diffuser_best_of_2_return_hidden", "best_training_design"]
TRAIN = TrainSettings(network=NetworkSettings(kind="set", channels=16, depth=1, embedding=16), stride=8, steps=3,
                      batch_size=8, noise_steps=10, evaluate_every=3, evaluate_contexts=4, checkpoint_every=3)
Q_LEARNING = BCQSettings(gradient_steps=5, batch_size=16, hidden=(8,), curve_points=1)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    """Episodes of power allocation for three users: random, by heuristics, and ten of an agent that stays silent."""
    scenario = registry.create("power-allocation", users=3)
    pool = ContextPool.draw(scenario, {"train": 20, "validation": 6, "test": 5}, seed=1)
    folder = tmp_path_factory.mktemp("bias")
    with ShardWriter(folder / "parts", scenario, 64, first_episode_id=0) as writer:
        for split, count in (("train", 20), ("validation", 5), ("test", 5)):
            for source in ("random", "heuristics"):
                for batch in behaviours.record(source, scenario, pool[split], count, seed=5):
                    writer.append(batch)
        few = pool["train"].take(torch.arange(2))
        for step in (100, 200, 300, 400, 500):
            episodes = rollout(scenario, few.values, lambda contexts, states, time: torch.zeros(2, 3),
                               torch.full((2, 3), step / 100))
            writer.append(recording.label(scenario, few, episodes, "sac", step, agent_seed=0, env_seed=0))
    pool.save(folder / "contexts.safetensors", scenario)
    assemble(folder / "data", writer.close(), scenario, {"seed": 1},
             {"contexts.safetensors": folder / "contexts.safetensors"})
    return folder / "data"


@pytest.fixture(scope="module")
def computed(dataset, tmp_path_factory):
    """The result of one task, and all it reported."""
    told: list[int] = []
    settings = BiasSettings(users=3, contexts=4, candidates=2, sampling=SamplingSettings(steps=2), diffuser=TRAIN,
                            bcq=Q_LEARNING)
    result = bias.learn_subset(told.append, tmp_path_factory.mktemp("heuristics"), dataset, "heuristics", settings,
                               RunSettings(seed=0, device="cpu"))
    return json.loads(json.dumps(result)), told


def test_a_task_scores_both_learners_on_unseen_contexts(computed) -> None:
    found, told = computed
    assert sorted(found["methods"]) == sorted(METHODS)
    assert (found["contexts"], found["users"]) == (4, 3)
    assert found["subset"]["episodes"] == 20
    assert (told[0], told[-1]) == (0, 8)
    assert told == sorted(told)
    for name, figures in found["methods"].items():
        assert figures["utility_ratio"]["worst"] <= figures["utility_ratio"]["mean"] <= 1 + 1e-9, name
    steps = {name: figures["gradient_steps"] for name, figures in found["methods"].items()}
    assert (steps["bcq"], steps["diffuser_single"], steps["best_training_design"]) == (5, 3, 0)


def test_hiding_the_return_changes_what_the_diffuser_makes(computed) -> None:
    methods = computed[0]["methods"]
    assert methods["diffuser_best_of_2"]["utility"] != methods["diffuser_best_of_2_return_hidden"]["utility"]


def test_the_best_training_design_is_that_of_the_subset_alone(dataset, computed) -> None:
    stored = TrajectoryStore.open(dataset)
    designs = stored.gather("observations", rows_of(stored, "heuristics", 0))[:, -1, :3]
    contexts = unseen(stored, 4).values
    best = [max(float(stored.scenario.utility(context[None], design[None])) for design in designs)
            for context in contexts]
    assert computed[0]["methods"]["best_training_design"]["utility"] == pytest.approx(statistics.mean(best))


def figures(score, seconds=2.0):
    return {"utility": 100 * score, "utility_ratio": {"mean": score}, "normalised_return_pooled": {"mean": score},
            "training_seconds": seconds, "milliseconds_per_design": 1.0, "gradient_steps": 7}


def runs():
    """Two subsets, three seeds."""
    return {(str(seed), name): {"users": 20, "subset": {"episodes": 10 + seed, "trajectory_quality": 0.1 * seed,
                                      "state_action_coverage": 0.5},
                           "methods": {"bcq": figures(0.9 + 0.01 * seed), "diffuser_single": figures(0.8 + 0.02 * seed),
                                       "diffuser_single_return_hidden": figures(0.7 + 0.01 * seed**2),
                                       "best_training_design": figures(0.5)}}
            for name in SUBSETS for seed in (0, 1, 2)}


def test_rows_are_means_over_seeds() -> None:
    rows = bias_table.rows(runs())
    assert [(row["subset"], row["method"]) for row in rows[:2]] == [("random", "bcq"), ("random", "diffuser_single")]
    assert len(rows) == 4 * len(SUBSETS)
    first = rows[0]
    half = float(student.ppf(0.975, 2)) * statistics.stdev([0.9, 0.91, 0.92]) / 3**0.5
    assert first["normalised_return_pooled"] == {"mean": pytest.approx(0.91), "low": pytest.approx(0.91 - half),
                                          "high": pytest.approx(0.91 + half)}
    assert (first["users"], first["episodes"], first["seeds"], first["gradient_steps"]) == (20, 11, 3, 7)
    assert first["trajectory_quality"]["mean"] == pytest.approx(0.1)
    assert first["utility"] == pytest.approx(91)


def test_gains_are_paired_by_seed() -> None:
    rows = {row["method"]: row["gain_of_showing_the_return"] for row in bias_table.rows(runs())}
    paired = [0.1 + 0.02 * seed - 0.01 * seed**2 for seed in range(3)]
    half = float(student.ppf(0.975, 2)) * statistics.stdev(paired) / 3**0.5
    assert rows["diffuser_single"]["mean"] == pytest.approx(statistics.mean(paired))
    assert rows["diffuser_single"]["low"] == pytest.approx(statistics.mean(paired) - half)
    assert rows["bcq"] is rows["best_training_design"] is rows["diffuser_single_return_hidden"] is None


@pytest.mark.parametrize("seeds", [1, 3])
def test_rows_are_drawn(seeds) -> None:
    some = {place: value for place, value in runs().items() if int(place[0]) < seeds}
    rows = bias_table.rows(some)
    gaps, gains = bias_table.picture(rows).axes
    assert len(gaps.patches) == len(rows)
    assert len(gains.patches) == len(SUBSETS)  # one method of each has a gain
