from dataclasses import fields

import numpy as np
import pytest
import torch

from aign.agents.learners import explore
from aign.agents.settings import CollectSettings, PPOSettings, SACSettings
from aign.errors import ParameterError


def explored(kind, scenario, pool, collect, seed=3):
    batches, progress = [], []
    learned = explore(kind, scenario, pool, collect, seed, batches.append,
                      lambda done, total: progress.append((done, total)))
    return learned, batches, progress


@pytest.mark.parametrize("kind", ["sac", "ppo"])
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


@pytest.mark.parametrize("kind", ["sac", "ppo"])
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


def test_recording_does_not_change_learning(scenario, pool, small) -> None:
    silent = small.model_copy(update={"sources": small.sources.model_copy(update={"snapshots": 0})})
    loud, quiet = (explored("sac", scenario, pool, collect)[0] for collect in (small, silent))
    assert len(quiet.curve) == 1
    for name, value in loud.policy.state_dict().items():
        assert torch.equal(value, quiet.policy.state_dict()[name])
    assert quiet.curve[-1] == loud.curve[-1]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sac", "ppo"])
def test_agents_learn(kind, scenario, pool) -> None:
    collect = CollectSettings(
        sac=SACSettings(environment_steps=2400, networks=16, batch_size=128, learning_starts=300, updates_per_step=3),
        ppo=PPOSettings(environment_steps=8192, networks=32, batch_size=512, rollout_steps=16))
    curve = explored(kind, scenario, pool, collect)[0].curve
    assert curve[-1]["normalised_return_mean"] > 0.8
    assert curve[-1]["normalised_return_mean"] > curve[0]["normalised_return_mean"]


def test_unknown_agents_are_refused(scenario, pool, small) -> None:
    with pytest.raises(ParameterError, match="Unknown agent 'sca'"):
        explored("sca", scenario, pool, small)
