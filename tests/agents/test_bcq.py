"""The loss and the selection of actions are compared with d3rlpy's `DiscreteBCQ`, the chain with value iteration.

fixtures/bcq.json holds random weights, a random batch, and what d3rlpy 2.8.1 computes from them, with a trunk shared by
values and imitation (its default). fixtures/make_bcq_fixture.py made it, in a virtual environment of its own.
"""

import json
from pathlib import Path

import pytest
import torch
from torch import Tensor

from aign.agents import behaviours
from aign.agents.bcq import BCQPolicy, Learner, bootstrapped, learn, loss
from aign.agents.settings import BCQSettings
from aign.agents.transitions import Transitions
from aign.errors import ModelError
from aign.scenarios.core import registry
from aign.trajectories.assemble import assemble
from aign.trajectories.contexts import ContextPool
from aign.trajectories.reader import TrajectoryStore
from aign.trajectories.writer import ShardWriter

FIXTURE = json.loads((Path(__file__).parent / "fixtures/bcq.json").read_text())


def library_policy(weights: str) -> BCQPolicy:
    policy = BCQPolicy(3, 2, (5, 4), FIXTURE["threshold"])
    policy.load_state_dict({name: torch.tensor(value) for name, value in FIXTURE[weights].items()}, strict=False)
    return policy


@pytest.fixture
def batch() -> Transitions:
    return Transitions(**{name: torch.tensor(value) for name, value in FIXTURE["batch"].items()})


def test_the_loss_is_the_librarys(batch) -> None:
    network, target = library_policy("weights"), library_policy("target_weights")
    found = loss(network, target, batch, FIXTURE["discount"])
    total = found.total(FIXTURE["penalty"])
    assert found.temporal_difference.item() == pytest.approx(FIXTURE["temporal_difference"], rel=1e-5)
    assert found.imitation.item() == pytest.approx(FIXTURE["imitation"], rel=1e-5)
    assert FIXTURE["penalty"] * found.certainty.item() == pytest.approx(FIXTURE["penalised"], rel=1e-5)
    assert total.item() == pytest.approx(FIXTURE["loss"], rel=1e-5)
    total.backward()
    for name, parameter in network.named_parameters():
        assert torch.allclose(parameter.grad, torch.tensor(FIXTURE["gradients"][name]), rtol=1e-4, atol=1e-5), name


def test_the_target_is_the_librarys(batch) -> None:
    network, target = library_policy("weights"), library_policy("target_weights")
    expected = batch.rewards + FIXTURE["discount"] * torch.tensor(FIXTURE["next_value"]) * (1 - batch.ends)
    assert torch.allclose(bootstrapped(network, target, batch, FIXTURE["discount"]), expected, atol=1e-5)
    assert torch.equal(bootstrapped(network, target, batch, 0.0), batch.rewards)


def test_the_selected_actions_are_the_librarys(batch) -> None:
    values, logits = library_policy("weights")(batch.observations)
    assert library_policy("weights").choose(values, logits).tolist() == FIXTURE["selected"]
    assert values.argmax(1).tolist() == FIXTURE["unconstrained"] != FIXTURE["selected"]


def test_only_actions_the_data_could_have_taken_are_chosen() -> None:
    policy = BCQPolicy(1, 1, (), threshold=0.3)
    values = torch.tensor([[9.0, 1.0, 2.0]]).repeat(3, 1)
    logits = torch.tensor([[0.29, 0.5, 1.0], [0.31, 0.5, 1.0], [0.29, 1.0, 0.29]]).log()
    assert policy.choose(values, logits).tolist() == [2, 0, 1]


def chain(episodes: int, length: int) -> Transitions:
    """Random walks on five places; the last one pays 1 and ends the walk, the first pays 0.15 for staying put.

    The best way from place 1 on is right, although only the place at the left pays at once.
    """
    generator = torch.Generator().manual_seed(0)
    places = torch.randint(0, 4, (episodes * length,), generator=generator)
    choices = torch.randint(0, 3, (episodes * length,), generator=generator)
    following = (places + choices - 1).clamp(0, 4)
    rewards = (following == 4).float() + 0.15 * ((places == 0) & (following == 0)).float()
    see = torch.eye(5)
    return Transitions(see[places], choices, rewards, see[following], (following == 4).float())


