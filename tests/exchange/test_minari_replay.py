"""Minari itself reads what is exported: actions lie in its space, and every episode comes out again, to the bit."""

import numpy as np
import pytest
from exchange_data import write_dataset

from aign.agents.behaviours import record
from aign.exchange.minari_export import export_minari
from aign.scenarios.core import SequentialScenario, registry
from aign.trajectories.contexts import ContextPool
from aign.trajectories.reader import TrajectoryStore

minari = pytest.importorskip("minari")

from minari_replays import KINDS, replay  # noqa: E402

CONTEXTS = {"train": 3, "validation": 2, "test": 2}
EPISODES = {"random": 4, "heuristics": 4}


@pytest.fixture(scope="module", params=[kind for kind in KINDS if kind not in ("power-20", "contract-10")])
def exported(request, tmp_path_factory):
    """A small dataset of a kind of scenario, half of whose random episodes begin anywhere, and its export's id."""
    scenario, folder = registry.create(**KINDS[request.param]), tmp_path_factory.mktemp(request.param)
    pool = ContextPool.draw(scenario, CONTEXTS, seed=2)
    batches = [batch for source, count in EPISODES.items() for split in CONTEXTS
               for batch in record(source, scenario, pool[split], count, seed=2)]
    store = TrajectoryStore.open(write_dataset(folder / "d", scenario, batches, pool), trust_code=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MINARI_DATASETS_PATH", str(folder))
        yield store, export_minari(store, folder)


def test_every_episode_is_replayed_by_what_is_stored_for_it(exported):
    store, made = exported
    found = replay(made.dataset_id)
    assert found.episodes == found.same_return == found.same_steps == made.replayable == len(store)
    assert found.return_difference < 1e-6  # return_raw may be stored in float32
    assert (found.elsewhere == 0) == isinstance(store.scenario, SequentialScenario)


def test_every_value_lies_in_its_space(exported):
    store, made = exported
    dataset = minari.load_dataset(made.dataset_id)
    environment = dataset.recover_environment()
    assert dataset.action_space == environment.action_space
    assert dataset.observation_space == environment.observation_space
    for episode in dataset.iterate_episodes():
        assert all(dataset.action_space.contains(action) for action in episode.actions)
        assert all(dataset.observation_space.contains(observation) for observation in episode.observations)
        assert episode.rewards.dtype == np.float64
        if store.scenario.choices is not None:
            assert episode.actions.dtype == np.int64
            assert episode.actions.shape == (len(episode),)
