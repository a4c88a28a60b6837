"""What a picture of an episode shows."""

import torch

from aign.scenarios.core import registry


def test_it_shows_what_was_observed_decided_and_earned():
    scenario = registry.create("gymnasium", environment="CartPole-v1", horizon=8)
    context = torch.tensor([3.0])
    states = [scenario.initial_state(context[None])]
    for _ in range(8):
        states.append(scenario.step(context[None], states[-1], torch.tensor([[0.0, 1.0]]))[0])
    seen, done, got = scenario.picture(context, torch.cat(states), "a title").axes
    assert seen.figure.get_suptitle() == "a title"
    assert len(seen.lines) == 4
    assert done.lines[0].get_ydata().tolist() == [1.0] * 8
    assert got.lines[0].get_ydata().tolist() == torch.cat(states)[:, 6].tolist()


def test_many_values_become_maps():
    from aign.scenarios.gymnasium.picture import draw
    figure = draw(torch.rand(5, 35), torch.rand(4, 20), torch.arange(5.0), "action", "")
    seen, done, _ = figure.axes
    assert seen.images[0].get_array().shape == (35, 5)
    assert done.images[0].get_array().shape == (20, 4)