def value_iteration(discount: float) -> Tensor:
    """Return the optimal values (4, 3) of the chain, by repeated application of the Bellman operator in tables."""
    table = torch.zeros(5, 3, dtype=torch.float64)
    for _ in range(80):
        best = table.amax(1)
        best[4] = 0
        for place in range(4):
            for choice in range(3):
                following = min(max(place + choice - 1, 0), 4)
                reward = float(following == 4) + 0.15 * float(place == following == 0)
                table[place, choice] = reward + discount * best[following]
    return table[:4]


@pytest.mark.parametrize(("discount", "steps"), [(0.0, 300), (0.8, 600)])
def test_values_become_those_of_value_iteration(discount: float, steps: int) -> None:
    settings = BCQSettings(gradient_steps=steps, batch_size=128, tau=0.1, learning_rate=0.05, hidden=(),
                           threshold=0.05, discount=discount)
    learner = Learner(chain(60, 20), 1, settings, seed=1)
    for _ in range(settings.gradient_steps):
        learner.step()
    values, logits = learner.policy()(torch.eye(5)[:4])
    expected = value_iteration(discount)
    assert torch.allclose(values.double(), expected, atol=0.03)
    assert torch.equal(learner.network.choose(values, logits)[1:], expected.argmax(1)[1:])
    # All three actions were drawn equally often everywhere, which the imitation must find out.
    assert torch.allclose(logits.softmax(1), torch.full((4, 3), 1 / 3), atol=0.1)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    """300 episodes of power allocation for eight users, at random and solver-guided, and validation contexts."""
    scenario = registry.create("power-allocation", users=8)
    pool = ContextPool.draw(scenario, {"train": 60, "validation": 16}, seed=5)
    folder = tmp_path_factory.mktemp("bcq")
    with ShardWriter(folder / "parts", scenario, 128, first_episode_id=0) as writer:
        for source in ("random", "solver-guided"):
            for batch in behaviours.record(source, scenario, pool["train"], 150, seed=2):
                writer.append(batch)
    assemble(folder / "data", writer.close(), scenario, {"seed": 2})
    return TrajectoryStore.open(folder / "data"), pool["validation"]


SMALL = BCQSettings(gradient_steps=300, batch_size=256, hidden=(32, 32), learning_rate=5e-3, curve_points=3)


def learned(dataset, seed=0, rows=None, settings=SMALL):
    told = []
    found = learn(dataset[0], settings, seed, rows, dataset[1], lambda done, planned: told.append((done, planned)))
    return found, told


def test_it_learns_from_data_alone(dataset) -> None:
    found, told = learned(dataset)
    assert [point["gradient_steps"] for point in found.curve] == [100, 200, 300]
    assert found.curve[-1]["normalised_return_pooled"] > 0.6  # the cheap reference is 0, random designs lie far below
    assert told[0] == (0, 300)
    assert told[-1] == (300, 300)


def test_same_inputs_give_the_same_policy(dataset) -> None:
    first, again, other, part = (learned(dataset, seed, rows, SMALL.model_copy(update={"gradient_steps": 20}))[0]
                                 for seed, rows in ((0, None), (0, None), (1, None), (0, torch.arange(30))))
    weights = [torch.cat([value.flatten() for value in run.policy.state_dict().values()])
               for run in (first, again, other, part)]
    assert torch.equal(weights[0], weights[1])
    assert first.curve == again.curve
    assert not torch.equal(weights[0], weights[2])
    assert not torch.equal(weights[0], weights[3])


def test_learning_leaves_the_global_stream_alone(dataset) -> None:
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    learned(dataset, settings=SMALL.model_copy(update={"gradient_steps": 2}))
    assert torch.equal(torch.rand(1), expected)


def test_a_saved_policy_acts_the_same(scenario, tmp_path: Path) -> None:
    own, contexts = BCQPolicy(2, 4, (6,), 0.3), 10 * torch.rand(20, 3)
    states = torch.randint(0, 11, (20, 3)).float()
    own.save(tmp_path / "bcq")
    loaded = BCQPolicy.load(tmp_path / "bcq")
    actions = loaded.act(scenario, contexts, states, 0)
    assert torch.equal(actions, own.act(scenario, contexts, states, 0))
    assert actions.shape == (20, 3)
    assert set((4 * actions).unique().tolist()) <= set(range(-4, 5))


def test_a_damaged_policy_is_refused(tmp_path: Path) -> None:
    BCQPolicy(2, 4, (6,), 0.3).save(tmp_path / "bcq")
    (tmp_path / "bcq.json").write_text('{"features": 2}')
    with pytest.raises(ModelError, match="not a batch-constrained policy"):
        BCQPolicy.load(tmp_path / "bcq")
