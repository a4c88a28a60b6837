"""The critic: rollouts against the simulator, what they may know, and limits that they keep."""

import pytest
import torch

from aign.scenarios.asp_selection import AspSelection
from aign.scenarios.asp_selection.critic import Tasks, charged, gap_share
from aign.scenarios.core.constraints import parse, satisfied

TASKS = 30


@pytest.fixture(scope="module")
def network():
    return AspSelection.create(tasks=TASKS, providers=12)


def drawn(network, count=4, seed=0):
    return network.draw_contexts(count, torch.Generator().manual_seed(seed))


def begun(network, contexts, steps):
    """Return the states after so many tasks, assigned by prices."""
    states = network.initial_state(contexts)
    for _ in range(steps):
        states, _ = network.step(contexts, states, charged(network.moment(contexts, states)))
    return states


def coming(network, contexts, time):
    """Return one future of each context: what truly comes."""
    demands = network.workload(contexts).demands[:, time + 1:, None].double() / 250.0
    return torch.cat([demands, network.unseen_values(contexts)[:, time:-1]], dim=2)[:, None]


@pytest.mark.parametrize("time", [0, 7, 20])
def test_a_choice_is_worth_what_the_simulator_gives_for_it_and_for_the_rest(network, time):
    """Over the true future, and prices of nothing behind the last task, a rollout is the episode itself."""
    contexts = drawn(network)
    states = begun(network, contexts, time)
    scores = network.judge(contexts, states, coming(network, contexts, time), ())
    candidates = charged(network.moment(contexts, states)).topk(4, dim=1).indices
    for candidate in candidates.unbind(1):
        action = torch.nn.functional.one_hot(candidate, network.action_size).double()
        following, gained = network.step(contexts, states, action)
        for _ in range(TASKS - time - 1):
            following, reward = network.step(contexts, following, charged(network.moment(contexts, following)))
            gained = gained + reward
        assert not network.outcome(contexts, following)[1]["crashes"].any()
        torch.testing.assert_close(scores.gather(1, candidate[:, None])[:, 0], gained, rtol=0, atol=1e-4)
    assert torch.equal(scores.topk(4, dim=1).indices.sort().values, candidates.sort().values)


def test_nothing_is_read_that_is_not_known_yet(network):
    contexts, time = drawn(network), 9
    states, futures = begun(network, contexts, time), torch.rand(4, 3, 5, 2)
    other = contexts.clone()
    workload = 4 * network.size
    other[:, workload + time + 1:workload + TASKS] += 5_000.0
    other[:, workload + TASKS + time + 1:] = 100.0
    assert torch.equal(network.judge(contexts, states, futures, ()), network.judge(other, states, futures, ()))


def test_limits_are_kept_and_no_task_is_lost():
    network = AspSelection.create(tasks=60)
    contexts, limits = drawn(network, 2), parse(["max_occupancy<=0.85", "crashes<=0"], network.labels)
    assert network.judges(limits)
    assert not network.judges(parse(["jain_load>=0.5"], network.labels))
    states, generator = network.initial_state(contexts), torch.Generator().manual_seed(1)
    for _ in range(60):
        futures = torch.rand(2, 4, 5, 2, generator=generator)
        states, _ = network.step(contexts, states, network.judge(contexts, states, futures, limits))
    labels = network.outcome(contexts, states)[1]
    assert satisfied(limits, labels, 2).all(), labels
    free = network.measure(contexts, network.heuristics["prophet"](contexts))
    assert (free["max_occupancy"] > 0.85).all(), "the limit binds"


def test_where_nobody_has_room_who_has_most_is_chosen(network):
    contexts = drawn(network, 1)
    states = network.initial_state(contexts)
    states[:, :network.size] = 0.01
    states[:, 5] = 0.05
    assert int(network.judge(contexts, states, torch.rand(1, 2, 3, 2), ()).argmax()) == 5


def test_futures_are_read_in_tens_and_seconds():
    share = gap_share(torch.tensor([0.0, 1000.0, 3000.0]).double())
    assert share.tolist() == [0.0, 0.5, 0.75]
    tasks = Tasks.read(torch.stack([torch.tensor([0.413, 0.2, 1.1]).double(), share], dim=1)[None, None])
    assert tasks.demand.tolist() == [[[100.0, 100.0, 250.0]]]
    assert tasks.arrival[0, 0].tolist() == pytest.approx([0.0, 1000.0, 4000.0])
