"""One model of users as a set, trained on networks of several sizes at once."""

import pytest
import torch

from aign.agents import behaviours
from aign.diffusion import store as models
from aign.diffusion.quality import HeldOut
from aign.diffusion.settings import NetworkSettings
from aign.diffusion.training import Trainer
from aign.errors import ParameterError
from aign.scenarios.core import registry
from aign.trajectories.assemble import assemble
from aign.trajectories.contexts import ContextPool
from aign.trajectories.reader import TrajectoryStore
from aign.trajectories.writer import ShardWriter

CPU = torch.device("cpu")
SET = NetworkSettings(kind="set", channels=16, depth=2, embedding=16)
NEVER = (("min_rate", "max_power"),)


def collected(folder, users):
    scenario = registry.create("power-allocation", users=users)
    pool = ContextPool.draw(scenario, {"train": 30, "validation": 6, "test": 2}, seed=users)
    with ShardWriter(folder / "parts", scenario, 200, first_episode_id=0) as writer:
        for split, count in {"train": 60, "validation": 8, "test": 4}.items():
            for episodes in behaviours.record("solver-guided", scenario, pool[split], count, seed=5):
                writer.append(episodes)
    assemble(folder / "dataset", writer.close(), scenario, {"seed": 5})
    contexts = pool["validation"]
    return TrajectoryStore.open(folder / "dataset"), HeldOut(contexts.values, contexts.reference, contexts.optimum)


@pytest.fixture(scope="module")
def sizes(tmp_path_factory):
    return [collected(tmp_path_factory.mktemp(f"users-{users}"), users) for users in (3, 4)]


@pytest.fixture(scope="module")
def make(sizes, make_settings):
    def build(rows=None, **changes):
        stores, held_out = zip(*sizes, strict=True)
        return Trainer(stores, make_settings(**{"network": SET, "stride": 4} | changes), 1, CPU, held_out, None, {},
                       rows)
    return build


@pytest.fixture(scope="module")
def trained(make, tmp_path_factory):
    trainer = make(steps=150, batch_size=64, learning_rate=5e-3, evaluate_every=150, ema_decay=0.9)
    return trainer.run(tmp_path_factory.mktemp("training") / "checkpoint.safetensors", lambda step: None)


def test_sizes_take_turns_and_share_statistics(make, sizes):
    trainer = make()
    assert [len(part) for part in trainer.train] == [60, 60]
    values = torch.cat([store.scenario.fixed_observation(store.gather("context", store.rows("train"))).flatten()
                        for store, _ in sizes]).double()
    assert trainer.design["normaliser"]["fixed_mean"] == pytest.approx([float(values.mean())] * 3)
    assert [part.states.shape[2] for part in trainer.train] == [3, 4]
    assert [spec["users"] for spec in trainer.design["trained_on"]] == [3, 4]
    seen = []
    trainer.unet.register_forward_hook(lambda module, inputs, output: seen.append(inputs[0].shape[2]))
    for _ in range(4):
        trainer.one_step(trainer.losses(trainer.unet))
        trainer.progress.step += 1
    assert seen == [3, 4, 3, 4]


def test_a_model_of_several_sizes_serves_yet_another_one(trained, tmp_path):
    models.save(trained.pipeline, tmp_path / "model", trained.history)
    opened = models.load(tmp_path / "model")
    for users in (3, 4, 6):
        other = opened.at(registry.create("power-allocation", users=users))
        contexts = other.scenario.draw_contexts(5, torch.Generator().manual_seed(0))
        plans = other(contexts, torch.full((5,), 0.99), generator=torch.Generator().manual_seed(1))
        assert plans.designs.shape == (5, users)
        assert plans.states.shape == (5, 17, users)
        assert other.design["scenario"]["users"] == users
    moved = opened.at(registry.create("power-allocation", users=4, gains="preset"))
    assert moved.scenario.spec()["gains"] == "preset", "contexts may be drawn in another way"


def test_a_model_of_sets_is_found_for_any_number_of_users(trained, tmp_path):
    models.save(trained.pipeline, tmp_path / "sets", trained.history)
    assert models.find(tmp_path, "power-allocation", {"users": 3}).scenario.state_size == 3
    found = models.find(tmp_path, "power-allocation", {"users": 7})
    assert found.scenario.state_size == 7
    assert models.serving(found, {"users": 7}) is found
    with pytest.raises(ParameterError, match="more than the number of decision makers"):
        models.find(tmp_path, "power-allocation", {"base_stations": 2})


def test_another_family_is_refused(trained):
    for other in (registry.create("power-allocation", users=3, base_stations=2), registry.create("water-filling")):
        with pytest.raises(ParameterError, match="more than the number of decision makers"):
            trained.pipeline.at(other)


def test_learning_lowers_the_held_out_loss(trained, make):
    untrained = make()
    untrained.evaluate()
    assert trained.history[-1]["held_out_loss"] < 0.7 * untrained.progress.history[0]["held_out_loss"]
    assert trained.history[-1]["held_out_inverse_loss"] < 0.05
    last = trained.history[-1]
    both = [last[f"normalised_return_pooled_{place}"] for place in (0, 1)]
    assert last["normalised_return_pooled"] == pytest.approx(sum(both) / 2)


def test_rows_choose_the_episodes_to_learn_from(make, sizes):
    chosen = [store.rows("train")[:20] for store, _ in sizes]
    trainer = make(rows=chosen)
    assert [len(part) for part in trainer.train] == [20, 20]


def test_what_contradicts_itself_is_refused(make):
    with pytest.raises(ParameterError, match="learning from 2 datasets together needs the kind set"):
        make(network=NetworkSettings(channels=16, multipliers=(1, 2), kernel=3, embedding=32))
    with pytest.raises(ParameterError, match=r"never_together\[0\]\[0\]: Unknown label 'min_rat'"):
        make(never_together=(("min_rat", "max_power"),))
    with pytest.raises(ParameterError, match=r"train.stride = 3"):
        make(stride=3)
    assert make(never_together=NEVER).settings.never_together == NEVER
