"""Delay, energy and cost against the published equations in plain Python; shares against conditions of an optimum."""

import pytest
import torch
from offloading_reference import assignments, cost, parts, work
from scipy.optimize import minimize

from aign.scenarios.core import registry
from aign.scenarios.offloading.changes import exchanges, moves


def drawn(count=4, seed=0, **parameters):
    scenario = registry.create("offloading", **{"servers": 3, "users": 6, **parameters})
    return scenario, scenario.draw_contexts(count, torch.Generator().manual_seed(seed))


def random_servers(scenario, contexts, seed=0):
    designs = scenario.initial_state(contexts, torch.Generator().manual_seed(seed))
    return designs, scenario.server(contexts, designs)


@pytest.mark.parametrize("energy", ["published", "cycles"])
@pytest.mark.parametrize("interference", ["published", "active"])
def test_costs_are_those_of_the_published_equations(energy, interference):
    scenario, contexts = drawn(energy=energy, interference=interference)
    designs, server = random_servers(scenario, contexts)
    served = scenario.network(contexts).serve(server)
    for row, context in enumerate(contexts):
        expected = cost(*parts(scenario, context), server[row].tolist(), energy, interference)
        torch.testing.assert_close(served.cost[row], torch.tensor(expected, dtype=torch.float64), rtol=1e-12, atol=0)
    torch.testing.assert_close(scenario.utility(contexts, designs), -served.cost.sum(1), rtol=1e-12, atol=0)


def test_shares_fill_every_server_in_use_and_no_other_shares_are_cheaper():
    scenario, contexts = drawn(1, users=8)
    _, server = random_servers(scenario, contexts)
    served, tasks = scenario.network(contexts).serve(server), parts(scenario, contexts[0])[0]
    for place in set(server[0].tolist()) - {0}:
        users = [user for user, other in enumerate(server[0].tolist()) if other == place]
        assert float(served.share[0, users].sum()) == pytest.approx(1)
        works = [work(tasks[user]) for user in users]
        best = minimize(lambda x, works=works: sum(each / part for each, part in zip(works, x, strict=True)),
                        [1 / len(users)] * len(users), bounds=[(1e-3, 1)] * len(users),
                        constraints={"type": "eq", "fun": lambda x: sum(x) - 1})
        cheapest = sum(work(tasks[user]) / float(served.share[0, user]) for user in users)
        assert cheapest <= best.fun * (1 + 1e-9)


def test_guaranteed_shares_keep_deadlines_at_least_cost_or_nobody_is_admitted():
    scenario, contexts = drawn(200, guarantee=True, users=8)
    _, server = random_servers(scenario, contexts)
    network = scenario.network(contexts)
    served, free = network.serve(server), drawn(200, users=8)[0].network(contexts).serve(server)
    left = 2.0 - network.upload.gather(2, server[:, :, None])[:, :, 0]
    least = network.cycles / 33.6e9 / left
    can = (server > 0) & (left > 0) & (least <= 1)
    wanted = network.sums(server, least.where(can, 0.0)).gather(1, server)
    refused = (server > 0) & (wanted > 1)
    assert bool(refused.any())
    assert torch.equal(served.server == 0, refused | (server == 0))
    admitted = can & ~refused
    assert bool((served.delay[admitted] <= 2 * (1 + 1e-9)).all())
    assert bool((free.delay[admitted] > 2.001).any())
    # Karush-Kuhn-Tucker: whoever has more than the least share has it in proportion to sqrt(w).
    ratio = served.share / network.root
    for row in range(len(server)):
        for place in set(served.server[row].tolist()) - {0}:
            here = served.server[row] == place
            assert float(served.share[row, here].sum()) == pytest.approx(1)
            pinned = here & can[row] & (served.share[row] <= least[row] * (1 + 1e-9))
            loose = ratio[row, here & ~pinned]
            assert float(loose.max() - loose.min()) < 1e-9 * float(loose.max())
            assert bool((ratio[row, pinned] >= loose.max() * (1 - 1e-9)).all())


def test_a_task_that_outlasts_its_users_stay_is_lost_and_computed_locally():
    scenario, contexts = drawn(50, mobility=True)
    _, server = random_servers(scenario, contexts)
    network = scenario.network(contexts)
    served = network.serve(server)
    stay = network.departure.gather(2, server[:, :, None])[:, :, 0]
    assert 0 < int(served.lost.sum()) < int((server > 0).sum())
    torch.testing.assert_close(served.delay[served.lost], (stay + network.local_delay)[served.lost])
    assert bool((served.cost[served.lost] > network.local_cost[served.lost]).all())
    assert bool((served.delay <= stay)[~served.lost & (server > 0)].all())


@pytest.mark.parametrize("parameters", [{}, {"interference": "active"}, {"guarantee": True}, {"mobility": True}],
                         ids=str)
def test_changes_of_cost_by_moves_are_those_of_the_network_served_anew(parameters):
    scenario, contexts = drawn(3, **parameters)
    _, server = random_servers(scenario, contexts)
    network = scenario.network(contexts)
    before, change = network.serve(server).cost.sum(1), moves(network, server)
    assert torch.equal(change.isfinite(), network.upload.isfinite())
    for row, user, target in change.isfinite().nonzero().tolist():
        moved = server.clone()
        moved[row, user] = target
        after = network.serve(moved).cost.sum(1)
        assert float(change[row, user, target]) == pytest.approx(float(after[row] - before[row]), abs=1e-9)


def test_exchanges_cost_what_they_say_and_none_that_is_better_is_missed():
    scenario, contexts = drawn(2, seed=3)
    _, server = random_servers(scenario, contexts, 1)
    network = scenario.network(contexts)
    before = network.cost(server)
    change, target = exchanges(network, server)
    reach = network.upload.isfinite()
    for row, taker, leaver in change.isfinite().nonzero().tolist():
        moved, place = server.clone(), int(server[row, leaver])
        moved[row, taker] = place
        costs = {}
        for other in reach[row, leaver].nonzero()[:, 0].tolist():
            moved[row, leaver] = other
            costs[other] = float(network.cost(moved)[row] - before[row])
        costs.pop(place)
        assert float(change[row, taker, leaver]) == pytest.approx(min(costs.values()), abs=1e-9)
        assert costs[int(target[row, taker, leaver])] == pytest.approx(min(costs.values()), abs=1e-9)


def test_every_assignment_within_reach_can_be_a_design():
    scenario, contexts = drawn(1, servers=2, users=3)
    options = scenario.layout.options(contexts)
    for each in assignments(parts(scenario, contexts[0])[1]):
        server = torch.tensor([each])
        assert torch.equal(scenario.server(contexts, scenario.layout.design(options, server)), server)
