"""Changes from a deployed design: each simulated, in an order in which nothing gets worse unnecessarily."""

import pytest
import torch

from aign.designs.changes import ChangeOrder
from aign.designs.deployed import Deployment
from aign.designs.objectives import parse as objectives
from aign.scenarios.core import registry
from aign.scenarios.core.constraints import parse, satisfied

SIX = registry.create("power-allocation", users=6)
WATER = registry.create("water-filling", channels=4)


def ordered(scenario, start, target, where=(), objective="utility", seed=0):
    context = scenario.draw_contexts(1, torch.Generator().manual_seed(seed))[0]
    order = ChangeOrder(Deployment(scenario, context), parse(where, scenario.labels),
                        objectives([objective], scenario.labels)[0])
    start, target = (order.deployment.settled(torch.as_tensor(design).float()[None])[0] for design in (start, target))
    return context, order.changes(start, target), target


def test_every_state_on_the_way_is_what_the_simulator_says():
    context, changes, target = ordered(SIX, [10] * 6, [9, 20, 10, 14, 30, 12], ["total_power<=80"])
    design = changes.start.design
    before = changes.start
    for change in changes.steps:
        design = change.after.design
        labels = SIX.measure(context[None], design[None])
        assert change.after.utility == float(SIX.utility(context[None], design[None])[0])
        assert change.after.labels == {name: float(value[0]) for name, value in labels.items()}
        assert change.after.meets == bool(satisfied(parse(["total_power<=80"], SIX.labels), labels, 1))
        assert change.gain == pytest.approx(change.after.utility - before.utility)
        assert change.before == before
        before = change.after
    assert torch.equal(design, target)
    assert len(changes.steps) == 5, "user 3 stays as it is"
    names = {entity for change in changes.steps for entity in change.entities}
    assert names == {"user 1", "user 2", "user 4", "user 5", "user 6"}
    assert str(changes.steps[-1]).startswith("user ")
    assert " level" in str(changes.steps[-1])


def test_the_first_change_is_the_best_alone():
    context, changes, target = ordered(SIX, [2] * 6, [20, 21, 22, 23, 24, 25])
    alone = torch.full((6, 6), 2.0)
    alone[range(6), range(6)] = target
    gains = SIX.utility(context.expand(6, -1), alone)
    assert changes.steps[0].after.utility == float(gains.max())


def test_a_budget_is_kept_on_the_way():
    _, changes, _ = ordered(SIX, [10] * 6, [20, 0, 20, 0, 20, 0], ["total_power<=60"])
    assert all(change.after.meets for change in changes.steps)


def test_what_the_network_cannot_have_alone_is_not_done_first():
    """The budget of water-filling is always kept, so power is taken before it is given."""
    _, changes, target = ordered(WATER, [3, 0, 0, 0], [0.5, 1, 1, 0.5])
    assert torch.equal(changes.steps[-1].after.design, target)
    assert changes.steps[0].entities == ("channel 1",)
    assert "power 3 -> 0.5 W" in str(changes.steps[0])


def test_values_that_follow_are_no_changes():
    game = registry.create("stackelberg", devices=3)
    _, changes, _ = ordered(game, [0.2, 0, 0, 0], [0.4, 0, 0, 0], objective="payment")
    change, = changes.steps
    assert str(change) == "all devices: price 0.2 -> 0.4 1/layer"
    assert change.sentence().startswith(f"{change}; payment +")
    assert change.gain < 0, "paying more is worse"


def test_planning_names_the_links():
    polska = registry.create("ip-optical-planning", topology="polska")
    start = torch.full((18,), 6.0)
    target = start.clone()
    target[3] = 8
    _, changes, _ = ordered(polska, start, target)
    change, = changes.steps
    assert str(change) == f"link {polska.topology.link_name(3)}: modules 6 -> 8"


def test_a_choice_is_a_part_of_its_own():
    scenario = registry.create("offloading", users=4, servers=2)
    options = scenario.state_features[0].size // 4
    start, target = torch.zeros(2, 4, options)
    start[:, 0] = target[:, 0] = 1
    target[2] = torch.eye(options)[1]
    _, changes, _ = ordered(scenario, start.flatten(), target.flatten())
    change, = changes.steps
    assert change.entities == ("user 3",)
    assert str(change).endswith("0 -> 1")


def test_the_same_design_needs_no_change():
    _, changes, _ = ordered(SIX, [3] * 6, [3] * 6)
    assert changes.steps == ()
    assert "nothing needs changing" in changes.sentences()[0]
