"""Pictures: a box for each task that ran, as long as it ran, none upon another, and a cross for each crash."""

import torch
from asp_events import episode, hurried, small

from aign.agents.rollout import rollout
from aign.scenarios.asp_selection.picture import boxes_and_crashes


def path(scenario, contexts, decisions):
    states = [scenario.initial_state(contexts)]
    for _ in range(scenario.horizon):
        states.append(scenario.step(contexts, states[-1], scenario.action_towards(states[-1], decisions))[0])
    return torch.stack(states, 1)


def played(seed=0):
    scenario = small(tasks=40, providers=3)
    contexts = hurried(scenario, 1, seed, 0.4)
    decisions = torch.randint(3, (1, 40), generator=torch.Generator().manual_seed(seed)).float()
    return scenario, contexts[0], decisions[0], path(scenario, contexts, decisions)[0]


def test_boxes_are_the_tasks_that_ran_and_crosses_the_crashes():
    scenario, context, decisions, states = played()
    boxes, crashes = boxes_and_crashes(scenario.schedule(context, states))
    _, _, count, _ = episode(scenario, context, decisions.int().tolist())
    assert len(crashes) == count > 0
    assert len(boxes) == 40 - count
    for place, (start, length, provider, foot, height, _) in enumerate(boxes):
        assert length > 0
        for other in boxes[place + 1:]:
            apart = other[0] >= start + length - 1e-6 or other[2] != provider
            assert apart or other[3] >= foot + height or other[3] + other[4] <= foot


def test_both_views_are_drawn_with_and_without_what_is_hidden():
    scenario, context, _, states = played()
    whole, observed = scenario.picture(context, states, "all"), scenario.picture(context, states[:, :4])
    assert [len(figure.axes) for figure in (whole, observed)] == [4, 2]  # half of them colour bars
    assert whole._suptitle.get_text() == "all"
    assert scenario.picture(context, states[:1]).axes
    rows = rollout(scenario, context[None], lambda values, now, time: torch.eye(3)[:1], scenario.initial_state(
        context[None]))
    assert scenario.picture(context, rows.observations[0, :, :4]).axes
