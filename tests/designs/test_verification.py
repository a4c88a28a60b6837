import pytest
import torch

from aign.designs.verification import verify
from aign.diffusion.plans import Plans
from aign.scenarios.core.constraints import parse


def plans_for(pipeline, contexts, constraints=()):
    returns = torch.full((len(contexts),), 0.9)
    return pipeline(contexts, returns, constraints, generator=torch.Generator().manual_seed(1))


@pytest.fixture(params=["water", "power"])
def pipeline(request):
    return request.getfixturevalue(request.param)


@pytest.fixture
def contexts(pipeline):
    return pipeline.scenario.draw_contexts(5, torch.Generator().manual_seed(4)).flip(1)  # the weakest comes first


def test_the_executed_path_follows_the_simulator_step_by_step(pipeline, contexts):
    scenario, plans = pipeline.scenario, plans_for(pipeline, contexts)
    path, _ = pipeline.strategy.execute(pipeline, contexts, plans)
    assert path.shape == (5, scenario.horizon + 1, scenario.state_size)
    assert torch.equal(path[:, 0], scenario.initial_state(contexts))
    for row in range(5):
        ordered, index = scenario.canonical_order(contexts[row:row + 1])
        state, plan = scenario.initial_state(ordered), plans.states[row][:, index[0]]
        for time in range(1, scenario.horizon + 1):
            action = pipeline.act(ordered, state, plan[time][None])
            state, _ = scenario.step(ordered, state, action)
            torch.testing.assert_close(path[row, time][index[0]], state[0], rtol=1e-4, atol=1e-5)


def test_renumbering_users_renumbers_the_path_and_nothing_else(pipeline, contexts):
    plans, order = plans_for(pipeline, contexts), torch.arange(contexts.shape[1]).flip(0)
    designs = plans.designs[:, order]
    turned = Plans(plans.states[..., order], plans.raw_designs[:, order], designs, designs)
    one, other = verify(pipeline, contexts, plans, ()), verify(pipeline, contexts[:, order], turned, ())
    assert torch.equal(one.paths[..., order], other.paths)
    assert torch.equal(one.reached, other.reached)
    torch.testing.assert_close(one.utility, other.utility)


def test_utility_and_labels_are_the_scenarios_and_feasibility_has_no_tolerance(pipeline, contexts):
    scenario, plans = pipeline.scenario, plans_for(pipeline, contexts)
    total = float(plans.designs[0].double().sum())
    constraints = parse([f"total_power<={total!r}"], scenario.labels)
    found = verify(pipeline, contexts, plans, constraints)
    assert torch.equal(found.utility, scenario.utility(contexts, plans.designs))
    for name, value in scenario.measure(contexts, plans.designs).items():
        assert torch.equal(found.labels[name], value)
    assert found.feasible.tolist() == (plans.designs.double().sum(1) <= total).tolist()
    assert found.raw_feasible.tolist() == (plans.raw_designs.double().sum(1) <= total).tolist()
    assert found.feasible[0]
    tighter = parse([f"total_power<={total * (1 - 1e-12) - 1e-12!r}"], scenario.labels)
    assert not verify(pipeline, contexts, plans, tighter).feasible[0]


def test_reached_means_that_the_path_ends_exactly_at_the_design(pipeline, contexts):
    plans = plans_for(pipeline, contexts)
    final = pipeline.strategy.execute(pipeline, contexts, plans)[0][:, -1]
    elsewhere = final.clone()
    elsewhere[0, 0] += 1
    arrived = Plans(plans.states, plans.raw_designs, elsewhere, elsewhere)
    assert verify(pipeline, contexts, arrived, ()).reached.tolist() == [False, True, True, True, True]
