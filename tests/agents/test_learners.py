from dataclasses import fields

import numpy as np
import pytest
import torch

from aign.agents.learners import explore
from aign.agents.settings import CollectSettings, D2SACSettings, PPOSettings, SACSettings
from aign.errors import ParameterError
from aign.scenarios.water_filling import WaterFilling
from aign.trajectories.contexts import ContextPool


def explored(kind, scenario, pool, collect, seed=3):
    batches, progress = [], []
    learned = explore(kind, scenario, pool, collect, seed, batches.append,
                      lambda done, total: progress.append((done, total)))
    return learned, batches, progress


CONTINUOUS, CHOOSING = ["sac", "ppo", "d2sac"], ["sac", "ppo", "d2sac", "ddqn", "ucb"]


@pytest.mark.parametrize("kind", CONTINUOUS)
def test_all_of_training_is_recorded(kind, scenario, pool, small) -> None:
    learned, batches, progress = explored(kind, scenario, pool, small)
    count = {split: sum(len(batch) for batch in batches if batch.split[0] == split) for split in pool.splits}
    # 256 environment steps are 64 episodes of 4 steps; 2 snapshots of 5; a tenth of these, rounded up, held out.
    assert count == {"train": 64 + 10, "validation": 8, "test": 8}
    assert {name for batch in batches for name in batch.behaviour} == {kind}
    assert [progress[0], progress[-1]] == [(0, 256), (256, 256)]
    assert [point["environment_steps"] for point in learned.curve] == [128, 256]
    assert [point["gradient_steps"] for point in learned.curve] == sorted(p["gradient_steps"] for p in learned.curve)
    for batch in batches:
        split = pool[batch.split[0]]
        assert set(batch.context_id.tolist()) <= set(split.ids.tolist())
        assert batch.terminated.all()
    steps = [int(batch.agent_step[0]) for batch in batches]
    assert steps == sorted(steps)
    assert steps[-1] == 256


@pytest.mark.parametrize("kind", CHOOSING)
def test_all_of_training_with_choices_is_recorded(kind, doors, doors_pool, small) -> None:
    learned, batches, _ = explored(kind, doors, doors_pool, small)
    assert sum(len(batch) for batch in batches if batch.split[0] == "train") == 64 + 10
    for batch in batches:
        assert ((batch.actions == 0) | (batch.actions == 1)).all()
        assert (batch.actions.sum(2) == 1).all()
    contexts = doors_pool["test"].values
    actions = learned.policy.act(doors, contexts, torch.zeros(len(contexts), 1), 0)
    assert (actions.sum(1) == 1).all()
    assert [point["environment_steps"] for point in learned.curve] == [128, 256]


@pytest.mark.parametrize("kind", CONTINUOUS)
def test_same_inputs_give_the_same_bytes(kind, scenario, pool, small) -> None:
    first, again, other = (explored(kind, scenario, pool, small, seed) for seed in (3, 3, 4))
    for one, two in zip(first[1], again[1], strict=True):
        for field in fields(one):
            if field.name != "labels":
                assert np.array_equal(getattr(one, field.name), getattr(two, field.name)), field.name
        assert all(np.array_equal(one.labels[name], two.labels[name]) for name in one.labels)
    weights = [torch.cat([value.flatten() for value in run[0].policy.state_dict().values()])
               for run in (first, again, other)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
    assert first[0].curve == again[0].curve


@pytest.mark.parametrize("kind", CHOOSING)
def test_same_inputs_give_the_same_choices(kind, doors, doors_pool, small) -> None:
    first, again = (explored(kind, doors, doors_pool, small) for _ in range(2))
    for one, two in zip(first[1], again[1], strict=True):
        assert np.array_equal(one.actions, two.actions)
    for name, value in first[0].policy.state_dict().items():
        assert torch.equal(value, again[0].policy.state_dict()[name])


@pytest.mark.parametrize("kind", ["sac", "d2sac", "ddqn"])
def test_recording_does_not_change_learning(kind, request, small) -> None:
    scenario, pool = map(request.getfixturevalue, ("doors", "doors_pool") if kind == "ddqn" else ("scenario", "pool"))
    silent = small.model_copy(update={"sources": small.sources.model_copy(update={"snapshots": 0})})
    loud, quiet = (explored(kind, scenario, pool, collect)[0] for collect in (small, silent))
    assert len(quiet.curve) == 1
    for name, value in loud.policy.state_dict().items():
        assert torch.equal(value, quiet.policy.state_dict()[name])
    assert quiet.curve[-1] == loud.curve[-1]


@pytest.mark.slow
@pytest.mark.parametrize("kind", CONTINUOUS)
def test_agents_learn(kind, scenario, pool) -> None:
    collect = CollectSettings(
        d2sac=D2SACSettings(environment_steps=3600, networks=16, batch_size=128, learning_starts=300,
                            updates_per_step=3),
        sac=SACSettings(environment_steps=2400, networks=16, batch_size=128, learning_starts=300, updates_per_step=3),
        ppo=PPOSettings(environment_steps=8192, networks=32, batch_size=512, rollout_steps=16))
    curve = explored(kind, scenario, pool, collect)[0].curve
    assert curve[-1]["normalised_return_pooled"] > 0.8
    assert curve[-1]["normalised_return_pooled"] > curve[0]["normalised_return_pooled"]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sac", "ppo", "d2sac", "ddqn"])
def test_agents_learn_to_choose(kind, doors, doors_pool) -> None:
    block = {"environment_steps": 2400, "networks": 16, "batch_size": 128, "learning_starts": 300,
             "updates_per_step": 3}
    ppo = {"environment_steps": 24576, "networks": 32, "batch_size": 512}
    collect = CollectSettings.model_validate({kind: ppo if kind == "ppo" else block})
    curve = explored(kind, doors, doors_pool, collect)[0].curve
    assert curve[-1]["normalised_return_pooled"] > 0.7
    assert curve[-1]["normalised_return_pooled"] > curve[0]["normalised_return_pooled"]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sac", "d2sac"])
def test_agents_fill_water(kind) -> None:
    water = WaterFilling.create(channels=3)
    pool = ContextPool.draw(water, {"train": 400, "validation": 40, "test": 4}, seed=7)
    block = {"environment_steps": 3000, "batch_size": 128, "learning_starts": 500, "updates_per_step": 2}
    curve = explored(kind, water, pool, CollectSettings.model_validate({kind: block}))[0].curve
    reference = pool["validation"].reference / pool["validation"].optimum
    assert curve[-1]["utility_ratio_mean"] > float(reference.mean())


@pytest.mark.parametrize("kind", ["ddqn", "ucb"])
def test_agents_that_choose_are_refused_where_there_is_no_choice(kind, scenario, pool, small) -> None:
    with pytest.raises(ParameterError, match=r"targets are numbers from -1 to 1.*: sac, ppo, d2sac"):
        explored(kind, scenario, pool, small)


def test_unknown_agents_are_refused(scenario, pool, small) -> None:
    with pytest.raises(ParameterError, match="Unknown agent 'sca'"):
        explored("sca", scenario, pool, small)
